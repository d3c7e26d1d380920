//! The counts of a turn, and the unfinished tasks and jobs of a shutdown.

use std::fmt;

use crate::context::Metrics;
use crate::inspect::Tasks;
use crate::offload::Running;

/// The counts of one [turn](crate::EventLoop::turn), or of [several](crate::EventLoop::run_until_idle).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Tasks that were polled, or dropped because they had been aborted.
    pub polls: usize,
    /// Timers that fired.
    pub timers: usize,
    /// Readiness events of sockets and other sources.
    pub io_events: usize,
    /// Wakes and posts from other threads.
    pub notes: usize,
    /// Ready tasks, and undelivered wakes and posts: work for the next turn.
    pub ready: usize,
}

impl Turn {
    pub(super) fn between(before: Metrics, after: Metrics, ready: usize) -> Self {
        Self {
            polls: (after.polls - before.polls) as usize,
            timers: (after.timers - before.timers) as usize,
            io_events: (after.io_events - before.io_events) as usize,
            notes: (after.notes - before.notes) as usize,
            ready,
        }
    }

    /// Adds the counts of the next turn.
    pub(super) fn add(&mut self, next: Turn) {
        self.polls += next.polls;
        self.timers += next.timers;
        self.io_events += next.io_events;
        self.notes += next.notes;
        self.ready = next.ready;
    }
}

impl fmt::Display for Turn {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Turn {
            polls,
            timers,
            io_events,
            notes,
            ready,
        } = self;
        write!(
            f,
            "polls: {polls}, timers: {timers}, I/O events: {io_events}, notes: {notes}; ready: {ready}"
        )
    }
}

/// The tasks and jobs that were unfinished at a [`shutdown`](crate::EventLoop::shutdown). Empty if everything finished
/// in time.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "says what had not finished"]
pub struct Report {
    /// Tasks that were dropped before they had finished, in the order of their spawning.
    pub tasks: Tasks,
    /// Jobs that are still running on threads of the pool.
    pub offload: Vec<Running>,
}

impl Report {
    /// Whether everything finished in time.
    pub fn is_clean(&self) -> bool {
        self.tasks.is_empty() && self.offload.is_empty()
    }
}

impl fmt::Display for Report {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("everything finished");
        }
        let (tasks, jobs) = (self.tasks.len(), self.offload.len());
        let plural = |count| if count == 1 { "" } else { "s" };
        write!(
            f,
            "{tasks} task{} dropped, {jobs} job{} still running",
            plural(tasks),
            plural(jobs)
        )?;
        self.tasks
            .iter()
            .try_for_each(|task| write!(f, "\n  {task}"))?;
        self.offload
            .iter()
            .try_for_each(|job| write!(f, "\n  {job}"))
    }
}
