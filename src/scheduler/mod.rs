//! Chapter 4. The slab of tasks and the ready queue.
#![allow(dead_code)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::task::cell::TaskCell;
use crate::task::error::{JoinError, Payload};
use crate::task::id::{MAX_TASKS, TaskId};

pub(crate) mod inbox;

/// Leaf operations that one poll of a task may complete before the next one asks it to step back.
const OPERATIONS_PER_POLL: u32 = 128;

thread_local! {
    /// The loop that runs on this thread, for wakers. No destructor (`ManuallyDrop`), so it can be read at any time, in the
    /// destructors of other thread-locals too; `Current` takes the value out again.
    static CURRENT: RefCell<ManuallyDrop<Option<Rc<Scheduler>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Queues the task `id`, on whichever loop and thread it lives. All that a waker does.
pub(crate) fn wake(id: TaskId) {
    let is_local = CURRENT.with(|current| match &**current.borrow() {
        Some(scheduler) if scheduler.loop_index == id.loop_index() => {
            scheduler.wake(id);
            true
        }
        _ => false,
    });
    if !is_local {
        inbox::wake(id);
    }
}

/// Makes a scheduler the one that wakes on this thread go to, until it is dropped.
pub(crate) struct Current {
    outer: ManuallyDrop<Option<Rc<Scheduler>>>,
}

impl Current {
    pub(crate) fn enter(scheduler: Rc<Scheduler>) -> Self {
        Self {
            outer: CURRENT.replace(ManuallyDrop::new(Some(scheduler))),
        }
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        let outer = mem::replace(&mut self.outer, ManuallyDrop::new(None));
        drop(ManuallyDrop::into_inner(CURRENT.replace(outer)));
    }
}

/// What a panic in a task does to the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnPanic {
    /// The loop goes on. The task's handle yields the panic; without a handle it is logged.
    #[default]
    Continue,
    /// `run` or `turn` ends with the panic, as if the task's code stood there itself.
    EndRun,
}

pub(crate) struct Scheduler {
    loop_index: usize,
    on_panic: OnPanic,
    tasks: RefCell<Tasks>,
    running: Cell<Option<TaskId>>,
    operations_left: Cell<u32>,
    /// A panic that is to end `run`; see [`OnPanic::EndRun`].
    fatal: Cell<Option<Payload>>,
}

struct Tasks {
    slots: Slab<Slot>,
    ready: VecDeque<u32>,
    next_serial: u32,
    is_closed: bool,
}

/// A task, from its spawning until nobody needs its slot any more: neither the scheduler, nor the ready queue, nor a handle.
struct Slot {
    id: TaskId,
    /// Not here while it is polled, and not after its output has been taken.
    cell: Option<TaskCell>,
    /// Who awaits the handle.
    joiner: Option<Waker>,
    /// How many handles keep this slot from being reused.
    pins: u32,
    is_queued: bool,
    is_aborted: bool,
    is_finished: bool,
    /// There is a `JoinHandle` that may ask for the output.
    is_joinable: bool,
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

impl Scheduler {
    pub(crate) fn new(loop_index: usize, first_serial: u32, on_panic: OnPanic) -> Self {
        let tasks = Tasks {
            slots: Slab::new(),
            ready: VecDeque::new(),
            next_serial: first_serial,
            is_closed: false,
        };
        Self {
            loop_index,
            on_panic,
            tasks: RefCell::new(tasks),
            running: Cell::new(None),
            operations_left: Cell::new(OPERATIONS_PER_POLL),
            fatal: Cell::new(None),
        }
    }

    /// Admits a task to the end of the ready queue, with one pin for its join handle. A loop that is ending drops it.
    pub(crate) fn admit(&self, cell: TaskCell) -> TaskId {
        let mut tasks = self.tasks.borrow_mut();
        let is_closed = tasks.is_closed;
        if tasks.slots.len() >= MAX_TASKS {
            drop(tasks);
            panic!("cannot spawn: this loop holds {MAX_TASKS} tasks, the most there can be");
        }
        let id = tasks.insert(self.loop_index, cell);
        drop(tasks);
        if is_closed {
            self.drop_now(id);
        }
        id
    }

    /// *one-queue*, *stale-is-inert*, *wake-only-queues*: these four lines are all three.
    #[inline]
    pub(crate) fn wake(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let Tasks { slots, ready, .. } = &mut *tasks;
        if let Some(slot) = slots.get_mut(id.slot()) {
            if slot.id == id && !slot.is_queued && !slot.is_finished {
                slot.is_queued = true;
                ready.push_back(id.slot() as u32);
            }
        }
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.tasks.borrow().ready.len()
    }

    pub(crate) fn next_serial(&self) -> u32 {
        self.tasks.borrow().next_serial
    }

    pub(crate) fn running(&self) -> Option<TaskId> {
        self.running.get()
    }

