//! The table of tasks: one slot for each, and the queue of those that are ready.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::panic::Location;
use std::task::Waker;

use slab::Slab;

use super::spares::Spares;
use crate::task::cell::TaskCell;
use crate::task::id::{MAX_TASKS, SERIALS, TaskId};

pub(super) struct Tasks {
    loop_index: usize,
    pub(super) slots: Slab<Slot>,
    /// Slots, not pointers. A `u32` each; room for all is made when a task is spawned.
    pub(super) ready: VecDeque<u32>,
    pub(super) spares: Spares,
    /// Wakers that are not ours, of those who await a handle.
    pub(super) afar: Slab<Waker>,
    /// How many tasks there have been. Its lower bits are the serial of the next one.
    pub(super) spawned: u64,
    /// What `spawned` has above a serial, when the tenant of each slot began; nothing, and so zero, for a slot beyond the
    /// end. It has no entry before the first serial comes round, after 2^28 spawns.
    eras: Vec<u32>,
    /// Tasks that have not finished.
    pub(super) alive: usize,
    /// Wakes that queued a task, since the loop was made.
    pub(super) wakes: u64,
}

/// A task, from its spawning until nobody needs its slot any more: neither the scheduler, nor the ready queue, nor a handle.
pub(super) struct Slot {
    /// Not here while it is polled, and not after its output has been taken. In a spare slot it is vacant.
    pub(super) cell: Option<TaskCell>,
    /// Who awaits the handle. In a spare slot: the size of the cell.
    pub(super) joiner: Joiner,
    /// The tenant's number is this, the slot's own, and the loop's. In a spare slot: which one lies under it.
    pub(super) serial: u32,
    /// How many handles keep this slot from being reused.
    pins: u16,
    pub(super) is_queued: bool,
    pub(super) life: Life,
}

// What a parked task takes is this, its cell, and four bytes in the queue.
const _: () = assert!(size_of::<Slot>() == 32);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    /// To be dropped instead of polled.
    Aborted,
    Finished,
}

/// Who awaits a task, in one word: no task's number is so small that it has no loop in it.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Joiner(u64);

pub(super) enum Who {
    /// There is no `JoinHandle` any more, so nobody will ask for the output.
    Gone,
    Nobody,
    /// Mostly it is another task of this crate, and then its number is enough: it is queued where the output is put down,
    /// without a way through its waker.
    Task(TaskId),
    /// The waker under this index in [`Tasks::afar`].
    Afar(usize),
}

impl Joiner {
    pub(super) const GONE: Self = Self(0);
    pub(super) const NOBODY: Self = Self(1);
    const AFAR: u64 = 2;

    pub(super) fn task(id: TaskId) -> Self {
        Self(id.bits())
    }

    fn afar(index: usize) -> Self {
        Self(index as u64 + Self::AFAR)
    }

    pub(super) fn who(self) -> Who {
        match TaskId::from_bits(self.0) {
            Some(id) if id.loop_index() > 0 => Who::Task(id),
            None => Who::Gone,
            Some(_) if self.0 == Self::NOBODY.0 => Who::Nobody,
            Some(_) => Who::Afar((self.0 - Self::AFAR) as usize),
        }
    }
}

impl Slot {
    const NEW: Self = Self {
        cell: None,
        joiner: Joiner::NOBODY,
        serial: 0,
        pins: 1,
        is_queued: true,
        life: Life::Alive,
    };

    /// Nobody needs the slot, and its vacant cell of that `size` waits for the next task. `below` is the slot that was left
    /// before it.
    #[inline]
    pub(super) fn become_spare(&mut self, below: u32, size: usize) {
        self.serial = below;
        self.joiner = Joiner(size as u64);
    }

    /// What [`become_spare`](Self::become_spare) was told.
    #[inline]
    pub(super) fn spare(&self) -> (u32, usize) {
        (self.serial, self.joiner.0 as usize)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.life == Life::Finished
    }

    /// One handle more. A count that has come to its end stays there, and the slot is never reused.
    pub(super) fn pin(&mut self) {
        self.pins = self.pins.saturating_add(1);
    }

    pub(super) fn unpin(&mut self) {
        if self.pins != u16::MAX {
            self.pins -= 1;
        }
    }

    fn is_needed(&self) -> bool {
        !self.is_finished() || self.is_queued || self.pins > 0
    }
}

/// A live task, described for people.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// The task's identifier.
    pub id: TaskId,
    /// What [`task::Builder::name`](crate::task::Builder::name) called it.
    pub name: Option<String>,
    /// The line that spawned it; `None` for the task that is running at this moment.
    pub location: Option<&'static Location<'static>>,
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " '{name}'")?;
        }
        match self.location {
            Some(location) => write!(f, " spawned at {location}"),
            None => f.write_str(" running now"),
        }
    }
}

impl Tasks {
    pub(super) fn new(loop_index: usize, first_serial: u32) -> Self {
        Self {
            loop_index,
            slots: Slab::new(),
            ready: VecDeque::new(),
            spares: Spares::new(),
            afar: Slab::new(),
            spawned: u64::from(first_serial) % SERIALS,
            eras: Vec::new(),
            alive: 0,
            wakes: 0,
        }
    }

    /// A place for a task with a cell of this size: the one that the last such task has left, with its vacant cell, or a new
    /// one. `None` if there are as many tasks as there can be.
    #[inline]
    pub(super) fn place(&mut self, size: usize) -> Option<usize> {
        match self.spares.take(&mut self.slots, size) {
            Some(key) => Some(key),
            None => self.new_place(),
        }
    }

