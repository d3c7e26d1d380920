//! The moment between a slot for a task and the task in it.

use std::cell::RefMut;

use super::Scheduler;
use super::tasks::Tasks;
use crate::task::cell::TaskCell;
use crate::task::id::{MAX_TASKS, TaskId};

/// A slot that was claimed for a task, while its cell is filled.
pub(crate) struct Admission<'a> {
    scheduler: &'a Scheduler,
    tasks: RefMut<'a, Tasks>,
    key: usize,
}

impl Scheduler {
    /// Claims a slot for a task whose cell is so large. The caller puts the cell in, and lets the task
    /// [begin](Admission::begin).
    #[inline]
    pub(crate) fn admit(&self, size: usize) -> Admission<'_> {
        let mut tasks = self.tasks.borrow_mut();
        let Some(key) = tasks.claim(size) else {
            drop(tasks);
            panic!("cannot spawn: this loop holds {MAX_TASKS} tasks, the most there can be");
        };
        Admission {
            scheduler: self,
            tasks,
            key,
        }
    }
}

impl Admission<'_> {
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
