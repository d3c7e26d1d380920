//! The table of tasks gives back what a burst has left: see `event_loop/give_back.rs`.

use super::Scheduler;
use super::slot::{Life, Slot};
use super::tasks::Tasks;

/// How many slots a spawn looks at while the table is evacuated.
const TRIES: usize = 64;

impl Scheduler {
    /// How many tasks live, and how many have room.
    pub(crate) fn used_and_room(&self) -> (usize, usize) {
        let tasks = self.tasks();
        (tasks.alive, tasks.slots.capacity())
    }

    /// What the cells take that are kept for later tasks.
    pub(crate) fn spare_bytes(&self) -> usize {
        self.tasks().spares.bytes()
    }

    /// Frees a few spare cells, as long as more than `goal` bytes of them are kept.
    pub(crate) fn free_spares(&self, goal: usize) {
        let tasks = &mut *self.tasks_mut();
        tasks.spares.free_some(&mut tasks.slots, goal);
    }

    /// When more than [`FEW_BYTES`](super::FEW_BYTES) are kept again, the loop is told.
    pub(crate) fn tell_of_spares_again(&self) {
        self.tasks_mut().spares.tell_again();
    }

    /// Leaves the table from `limit` on, so that it can be freed there.
    pub(crate) fn evacuate(&self, limit: usize) {
        self.tasks_mut().evacuate(limit);
    }

    /// Ends the evacuation. Frees the slots behind the last one that is in use, if the table is loose.
    pub(crate) fn shrink(&self, is_loose: bool) {
        let tasks = &mut *self.tasks_mut();
        tasks.end_evacuation();
        if is_loose {
            tasks.fit();
        }
    }
}

impl Tasks {
    fn evacuate(&mut self, limit: usize) {
        self.spares.keep_any(false);
        self.evacuation.begin(limit);
        self.fit();
    }

    /// Frees the slots behind the last one that is in use, and lists the vacant ones before it, the first one first.
    fn fit(&mut self) {
        // `shrink_to_fit` lists them anew only if the last slot is vacant. No task may move: its number has the index.
        self.slots.compact(|_, _, _| false);
        // Room for every task, as before.
        if self.slots.capacity() < self.ready.capacity() {
            self.make_room_to_queue(self.slots.capacity());
        }
    }

    /// The slot for a task while the table is evacuated. If the first few that the slab offers are beyond the limit, the
    /// evacuation ends, because the slots before it may all be in use.
    pub(super) fn claim_below_the_limit(&mut self) -> Option<usize> {
        for _ in 0..TRIES {
            if self.slots.len() == self.slots.capacity() {
                break;
            }
            let index = self.slots.insert(Slot::NEW);
            if self.evacuation.admits(index) {
                return Some(index);
            }
            self.slots[index].life = Life::Finished;
        }
        self.end_evacuation();
        self.claim_new()
    }

    fn end_evacuation(&mut self) {
        self.spares.keep_any(true);
        for index in self.evacuation.end() {
            self.slots.free(index);
        }
    }
}
