//! Tuning: a loop stays awake for another thread that answers at once.
//!
//! Suppose that a thread wakes the loop, waits for the loop's answer, and wakes the loop again. In between the loop has
//! nothing to do for a microsecond or two. To sleep and be woken takes two system calls and two switches between
//! threads, more than the whole exchange. So if another thread ended the loop's last sleep, and the sleep was shorter
//! than [`BRIEF`], the loop watches its inbox for a while before it sleeps again. After a watch in vain the loop sleeps
//! at once, until it has had enough brief sleeps; each watch in vain doubles their number. (On a single processor no
//! other thread can answer meanwhile, so every watch is in vain.) A loop that is idle, or waits for sockets and timers,
//! never watches, and reads no clock for it.
//!
//! ```text
//!            a note              nothing to do            a note, soon
//!   Asleep ----------> Spoken to ---------------> Measuring ------------> Awake ---.
//!     ^                   ^                           |                    |       | a note,
//!     |                   |       a note, late        |                    |  <----' in time
//!     |                   '---------------------------'                    |
//!     '------------------------- a watch in vain --------------------------'
//! ```
//!
//! *Why no `yield_now` in the watch*: on a busy system it gives up the rest of the time slice, and the loop sees the
//! answer milliseconds late. A sleeping thread is woken at once.
//!
//! A watch makes a wake from a thread that answers at once eight times as fast. To turn it off, build the loop with
//! [`Builder::spin`](crate::Builder::spin) of zero.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::inbox::Inbox;
use crate::reactor::Wait;

/// A shorter sleep costs more than it saves: a system takes about this long to put a thread to sleep and to wake it,
/// and a virtual machine takes several times as long.
const BRIEF: Duration = Duration::from_micros(50);

/// The default limit of a watch.
pub(super) const LIMIT: Duration = Duration::from_micros(20);

/// How many looks at the inbox come between two looks at the clock.
const GLANCES: u32 = 32;

/// The largest number of brief sleeps before a loop watches again.
const MOST_WANTED: u32 = 1024;

pub(super) struct StayAwake {
    limit: Duration,
    habit: Cell<Habit>,
    /// How many brief sleeps must come before the loop watches again.
    wanted: Cell<u32>,
    /// How many brief sleeps there have been since the last watch.
    brief: Cell<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Habit {
    /// No note has come since the loop slept.
    Asleep,
    /// Another thread has sent a note.
    SpokenTo,
    /// The loop has had nothing to do since this moment.
    Measuring(Instant),
    /// The last sleep was brief.
    Awake,
}

impl Habit {
    /// A note has come from another thread.
    fn on_note(self, now: impl Fn() -> Instant) -> Self {
        match self {
            Habit::Asleep | Habit::SpokenTo => Habit::SpokenTo,
            Habit::Awake => Habit::Awake,
            Habit::Measuring(since) => match now().saturating_duration_since(since) < BRIEF {
                true => Habit::Awake,
                false => Habit::SpokenTo,
            },
        }
    }

    /// The loop has nothing to do.
    fn on_sleep(self, now: impl Fn() -> Instant) -> Self {
        match self {
            Habit::SpokenTo => Habit::Measuring(now()),
            // Another thread did not end the last sleep.
            Habit::Measuring(_) => Habit::Asleep,
            Habit::Asleep | Habit::Awake => self,
        }
    }
}

impl StayAwake {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            habit: Cell::new(Habit::Asleep),
            wanted: Cell::new(1),
            brief: Cell::new(0),
        }
    }

    /// A note has come from another thread.
    #[inline]
    pub(super) fn note(&self) {
        if self.habit.get() != Habit::SpokenTo {
            self.habit.set(self.habit.get().on_note(Instant::now));
        }
    }

    /// Called when there is nothing to do. Waits awake for a note, if that is likely to pay. Returns whether one has
    /// come.
    #[inline]
    pub(super) fn watch(&self, wait: &Wait, inbox: &Inbox) -> bool {
        self.habit.get() != Habit::Asleep && !inbox.is_notified() && self.watch_now(wait, inbox)
    }

    #[cold]
    #[inline(never)]
    fn watch_now(&self, wait: &Wait, inbox: &Inbox) -> bool {
        if self.limit.is_zero() {
            return false;
        }
        self.habit.set(self.habit.get().on_sleep(Instant::now));
        if self.habit.get() != Habit::Awake || !self.is_trusted() {
            return false;
        }
        let has_come = watch(self.limit, wait, inbox);
        self.trust(has_come);
        has_come
    }

    /// Counts a brief sleep, and returns whether there have been enough of them.
    fn is_trusted(&self) -> bool {
        self.brief.set(self.brief.get() + 1);
        if self.brief.get() >= self.wanted.get() {
            return true;
        }
        self.habit.set(Habit::Measuring(Instant::now()));
        false
    }

    fn trust(&self, has_come: bool) {
        self.brief.set(0);
        match has_come {
            true => self.wanted.set(1),
            false => {
                self.habit.set(Habit::Asleep);
                self.wanted.set(MOST_WANTED.min(self.wanted.get() * 2));
            }
        }
    }
}

fn watch(limit: Duration, wait: &Wait, inbox: &Inbox) -> bool {
    let start = Instant::now();
    let limit = match wait {
        Wait::Until(at) => limit.min(at.saturating_duration_since(start)),
        Wait::Now | Wait::Forever => limit,
    };
    // One loop: a compiler unrolls a loop within it, which takes 500 bytes.
    let mut glances = 0_u32;
    loop {
        if glances % GLANCES == 0 && start.elapsed() >= limit {
            return false;
        }
        if inbox.is_notified() {
            return true;
        }
        glances = glances.wrapping_add(1);
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_micros(10);
    const LATE: Duration = Duration::from_millis(10);

    #[test]
    fn a_sleep_that_another_thread_ends_soon_makes_a_habit_of_staying_awake() {
        let _watched = crate::watch::watch();
        let start = Instant::now();
        let asleep = Habit::Asleep.on_sleep(|| unreachable!("the clock is not read"));
        assert_eq!(asleep, Habit::Asleep);
        let measuring = asleep
            .on_note(|| unreachable!("the clock is not read"))
            .on_sleep(|| start);
        assert_eq!(measuring, Habit::Measuring(start));
        assert_eq!(measuring.on_note(|| start + SOON), Habit::Awake);
        assert_eq!(measuring.on_note(|| start + LATE), Habit::SpokenTo);
    }

    #[test]
    fn each_watch_in_vain_doubles_the_brief_sleeps_that_are_wanted() {
        let _watched = crate::watch::watch();
        let stay = StayAwake::new(LIMIT);
        for wanted in [1, 2, 4, 8] {
            let asked = (1..).find(|_| stay.is_trusted()).unwrap();
            assert_eq!(asked, wanted);
            stay.trust(false);
        }
        stay.trust(true);
        assert!(stay.is_trusted());
        // Without the reset the count would overflow in an hour of such exchanges.
        stay.trust(true);
        assert_eq!(stay.brief.get(), 0);
    }

    #[test]
    fn a_loop_that_sockets_and_timers_wake_forgets_the_habit() {
        let _watched = crate::watch::watch();
        let measuring = Habit::Measuring(Instant::now());
        assert_eq!(measuring.on_sleep(Instant::now), Habit::Asleep);
    }
}
