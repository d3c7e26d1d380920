//! The table of tasks: one slot for each, and the queue of those that are ready.

use std::any::Any;
use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use slab::Slab;

use super::ages::Ages;
use super::joiner::{Joiner, Who};
use super::slot::{Life, Slot};
use super::spares::Spares;
use crate::record::Probe;
use crate::task::cell::TaskCell;
use crate::task::id::{MAX_TASKS, SERIALS, TaskId};

pub(super) struct Tasks {
    loop_index: usize,
    pub(super) slots: Slab<Slot>,
    /// Slots, not pointers. A `u32` each; room for all is made when a task is spawned.
    pub(super) ready: VecDeque<u32>,
    pub(super) spares: Spares,
    /// Wakers that are not those of this loop's tasks, of whoever awaits a handle.
    pub(super) afar: Slab<Waker>,
    /// How many tasks there have been. Its lower bits are the serial of the next one.
    pub(super) spawned: u64,
    pub(super) ages: Ages,
    /// Tasks that have not finished.
    pub(super) alive: usize,
    /// Wakes that queued a task, since the loop was made.
    pub(super) wakes: u64,
    pub(super) probe: Probe,
}

impl Tasks {
    pub(super) fn new(loop_index: usize, first_serial: u32, probe: Probe) -> Self {
        let mut tasks = Self {
            loop_index,
            slots: Slab::new(),
            ready: VecDeque::new(),
            spares: Spares::new(),
            afar: Slab::new(),
            spawned: u64::from(first_serial) % SERIALS,
            ages: Ages::default(),
            alive: 0,
            wakes: 0,
            probe,
        };
        if tasks.probe.is_recording() {
            tasks.note_spawns();
        }
        tasks
    }

    /// From now on births are noted. No task has been spawned yet.
    pub(super) fn observe(&mut self) {
        self.ages.observe();
        self.note_spawns();
    }

    /// From the second round of serials on, each spawn is noted.
    fn note_spawns(&mut self) {
        self.spawned += SERIALS;
    }

    /// A slot for a task with a cell of this size: the one that the last such task has left, with its vacant cell, or a new
    /// one. `None` if there are as many tasks as there can be.
    #[inline]
    pub(super) fn claim(&mut self, size: usize) -> Option<usize> {
        match self.spares.take(&mut self.slots, size) {
            Some(index) => Some(index),
            None => self.claim_new(),
        }
    }

    /// The task in that slot is at the end of the queue, held by its join handle.
    #[inline(always)]
    pub(super) fn begin(&mut self, index: usize) -> TaskId {
        let id = TaskId::new(self.loop_index, self.spawned as u32, index);
        if self.spawned >= SERIALS {
            self.note_spawn(id);
        }
        self.spawned += 1;
        self.alive += 1;
        let slot = &mut self.slots[index];
        slot.joiner = Joiner::NOBODY;
        slot.serial = id.serial();
        slot.handles = 1;
        slot.is_queued = true;
        slot.life = Life::Alive;
        self.ready.push_back(index as u32);
        id
    }

    #[cold]
    fn claim_new(&mut self) -> Option<usize> {
        if self.slots.len() == self.slots.capacity().min(MAX_TASKS) {
            // Rather one that a task of another size has left than more of them.
            let other = self.spares.take_any(&mut self.slots);
            if other.is_some() || self.slots.len() == MAX_TASKS {
                return other;
            }
            self.grow();
        }
        Some(self.slots.insert(Slot::NEW))
    }

    /// By an eighth, once there are thousands: twice as many slots as tasks would be most of what a task takes. Room in
    /// the queue for every task is made here, so that no wake allocates.
    fn grow(&mut self) {
        let more = (self.slots.len() / 8).max(self.slots.len().clamp(4, 1024));
        self.slots.reserve_exact(more);
        let slots = self.slots.capacity().min(MAX_TASKS);
        self.ready.reserve_exact(slots - self.ready.len());
    }

