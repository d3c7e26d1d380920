//! The table of tasks: a slot for each task, and the queue of the ready tasks.

use std::any::Any;
use std::cell::Cell;
use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;
use std::task::Waker;

use slab::Slab;

use super::ages::Ages;
use super::evacuation::Evacuation;
use super::joiner::{Joiner, Who};
use super::slot::{Life, Slot, Slots};
use super::spares::Spares;
use crate::record::Probe;
use crate::task::cell::TaskCell;
use crate::task::id::{MAX_TASKS, SERIALS, TaskId};

pub(super) struct Tasks {
    /// The number of a task with the serial zero in the first slot.
    origin: TaskId,
    pub(super) slots: Slots,
    /// Indices of slots. A spawn makes room for every task, so that no wake allocates.
    pub(super) ready: VecDeque<u32>,
    /// The slots of the outputs that wait to be dropped: see `outputs.rs`.
    pub(super) discards: VecDeque<u32>,
    pub(super) spares: Spares,
    /// Wakers that await a handle and belong to no task of this loop.
    pub(super) afar: Slab<Waker>,
    /// How many tasks have been spawned. The lower bits are the serial of the next task.
    pub(super) spawned: u64,
    pub(super) ages: Ages,
    /// How many tasks have not finished.
    pub(super) alive: usize,
    /// How many wakes have queued a task since the loop was made.
    pub(super) wakes: u64,
    pub(super) probe: Probe,
    has_grown: Rc<Cell<bool>>,
    pub(super) evacuation: Evacuation,
}

impl Tasks {
    pub(super) fn new(
        loop_index: usize,
        first_serial: u32,
        probe: Probe,
        has_grown: Rc<Cell<bool>>,
    ) -> Self {
        let mut tasks = Self {
            origin: TaskId::new(loop_index, 0, 0),
            slots: Slots::new(),
            ready: VecDeque::new(),
            discards: VecDeque::new(),
            spares: Spares::new(Rc::clone(&has_grown)),
            afar: Slab::new(),
            spawned: u64::from(first_serial) % SERIALS,
            ages: Ages::default(),
            alive: 0,
            wakes: 0,
            probe,
            has_grown,
            evacuation: Evacuation::default(),
        };
        if tasks.probe.is_recording() {
            tasks.note_spawns();
        }
        tasks
    }

    /// From now on births are noted. The caller has spawned no task yet.
    pub(super) fn observe(&mut self) {
        self.ages.observe();
        self.note_spawns();
    }

    /// Moves the count of spawns to the second round of serials, from which on each spawn is noted.
    fn note_spawns(&mut self) {
        self.spawned += SERIALS;
    }

    /// Claims a slot for a task with a cell of `size` bytes: the slot that the last such task has left, with its vacant
    /// cell, or a new slot. `None` if the loop is full.
    #[inline]
    pub(super) fn claim(&mut self, size: usize) -> Option<usize> {
        match self.spares.take(&mut self.slots, size) {
            Some(index) => Some(index),
            None => self.claim_new(),
        }
    }

