//! What is noted of a task when it is spawned, by slot: how old it is, and in a loop that is observed, who spawned it.
//!
//! A serial has 28 bits and comes round after 2^28 spawns, so it does not say which of two tasks is older. A wider serial
//! would be four bytes more in every slot, for all loops; the table of rounds is four bytes a slot, for a loop that has spawned
//! 2^28 tasks, and empty before. The table of births is for a loop that was built with
//! [`Builder::observe`](crate::Builder::observe). One comparison at each spawn stands before both: a loop that is observed begins
//! with the second round.

use std::panic::Location;
use std::time::Instant;

use crate::task::id::{SERIALS, TaskId};

/// A spawn, as an observed loop remembers it for as long as the task has its slot.
pub(super) struct Birth {
    /// Which task it is about. The slot may have another tenant by now.
    pub(super) id: TaskId,
    pub(super) parent: Option<TaskId>,
    pub(super) at: Instant,
    /// The cell has these two as well, but nobody can ask the cell while the task is polled.
    pub(super) name: Option<Box<str>>,
    pub(super) location: &'static Location<'static>,
}

#[derive(Default)]
pub(super) struct Ages {
    /// How often the serials had come round when the task of each slot was spawned. A slot beyond the end has zero.
    rounds: Vec<u32>,
    births: Vec<Option<Birth>>,
    is_observed: bool,
}

impl Ages {
    /// From now on births are noted.
    pub(super) fn observe(&mut self) {
        self.is_observed = true;
    }

    pub(super) fn is_observed(&self) -> bool {
        self.is_observed
    }

    /// A task is spawned into that slot of so many, and so many were spawned before it.
    pub(super) fn note_round(&mut self, slot: usize, slots: usize, spawned: u64) {
        if slot >= self.rounds.len() {
            self.rounds.resize(slots, 0);
        }
        self.rounds[slot] = (spawned / SERIALS) as u32;
    }

    pub(super) fn note_birth(&mut self, slots: usize, birth: Birth) {
        let slot = birth.id.slot();
        if slot >= self.births.len() {
            self.births.resize_with(slots, || None);
        }
        self.births[slot] = Some(birth);
    }

    /// How many tasks there had been when this one was spawned. It has its slot still.
    pub(super) fn age_of(&self, id: TaskId) -> u64 {
        let round = self.rounds.get(id.slot()).copied().unwrap_or(0);
        u64::from(round) * SERIALS + u64::from(id.serial())
    }

    /// Tasks in the order of their spawning. They have their slots still.
    pub(super) fn oldest_first(&self, ids: impl Iterator<Item = TaskId>) -> Vec<TaskId> {
        // With its age beside it, a task is too large for the sorting networks of the standard library: 24 KB of every program.
        let mut ids: Vec<(u64, TaskId)> = ids.map(|id| (self.age_of(id), id)).collect();
        ids.sort_unstable_by_key(|&(age, _)| age);
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// What is known of the spawn of a task.
    pub(super) fn birth_of(&self, id: TaskId) -> Option<&Birth> {
        let birth = self.births.get(id.slot())?.as_ref();
        birth.filter(|birth| birth.id == id)
    }
}
