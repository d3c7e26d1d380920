//! The driver of time: the wheel, and a waker in each of its entries.
//!
//! The wheel knows ticks and items; leaf futures know instants and wakers. This file connects them.
//! Its one difficulty is the borrow of the wheel: no foreign code may run under that borrow. To
//! wake, to clone or to drop a waker may run foreign code, and foreign code may arm, reset and
//! cancel timers, even the timer that is firing. So a waker is cloned before the wheel is borrowed,
//! and woken and dropped after the borrow. And due timers are taken out **one at a time**. So a
//! waker may cancel a timer that is due in the same look, and that timer does not fire; or arm it
//! again, in its right place.
//!
//! *Not needed here:* a lock per shard of the wheel, a list of wakers to be woken after unlocking,
//! and a state machine that tells other threads which timer is firing.

mod made;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::clock::{self, Clock};
use super::slack::Slack;
use super::wheel::{CROWD, Key, Reset, Wheel};
use crate::account::Lateness;
use crate::foreign::{self, Level};
use crate::record::Probe;

pub(crate) use made::LateTimers;

/// How many timers one look deals out to finer levels of the wheel, or fires, so that a look is short.
const DEALT_EACH_LOOK: usize = 512;

/// How many timers a look deals out ahead that fires none.
const AHEAD_IN_VAIN: usize = 16;

/// The owner of these wakers, as the log names it.
const TIMER: &str = "a timer";

/// The timers of one loop. A leaf future that arms a timer owns its [`Key`] and must hand it in.
pub(crate) struct Timers {
    clock: Clock,
    wheel: RefCell<Wheel<Waker>>,
    slack: Slack,
    /// How many holds keep a clock that stands still from being moved.
    holds: Cell<usize>,
    probe: Probe,
    account: OnceCell<Rc<dyn Lateness>>,
}

impl Timers {
    /// Counts from `origin`. `has_grown` is set when the table of timers grows. `probe` records each timer that fires.
    #[inline]
    pub(crate) fn new(
        origin: Instant,
        most_slack: Duration,
        has_grown: Rc<Cell<bool>>,
        probe: Probe,
    ) -> Self {
        let slack = Slack::new(most_slack, origin);
        Self::with(Clock::starting_at(origin), slack, has_grown, probe)
    }

    /// Timers whose clock stands still until it is moved. Such a clock needs no slack.
    #[inline]
    pub(crate) fn in_virtual_time(has_grown: Rc<Cell<bool>>, probe: Probe) -> Self {
        let origin = Instant::now();
        let slack = Slack::new(Duration::ZERO, origin);
        Self::with(Clock::standing_at(origin), slack, has_grown, probe)
    }

    #[inline]
    fn with(clock: Clock, slack: Slack, has_grown: Rc<Cell<bool>>, probe: Probe) -> Self {
        Timers {
            clock,
            wheel: RefCell::new(Wheel::new().telling(has_grown)),
            slack,
            holds: Cell::new(0),
            probe,
            account: OnceCell::new(),
        }
    }

    /// From now on `account` hears how late timers fire. To be called once.
    #[inline]
    pub(crate) fn watched_by(&self, account: Rc<dyn Lateness>) {
        self.account.get_or_init(|| account);
    }

    // The clock.

    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The time of a clock that stands still; `None` for the real clock.
    #[inline]
    pub(crate) fn standing(&self) -> Option<Instant> {
        self.clock.standing()
    }

    /// Moves the clock of the loop that is current on this thread, if it stands still.
    #[inline]
    pub(crate) fn move_to(&self, instant: Instant) {
        self.clock.move_to(instant);
        clock::stand(self.clock.standing());
    }

    /// Holds a clock that stands still until [`release`](Self::release) has been called as many times.
    #[inline]
    pub(crate) fn hold(&self) {
        self.holds.set(self.holds.get() + 1);
    }

