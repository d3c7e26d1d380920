//! The timers of a loop, which the first sleep makes.
//!
//! A wheel takes 11 KB, and a loop without a timer has none. The loop knows its timers as a trait object, so a program that
//! arms no timer does not contain them: 11 KB of each program's file.

use std::cell::{Cell, OnceCell};
use std::ptr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Timers;
use crate::account::Lateness;
use crate::record::Probe;

/// Timers as their loop knows them.
trait OfTheLoop {
    fn timers(self: Rc<Self>) -> Rc<Timers>;

    fn standing(&self) -> Option<Instant>;

    fn next_deadline(&self) -> Option<Instant>;

    fn is_any_armed(&self) -> bool;

    fn expire(&self, most: usize) -> usize;

    fn used_and_room(&self) -> (usize, usize);

    fn evacuate(&self, limit: usize);

    fn shrink(&self, is_loose: bool);
}

impl OfTheLoop for Timers {
    #[inline]
    fn timers(self: Rc<Self>) -> Rc<Timers> {
        self
    }

    #[inline]
    fn standing(&self) -> Option<Instant> {
        self.standing()
    }

    #[inline]
    fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline()
    }

    #[inline]
    fn is_any_armed(&self) -> bool {
        self.is_any_armed()
    }

    #[inline]
    fn expire(&self, most: usize) -> usize {
        self.expire(most)
    }

    #[inline]
    fn used_and_room(&self) -> (usize, usize) {
        self.used_and_room()
    }

    #[inline]
    fn evacuate(&self, limit: usize) {
        self.evacuate(limit);
    }

    #[inline]
    fn shrink(&self, is_loose: bool) {
        self.shrink(is_loose);
    }
}

/// The place for a loop's timers. Before they are made, no timer is armed, and the clock is the real one.
pub(crate) struct LateTimers {
    /// When the loop was made. The timers count from here, or two deadlines before the first sleep would be equal.
    /// Guarded by tests/time/timers.rs::twenty_thousand_timers_fire_in_the_order_of_their_deadlines.
    origin: Instant,
    slack: Duration,
    has_grown: Rc<Cell<bool>>,
    probe: Probe,
    account: OnceCell<Rc<dyn Lateness>>,
    made: OnceCell<Rc<dyn OfTheLoop>>,
}

impl LateTimers {
    /// The settings of [`Timers::new`].
    #[inline]
    pub(crate) fn new(slack: Duration, has_grown: Rc<Cell<bool>>, probe: Probe) -> Self {
        Self {
            origin: Instant::now(),
            slack,
            has_grown,
            probe,
            account: OnceCell::new(),
            made: OnceCell::new(),
        }
    }

    /// See [`Timers::in_virtual_time`]. These are made at once.
    #[inline]
    pub(crate) fn in_virtual_time(has_grown: Rc<Cell<bool>>, probe: Probe) -> Self {
        let made = Timers::in_virtual_time(Rc::clone(&has_grown), probe.clone());
        Self {
            made: OnceCell::from(Rc::new(made) as Rc<dyn OfTheLoop>),
            ..Self::new(Duration::ZERO, has_grown, probe)
        }
    }

    /// From now on `account` hears how late timers fire. To be called once.
    #[inline]
    pub(crate) fn watched_by(&self, account: Rc<dyn Lateness>) {
        if let Some(timers) = self.get() {
            timers.watched_by(Rc::clone(&account));
        }
        self.account.get_or_init(|| account);
    }

    /// The timers. Makes them for the first sleep.
    #[inline]
    pub(crate) fn timers(&self) -> Rc<Timers> {
        Rc::clone(self.made.get_or_init(|| self.make())).timers()
    }

    #[cold]
    #[inline]
    fn make(&self) -> Rc<dyn OfTheLoop> {
        let (has_grown, probe) = (Rc::clone(&self.has_grown), self.probe.clone());
        let timers = Timers::new(self.origin, self.slack, has_grown, probe);
        if let Some(account) = self.account.get() {
            timers.watched_by(Rc::clone(account));
        }
        Rc::new(timers)
    }

    /// The timers, if there was a sleep.
    #[inline]
    pub(crate) fn get(&self) -> Option<Rc<Timers>> {
        Some(Rc::clone(self.made.get()?).timers())
    }

    /// Whether the loop's timers are these.
    #[inline]
    pub(crate) fn are(&self, timers: &Rc<Timers>) -> bool {
        let made = self.made.get();
        made.is_some_and(|made| ptr::addr_eq(Rc::as_ptr(made), Rc::as_ptr(timers)))
    }

    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.standing().unwrap_or_else(Instant::now)
    }

    #[inline]
    pub(crate) fn standing(&self) -> Option<Instant> {
        self.made.get()?.standing()
    }

    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.made.get()?.next_deadline()
    }

    #[inline]
    pub(crate) fn is_any_armed(&self) -> bool {
        self.made.get().is_some_and(|made| made.is_any_armed())
    }

    #[inline]
    pub(crate) fn expire(&self, most: usize) -> usize {
        self.made.get().map_or(0, |made| made.expire(most))
    }

    #[inline]
    pub(crate) fn used_and_room(&self) -> (usize, usize) {
        self.made.get().map_or((0, 0), |made| made.used_and_room())
    }

    #[inline]
    pub(crate) fn evacuate(&self, limit: usize) {
        if let Some(made) = self.made.get() {
            made.evacuate(limit);
        }
    }

    #[inline]
    pub(crate) fn shrink(&self, is_loose: bool) {
        if let Some(made) = self.made.get() {
            made.shrink(is_loose);
        }
    }
}
