//! Drops outputs whose handle is gone.
//!
//! An output may hold the handle of another finished task, whose output holds a third, and so on. To drop such a list
//! recursively takes a stack as deep as the list is long, and a stack overflow is not a panic: it cannot be caught. So
//! the first output is dropped at once, and the outputs that its destructor releases wait in a queue. Guarded by
//! tests/scheduler/discard_chain.rs::a_hundred_thousand_outputs_that_hold_each_other_are_dropped_on_a_small_stack.

use super::Scheduler;
use super::tasks::Tasks;
use crate::foreign::{self, Level};
use crate::task::cell::TaskCell;
use crate::task::id::TaskId;

impl Scheduler {
    /// Drops an output, unless the task's rider wants it. Reports a panic that the task left, and a panic of the output's
    /// destructor. Then the slot has one handle less.
    pub(super) fn discard(&self, id: TaskId, mut cell: TaskCell) {
        cell.as_mut().offer_to_rider();
        let unread = cell.as_mut().error().filter(|error| error.is_panic());
        if let Some(error) = unread {
            foreign::tell_apart(
                Level::Error,
                foreign::TASK,
                format_args!("{error}; no task awaits its handle"),
            );
        }
        if self.is_discarding.replace(true) {
            return self.tasks_mut().discard_later(id.slot(), cell);
        }
        let mut next = Some((id.slot(), cell));
        while let Some((slot, cell)) = next {
            self.empty(slot, cell);
            next = self.tasks_mut().next_to_discard();
        }
        // `empty` catches every panic, so this line is always reached.
        self.is_discarding.set(false);
    }

    fn empty(&self, slot: usize, mut cell: TaskCell) {
        if let Some(error) = cell.as_mut().discard() {
            foreign::tell_apart(
                Level::Error,
                foreign::TASK,
                format_args!("{error}; that was in its output's destructor"),
            );
            foreign::bury(error);
        }
        let is_vacant = cell.as_mut().vacant().is_some();
        let mut tasks = self.tasks_mut();
        tasks.slots[slot].put(cell);
        let rest = tasks.retire(slot, is_vacant);
        drop(tasks);
        drop(rest);
    }
}

impl Tasks {
    /// The output waits in its slot, which is not reused until the output is gone.
    fn discard_later(&mut self, slot: usize, cell: TaskCell) {
        self.slots[slot].put(cell);
        self.discards.push_back(slot as u32);
    }

    /// The output that has waited longest, and its slot.
    fn next_to_discard(&mut self) -> Option<(usize, TaskCell)> {
        let slot = self.discards.pop_front()? as usize;
        Some((slot, self.slots[slot].cell.take()?))
    }
}