    /// Polls at most `limit` tasks from the head of the queue, and says how many it took from it.
    pub(crate) fn run(
        &self,
        limit: usize,
        waker_of: impl Fn(TaskId) -> ManuallyDrop<Waker>,
    ) -> usize {
        for polled in 0..limit {
            let Some((id, cell, is_aborted)) = self.next() else {
                return polled;
            };
            if let Some(cell) = cell {
                self.step(id, cell, is_aborted, &waker_of);
            }
        }
        limit
    }

    /// [`run`](Self::run), telling each poll and whom it woke. A loop of its own, so that the other one tells nothing.
    pub(crate) fn run_and_tell(
        &self,
        limit: usize,
        waker_of: impl Fn(TaskId) -> ManuallyDrop<Waker>,
    ) -> usize {
        for polled in 0..limit {
            let Some(head) = self.head() else {
                return polled;
            };
            let others = self.ready_count() - 1;
            log::trace!(target: "roundelay::task", "polls {head}");
            self.run(1, &waker_of);
            if self.is_finished(head.id) {
                log::trace!(target: "roundelay::task", "task {} has finished", head.id);
            }
            for id in self.queued_behind(others) {
                log::trace!(target: "roundelay::wake", "task {id} is ready, since the poll of task {}", head.id);
            }
        }
        limit
    }

    fn head(&self) -> Option<TaskInfo> {
        let tasks = self.tasks.borrow();
        tasks
            .ready
            .front()
            .map(|&slot| tasks.describe(slot as usize))
    }

    fn queued_behind(&self, others: usize) -> Vec<TaskId> {
        let tasks = self.tasks.borrow();
        tasks
            .ready
            .iter()
            .skip(others)
            .map(|&slot| tasks.slots[slot as usize].id)
            .collect()
    }

    fn next(&self) -> Option<(TaskId, Option<TaskCell>, bool)> {
        let mut tasks = self.tasks.borrow_mut();
        let Tasks { slots, ready, .. } = &mut *tasks;
        let slot = &mut slots[ready.pop_front()? as usize];
        // Before the poll, so that a wake during the poll queues the task again. Cleared after it, that wake would be lost.
        // Guarded by tests/wake.rs::a_task_woken_while_it_is_polled_is_polled_again.
        slot.is_queued = false;
        let id = slot.id;
        if slot.is_finished {
            tasks.release(id.slot());
            return Some((id, None, false));
        }
        Some((id, slot.cell.take(), slot.is_aborted))
    }

    fn step(
        &self,
        id: TaskId,
        mut cell: TaskCell,
        is_aborted: bool,
        waker_of: &impl Fn(TaskId) -> ManuallyDrop<Waker>,
    ) {
        let outer = self.running.replace(Some(id));
        let polled = if is_aborted {
            cell.as_mut().cancel();
            Poll::Ready(())
        } else {
            self.operations_left.set(OPERATIONS_PER_POLL);
            let waker = waker_of(id);
            cell.as_mut().poll(&mut Context::from_waker(&waker))
        };
        self.running.set(outer);
        match polled {
            Poll::Pending => self.put_back(id, cell),
            Poll::Ready(()) => self.finish(id, cell),
        }
    }

    fn put_back(&self, id: TaskId, mut cell: TaskCell) {
        let mut tasks = self.tasks.borrow_mut();
        let slot = &mut tasks.slots[id.slot()];
        if !slot.is_aborted {
            slot.cell = Some(cell);
            return;
        }
        // Aborted by itself, or by what it called.
        drop(tasks);
        cell.as_mut().cancel();
        self.finish(id, cell);
    }

    /// The future is gone. Hands the output to the handle, or drops it; wakes who waits; gives the slot back.
    fn finish(&self, id: TaskId, mut cell: TaskCell) {
        if self.on_panic == OnPanic::EndRun {
            self.fatal.set(cell.as_mut().take_panic());
        }
        let mut tasks = self.tasks.borrow_mut();
        let slot = &mut tasks.slots[id.slot()];
        slot.is_finished = true;
        let joiner = slot.joiner.take();
        let unwanted = if slot.is_joinable {
            slot.cell = Some(cell);
            None
        } else {
            Some(cell)
        };
        tasks.release(id.slot());
        drop(tasks);
        if let Some(joiner) = joiner {
            wake_quietly(joiner);
        }
        if let Some(cell) = unwanted {
            discard(cell);
        }
    }

    /// Asks for the end of a task. If it is not being polled at this moment, its future is dropped when its turn comes.
    pub(crate) fn abort(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let Some(slot) = tasks.slots.get_mut(id.slot()) else {
            return;
        };
        if slot.id == id && !slot.is_finished {
            slot.is_aborted = true;
            drop(tasks);
            self.wake(id);
        }
    }

    /// Drops a task's future here and now; one that is being polled is dropped as soon as that poll returns.
    pub(crate) fn drop_now(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let Some(slot) = tasks.slots.get_mut(id.slot()) else {
            return;
        };
        if slot.id != id || slot.is_finished {
            return;
        }
        slot.is_aborted = true;
        let Some(mut cell) = slot.cell.take() else {
            return;
        };
        drop(tasks);
        cell.as_mut().cancel();
        self.finish(id, cell);
    }

