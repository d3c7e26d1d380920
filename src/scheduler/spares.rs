//! Places that a task has left, kept as they are for the next one of its kind.
//!
//! Programs have few kinds of tasks, and the next one is mostly of the same kind. Its future then goes into the cell that
//! is there already, and neither the slab nor the allocator is asked.

use std::array;

const SHELVES: usize = 16;
const SHELF_BYTES: usize = 128 * 1024;
/// What is larger goes back to the allocator at once: a loop must not sit on megabytes because it once ran a large task.
const LARGEST: usize = 32 * 1024;

/// Slots whose task is gone and whose cell is vacant, on shelves by the size of the cell. Whether a cell is of the right
/// type, the cell itself must say.
pub(super) struct Spares {
    shelves: [Vec<u32>; SHELVES],
    pub(super) count: usize,
}

impl Spares {
    pub(super) fn new() -> Self {
        Self {
            shelves: array::from_fn(|_| Vec::new()),
            count: 0,
        }
    }

    /// `false` if there is no room for it.
    #[inline]
    pub(super) fn keep(&mut self, slot: usize, size: usize) -> bool {
        let shelf = self.shelf(size);
        if shelf.len() == shelf.capacity() {
            if shelf.capacity() > 0 || size > LARGEST || size == 0 {
                return false;
            }
            // Once in the life of a loop, so that no join ever allocates.
            shelf.reserve_exact(SHELF_BYTES / size);
        }
        shelf.push(slot as u32);
        self.count += 1;
        true
    }

    /// The one that was left last, so it is likely to be in the processor's cache.
    #[inline]
    pub(super) fn take(&mut self, size: usize) -> Option<usize> {
        let slot = self.shelf(size).pop()?;
        self.count -= 1;
        Some(slot as usize)
    }

    /// Any of them, of whatever size.
    pub(super) fn take_any(&mut self) -> Option<usize> {
        let slot = self.shelves.iter_mut().find_map(Vec::pop)?;
        self.count -= 1;
        Some(slot as usize)
    }

    fn shelf(&mut self, size: usize) -> &mut Vec<u32> {
        &mut self.shelves[size / 8 % SHELVES]
    }
}
