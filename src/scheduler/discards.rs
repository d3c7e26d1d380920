//! Outputs that wait to be dropped, because a destructor that runs already has let go of their handles.
//!
//! A list that frees its head, which frees its next, and so on, needs a stack as deep as it is long; and a stack overflow is
//! no panic that could be caught. Here the destructor that was first is on the stack, and the others wait for it in a queue.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::task::cell::TaskCell;
use crate::task::id::TaskId;

#[derive(Default)]
pub(super) struct Discards {
    is_going_on: Cell<bool>,
    /// Each with its slot, which is kept from being reused until the output is gone.
    queue: RefCell<VecDeque<(TaskId, TaskCell)>>,
}

impl Discards {
    /// Whether the caller is the first. It drops its output, and then those that it is [handed](Self::next_or_end); nothing
    /// may unwind out of it meanwhile.
    pub(super) fn begin(&self) -> bool {
        !self.is_going_on.replace(true)
    }

    /// An output that has to wait.
    pub(super) fn push(&self, id: TaskId, cell: TaskCell) {
        self.queue.borrow_mut().push_back((id, cell));
    }

    /// The output that has waited longest. With `None`, the first one's turn is over.
    pub(super) fn next_or_end(&self) -> Option<(TaskId, TaskCell)> {
        let next = self.queue.borrow_mut().pop_front();
        self.is_going_on.set(next.is_some());
        next
    }
}
