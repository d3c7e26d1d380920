//! The outputs that wait to be dropped; see `outputs.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::task::cell::TaskCell;
use crate::task::id::TaskId;

#[derive(Default)]
pub(super) struct Discards {
    /// An output is being dropped at this moment, further down on the stack.
    pub(super) is_going_on: Cell<bool>,
    /// Each with its slot, which is kept from being reused until the output is gone.
    pub(super) queue: RefCell<VecDeque<(TaskId, TaskCell)>>,
}
