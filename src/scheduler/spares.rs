//! Places that a task has left, kept as they are for the next one of its kind.
//!
//! Programs have few kinds of tasks, and the next one is mostly of the same kind. Its future then goes into the cell that
//! is there already, and neither the slab nor the allocator is asked.

use slab::Slab;

use super::tasks::Slot;
use crate::task::cell::TaskCell;

const SHELVES: usize = 16;
/// A shelf holds so much at most: a loop must not sit on all that it once needed for a moment. What is beyond it goes back to
/// the allocator, which looks at its neighbours in memory: 7 % of the processor time where 100,000 timers fire, and their
/// tasks end, within 200 ms.
const SHELF_BYTES: usize = 16 << 20;
/// And no cell that is larger than this.
const CELL_BYTES: usize = 1 << 20;
/// Under the lowest.
const NONE: u32 = u32::MAX;

/// Slots whose task is gone and whose cell is vacant, on shelves by the size of the cell. Whether a cell is of the right
/// type, the cell itself must say.
pub(super) struct Spares {
    shelves: [Shelf; SHELVES],
}

/// A stack that needs no memory: a slot without a tenant has no serial number, and says there which slot lies under it.
#[derive(Clone, Copy)]
struct Shelf {
    top: u32,
    count: u32,
}

impl Spares {
    pub(super) fn new() -> Self {
        let empty = Shelf {
            top: NONE,
            count: 0,
        };
        Self {
            shelves: [empty; SHELVES],
        }
    }

    /// Keeps a slot and its vacant cell. If there is no room left, the one that was kept last has to go, and back comes its
    /// cell: what was used just now is likely to be in the processor's cache.
    #[inline]
    pub(super) fn keep(&mut self, slots: &mut Slab<Slot>, key: usize) -> Option<TaskCell> {
        let size = size_of_val(&**slots[key].cell.as_ref()?);
        let shelf = self.shelf(size);
        if size > CELL_BYTES || (shelf.count as usize + 1) * size > SHELF_BYTES {
            return shelf.exchange(slots, key, size);
        }
        shelf.push(slots, key);
        None
    }

    /// The one that was left last.
    #[inline]
    pub(super) fn take(&mut self, slots: &mut Slab<Slot>, size: usize) -> Option<usize> {
        self.shelf(size).pop(slots)
    }

    /// Any of them, of whatever size.
    pub(super) fn take_any(&mut self, slots: &mut Slab<Slot>) -> Option<usize> {
        self.shelves.iter_mut().find_map(|shelf| shelf.pop(slots))
    }

    fn shelf(&mut self, size: usize) -> &mut Shelf {
        &mut self.shelves[size / 8 % SHELVES]
    }
}

impl Shelf {
    #[inline]
    fn push(&mut self, slots: &mut Slab<Slot>, key: usize) {
        slots[key].serial = self.top;
        self.top = key as u32;
        self.count += 1;
    }

    #[inline]
    fn pop(&mut self, slots: &mut Slab<Slot>) -> Option<usize> {
        if self.top == NONE {
            return None;
        }
        let key = self.top as usize;
        self.top = slots[key].serial;
        self.count -= 1;
        Some(key)
    }

    /// Keeps this one instead of the top, and frees that; or this one, if it is too large to be kept.
    #[cold]
    fn exchange(&mut self, slots: &mut Slab<Slot>, key: usize, size: usize) -> Option<TaskCell> {
        if size > CELL_BYTES {
            return slots.remove(key).cell;
        }
        let top = self.pop(slots)?;
        self.push(slots, key);
        slots.remove(top).cell
    }
}
