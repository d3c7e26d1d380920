//! The driver of time: the wheel, and a waker in each of its entries.
//!
//! The wheel knows ticks and items; leaf futures know instants and wakers. This file stands between
//! them, and its one difficulty is the borrow of the wheel: no foreign code may run under it. To
//! wake, to clone or to drop a waker may run foreign code, and foreign code may arm, reset and
//! cancel timers, even the timer that is firing. So a waker is cloned before the wheel is borrowed,
//! woken and dropped after. And due timers are taken out **one at a time**: a timer that an earlier
//! waker of the same expiry cancels does not fire, and a timer that it arms again is in its right
//! place.
//!
//! *Not needed here:* a lock per shard of the wheel, a list of wakers to be woken after unlocking,
//! and the state machine by which a timer says to another thread that it is just firing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::clock::{self, Clock};
use super::slack::Slack;
use super::wheel::{Key, Reset, Wheel};
use crate::account::Account;
use crate::foreign::{self, Level};
use crate::record::Probe;

/// How many timers one look deals out to finer levels of the wheel, or fires. To deal a timer out takes 10 to 75 ns, by where in
/// memory it is.
const DEALT_EACH_LOOK: usize = 512;

/// Whose wakers these are, for the log.
const TIMER: &str = "a timer";

/// The timers of one loop. A leaf future that arms a timer owns its [`Key`] and must hand it in.
pub(crate) struct Timers {
    clock: Clock,
    wheel: RefCell<Wheel<Waker>>,
    slack: Slack,
    /// How many there are who keep a clock that stands still from being moved.
    holds: Cell<usize>,
    probe: Probe,
    account: Option<Rc<Account>>,
}

impl Timers {
    pub(crate) fn new(most_slack: Duration) -> Self {
        let origin = Instant::now();
        Self::with(Clock::starting_at(origin), Slack::new(most_slack, origin))
    }

    /// Timers whose clock stands still until it is moved. Where no time passes, there is none to be saved: no slack.
    pub(crate) fn in_virtual_time() -> Self {
        let origin = Instant::now();
        Self::with(
            Clock::standing_at(origin),
            Slack::new(Duration::ZERO, origin),
        )
    }

    fn with(clock: Clock, slack: Slack) -> Self {
        Timers {
            clock,
            wheel: RefCell::new(Wheel::new()),
            slack,
            holds: Cell::new(0),
            probe: Probe::default(),
            account: None,
        }
    }

    /// How late they are is kept account of.
    pub(crate) fn watched_by(mut self, account: Option<Rc<Account>>) -> Self {
        self.account = account;
        self
    }

    /// What happens to them is recorded.
    pub(crate) fn recorded_by(mut self, probe: Probe) -> Self {
        self.probe = probe;
        self
    }

    // The clock.

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Where the clock stands, if it stands still.
    pub(crate) fn standing(&self) -> Option<Instant> {
        self.clock.standing()
    }

    /// Moves a clock that stands still, of the loop that is current on this thread.
    pub(crate) fn move_to(&self, instant: Instant) {
        self.clock.move_to(instant);
        clock::stand(self.clock.standing());
    }

    /// A clock that stands still stays where it is until there have been as many calls of [`release`](Self::release).
    pub(crate) fn hold(&self) {
        self.holds.set(self.holds.get() + 1);
    }

    pub(crate) fn release(&self) {
        self.holds.set(self.holds.get() - 1);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.holds.get() > 0
    }

    // For the loop.