    #[inline]
    pub(crate) fn release(&self) {
        self.holds.set(self.holds.get() - 1);
    }

    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.holds.get() > 0
    }

    // For the loop.

    /// When the loop must look again: when the next timer is due; or a little before, if its slot is
    /// crowded (see the chapter on the wheel); or a little later, if several timers have just fired
    /// (see `slack.rs`).
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let tick = self.wheel.borrow_mut().next_deadline()?;
        if self.clock.is_out_of_reach(tick) {
            return None;
        }
        Some(self.slack.put_off(self.clock.instant(tick)))
    }

    #[inline]
    pub(crate) fn is_any_armed(&self) -> bool {
        self.wheel.borrow().len() > 0
    }

    /// Wakes the tasks whose deadlines have passed, in the order of the deadlines, and says how many timers have fired.
    /// Reads the clock once, and not at all if no timer is armed.
    ///
    /// *bounded-look*: it fires `most` timers at most, and deals out [`DEALT_EACH_LOOK`] at most. If more are due, the
    /// next deadline has passed when it returns, so the loop looks again before it sleeps.
    ///
    /// No more timers fire than were armed when the look began. So a waker that arms its timer anew, in the past, over
    /// and over, does not keep the look going.
    #[inline]
    pub(crate) fn expire(&self, most: usize) -> usize {
        // A statement of its own, as in `expire_armed`.
        let armed = self.wheel.borrow().len();
        match armed {
            0 => 0,
            armed => self.expire_armed(armed, most),
        }
    }

    #[inline(never)]
    fn expire_armed(&self, armed: usize, most: usize) -> usize {
        let now = self.now();
        let now_tick = self.clock.tick_at(now);
        self.probe.because_of_timers();
        let mut budget = DEALT_EACH_LOOK;
        let mut fired = 0;
        while fired < most.min(armed) {
            // A statement of its own, so that the borrow ends before the waker is woken.
            // Guarded by tests/time/timers.rs::a_waker_may_do_anything_to_the_timers_while_they_fire.
            let due = self.wheel.borrow_mut().pop_due(now_tick, &mut budget);
            let Some((deadline_tick, waker)) = due else {
                break;
            };
            if self.account.get().is_some() || self.probe.is_recording() {
                self.note(now, deadline_tick);
            }
            // *decide-then-do*: the timer has left the wheel, so its task is woken before the log is written.
            foreign::wake(waker, TIMER);
            let late = now.saturating_duration_since(self.clock.instant(deadline_tick));
            foreign::tell(
                Level::Trace,
                foreign::TIMER,
                format_args!("fired, {} us late", late.as_micros() as u64),
            );
            fired += 1;
        }
        self.probe.because_of_nobody();
        let is_bounded = fired == most || budget == 0;
        self.slack.earn(now, fired, is_bounded);
        if armed > CROWD {
            // While half a slot fires, the whole next slot must be dealt out, and it may be crowded on two levels.
            let most = budget.min(4 * fired + AHEAD_IN_VAIN);
            self.wheel.borrow_mut().deal_ahead(most);
        }
        fired
    }

    /// How many timers are armed, and how many have room.
    #[inline]
    pub(crate) fn used_and_room(&self) -> (usize, usize) {
        let wheel = self.wheel.borrow();
        (wheel.len(), wheel.room())
    }

    /// Leaves the table from `limit` on, so that it can be freed there.
    #[inline]
    pub(crate) fn evacuate(&self, limit: usize) {
        self.wheel.borrow_mut().evacuate(limit);
    }

    /// Ends the evacuation. Frees the room behind the last timer, if the table is loose.
    #[inline]
    pub(crate) fn shrink(&self, is_loose: bool) {
        self.wheel.borrow_mut().shrink(is_loose);
    }

    /// Shows the waker of each armed timer, and the time until its deadline. `visit` runs under the borrow.
    pub(crate) fn each_waiter(&self, mut visit: impl FnMut(&Waker, Duration)) {
        let now = self.now();
        for (deadline_tick, waker) in self.wheel.borrow().armed() {
            let deadline = self.clock.instant(deadline_tick);
            visit(waker, deadline.saturating_duration_since(now));
        }
    }

    /// Notes in account and recording that a timer fires.
    #[cold]
    #[inline(never)]
    fn note(&self, now: Instant, deadline_tick: u64) {
        let late = now.saturating_duration_since(self.clock.instant(deadline_tick));
        self.probe.fired(late);
        if let Some(account) = self.account.get() {
            account.fired(late);
        }
    }

    /// [`expire`](Self::expire) without a bound, after the clock was moved by hand. At most as many fire as were armed
    /// before.
    #[inline]
    pub(crate) fn expire_all(&self) -> usize {
        let armed = self.wheel.borrow().len();
        let is_due = |at| at <= self.now();
        let mut fired = 0;
        while fired < armed && self.next_deadline().is_some_and(is_due) {
            fired += self.expire(armed - fired);
        }
        fired
    }

    // For leaf futures.

    /// Arms a timer that will wake `waker`.
    #[inline]
    pub(crate) fn arm(&self, deadline: Instant, waker: &Waker) -> Key {
        let deadline_tick = self.clock.deadline_tick(deadline);
        self.probe.armed(deadline);
        let waker = waker.clone();
        self.wheel.borrow_mut().arm(deadline_tick, waker)
    }

    /// Moves a timer and keeps its waker, unless the timer has fired.
    #[inline]
    pub(crate) fn reset(&self, key: &Key, deadline: Instant) -> Reset {
        let deadline_tick = self.clock.deadline_tick(deadline);
        self.probe.armed(deadline);
        self.wheel.borrow_mut().reset(key, deadline_tick)
    }

    /// Ends a timer, fired or not, and drops its waker.
    #[inline]
    pub(crate) fn disarm(&self, key: Key) {
        let waker = self.wheel.borrow_mut().disarm(key);
        if waker.is_some() {
            self.probe.disarmed();
        }
        // After the borrow, which ends with the statement above.
        foreign::let_go(waker, TIMER);
    }

    /// Ready once the timer has fired; until then the timer keeps `waker`.
    #[inline]
    pub(crate) fn poll_fired(&self, key: &Key, waker: &Waker) -> Poll<()> {
        match self.wheel.borrow().item(key) {
            None => return Poll::Ready(()),
            Some(registered) if registered.will_wake(waker) => return Poll::Pending,
            Some(_) => {}
        }
        let waker = waker.clone();
        let replaced = self.wheel.borrow_mut().replace(key, waker);
        let (fired, spare) = match replaced {
            Ok(old) => (Poll::Pending, old),
            Err(unused) => (Poll::Ready(()), unused),
        };
        // After the borrow, as above.
        foreign::let_go(spare, TIMER);
        fired
    }
}

