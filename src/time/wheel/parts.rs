//! A slot that is dealt out in parts.
//!
//! A coarse slot may hold a million timers. To deal them all out at once would keep every socket
//! waiting. So `pop_due` has a *budget*: a timer that is dealt out takes one from it, and so does a
//! timer that fires. At zero `pop_due` stops, and the next look goes on. While a slot is dealt out
//! in parts, four rules keep the three properties of the [chapter](super):
//!
//! 1. `elapsed` is the first tick of the slot from the first part on. A timer that is dealt out
//!    goes to a finer level; the rest stays in the list of the slot, and `dealing` is the level of
//!    that list.
//! 2. No timer fires from a finer level before the rest is gone: an earlier deadline may be in the
//!    rest. (`first_slot` begins to search at `dealing`.)
//! 3. A timer that is armed or reset within the range of the slot joins the rest, at its tail. On a
//!    finer level it would stand before timers of the rest that have the same deadline and were
//!    armed before. (`level_of` is `dealing` at least.)
//! 4. As long as there is a rest, the next deadline is the slot's first tick. That tick has passed,
//!    so the loop comes back at once.
//!
//! Timers of one range can now be in two lists. So each entry keeps the row of its list, in five
//! bits beside a link, and a timer of the rest is cancelled or reset in O(1) like any other. If the
//! last timer of the rest is cancelled, the dealing is over.

use std::hint::black_box;
use std::mem;

use super::{List, NIL, Wheel, prev_of, slot_of};

impl<T> Wheel<T> {
    /// Deals the timers of a slot out to finer levels, in their order, as many as `budget` allows. `elapsed` is its
    /// first tick.
    pub(super) fn deal(&mut self, level: usize, slot: usize, budget: &mut usize) {
        let (from, slot) = self.source(level, slot);
        let is_begun = mem::take(&mut self.dealing) > 0;
        let List { tail, count, .. } = self.lists[self.row(from)][slot];
        let piece = (count as usize).min(*budget);
        *budget -= piece;
        let scout = if is_begun { self.scout } else { tail };
        self.scout = self.pour(from, slot, piece, scout, Self::link);
        if self.lists[self.row(from)][slot].count == 0 {
            self.occupied[from] &= !(1 << slot);
        }
        if self.occupied[level] & 1 << slot_of(self.elapsed, level) != 0 {
            self.dealing = level;
        }
    }

    /// Takes the first timers of a slot out of its list, and links each by `link`, in their order.
    ///
    /// The timers of a slot lie far apart in the table, and each links to the next, so the processor would wait for the
    /// memory once for each. The scout reads the list from the other end: two fetches are under way at a time, and from
    /// the middle on all timers are in the cache. Returns how far the scout has come.
    pub(super) fn pour(
        &mut self,
        level: usize,
        slot: usize,
        piece: usize,
        mut scout: u32,
        link: impl Fn(&mut Self, u32),
    ) -> u32 {
        let row = self.row(level);
        let List { head, count, .. } = self.lists[row][slot];
        let mut index = head;
        for _ in 0..piece {
            let next = self.entry(index).next;
            if scout != NIL {
                // If that entry has moved, the link is of another list, or none: the look is useless, not wrong.
                scout = black_box(self.entry(scout).prev & NIL);
            }
            link(self, index);
            index = next;
        }
        let list = &mut self.lists[row][slot];
        (list.head, list.count) = (index, count - piece as u32);
        if list.count > 0 {
            self.entry_mut(index).prev = prev_of(row, NIL);
        }
        scout
    }
}
