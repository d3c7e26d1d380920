//! Tuning: keeps the slots and cells of finished tasks for the next tasks of their kind.
//!
//! The plain form gives the cell back to the allocator and the slot back to the slab. But programs have few kinds of tasks,
//! so the next task is mostly of the same kind, and its future fits into the cell that is there already. `cargo bench
//! --bench core spawn`: a spawn and join takes 39 ns instead of 54, one of a thousand at once 25 instead of 38, and with 1
//! KiB each 46 instead of 215. Held by the bound of `spawn_join` in `benches/bounds.toml`.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;

use super::joiner::Joiner;
use super::slot::Slots;
use crate::task::cell::TaskCell;

const SHELVES: usize = 16;
/// The most that all shelves together hold: a loop must not keep all that it once needed for a moment. A cell beyond it goes
/// back to the allocator, which then looks at the neighbouring memory: 7 % of the processor time where 100,000 timers fire,
/// and their tasks end, within 200 ms.
/// Guarded by tests/allocations/spare_cells.rs::sixteen_megabytes_are_kept_at_most_whatever_the_sizes_and_their_order.
pub(super) const SPARE_BYTES: usize = 16 << 20;
/// So much is kept for ever.
pub(crate) const FEW_BYTES: usize = 64 << 10;
/// The size of the largest cell that is kept.
pub(super) const CELL_BYTES: usize = 1 << 20;
/// After so many freed cells the allocator is asked for a large piece of memory: *bounded-look*.
///
/// glibc puts a small piece of memory that is freed on a list. When a large piece is requested or freed, glibc joins all the
/// pieces on its lists with their neighbours in that one call. After a burst of small tasks that is a million pieces, and
/// one poll takes 100 ms. A regular request for a large piece makes glibc do that work in small parts. With another
/// allocator it costs one allocation in so many freed cells.
///
/// The longest wait of a socket, beside a million timers that are due within a second, falls from 100 ms to some 3 ms;
/// without the timers it is 2.5 ms: `cargo bench --bench compare -- --rows wait_timers_1s,wait_quiet`. The price is 15 % of
/// the processor time where a million tasks sleep and end within a second (the row `fire_1m`), and nothing where the cells
/// are kept. Parts of 16 to 256 cost the same; larger parts cost more, because their pieces have left the processor's cache.
/// Guarded by tests/allocations/spare_cells.rs::the_allocator_tidies_up_in_small_parts_behind_a_burst_of_small_tasks.
const FREED_AT_ONCE: u32 = 64;
/// An allocation that every version of glibc calls large.
const LARGE: usize = 4096;
/// Marks the end of a shelf: no slot lies under the lowest one.
const NONE: u32 = u32::MAX;

/// Slots without a task, each with a vacant cell, on shelves by the size of the cell. Only the cell itself knows whether its
/// type is the right one.
pub(super) struct Spares {
    shelves: [Shelf; SHELVES],
    /// How many bytes the kept cells may take: [`FEW_BYTES`], until that is too little and the loop has been told so; then
    /// [`SPARE_BYTES`]. One shelf has cells of many sizes, so bytes are counted.
    most: u32,
    /// How many bytes of them are free.
    room: u32,
    /// A cell that is larger than this is not kept: [`CELL_BYTES`], or zero while the table is evacuated.
    largest: u32,
    /// Set when the limit is raised.
    has_grown: Rc<Cell<bool>>,
    /// How many cells were freed since the allocator was last asked for a large piece.
    freed: u32,
}

/// A stack of slots that needs no memory of its own: each slot holds the index of the next.
#[derive(Clone, Copy)]
struct Shelf {
    top: u32,
}

impl Spares {
    /// `has_grown` is set when more than [`FEW_BYTES`] are kept.
    pub(super) fn new(has_grown: Rc<Cell<bool>>) -> Self {
        Self {
            shelves: [Shelf { top: NONE }; SHELVES],
            most: FEW_BYTES as u32,
            room: FEW_BYTES as u32,
            largest: CELL_BYTES as u32,
            has_grown,
            freed: 0,
        }
    }

