//! Outputs without a handle that could ask for them.
//!
//! An output may hold the handle of another finished task, whose output holds one more, and so on:
//! a list that frees its head, which frees its next, needs a stack as deep as the list is long, and
//! a stack overflow is no panic that could be caught. So the first output is dropped at once, and
//! an output that its destructor lets go of waits in a queue. Guarded by
//! tests/scheduler/discard_chain.rs::a_hundred_thousand_outputs_that_hold_each_other_are_dropped_on_a_small_stack.

use super::Scheduler;
use super::discards::Discards;
use crate::foreign::{self, Level};
use crate::task::cell::TaskCell;
use crate::task::id::TaskId;

impl Scheduler {
    /// Drops an output, unless the task's rider wants it. A panic that is left is told, and so is one of the output's
    /// destructor. Then the slot has one handle less.
    pub(super) fn discard(&self, id: TaskId, mut cell: TaskCell) {
        cell.as_mut().offer_to_rider();
        let unread = cell.as_mut().error().filter(|error| error.is_panic());
        if let Some(error) = unread {
            let line = format_args!("{error}; nobody awaits its handle");
            foreign::tell(Level::Error, foreign::TASK, line);
        }
        let Discards { is_going_on, queue } = &self.discards;
        if is_going_on.replace(true) {
            return queue.borrow_mut().push_back((id, cell));
        }
        let mut next = Some((id, cell));
        while let Some((id, cell)) = next {
            self.empty(id, cell);
            next = queue.borrow_mut().pop_front();
        }
        // Nothing unwinds out of `empty`, so this is always reached.
        is_going_on.set(false);
    }

    fn empty(&self, id: TaskId, mut cell: TaskCell) {
        if let Some(error) = cell.as_mut().discard() {
            let line = format_args!("{error}; that was in its output's destructor");
            foreign::tell(Level::Error, foreign::TASK, line);
            foreign::bury(error);
        }
        let is_vacant = cell.as_mut().vacant().is_some();
        let mut tasks = self.tasks.borrow_mut();
        tasks.slots[id.slot()].cell = Some(cell);
        let rest = tasks.retire(id.slot(), is_vacant);
        drop(tasks);
        drop(rest);
    }
}