    /// A new tenant, at the end of the queue, with one pin for its join handle.
    #[inline(always)]
    pub(super) fn begin(&mut self, key: usize) -> TaskId {
        let id = TaskId::new(self.loop_index, self.spawned as u32, key);
        if self.spawned >= SERIALS {
            self.note_era(key);
        }
        self.spawned += 1;
        self.alive += 1;
        let slot = &mut self.slots[key];
        slot.joiner = Joiner::NOBODY;
        slot.serial = id.serial();
        slot.pins = 1;
        slot.is_queued = true;
        slot.life = Life::Alive;
        self.ready.push_back(key as u32);
        id
    }

    /// Serials come round, so a serial does not say which of two tasks is older. A wider one would be four bytes more in
    /// every slot, for all loops; this is four bytes a slot for those that have spawned 2^28 tasks.
    #[cold]
    #[inline(never)]
    fn note_era(&mut self, key: usize) {
        if key >= self.eras.len() {
            self.eras.resize(self.slots.capacity(), 0);
        }
        self.eras[key] = (self.spawned / SERIALS) as u32;
    }

    /// How many tasks there had been when this one was spawned, which is the order of spawning, for the life of a loop. The
    /// task has its slot still.
    pub(super) fn birth(&self, id: TaskId) -> u64 {
        let era = self.eras.get(id.slot()).copied().unwrap_or(0);
        u64::from(era) * SERIALS + u64::from(id.serial())
    }

    #[cold]
    fn new_place(&mut self) -> Option<usize> {
        if self.slots.len() == self.slots.capacity().min(MAX_TASKS) {
            // Rather one that a task of another size has left than more of them.
            let other = self.spares.take_any(&mut self.slots);
            if other.is_some() || self.slots.len() == MAX_TASKS {
                return other;
            }
            self.grow();
        }
        // From a constant: fields that were just written one by one, and are copied all at once, hold the copy up.
        Some(self.slots.insert(Slot::NEW))
    }

    /// By an eighth, once there are thousands: twice as many places as tasks would be most of what a task takes. Room in
    /// the queue for every task is made here, so that no wake allocates.
    fn grow(&mut self) {
        let more = (self.slots.len() / 8).max(self.slots.len().clamp(4, 1024));
        self.slots.reserve_exact(more);
        let places = self.slots.capacity().min(MAX_TASKS);
        self.ready.reserve_exact(places - self.ready.len());
    }

    /// The head of the queue, and the task's cell: out of its slot, so that nothing is borrowed while it is polled. A task
    /// that has finished since it was queued has none.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(TaskId, Life, Option<TaskCell>)> {
        let key = self.ready.pop_front()? as usize;
        let slot = &mut self.slots[key];
        // Before the poll, so that a wake during the poll queues the task again. Cleared after it, that wake would be lost.
        // Guarded by tests/scheduler/wake.rs::a_task_woken_while_it_is_polled_is_polled_again.
        slot.is_queued = false;
        let id = TaskId::new(self.loop_index, slot.serial, key);
        let life = slot.life;
        Some((id, life, slot.cell.take_if(|_| life != Life::Finished)))
    }

    /// The cell of a task that has been polled goes back into its slot; or to the caller, if the task was aborted meanwhile.
    #[inline(always)]
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
            }
        }
    }

    pub(super) fn id_of(&self, key: usize) -> TaskId {
        TaskId::new(self.loop_index, self.slots[key].serial, key)
    }

    pub(super) fn describe(&self, key: usize) -> TaskInfo {
        let cell = &self.slots[key].cell;
        TaskInfo {
            id: self.id_of(key),
            name: cell
                .as_ref()
                .and_then(|cell| cell.name())
                .map(str::to_owned),
            location: cell.as_ref().map(|cell| cell.location()),
        }
    }

    /// Remembers a waker that is not ours. What is left over comes back: the one that was there, or this one if the task
    /// has finished and will wake nobody.
    pub(super) fn join_from_afar(&mut self, key: usize, waker: Waker) -> Option<Waker> {
        let slot = &mut self.slots[key];
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
    pub(super) fn set_joiner(&mut self, key: usize, joiner: Joiner) -> Option<Waker> {
        let before = mem::replace(&mut self.slots[key].joiner, joiner);
        match before.who() {
            Who::Afar(index) => Some(self.afar.remove(index)),
            _ => None,
        }
    }

    /// The join handle of a finished task takes the output, and leaves. What is left of the cell comes back, as from
    /// [`retire`](Self::retire).
    #[inline]
    pub(super) fn leave(&mut self, key: usize, output: &mut dyn Any) -> Option<TaskCell> {
        let slot = &mut self.slots[key];
        slot.joiner = Joiner::GONE;
        let cell = slot.cell.as_mut();
        let is_vacant = cell.is_some_and(|cell| cell.as_mut().take(output));
        self.retire(key, is_vacant)
    }

    /// One pin less on the slot of a finished task, in which its cell lies. A cell that cannot wait here for the next task
    /// comes back.
    #[inline(always)]
    pub(super) fn retire(&mut self, key: usize, is_vacant: bool) -> Option<TaskCell> {
        let slot = &mut self.slots[key];
        slot.unpin();
        if slot.is_needed() {
            return slot.cell.take();
        }
        if is_vacant {
            return self.spares.keep(&mut self.slots, key);
        }
        self.slots.remove(key).cell
    }

    /// Frees the slot if nobody needs it. A slot in the ready queue is needed: freed too early, its place in the queue
    /// would fall to a stranger.
    pub(super) fn release(&mut self, key: usize) {
        if !self.slots[key].is_needed() {
            self.slots.remove(key);
        }
    }

    /// Lets go of what was kept for tasks that will not come.
    pub(super) fn drop_spares(&mut self) {
        while let Some(key) = self.spares.take_any(&mut self.slots) {
            self.slots.remove(key);
        }
    }
}