    /// Keeps a slot and its vacant cell, which has `size` bytes. If the cell is too large, it is returned, and its slot is free.
    #[inline(always)]
    pub(super) fn keep(
        &mut self,
        slots: &mut Slots,
        index: usize,
        size: usize,
    ) -> Option<TaskCell> {
        if size > self.largest as usize {
            return slots.take(index);
        }
        while size > self.room as usize {
            self.make_room(slots, size);
        }
        self.room -= size as u32;
        self.shelf(size).push(slots, index, size);
        None
    }

    /// Takes the slot that was left last.
    #[inline]
    pub(super) fn take(&mut self, slots: &mut Slots, size: usize) -> Option<usize> {
        let (index, size) = self.shelf(size).pop(slots)?;
        self.room += size as u32;
        Some(index)
    }

    /// Takes any slot, of any size.
    pub(super) fn take_any(&mut self, slots: &mut Slots) -> Option<usize> {
        let (index, size) = self.shelves.iter_mut().find_map(|shelf| shelf.pop(slots))?;
        self.room += size as u32;
        Some(index)
    }

    /// Makes room for a cell: raises the limit once, or frees a kept slot. First choice is the slot that was left last on the
    /// newcomer's own shelf, since that memory is probably in the processor's cache. If that shelf is empty, the program has
    /// gone on to tasks of another kind, and a slot of another size is freed. The cell is vacant, so only the allocator's code
    /// runs.
    #[cold]
    fn make_room(&mut self, slots: &mut Slots, size: usize) {
        if (self.most as usize) < SPARE_BYTES {
            self.limit_to(SPARE_BYTES);
            return self.has_grown.set(true);
        }
        let index = self
            .take(slots, size)
            .or_else(|| self.take_any(slots))
            .expect("a cell that may be kept fits where nothing is kept");
        self.free(slots, index);
    }

    fn free(&mut self, slots: &mut Slots, index: usize) {
        slots.free(index);
        self.freed += 1;
        if self.freed == FREED_AT_ONCE {
            self.freed = 0;
            ask_for_a_large_piece();
        }
    }

    /// Frees cells as long as more than `goal` bytes are kept, [`FREED_AT_ONCE`] cells at most.
    pub(super) fn free_some(&mut self, slots: &mut Slots, goal: usize) {
        for _ in 0..FREED_AT_ONCE {
            if self.bytes() <= goal {
                break;
            }
            if let Some(index) = self.take_any(slots) {
                self.free(slots, index);
            }
        }
    }

    /// Whether cells are kept from now on.
    pub(super) fn keep_any(&mut self, may_keep: bool) {
        self.largest = if may_keep { CELL_BYTES as u32 } else { 0 };
    }

    /// When more than [`FEW_BYTES`] are kept again, `has_grown` is set again.
    pub(super) fn tell_again(&mut self) {
        self.limit_to(FEW_BYTES);
    }

    /// No more than `most` are kept now.
    fn limit_to(&mut self, most: usize) {
        self.room = (most - self.bytes()) as u32;
        self.most = most as u32;
    }

    pub(super) fn bytes(&self) -> usize {
        (self.most - self.room) as usize
    }

    fn shelf(&mut self, size: usize) -> &mut Shelf {
        &mut self.shelves[size / 8 % SHELVES]
    }
}

/// Asks the allocator for a large piece of memory, and gives it back. If there is none, nothing is lost.
fn ask_for_a_large_piece() {
    let mut piece = Vec::<u8>::new();
    let _ = black_box(piece.try_reserve_exact(LARGE));
    drop(black_box(piece));
}

impl Shelf {
    #[inline]
    fn push(&mut self, slots: &mut Slots, index: usize, size: usize) {
        // In a slot without a task, `serial` holds the index of the slot below, and `joiner` the size of the cell.
        let slot = &mut slots[index];
        slot.serial = self.top;
        slot.joiner = Joiner::size_of_spare(size);
        self.top = index as u32;
    }

    #[inline]
    fn pop(&mut self, slots: &Slots) -> Option<(usize, usize)> {
        if self.top == NONE {
            return None;
        }
        let index = self.top as usize;
        let slot = &slots[index];
        self.top = slot.serial;
        Some((index, slot.joiner.spare_size()))
    }
}
