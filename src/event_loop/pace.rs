//! Tuning: fewer polls between two looks, where polls are long.
//!
//! The plain form looks after 64 polls. Beside a task that works 10 us and yields, a socket that has become ready waits for 640
//! us. To look at the clock after each poll would cost a lone yield a sixth of its time. So the loop measures at a look how long
//! the polls since the last look have taken, and makes the number of polls until the next look such that they take [`GOAL`].
//!
//! ```text
//!   64 polls of 10 us           2 polls    2 polls    2 polls
//!   -------------------- look - ------- - look ------- look -- ..
//! ```
//!
//! - *Not before each task that is ready has had its poll*, up to 64. A task that a look wakes stands behind those that are
//!   ready: if they are many, an earlier look helps it little, and a busy server would take fewer events by each system call.
//!   And where each look brings 64 notes, each of which spawns a task, the queue would grow without end. Guarded by
//!   tests/event_loop/bounded_look.rs::tasks_spawned_from_other_threads_do_not_hold_a_timer_up.
//! - *It costs* a reading of the clock at each look; at every eighth, while polls are short; none, if there is neither a source
//!   nor a timer, or if the loop rests before the second look.
//! - *From many to few at once, from few to many by doubling*: a short poll among long ones does not undo what was measured.
//! - *A fixed number*: [`Builder::poll_budget`](crate::Builder::poll_budget) asks for one. A loop with virtual time, or with a
//!   seed, has one too, because it must do the same again whatever the real clock says.
//!
//! It buys: beside that task, a socket waits for some 60 us in one case of a thousand, instead of 700 (`cargo bench --bench
//! compare`, row `wait_busy`). Guarded by
//! tests/scheduler/fairness.rs::where_polls_are_long_the_loop_looks_after_a_few.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// So long may the polls between two looks take.
const GOAL: Duration = Duration::from_micros(25);

/// While polls are short, so many looks are not measured after one that is.
const UNMEASURED: u32 = 7;

pub(super) struct Pace {
    most: usize,
    is_fixed: bool,
    polls: Cell<usize>,
    /// Whether there have been more polls than these since the last look.
    is_prolonged: Cell<bool>,
    /// When the last measured look was, and how many polls there had been. `None` after a rest.
    mark: Cell<Option<(Instant, u64)>>,
    /// How many looks are not measured before the next that is.
    unmeasured: Cell<u32>,
}

impl Pace {
    pub(super) fn new(most: usize, is_fixed: bool) -> Self {
        Self {
            most,
            is_fixed,
            polls: Cell::new(most),
            is_prolonged: Cell::new(false),
            mark: Cell::new(None),
            unmeasured: Cell::new(0),
        }
    }

    /// How many polls there are until the next look, at most.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// After a look: how many polls there are until the next.
    pub(super) fn polls(&self) -> usize {
        self.is_prolonged.set(false);
        self.polls.get()
    }

    /// How many polls there are after these, once between two looks. `ready` says how many tasks are ready now.
    pub(super) fn more_polls(&self, ready: impl FnOnce() -> usize) -> usize {
        let polls = self.polls.get();
        if polls == self.most || self.is_prolonged.replace(true) {
            return 0;
        }
        ready().min(self.most - polls)
    }

    /// The next look is due after [`polls`](Self::polls), however many tasks are ready.
    pub(super) fn end(&self) {
        self.is_prolonged.set(true);
    }

    /// The loop rests, so the time until the next look says nothing of its polls.
    pub(super) fn rests(&self) {
        self.mark.set(None);
    }

    /// The loop looks. Returns whether this look is one to [measure](Self::measure).
    pub(super) fn looks(&self) -> bool {
        if self.is_fixed {
            return false;
        }
        let before = self.unmeasured.get();
        self.unmeasured.set(before.saturating_sub(1));
        before == 0
    }

    /// The loop has made `done` polls in its life.
    pub(super) fn measure(&self, done: u64, now: Instant) {
        let Some((then, before)) = self.mark.replace(Some((now, done))) else {
            return;
        };
        // 64 bits hold the nanoseconds of 500 years. A division of 128 bits is a function of its own.
        let nanos = |time: Duration| time.as_nanos() as u64;
        let fitting = (done - before) * nanos(GOAL) / nanos(now - then).max(1);
        let most = self.most.min(2 * self.polls.get());
        let polls = (fitting as usize).clamp(1, most);
        self.polls.set(polls);
        if polls == self.most {
            self.unmeasured.set(UNMEASURED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks after as many polls as the pace says, each of so many microseconds. Returns these numbers.
    fn numbers(pace: &Pace, clock: &mut Instant, done: &mut u64, micros: &[u64]) -> Vec<usize> {
        let look = |micros: &u64| {
            let polls = pace.polls();
            *done += polls as u64;
            *clock += Duration::from_micros(polls as u64 * micros);
            if pace.looks() {
                pace.measure(*done, *clock);
            }
            pace.polls()
        };
        micros.iter().map(look).collect()
    }

    #[test]
    fn few_polls_at_once_where_they_are_long_and_more_by_doubling() {
        let _watched = crate::watch::watch();
        let (pace, mut clock, mut done) = (Pace::new(64, false), Instant::now(), 0);
        let mut look = |micros: &[u64]| numbers(&pace, &mut clock, &mut done, micros);
        assert_eq!(look(&[10]), [64], "one look alone measures nothing");
        assert_eq!(look(&[5, 5]), [5, 5]);
        assert_eq!(look(&[1_000]), [1], "at least one poll");
        assert_eq!(look(&[0, 0, 0, 5]), [2, 4, 8, 5]);
        assert_eq!(look(&[0, 0, 0, 0, 0]), [10, 20, 40, 64, 64]);
    }

    #[test]
    fn each_ready_task_has_its_poll_before_the_look_up_to_64() {
        let _watched = crate::watch::watch();
        let (pace, mut clock, mut done) = (Pace::new(64, false), Instant::now(), 0);
        assert_eq!(pace.more_polls(|| 50), 0, "short polls need no more");
        let mut look = || numbers(&pace, &mut clock, &mut done, &[5]);
        assert_eq!([look(), look()], [[64], [5]]);
        assert_eq!(pace.more_polls(|| 50), 50);
        assert_eq!(pace.more_polls(|| 50), 0, "once between two looks");
        assert_eq!(pace.polls(), 5);
        assert_eq!(pace.more_polls(|| 1_000), 59);
        assert_eq!(pace.polls(), 5);
        pace.end();
        assert_eq!(pace.more_polls(|| 50), 0);
    }

    #[test]
    fn short_polls_are_seldom_measured() {
        let _watched = crate::watch::watch();
        let (pace, clock) = (Pace::new(64, false), Instant::now());
        let mut measured = 0;
        for look in 0..80 {
            if pace.looks() {
                measured += 1;
                pace.measure(64 * look, clock);
            }
        }
        assert_eq!((measured, pace.polls()), (11, 64));
    }

    #[test]
    fn a_rest_is_no_poll_and_a_fixed_number_stays() {
        let _watched = crate::watch::watch();
        let (pace, mut clock, mut done) = (Pace::new(64, false), Instant::now(), 0);
        for _ in 0..20 {
            assert_eq!(numbers(&pace, &mut clock, &mut done, &[1_000]), [64]);
            pace.rests();
        }
        let fixed = Pace::new(7, true);
        assert_eq!(numbers(&fixed, &mut clock, &mut done, &[1_000; 3]), [7; 3]);
    }
}
