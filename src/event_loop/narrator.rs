//! The lines that the loop writes to the log at `trace`: one for each event.
//!
//! *decide-then-do*: a line comes before a decision, or after the act that follows from it, because the sink of the log
//! may run any code. Without a listener of the log, none of these functions is called.

use std::fmt;

use super::{EventLoop, Turn};
use crate::context::Metrics;
use crate::foreign::{self, Level};
use crate::reactor::Wait;
use crate::scheduler::{Observer, Ran};
use crate::task::TaskId;
use crate::time::now;

impl EventLoop {
    /// [`run_tasks`](Self::run_tasks), with a log line for each poll and the tasks that it has woken.
    #[cold]
    pub(super) fn run_and_tell(&self, limit: usize, observer: &impl Observer) -> Ran {
        let scheduler = &self.context.scheduler;
        let mut ran = Ran::default();
        while ran.taken < limit {
            let Some(id) = self.tell_of_the_poll() else {
                break;
            };
            let others = scheduler.ready_count() - 1;
            let one = self.run_tasks(scheduler, 1, observer);
            ran.taken += 1;
            ran.polls += one.polls;
            self.tell_of_the_end(one.polls > 0, id, others);
            let has_note = self.allowance.notes.get() > 0 && self.inbox.is_notified();
            if scheduler.is_to_halt() || has_note || observer.has_news() {
                break;
            }
        }
        ran
    }

    /// Tells which task is polled next, and returns it.
    fn tell_of_the_poll(&self) -> Option<TaskId> {
        let head = self.context.scheduler.head()?;
        if head.location.is_some() {
            foreign::tell_apart(Level::Trace, foreign::TASK, format_args!("polls {head}"));
        }
        Some(head.id)
    }

    /// Tells what the poll of a task has done, when `others` tasks were ready behind it.
    fn tell_of_the_end(&self, was_polled: bool, id: TaskId, others: usize) {
        let scheduler = &self.context.scheduler;
        if was_polled && scheduler.is_finished(id) {
            foreign::tell_apart(
                Level::Trace,
                foreign::TASK,
                format_args!("task {id} has finished"),
            );
        }
        for place in others..scheduler.ready_count() {
            let Some(woken) = scheduler.queued_behind(place) else {
                break;
            };
            foreign::tell_apart(
                Level::Trace,
                foreign::WAKE,
                format_args!("task {woken} is ready, since the poll of task {id}"),
            );
        }
    }

    #[inline]
    pub(super) fn tell_of_the_wait(&self, wait: &Wait) {
        if foreign::is_traced(foreign::TURN) {
            self.tell_wait(wait);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_wait(&self, wait: &Wait) {
        let told = Told(wait.at_most_until(self.context.timers.next_deadline()));
        foreign::tell_apart(
            Level::Trace,
            foreign::TURN,
            format_args!("{}: nothing is ready; {told}", self.name),
        );
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
        foreign::tell(
            Level::Trace,
            foreign::TURN,
            format_args!("{}: {turn}", self.name),
        );
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
    foreign::tell_apart(
        Level::Trace,
        foreign::WAKE,
        format_args!("task {id} is ready, woken from elsewhere"),
    );
}

pub(super) fn tell_of_the_post() {
    foreign::tell(Level::Trace, foreign::WAKE, "runs a call that was posted");
}

/// A wait in words.
struct Told(Wait);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Wait::Now => f.write_str("looks, without waiting"),
            Wait::Until(at) => {
                let most = at.saturating_duration_since(now());
                write!(f, "sleeps, for {} us at most", most.as_micros() as u64)
            }
            Wait::Forever => f.write_str("sleeps, until a socket or another thread wakes it"),
        }
    }
}
