//! Tuning: a crowded slot is dealt out before its time, a few timers at each look.
//!
//! The plain form deals a slot out when its first tick has come. No timer of that slot fires before the last of them is dealt
//! out. Where a million timers are due within a second, a slot of level 3 has 270,000 of them, which takes ten milliseconds,
//! and a slot of level 2 has 4,000, which takes 0.2.
//!
//! So each level has a second row of slots. While the second half of a slot of a level passes, its next slot is dealt out into
//! the second row of the finer level. When the first tick of that next slot has come, the finer level's own row is empty, since
//! finer is earlier; and the two rows change places, which is one bit:
//!
//! ```text
//!                            elapsed
//!                               v
//!   level 3   . . . . . . . . [ 8 ][ 9 ]. . .         slot 9 has 300,000 timers
//!                                    |
//!                                    deal_ahead: some at each look, in their order
//!                                    v
//!   level 2   own row      . . . . [ 58 ]. . .        of slot 8
//!             row ahead    [0][1][2][3][4] ..         of slot 9
//!
//!   elapsed reaches 9 0 0 0: enter changes the rows; slot 9 has what was armed since
//! ```
//!
//! The properties of the [chapter](super) hold, by three rules:
//!
//! 1. A timer that is armed within the range of the next slot joins the list of that slot, as ever. So each timer in the row
//!    ahead was armed before each timer that is still in the list. The slot counts as occupied while the row ahead holds timers
//!    of it.
//! 2. `enter` leaves two lists at the first tick: slot 0 of the finer level, which was dealt out ahead, and the rest of the slot.
//!    `source` takes slot 0 first. A timer of the rest that belongs there goes to a finer level, and never joins slot 0.
//! 3. While there is a rest, a timer that is armed in the range of the slot joins the rest, as in any dealing.
//!
//! Most timers are cancelled, and then the dealing ahead was in vain. So a slot is dealt out ahead only if it is crowded and
//! near: more than [`CROWD`] timers, of level [`COARSE`] or above, and at most half of such a slot before its first tick.
//!
//! In that half the slot is dealt out evenly. A look that dealt out as many as it may would take twice as long as one that only
//! fires, and so would all looks of the next millisecond. Where timers are due as fast as that, they would fall behind.
//!
//! `cargo bench --bench compare -- --rows fire_1m`: the last hundredth of a million timers, and the longest stall. Guarded by
//! tests/time/wheel_model.rs::a_slot_that_is_dealt_out_ahead_needs_no_dealing_at_its_first_tick,
//! tests/time/wheel_model.rs::a_slot_is_dealt_out_ahead_in_step_with_the_time and
//! tests/time/wheel_model.rs::equal_deadlines_fire_in_the_order_of_arming_though_some_are_dealt_out_ahead.

use std::mem;

use super::{CROWD, DIGIT, LEVELS, NIL, SLOTS, Wheel, slot_of};

/// The first level whose slots are dealt out ahead. A slot of this level is 4 ms. A slot of the level below is 65 us, and takes
/// no longer to deal out than a few timers take to fire.
const COARSE: usize = 2;

impl<T> Wheel<T> {
    /// Deals timers out ahead, `most` at most, of the crowded slots that are near. Returns how many of the `most` are left.
    pub(crate) fn deal_ahead(&mut self, mut most: usize) -> usize {
        let since = mem::replace(&mut self.dealt_until, self.elapsed);
        for level in COARSE..LEVELS {
            let next = slot_of(self.elapsed, level) + 1;
            let is_near = slot_of(self.elapsed, level - 1) >= SLOTS / 2;
            if !is_near || next == SLOTS {
                continue;
            }
            let count = self.lists[self.row(level)][next].count as usize;
            if count > CROWD {
                let piece = self.share(level, next, count, since).min(most);
                // The bit of the slot stays: see rule 1.
                self.pour(level, next, piece, NIL, |wheel, index| {
                    wheel.link_ahead(level, index);
                });
                most -= piece;
            }
        }
        most
    }

