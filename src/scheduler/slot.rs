//! One slot of the slab: a task, from its spawning until nothing needs the slot any more.

use std::mem;
use std::ops::{Deref, DerefMut, Index, IndexMut};

use slab::Slab;

use super::joiner::Joiner;
use crate::task::cell::TaskCell;

/// The scheduler needs a slot until its task has finished, the ready queue while the slot is queued, and each handle until
/// it is dropped.
pub(super) struct Slot {
    /// `None` while the task is polled, and after its output has been taken. In a spare slot: the vacant cell.
    pub(super) cell: Option<TaskCell>,
    /// The task that awaits the handle. In a spare slot: the size of the cell.
    pub(super) joiner: Joiner,
    /// The serial, the slot's index and the loop's index make the task's number. In a spare slot: the index of the slot
    /// below it on the shelf.
    pub(super) serial: u32,
    /// How many handles keep this slot from being reused.
    pub(super) handles: u16,
    pub(super) is_queued: bool,
    pub(super) life: Life,
}

// A parked task takes a slot, a cell, and four bytes in the queue.
const _: () = assert!(size_of::<Slot>() == 32);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    /// The future is dropped at the task's turn, and not polled.
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

    /// Puts a cell into the slot, which has none.
    #[inline]
    pub(super) fn put(&mut self, cell: TaskCell) {
        // Not an assignment, which drops what was there: code at each place, for nothing.
        let nothing = self.cell.replace(cell);
        debug_assert!(nothing.is_none());
        mem::forget(nothing);
    }

    pub(super) fn is_finished(&self) -> bool {
        self.life == Life::Finished
    }

    /// Counts one handle more. A count that has reached its maximum stays there, and the slot is never reused.
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

/// The slots of a loop. What may panic, and what drops a cell, is here in one place, or it would be code at each place: 1.7 KB.
pub(super) struct Slots(Slab<Slot>);

impl Slots {
    pub(super) fn new() -> Self {
        Self(Slab::new())
    }

    // `Index` would name the line of each caller in the message of a panic.
    #[inline(always)]
    fn at(&self, index: usize) -> &Slot {
        &self.0[index]
    }

    #[inline(always)]
    fn at_mut(&mut self, index: usize) -> &mut Slot {
        &mut self.0[index]
    }

    /// Takes the cell out of a slot, and frees the slot.
    #[inline]
    pub(super) fn take(&mut self, index: usize) -> Option<TaskCell> {
        self.0.remove(index).cell
    }

    /// Frees a slot, and drops the cell in it.
    #[inline(never)]
    pub(super) fn free(&mut self, index: usize) {
        self.take(index);
    }
}

impl Index<usize> for Slots {
    type Output = Slot;

    #[inline(always)]
    fn index(&self, index: usize) -> &Slot {
        self.at(index)
    }
}

impl IndexMut<usize> for Slots {
    #[inline(always)]
    fn index_mut(&mut self, index: usize) -> &mut Slot {
        self.at_mut(index)
    }
}

impl Deref for Slots {
    type Target = Slab<Slot>;

    #[inline(always)]
    fn deref(&self) -> &Slab<Slot> {
        &self.0
    }
}

impl DerefMut for Slots {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Slab<Slot> {
        &mut self.0
    }
}
