//! What is noted of a task at its spawn: its age, and in an observed loop its parent.
//!
//! A serial has 28 bits and comes round after 2^28 spawns, so two serials do not say which task is older. A wider serial
//! would take four more bytes in every slot of every loop. The table of rounds takes four bytes a slot, but only in a loop
//! that has spawned 2^28 tasks. The table of births is for a loop that was built with
//! [`Builder::observe`](crate::Builder::observe). One comparison at each spawn guards both tables: an observed loop begins
//! with the second round.

use std::collections::BinaryHeap;
use std::panic::Location;
use std::time::Instant;

use crate::task::id::{SERIALS, TaskId};

/// The spawn of a task. An observed loop remembers it as long as the task has its slot.
pub(super) struct Birth {
    /// The task. Its slot may have another tenant by now.
    pub(super) id: TaskId,
    pub(super) parent: Option<TaskId>,
    pub(super) at: Instant,
    /// The cell has these two as well, but the cell cannot be read while the task is polled.
    pub(super) name: Option<Box<str>>,
    pub(super) location: &'static Location<'static>,
}

/// The births of an observed loop: a trait object, so that a program that observes no loop does not contain the table.
pub(super) trait Births {
    /// Notes a birth when there are `slots` slots.
    fn note(&mut self, slots: usize, id: TaskId, parent: Option<TaskId>, about: About<'_>);

    fn of(&self, id: TaskId) -> Option<&Birth>;
}

/// The name of a task, and the line that spawned it.
pub(super) type About<'a> = (Option<&'a str>, &'static Location<'static>);

/// By slot.
#[derive(Default)]
struct Table(Vec<Option<Birth>>);

impl Births for Table {
    fn note(
        &mut self,
        slots: usize,
        id: TaskId,
        parent: Option<TaskId>,
        (name, location): About<'_>,
    ) {
        if id.slot() >= self.0.len() {
            self.0.resize_with(slots, || None);
        }
        self.0[id.slot()] = Some(Birth {
            id,
            parent,
            at: Instant::now(),
            name: name.map(Box::from),
            location,
        });
    }

    fn of(&self, id: TaskId) -> Option<&Birth> {
        let birth = self.0.get(id.slot())?.as_ref();
        birth.filter(|birth| birth.id == id)
    }
}

#[derive(Default)]
pub(super) struct Ages {
    /// How often the serials had come round when each slot's task was spawned. A slot beyond the end has zero.
    rounds: Vec<u32>,
    pub(super) births: Option<Box<dyn Births>>,
}

impl Ages {
    /// From now on births are noted.
    pub(super) fn observe(&mut self) {
        self.births = Some(Box::new(Table::default()));
    }

    pub(super) fn is_observed(&self) -> bool {
        self.births.is_some()
    }

    /// Notes a spawn into `slot`, when there are `slots` slots and `spawned` tasks were spawned before.
    pub(super) fn note_round(&mut self, slot: usize, slots: usize, spawned: u64) {
        while self.rounds.len() < slots {
            self.rounds.push(0);
        }
        self.rounds[slot] = (spawned / SERIALS) as u32;
    }

    /// How many tasks were spawned before this one. The task must still have its slot.
    pub(super) fn age_of(&self, id: TaskId) -> u64 {
        let round = self.rounds.get(id.slot()).copied().unwrap_or(0);
        u64::from(round) * SERIALS + u64::from(id.serial())
    }

    /// Tasks in the order of their spawning. They have their slots still.
    pub(super) fn oldest_first(&self, ids: impl Iterator<Item = TaskId>) -> Vec<TaskId> {
        // A heap sorts with the least code: each of the standard library's own sorts adds 4 KB to every program, or 24 KB. Loops
        // push, because an iterator that collects is more code.
        let mut aged = Vec::with_capacity(ids.size_hint().1.unwrap_or(0));
        for id in ids {
            aged.push((self.age_of(id), id.bits()));
        }
        let mut sorted = Vec::with_capacity(aged.len());
        for (_, bits) in BinaryHeap::from(aged).into_sorted_vec() {
            sorted.extend(TaskId::from_bits(bits));
        }
        sorted
    }

    /// What is known of the spawn of a task.
    pub(super) fn birth_of(&self, id: TaskId) -> Option<&Birth> {
        self.births.as_ref()?.of(id)
    }
}
