//! One slot of the slab: a task, from its spawning until nothing needs the slot any more.

use super::joiner::Joiner;
use crate::task::cell::TaskCell;

/// Needed by the scheduler until the task has finished, by the ready queue while it is in there, and by each handle.
pub(super) struct Slot {
    /// Not here while it is polled, and not after its output has been taken. In a spare slot it is vacant.
    pub(super) cell: Option<TaskCell>,
    /// Who awaits the handle. In a spare slot: the size of the cell.
    pub(super) joiner: Joiner,
    /// The task's number is this, the slot's own, and the loop's. In a spare slot: which one lies under it.
    pub(super) serial: u32,
    /// How many handles keep this slot from being reused.
    pub(super) handles: u16,
    pub(super) is_queued: bool,
    pub(super) life: Life,
}

// What a parked task takes is this, its cell, and four bytes in the queue.
const _: () = assert!(size_of::<Slot>() == 32);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    /// To be dropped instead of polled.
    Aborted,
    Finished,
}

impl Slot {
    pub(super) const NEW: Self = Self {
        cell: None,
        joiner: Joiner::NOBODY,
        serial: 0,
        handles: 1,
        is_queued: true,
        life: Life::Alive,
    };

    pub(super) fn is_finished(&self) -> bool {
        self.life == Life::Finished
    }

    /// One handle more. A count that has come to its end stays there, and the slot is never reused.
    pub(super) fn hold(&mut self) {
        self.handles = self.handles.saturating_add(1);
    }

    pub(super) fn let_go(&mut self) {
        if self.handles != u16::MAX {
            self.handles -= 1;
        }
    }

    pub(super) fn is_needed(&self) -> bool {
        !self.is_finished() || self.is_queued || self.handles > 0
    }
}
