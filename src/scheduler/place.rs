//! The moment between a slot for a task and the task in it.

use std::cell::RefMut;

use super::Scheduler;
use super::tasks::Tasks;
use crate::task::cell::TaskCell;
use crate::task::id::TaskId;

/// Where a task is being admitted.
pub(crate) struct Place<'a> {
    pub(super) scheduler: &'a Scheduler,
    pub(super) tasks: RefMut<'a, Tasks>,
    pub(super) key: usize,
}

impl Place<'_> {
    /// `None`, or a vacant one.
    #[inline]
    pub(crate) fn cell(&mut self) -> &mut Option<TaskCell> {
        &mut self.tasks.slots[self.key].cell
    }

    /// The task is at the end of the ready queue, with one pin for its join handle. A loop that is ending drops it.
    #[inline(always)]
    pub(crate) fn begin(mut self) -> TaskId {
        let id = self.tasks.begin(self.key);
        drop(self.tasks);
        if self.scheduler.is_closed.get() {
            self.scheduler.drop_now(id);
        }
        id
    }
}