#[cfg(test)]
mod tests {
    use super::super::slack;
    use super::*;

    /// The time until which the slack lets a loop without work sleep.
    fn put_off(timers: &Timers) -> Instant {
        timers.slack.put_off(timers.clock.instant(0))
    }

    /// Makes timers. `due` of them are due already, and one more is due in an hour.
    fn with_due(due: usize) -> (Timers, Vec<Key>, Instant) {
        let timers = Timers::new(
            Instant::now(),
            slack::DEFAULT,
            Rc::default(),
            Probe::default(),
        );
        // The current tick has not passed, so the timers are armed for the tick before it.
        while timers.clock.tick_at(Instant::now()) == 0 {}
        let past = timers.clock.instant(0);
        let waker = Waker::noop();
        let mut keys: Vec<Key> = (0..due).map(|_| timers.arm(past, waker)).collect();
        let begin = Instant::now();
        keys.push(timers.arm(begin + Duration::from_secs(3600), waker));
        (timers, keys, begin)
    }

    #[test]
    fn timers_that_fire_together_put_the_next_look_off_and_a_lone_one_does_not() {
        for (due, least) in [
            (2, slack::EACH),
            (4, 3 * slack::EACH),
            (100, slack::DEFAULT),
        ] {
            let (timers, _keys, begin) = with_due(due);
            assert_eq!(timers.expire(usize::MAX), due);
            assert!(put_off(&timers) >= begin + least, "{due} fired");
            assert!(put_off(&timers) <= Instant::now() + least);
        }
        let (timers, _keys, _) = with_due(1);
        assert_eq!(timers.expire(usize::MAX), 1);
        assert!(put_off(&timers) <= Instant::now());
    }

    #[test]
    fn a_look_that_ends_at_its_bound_puts_nothing_off() {
        for most in [2, 64] {
            let (timers, _keys, _) = with_due(100);
            assert_eq!(timers.expire(most), most);
            assert!(put_off(&timers) <= Instant::now());
        }
        // The second bound: how many timers one look deals out.
        let (timers, _keys, _) = with_due(2 * DEALT_EACH_LOOK);
        assert_eq!(timers.expire(usize::MAX), DEALT_EACH_LOOK);
        assert!(put_off(&timers) <= Instant::now());
    }
}