    /// The head of the queue, and the task's cell: out of its slot, so that nothing is borrowed while it is polled. A task
    /// that has finished since it was queued has none.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(TaskId, Life, Option<TaskCell>)> {
        let index = self.ready.pop_front()? as usize;
        let slot = &mut self.slots[index];
        // Before the poll, so that a wake during the poll queues the task again. Cleared after it, that wake would be lost.
        // Guarded by tests/scheduler/wake.rs::a_task_woken_while_it_is_polled_is_polled_again.
        slot.is_queued = false;
        let id = TaskId::new(self.loop_index, slot.serial, index);
        let life = slot.life;
        Some((id, life, slot.cell.take_if(|_| life != Life::Finished)))
    }

    /// The cell of a task that has been polled goes back into its slot; or to the caller, if the task was aborted meanwhile.
    #[inline]
    pub(super) fn put_back(&mut self, id: TaskId, cell: TaskCell) -> Option<TaskCell> {
        let slot = &mut self.slots[id.slot()];
        if slot.life != Life::Alive {
            return Some(cell);
        }
        slot.cell = Some(cell);
        None
    }

    /// *one-queue*, *stale-is-inert*, *wake-only-queues*: these four lines are all three.
    #[inline]
    pub(super) fn wake(&mut self, id: TaskId) {
        if let Some(slot) = self.slots.get_mut(id.slot()) {
            if slot.serial == id.serial() && !slot.is_queued && !slot.is_finished() {
                slot.is_queued = true;
                self.wakes += 1;
                self.ready.push_back(id.slot() as u32);
                self.probe.woken(id);
            }
        }
    }

    pub(super) fn id_of(&self, index: usize) -> TaskId {
        TaskId::new(self.loop_index, self.slots[index].serial, index)
    }

    /// Remembers a waker that is not ours. What is left over comes back: the one that was there, or this one if the task
    /// has finished and will wake nobody.
    pub(super) fn join_from_afar(&mut self, index: usize, waker: Waker) -> Option<Waker> {
        let slot = &mut self.slots[index];
        if slot.is_finished() {
            return Some(waker);
        }
        if let Who::Afar(index) = slot.joiner.who() {
            return Some(mem::replace(&mut self.afar[index], waker));
        }
        slot.joiner = Joiner::afar(self.afar.insert(waker));
        None
    }

    /// Whoever awaits the task is this one now. The waker of who was there before comes back.
    pub(super) fn set_joiner(&mut self, index: usize, joiner: Joiner) -> Option<Waker> {
        let before = mem::replace(&mut self.slots[index].joiner, joiner);
        match before.who() {
            Who::Afar(index) => Some(self.afar.remove(index)),
            _ => None,
        }
    }

    /// The join handle of a finished task takes the output, and leaves. What is left of the cell comes back, as from
    /// [`retire`](Self::retire).
    #[inline]
    pub(super) fn leave(&mut self, index: usize, output: &mut dyn Any) -> Option<TaskCell> {
        let slot = &mut self.slots[index];
        slot.joiner = Joiner::GONE;
        let cell = slot.cell.as_mut();
        let is_vacant = cell.is_some_and(|cell| cell.as_mut().take(output));
        self.retire(index, is_vacant)
    }

    /// One handle less on the slot of a finished task, in which its cell lies. A cell that cannot wait here for the next task
    /// comes back.
    #[inline(always)]
    pub(super) fn retire(&mut self, index: usize, is_vacant: bool) -> Option<TaskCell> {
        let slot = &mut self.slots[index];
        slot.let_go();
        if slot.is_needed() {
            return slot.cell.take();
        }
        if is_vacant {
            return self.spares.keep(&mut self.slots, index);
        }
        self.slots.remove(index).cell
    }

    /// Frees the slot if nobody needs it. A slot in the ready queue is needed: freed too early, its place in the queue
    /// would fall to a stranger.
    pub(super) fn release(&mut self, index: usize) {
        if !self.slots[index].is_needed() {
            self.slots.remove(index);
        }
    }

    /// Lets go of what was kept for tasks that will not come.
    pub(super) fn drop_spares(&mut self) {
        while let Some(index) = self.spares.take_any(&mut self.slots) {
            self.slots.remove(index);
        }
    }
}