    pub(crate) fn is_finished(&self, id: TaskId) -> bool {
        // A handle pins its slot, so the slot's tenant is the one that the handle means.
        self.tasks
            .borrow()
            .slots
            .get(id.slot())
            .is_none_or(|slot| slot.id != id || slot.is_finished)
    }

    /// The finished cell of a joinable task, which can be taken once; until then `waker` is kept.
    pub(crate) fn poll_join(&self, id: TaskId, waker: &Waker) -> Poll<Option<TaskCell>> {
        let mut tasks = self.tasks.borrow_mut();
        let slot = &mut tasks.slots[id.slot()];
        if slot.is_finished {
            return Poll::Ready(slot.cell.take());
        }
        drop(tasks);
        // Somebody else's waker may be cloned and dropped by somebody else's code: not under the borrow.
        let fresh = waker.clone();
        let old = self.tasks.borrow_mut().slots[id.slot()]
            .joiner
            .replace(fresh);
        drop(old);
        Poll::Pending
    }

    pub(crate) fn take_output(&self, id: TaskId) -> Option<TaskCell> {
        self.tasks.borrow_mut().slots[id.slot()].cell.take()
    }

    /// One handle more on the slot.
    pub(crate) fn pin(&self, id: TaskId) {
        self.tasks.borrow_mut().slots[id.slot()].pins += 1;
    }

    /// One handle less on the slot.
    pub(crate) fn unpin(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.slots[id.slot()].pins -= 1;
        tasks.release(id.slot());
    }

    /// The join handle is gone: its pin goes, and nobody will ask for the output.
    pub(crate) fn detach(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let slot = &mut tasks.slots[id.slot()];
        slot.is_joinable = false;
        slot.pins -= 1;
        let joiner = slot.joiner.take();
        let output = if slot.is_finished {
            slot.cell.take()
        } else {
            None
        };
        tasks.release(id.slot());
        drop(tasks);
        drop(joiner);
        if let Some(cell) = output {
            discard(cell);
        }
    }

    /// Drops all tasks, in the order of their spawning. From now on, none is admitted.
    pub(crate) fn close(&self) {
        self.tasks.borrow_mut().is_closed = true;
        for id in self.alive() {
            self.drop_now(id);
        }
    }

    fn alive(&self) -> Vec<TaskId> {
        let tasks = self.tasks.borrow();
        let mut alive: Vec<TaskId> = tasks
            .slots
            .iter()
            .filter(|(_, slot)| !slot.is_finished)
            .map(|(_, slot)| slot.id)
            .collect();
        alive.sort_unstable_by_key(|id| std::cmp::Reverse(id.age(tasks.next_serial)));
        alive
    }

    /// Describes the tasks that are alive, in the order of their spawning.
    pub(crate) fn describe(&self) -> Vec<TaskInfo> {
        let alive = self.alive();
        let tasks = self.tasks.borrow();
        alive
            .into_iter()
            .map(|id| tasks.describe(id.slot()))
            .collect()
    }

    pub(crate) fn task_count(&self) -> usize {
        self.tasks
            .borrow()
            .slots
            .iter()
            .filter(|(_, slot)| !slot.is_finished)
            .count()
    }

    /// The panic that is to end `run`, if there was one.
    pub(crate) fn take_fatal(&self) -> Option<Payload> {
        self.fatal.take()
    }

    /// Whether the task that is being polled may complete another leaf operation.
    pub(crate) fn has_operations_left(&self) -> bool {
        self.operations_left.get() > 0
    }

    pub(crate) fn spend_operation(&self) {
        self.operations_left
            .set(self.operations_left.get().saturating_sub(1));
    }
}

impl Tasks {
    fn insert(&mut self, loop_index: usize, cell: TaskCell) -> TaskId {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let entry = self.slots.vacant_entry();
        let id = TaskId::new(loop_index, serial, entry.key());
        entry.insert(Slot {
            id,
            cell: Some(cell),
            joiner: None,
            pins: 1,
            is_queued: true,
            is_aborted: false,
            is_finished: false,
            is_joinable: true,
        });
        self.ready.push_back(id.slot() as u32);
        self.reserve_ready();
        id
    }

    fn describe(&self, slot: usize) -> TaskInfo {
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

    /// Frees the slot if nobody needs it. A slot in the ready queue is needed: freed too early, its place in the queue
    /// would fall to a stranger.
    fn release(&mut self, slot: usize) {
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

/// Wakes whoever awaits a task. The waker may be anybody's, and what it does must not take the loop along.
fn wake_quietly(waker: Waker) {
    quietly("the waker of a join handle", || waker.wake());
}

/// Drops an output that nobody will ask for; a panic among them is told.
fn discard(cell: TaskCell) {
    if let Some(error) = cell.error().filter(|error| error.is_panic()) {
        log::error!(target: "roundelay::task", "{error}; nobody awaits its handle");
    }
    quietly("the destructor of a task's output", || drop(cell));
}

/// Runs user code that has nobody to report its panic to.
pub(crate) fn quietly(what: &str, run: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
        log::error!(target: "roundelay::task", "{what} panicked: {}", JoinError::panicked(payload));
    }
}