    /// How many of the `rest` of a slot to deal out ahead now, so that the rest shrinks evenly until the slot's first tick.
    /// `since` is when the last were dealt out.
    fn share(&self, level: usize, next: usize, rest: usize, since: u64) -> usize {
        let first_tick = self.first_tick(level, next);
        let half = 1 << (level as u32 * DIGIT - 1);
        let since = since.max(first_tick - half);
        // The product of a count and a time may need more than 64 bits.
        let share =
            rest as u128 * u128::from(self.elapsed - since) / u128::from(first_tick - since);
        share as usize
    }

    /// Links a timer of the next slot of a level in the finer level's row ahead.
    fn link_ahead(&mut self, level: usize, index: u32) {
        let slot = slot_of(self.entry(index).deadline, level - 1);
        if self.append(index, self.row(level - 1) ^ 1, slot) {
            self.ahead[level] |= 1 << slot;
            self.is_ahead = true;
        }
    }

    /// `elapsed` has come to the first tick of a slot. Returns how many timers of the slot are not dealt out.
    pub(super) fn enter(&mut self, level: usize, slot: usize) -> u32 {
        if self.ahead[level] != 0 {
            // Finer is earlier: the finer level's own row is empty.
            self.rows[level - 1] ^= 1;
            self.occupied[level - 1] = mem::take(&mut self.ahead[level]);
            self.is_ahead = self.ahead != [0; LEVELS];
        }
        let rest = self.lists[self.row(level)][slot].count;
        if rest == 0 {
            self.occupied[level] &= !(1 << slot);
        }
        rest
    }

    /// The slot that `deal` takes next, for a slot that has a rest.
    pub(super) fn source(&self, level: usize, slot: usize) -> (usize, usize) {
        match self.level_before_the_rest(level) {
            0 => (level, slot),
            finer => (finer, 0),
        }
    }

    /// The level whose slot 0 has been dealt out ahead, and comes before the rest of a slot of `level`. 0 if there is none.
    pub(super) fn level_before_the_rest(&self, level: usize) -> usize {
        match level {
            COARSE.. if self.occupied[level - 1] & 1 != 0 => level - 1,
            _ => 0,
        }
    }

    /// Whether timers of that slot have been dealt out ahead.
    pub(super) fn has_ahead(&self, level: usize, slot: usize) -> bool {
        self.ahead[level] != 0 && slot == slot_of(self.elapsed, level) + 1
    }

    /// Whether the earliest deadline of a slot is not worth a search.
    pub(super) fn is_crowded(&self, level: usize, slot: usize) -> bool {
        self.lists[self.row(level)][slot].count as usize > CROWD
            || self.armed > CROWD && self.has_ahead(level, slot)
    }

    /// The earliest deadline of those that have been dealt out of the slot ahead.
    pub(super) fn earliest_ahead(&self, level: usize, slot: usize) -> u64 {
        if !self.has_ahead(level, slot) {
            return u64::MAX;
        }
        let first = self.ahead[level].trailing_zeros() as usize;
        self.earliest_of(self.row(level - 1) ^ 1, first)
    }

    /// The last timer of a list has left, while a slot is being dealt out, or has been dealt out ahead.
    #[cold]
    pub(super) fn vacate_in_a_dealing(&mut self, row: usize, slot: usize) {
        let level = row / 2;
        if row != self.row(level) {
            return self.vacate_ahead(level + 1, slot);
        }
        if self.has_ahead(level, slot) {
            return;
        }
        self.occupied[level] &= !(1 << slot);
        if level == self.dealing && slot == slot_of(self.elapsed, level) {
            // It was the last of the rest.
            self.dealing = self.level_before_the_rest(level);
        }
    }

    /// The last timer of a list in the row ahead of a slot of `level` has left.
    fn vacate_ahead(&mut self, level: usize, slot: usize) {
        self.ahead[level] &= !(1 << slot);
        self.is_ahead = self.ahead != [0; LEVELS];
        let next = slot_of(self.elapsed, level) + 1;
        if self.ahead[level] == 0 && self.lists[self.row(level)][next].count == 0 {
            self.occupied[level] &= !(1 << next);
        }
    }
}
