//! The lines that the loop writes to the log at `trace`: one for each event.
//!
//! *decide-then-do*: a line comes before a decision, or after the act that follows from it, because the sink of the log
//! may run any code. Without a listener of the log, none of these functions is called.

use std::mem::ManuallyDrop;
use std::task::Waker;

use super::{EventLoop, Turn};
use crate::context::Metrics;
use crate::foreign::{self, Level};
use crate::reactor::Wait;
use crate::scheduler::{Observer, Ran, Scheduler};
use crate::task::TaskId;
use crate::time::now;

/// [`Scheduler::run`], with a log line for each poll and the tasks that it has woken.
#[cold]
pub(super) fn run_and_tell(
    scheduler: &Scheduler,
    limit: usize,
    waker_of: impl Fn(TaskId) -> ManuallyDrop<Waker>,
    observer: &impl Observer,
    should_return: impl Fn() -> bool,
) -> Ran {
    let tell = |target, line: std::fmt::Arguments<'_>| foreign::tell(Level::Trace, target, line);
    let mut ran = Ran::default();
    while ran.taken < limit {
        let Some(head) = scheduler.head() else { break };
        let others = scheduler.ready_count() - 1;
        if head.location.is_some() {
            tell(foreign::TASK, format_args!("polls {head}"));
        }
        let one = scheduler.run(1, &waker_of, observer, || false);
        ran.taken += 1;
        ran.polls += one.polls;
        let id = head.id;
        if one.polls > 0 && scheduler.is_finished(id) {
            tell(foreign::TASK, format_args!("task {id} has finished"));
        }
        for woken in scheduler.queued_behind(others) {
            let line = format_args!("task {woken} is ready, since the poll of task {id}");
            tell(foreign::WAKE, line);
        }
        if scheduler.is_to_halt() || should_return() || observer.has_news() {
            break;
        }
    }
    ran
}

impl EventLoop {
    #[inline]
    pub(super) fn tell_of_the_wait(&self, wait: &Wait) {
        if foreign::is_traced(foreign::TURN) {
            self.tell_wait(wait);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_wait(&self, wait: &Wait) {
        let told = in_words(&wait.at_most_until(self.context.timers.next_deadline()));
        let line = format_args!("{}: nothing is ready; {told}", self.name);
        foreign::tell(Level::Trace, foreign::TURN, line);
    }

    /// Logs that a panic ends the run, or the loop.
    #[cold]
    #[inline(never)]
    pub(super) fn tell_seed(&self) {
        if let Some(shuffle) = &self.shuffle {
            shuffle.tell(&self.name);
        }
    }

    /// The counts of a turn, for the log and for the caller.
    pub(super) fn sum_up(&self, before: Metrics) -> Turn {
        let turn = Turn::between(before, self.metrics(), self.work_left());
        let line = format_args!("{}: {turn}", self.name);
        foreign::tell(Level::Trace, foreign::TURN, line);
        turn
    }
}

// The line has a function of its own, so that a delivery does not prepare it for each wake: ten instructions.
#[inline]
pub(super) fn tell_of_the_wake(id: TaskId) {
    if foreign::is_traced(foreign::WAKE) {
        tell_wake(id);
    }
}

#[cold]
#[inline(never)]
fn tell_wake(id: TaskId) {
    let line = format_args!("task {id} is ready, woken from elsewhere");
    foreign::tell(Level::Trace, foreign::WAKE, line);
}

pub(super) fn tell_of_the_post() {
    foreign::tell(Level::Trace, foreign::WAKE, "runs a call that was posted");
}

/// A wait in words.
fn in_words(wait: &Wait) -> String {
    match wait {
        Wait::Now => "looks, without waiting".to_owned(),
        Wait::Until(at) => format!(
            "sleeps, for {:?} at most",
            at.saturating_duration_since(now())
        ),
        Wait::Forever => "sleeps, until a socket or another thread wakes it".to_owned(),
    }
}