    /// Puts the task in that slot at the end of the queue. Its join handle holds the slot.
    #[inline(always)]
    pub(super) fn begin(&mut self, index: usize) -> TaskId {
        let id = self.origin.with(self.spawned as u32, index);
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
    pub(super) fn claim_new(&mut self) -> Option<usize> {
        if self.evacuation.is_on() {
            return self.claim_below_the_limit();
        }
        if self.slots.len() == self.slots.capacity().min(MAX_TASKS) {
            // A spare slot of another size is used before the slab grows.
            let other = self.spares.take_any(&mut self.slots);
            if other.is_some() || self.slots.len() == MAX_TASKS {
                return other;
            }
            self.grow();
        }
        Some(self.slots.insert(Slot::NEW))
    }

    /// Grows by an eighth once there are thousands of slots, since doubling would leave up to half of the slots unused. Room
    /// in the queue for every task is made here, so that no wake allocates.
    fn grow(&mut self) {
        let more = (self.slots.len() / 8).max(self.slots.len().clamp(4, 1024));
        self.has_grown.set(true);
        self.slots.reserve_exact(more);
        let slots = self.slots.capacity().min(MAX_TASKS);
        self.make_room_to_queue(slots);
    }

    /// Gives the ready queue room for so many slots, more than before or fewer.
    // A new queue, because the code that makes a queue longer and the code that makes one shorter are 0.8 KB.
    #[cold]
    #[inline(never)]
    pub(super) fn make_room_to_queue(&mut self, slots: usize) {
        let mut ready = VecDeque::with_capacity(slots);
        while let Some(slot) = self.ready.pop_front() {
            ready.push_back(slot);
        }
        self.ready = ready;
    }

    /// Takes the head of the queue, and moves the task's cell out of its slot, so that nothing is borrowed during the poll.
    /// A task that finished while it was queued has no cell.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(TaskId, Life, Option<TaskCell>)> {
        let index = self.ready.pop_front()? as usize;
        let slot = &mut self.slots[index];
        // Cleared before the poll, so that a wake during the poll queues the task again. If it were cleared after the poll,
        // that wake would be lost. Guarded by tests/scheduler/wake.rs::a_task_woken_while_it_is_polled_is_polled_again.
        slot.is_queued = false;
        let id = self.origin.with(slot.serial, index);
        let life = slot.life;
        Some((id, life, slot.cell.take_if(|_| life != Life::Finished)))
    }

    /// Puts the cell of a polled task back into its slot. If the task was aborted during the poll, the cell goes to the
    /// caller.
    #[inline]
    pub(super) fn put_back(&mut self, id: TaskId, cell: TaskCell) -> Option<TaskCell> {
        let slot = &mut self.slots[id.slot()];
        if slot.life != Life::Alive {
            return Some(cell);
        }
        slot.put(cell);
        None
    }

    /// These four lines keep *one-queue*, *stale-is-inert* and *wake-only-queues*.
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
        self.origin.with(self.slots[index].serial, index)
    }

    /// Remembers a waker that is not of this loop. Returns the waker that the caller has to drop: the one that was
    /// remembered before, or this one if the task has finished and will wake nothing.
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

    /// Makes `joiner` the task that awaits this one. Returns the waker of the joiner before, if it had one.
    pub(super) fn set_joiner(&mut self, index: usize, joiner: Joiner) -> Option<Waker> {
        let before = mem::replace(&mut self.slots[index].joiner, joiner);
        match before.who() {
            Who::Afar(index) => Some(self.afar.remove(index)),
            _ => None,
        }
    }

    /// Moves the output of a finished task to its join handle, and counts one handle less. Returns what
    /// [`retire`](Self::retire) returns.
    #[inline]
    pub(super) fn leave(&mut self, index: usize, output: &mut dyn Any) -> Option<TaskCell> {
        let slot = &mut self.slots[index];
        slot.joiner = Joiner::GONE;
        let cell = slot.cell.as_mut();
        let is_vacant = cell.is_some_and(|cell| cell.as_mut().take(output));
        self.retire(index, is_vacant)
    }

    /// Counts one handle less on the slot of a finished task, whose cell lies in the slot. Returns the cell if it cannot be
    /// kept here for the next task.
    #[inline(never)]
    pub(super) fn retire(&mut self, index: usize, is_vacant: bool) -> Option<TaskCell> {
        let slot = &mut self.slots[index];
        slot.let_go();
        if slot.is_needed() {
            return slot.cell.take();
        }
        if is_vacant {
            let size = size_of_val(&**slot.cell.as_ref()?);
            return self.spares.keep(&mut self.slots, index, size);
        }
        self.slots.take(index)
    }

    /// Frees the slot if nothing needs it. The ready queue needs a queued slot: if the slot were freed now, the entry in the
    /// queue would belong to its next tenant.
    // Not inlined into the run: this saves four of 226 instructions of a yield.
    #[inline(never)]
    pub(super) fn release(&mut self, index: usize) {
        if !self.slots[index].is_needed() {
            self.slots.free(index);
        }
    }

    /// Frees the vacant cells that were kept for later tasks.
    pub(super) fn drop_spares(&mut self) {
        while let Some(index) = self.spares.take_any(&mut self.slots) {
            self.slots.free(index);
        }
    }
}