    /// When the loop must look again. That is when the next timer is due; or, among very many, a
    /// little before, as the chapter on the wheel explains; or, just after several fired, a little
    /// later, as `slack.rs` explains.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let tick = self.wheel.borrow_mut().next_deadline()?;
        if self.clock.is_out_of_reach(tick) {
            return None;
        }
        Some(self.slack.put_off(self.clock.instant(tick)))
    }

    /// Wakes the tasks whose deadlines have passed, in the order of the deadlines, and says how many timers have fired.
    /// Reads the clock once, and not at all if no timer is armed.
    ///
    /// *bounded-look*: it fires `most` timers at most, and deals [`DEALT_EACH_LOOK`] at most. If more are due, the next
    /// deadline has passed when it returns, so the loop looks again before it sleeps.
    ///
    /// A timer that a waker arms, or moves into the past, over and over, fires once a look: no more fire than were armed
    /// when the look began.
    #[inline]
    pub(crate) fn expire(&self, most: usize) -> usize {
        // A statement of its own, as below.
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
            if self.account.is_some() || self.probe.is_recording() {
                self.note(now, deadline_tick);
            }
            // *decide-then-do*: the timer has left the wheel, so its task is woken before anything is told.
            foreign::wake(waker, TIMER);
            let late = now.saturating_duration_since(self.clock.instant(deadline_tick));
            foreign::tell(
                Level::Trace,
                foreign::TIMER,
                format_args!("fired, {late:?} late"),
            );
            fired += 1;
        }
        self.probe.because_of_nobody();
        let is_bounded = fired == most || budget == 0;
        self.slack.earn(now, fired, is_bounded);
        self.wheel.borrow_mut().deal_ahead(budget);
        fired
    }

    /// Shows the waker of each timer that is armed, and how long it has to go. `visit` runs under the borrow.
    pub(crate) fn each_waiter(&self, mut visit: impl FnMut(&Waker, Duration)) {
        let now = self.now();
        for (deadline_tick, waker) in self.wheel.borrow().armed() {
            let deadline = self.clock.instant(deadline_tick);
            visit(waker, deadline.saturating_duration_since(now));
        }
    }

    /// A timer fires.
    #[cold]
    #[inline(never)]
    fn note(&self, now: Instant, deadline_tick: u64) {
        let late = now.saturating_duration_since(self.clock.instant(deadline_tick));
        self.probe.fired(late);
        if let Some(account) = &self.account {
            account.fired(late);
        }
    }

    /// [`expire`](Self::expire), to the end: for a clock that has been moved by hand, and at most as many as were armed before.
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
    pub(crate) fn arm(&self, deadline: Instant, waker: &Waker) -> Key {
        let deadline_tick = self.clock.deadline_tick(deadline);
        self.probe.armed(deadline);
        let waker = waker.clone();
        self.wheel.borrow_mut().arm(deadline_tick, waker)
    }

    /// Moves a timer and keeps its waker, unless it has fired.
    pub(crate) fn reset(&self, key: &Key, deadline: Instant) -> Reset {
        let deadline_tick = self.clock.deadline_tick(deadline);
        self.probe.armed(deadline);
        self.wheel.borrow_mut().reset(key, deadline_tick)
    }

    /// Ends a timer, fired or not. Its waker is gone when this returns.
    pub(crate) fn disarm(&self, key: Key) {
        let waker = self.wheel.borrow_mut().disarm(key);
        if waker.is_some() {
            self.probe.disarmed();
        }
        // After the borrow: see the statement above, which ends with its semicolon.
        foreign::let_go(waker, TIMER);
    }

    /// Ready once the timer has fired; until then sees to it that `waker` is the one to be woken.
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

    /// Until when a loop without work would sleep, whatever is due before.
    fn put_off(timers: &Timers) -> Instant {
        timers.slack.put_off(timers.clock.instant(0))
    }

    /// So many timers that are due already, and one that will not be for an hour.
    fn with_due(due: usize) -> (Timers, Vec<Key>, Instant) {
        let timers = Timers::new(slack::DEFAULT);
        // The tick that is just beginning has not passed yet, so the timers are armed for the one before.
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
        // The other bound: the dealing out.
        let (timers, _keys, _) = with_due(2 * DEALT_EACH_LOOK);
        assert_eq!(timers.expire(usize::MAX), DEALT_EACH_LOOK);
        assert!(put_off(&timers) <= Instant::now());
    }
}
