//! The table of tasks: one slot for each, and the queue of those that are ready.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::panic::Location;
use std::task::Waker;

use slab::Slab;

use crate::task::cell::TaskCell;
use crate::task::foreign;
use crate::task::id::TaskId;

pub(super) struct Tasks {
    pub(super) slots: Slab<Slot>,
    /// Slots, not pointers. A `u32` each; room for all is made when a task is spawned.
    pub(super) ready: VecDeque<u32>,
    pub(super) next_serial: u32,
    /// Tasks that have not finished.
    pub(super) alive: usize,
    /// Wakes that queued a task, since the loop was made.
    pub(super) wakes: u64,
    pub(super) is_closed: bool,
}

/// A task, from its spawning until nobody needs its slot any more: neither the scheduler, nor the ready queue, nor a handle.
pub(super) struct Slot {
    pub(super) id: TaskId,
    /// Not here while it is polled, and not after its output has been taken.
    pub(super) cell: Option<TaskCell>,
    /// Who awaits the handle.
    pub(super) joiner: Joiner,
    /// How many handles keep this slot from being reused.
    pub(super) pins: u32,
    pub(super) is_queued: bool,
    pub(super) is_aborted: bool,
    pub(super) is_finished: bool,
    /// There is a `JoinHandle` that may ask for the output.
    pub(super) is_joinable: bool,
}

/// Who awaits a task. Mostly another task of this crate, and then its number is enough: it is queued where the output is
/// put down, without a way through its waker. Saves 34 of 998 instructions of a spawn+join.
///
/// Nobody is a task without a number, so that all three fit in the waker's two words.
pub(super) enum Joiner {
    Task(Option<TaskId>),
    Waker(Waker),
}

const _: () = assert!(size_of::<Joiner>() == 16 && size_of::<Slot>() == 48);

impl Joiner {
    pub(super) const NOBODY: Self = Self::Task(None);

    pub(super) fn take(&mut self) -> Self {
        mem::replace(self, Self::NOBODY)
    }

    /// Drops it. A waker may run anybody's code, so nothing may be borrowed.
    pub(super) fn let_go(self) {
        if let Joiner::Waker(waker) = self {
            foreign::let_go(waker, "a join handle");
        }
    }
}

impl Slot {
    fn is_needed(&self) -> bool {
        !self.is_finished || self.is_queued || self.pins > 0
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
    pub(super) fn new(next_serial: u32) -> Self {
        Self {
            slots: Slab::new(),
            ready: VecDeque::new(),
            next_serial,
            alive: 0,
            wakes: 0,
            is_closed: false,
        }
    }

    /// A new task, at the end of the queue, with one pin for its join handle.
    pub(super) fn insert(&mut self, loop_index: usize, cell: TaskCell) -> TaskId {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let entry = self.slots.vacant_entry();
        let id = TaskId::new(loop_index, serial, entry.key());
        entry.insert(Slot {
            id,
            cell: Some(cell),
            joiner: Joiner::NOBODY,
            pins: 1,
            is_queued: true,
            is_aborted: false,
            is_finished: false,
            is_joinable: true,
        });
        self.alive += 1;
        self.ready.push_back(id.slot() as u32);
        self.reserve_ready();
        id
    }

    /// *one-queue*, *stale-is-inert*, *wake-only-queues*: these four lines are all three.
    #[inline]
    pub(super) fn wake(&mut self, id: TaskId) {
        if let Some(slot) = self.slots.get_mut(id.slot()) {
            if slot.id == id && !slot.is_queued && !slot.is_finished {
                slot.is_queued = true;
                self.wakes += 1;
                self.ready.push_back(id.slot() as u32);
            }
        }
    }

    pub(super) fn describe(&self, slot: usize) -> TaskInfo {
        let Slot { id, cell, .. } = &self.slots[slot];
        TaskInfo {
            id: *id,
            name: cell
                .as_ref()
                .and_then(|cell| cell.name())
                .map(str::to_owned),
            location: cell.as_ref().map(|cell| cell.location()),
        }
    }

    /// Takes back the join handle's pin, and with it the right to the output, which is here if the task has finished.
    pub(super) fn leave(&mut self, slot: usize) -> Option<TaskCell> {
        let left = &mut self.slots[slot];
        left.is_joinable = false;
        left.pins -= 1;
        let output = if left.is_finished {
            left.cell.take()
        } else {
            None
        };
        self.release(slot);
        output
    }

    /// Frees the slot if nobody needs it. A slot in the ready queue is needed: freed too early, its place in the queue
    /// would fall to a stranger.
    pub(super) fn release(&mut self, slot: usize) {
        if !self.slots[slot].is_needed() {
            self.slots.remove(slot);
        }
    }

    /// Room for every task at once, made when it is spawned, so that no wake allocates.
    fn reserve_ready(&mut self) {
        let missing = self.slots.len().saturating_sub(self.ready.capacity());
        if missing > 0 {
            self.ready.reserve(self.slots.len() - self.ready.len());
        }
    }
}
