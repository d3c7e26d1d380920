//! Which of two tasks is older, for the life of a loop.
//!
//! A serial has 28 bits and comes round after 2^28 spawns, so it does not say which of two tasks is older. A wider serial
//! would be four bytes more in every slot, for all loops; this table is four bytes a slot, for a loop that has spawned 2^28
//! tasks, and empty before.

use crate::task::id::{SERIALS, TaskId};

/// How often the serials had come round when the task of each slot was spawned. A slot beyond the end has zero.
#[derive(Default)]
pub(super) struct Ages(Vec<u32>);

impl Ages {
    /// A task is spawned into that slot of so many, and so many were spawned before it.
    #[inline]
    pub(super) fn note(&mut self, slot: usize, slots: usize, spawned: u64) {
        if spawned >= SERIALS {
            self.note_round(slot, slots, (spawned / SERIALS) as u32);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_round(&mut self, slot: usize, slots: usize, round: u32) {
        if slot >= self.0.len() {
            self.0.resize(slots, 0);
        }
        self.0[slot] = round;
    }

    /// How many tasks there had been when this one was spawned. It has its slot still.
    pub(super) fn birth(&self, id: TaskId) -> u64 {
        let round = self.0.get(id.slot()).copied().unwrap_or(0);
        u64::from(round) * SERIALS + u64::from(id.serial())
    }
}
