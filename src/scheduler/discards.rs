//! The outputs that wait to be dropped; see `outputs.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::task::cell::TaskCell;
use crate::task::id::TaskId;

#[derive(Default)]
pub(super) struct Discards {
    /// Whether an output is being dropped at this moment, further down the stack.
    pub(super) is_going_on: Cell<bool>,
    /// Each output with its slot, which is not reused until the output is gone.
    pub(super) queue: RefCell<VecDeque<(TaskId, TaskCell)>>,
}
