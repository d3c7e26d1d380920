//! The observer of the polls of a run.
//!
//! [`Scheduler::run`](super::Scheduler::run) is generic over its observer, so a loop without an
//! observer runs code without one: [`Unobserved`] compiles to nothing, and the counters of `cargo
//! bench --bench counters` hold it to that.
//!
//! An observer is code of this crate, and only takes notes. By [`has_news`](Observer::has_news) it
//! asks the run to return; between two runs the loop then tells its notes to foreign code.

use crate::task::cell::TaskCell;
use crate::task::id::TaskId;

/// How a step of a task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The poll returned, and the task waits.
    Pending,
    /// The poll returned with the output, or with a panic.
    Ready,
    /// The task had been aborted, so its future was dropped.
    Dropped,
}

/// The calls of a run: `resumes`; for each task `begins`, `ends`, and, if the task has finished, `is_settled`; then `rests`.
/// The calls of a look between two runs: `resumes`, `has_looked`.
pub(crate) trait Observer {
    /// The loop is about to run tasks, or to look at the sockets and timers.
    fn resumes(&self);

    /// The loop has looked at the sockets and timers.
    fn has_looked(&self);

    /// A run has returned. Foreign code may be called now.
    fn rests(&self);

    /// The task is about to be polled; or dropped, if it was aborted.
    fn begins(&self, id: TaskId, cell: &mut TaskCell);

    /// The task has been polled, or its future has been dropped.
    fn ends(&self, id: TaskId, cell: &mut TaskCell, step: Step);

    /// The task's output is with its handle, or has been dropped.
    fn is_settled(&self);

    /// Whether the run should return, so that the loop can tell what was noted.
    fn has_news(&self) -> bool;
}

/// Observes nothing.
pub(crate) struct Unobserved;

impl Observer for Unobserved {
    #[inline(always)]
    fn resumes(&self) {}

    #[inline(always)]
    fn has_looked(&self) {}

    #[inline(always)]
    fn rests(&self) {}

    #[inline(always)]
    fn begins(&self, _: TaskId, _: &mut TaskCell) {}

    #[inline(always)]
    fn ends(&self, _: TaskId, _: &mut TaskCell, _: Step) {}

    #[inline(always)]
    fn is_settled(&self) {}

    #[inline(always)]
    fn has_news(&self) -> bool {
        false
    }
}
