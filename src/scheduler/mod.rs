//! Chapter 4. The slab of tasks and the ready queue.
//!
//! # Chapter 4. The scheduler
//!
//! *Before this:* [chapter 3](crate::task::waker). *Time:* 60 minutes. *Files, in reading order:*
//! this one, [`slot`], [`tasks`], [`current`], [`budget`], [`handles`].
//!
//! ## The smallest loop
//!
//! This chapter replaces `poll_task`, and the fields `tasks` and `ready`, in
//! `examples/00_smallest_loop.rs`. Two wakes of one task are two entries in the queue there, and
//! two polls. And `run` drops the last tasks while `tasks` is borrowed: a destructor that wakes or
//! spawns panics.
//!
//! ## The problem
//!
//! A scheduler answers one question: which task runs next? The sketch in RFC 2592 answers it in a
//! page: a slab of boxed futures, a queue of indices, and a waker that pushes its index into the
//! queue. The sketch has four holes:
//!
//! 1. A task that is woken twice is in the queue twice, and a busy task fills the queue.
//! 2. A task finishes, another task moves into its slot, and a waker of the first task polls the
//!    second.
//! 3. A waker that fires *during* a poll finds the slab borrowed, and panics.
//! 4. A waker that fires on another thread finds no slab at all.
//!
//! Hole 4 is [chapter 5](crate::inbox). This chapter closes the other three, and then a fifth that
//! no single line shows: a loop that runs tasks *until none is ready* never looks at its sockets if
//! one task is always ready.
//!
//! ## The idea
//!
//! ```text
//!        wake(id)                                             run(limit)
//!   the number fits the slot's?                     pop the head's slot, is_queued = false,
//!   not queued? then queue it                       take the cell OUT, and end the borrow
//!            |                                                       |
//!            v                                                       v
//!   ready: [ 7 | 2 | 5 | .. ] ------------------------------->  poll the cell
//!                                                                   |      |
//!   slots: 2 {nr. 40, cell}  5 {nr. 38, cell}  7 {nr. 42, cell}  Pending  Ready
//!            ^                                                      |      |
//!            +------------------ put_back --------------------------+      v
//!                                                     finish: the output stays for the handle,
//!                                                     and the task that awaits it is woken
//! ```
//!
//! - *one-queue* closes hole 1: the wake sets `is_queued`, and the scheduler clears it *before* the
//!   poll. A wake during the poll then queues the task again. If the scheduler cleared it after the
//!   poll, that wake would be lost.
//! - *stale-is-inert* closes hole 2: the slot holds its tenant's serial number, and a wake compares
//!   it.
//! - *no-user-code-under-borrow* closes hole 3: while a task is polled, its slot is empty and
//!   nothing is borrowed. The task may wake, spawn and abort, even itself. The same holds for
//!   destructors, outputs and foreign wakers: each is moved out of its place under the borrow, and
//!   runs after the borrow has ended.
//!
//! ## A task's state, field by field
//!
//! ```text
//!   | begin             ready queue  slot.cell  slot.is_queued  slot.life  the cell's stage
//!   v                   -------------------------------------------------------------------
//!   ready <-----.       its index    Some       true            Alive      Running(future)
//!   | next      | wake
//!   v           |
//!   running     |       -            None       false           Alive      Running(future)
//!   |  |        |
//!   |  | put_back
//!   |  v        |
//!   |  waiting -'       -            Some       false           Alive      Running(future)
//!   |  | abort
//!   |  v
//!   |  ending           its index    Some       true            Aborted    Running(future)
//!   |  | next, cancel
//!   |  v
//!   |  cancelled        -            Some       false           Finished   Finished(Err(..))
//!   | finish   |
//!   v          |
//!   finished   |        -            Some       false           Finished   Finished(Ok(..))
//!   |          | leave, detach
//!   v          |
//!   spare <----'        -            Some       false           Finished   Finished(None)
//! ```
//!
//! The edges are functions of [`Scheduler`] and [`Tasks`]. A running task's cell is in the hands of
//! [`run`](Scheduler::run). A wake during the poll sets `is_queued` and puts the index into the
//! queue, so the task is ready as soon as `put_back` has returned; after an abort during the poll
//! the task is cancelled at once. An abort of a ready task leads to *ending* too, and `drop_now`
//! leads to *cancelled* from each state before it. The slot keeps its tenant's serial until it is
//! spare. A slot becomes spare when no handle and no entry of the queue needs it; from `leave`
//! until then `slot.cell` is `None`. Guarded by
//! `tests::a_task_is_in_each_state_as_the_figure_shows_it`.
//!
//! ## The batch rule
//!
//! The queue is a ring, first in, first out. A *batch* is as many tasks as were ready when the turn
//! began, so a task that the batch wakes runs in the next batch. No task is polled a second time
//! before all tasks that were ready have been polled once. (A loop that
//! [`run`](crate::EventLoop::run)s does not count batches: in a ring, the place where one batch
//! ends changes nothing.)
//!
//! The batch rule alone bounds nothing: a batch may be a million tasks long. So the loop also
//! counts polls, whatever batch they belong to, and after 64 polls it looks at the sockets and the
//! timers ([chapter 9](crate::event_loop)). The inbox costs one load, so the loop asks the inbox
//! after every poll.
//!
//! *Claim:* while the loop is at work, a due timer and a ready socket wait for at most 64 polls, 64
//! notes and one look; a note is a wake or a call from another thread. A look takes no more than 64
//! due timers and deals out no more than 512; a timer with more timers before it waits for one more
//! look for each 64, or each 512, of them. A loop with nothing to do that has just fired several
//! timers may sleep past the next deadline ([`slack`](crate::time#slack)).
//!
//! *Proof:* the allowance of polls starts at 64, falls with every poll, and is refilled by a look
//! only; at zero the loop looks. No more than 64 notes are delivered between two looks, and a look
//! itself is bounded. QED. `tests/event_loop/bounded_look.rs` and `tests/scheduler/fairness.rs`
//! count it. (Where few tasks are ready and polls are long, the allowance is smaller: as many polls
//! as take 25 us. See `event_loop/pace.rs`.)
//!
//! One poll can still be long. A socket that always has data makes its task loop for ever without
//! returning `Pending`. So each poll may complete 128 operations of this crate's leaf futures; the
//! 129th operation wakes its task and returns `Pending`. A computation that never awaits is beyond
//! this rule: it has to call [`yield_now`](fn@crate::yield_now), or to run under
//! [`offload`](fn@crate::offload).
//!
//! ## Why not otherwise
//!
//! - *A queue of pointers* (`Rc<Task>`, `Arc<Task>`): a count for each push and pop, and a task
//!   that the queue keeps alive.
//! - *Links inside the slots*: no ring to grow; but each step waits for the slot before it, and
//!   with 100,000 tasks that is one cache miss after another. The ring takes 4 bytes a task and is
//!   read straight ahead.
//! - *Last in, first out* for a task that was just woken: the task is warm in the cache, and two
//!   tasks that wake each other starve the rest. tokio's multi-threaded scheduler limits how often
//!   this happens; one thread does not need it.
//! - *Priorities*: a program with two priorities has two loops, or a queue.
//!
//! *What others do.* tokio's `current_thread` counts 61 polls between looks at its driver. asyncio
//! runs what was ready when the turn began, as here, and has no bound. libuv runs all its
//! callbacks. Go's scheduler looks at the network when it has nothing else, and from a thread of
//! its own every 10 ms. smol's local executor looks after 200 polls.
//!
//! ## Not needed here
//!
//! Stealing, a remote queue in the hot path, and a state word with loops of compare-exchange have
//! no place on one thread. One thread owns all of this, and `RefCell` proves it for a load and a
//! store.
//!
//! ## What it costs
//!
//! A wake and a poll are O(1) and allocate nothing: a spawn makes the room in the ring. A spawn
//! allocates the task's cell, or finds a spare cell of a finished task of the same type
//! (`spares.rs`). Slot and cell stay together, so then neither the slab nor the allocator is asked.
//! `cargo bench --bench core`: `yield`, `spawn`.
//!
//! ## Sources
//!
//! RFC 2592; the asyncio documentation, "Event loop"; `tokio::runtime`, "Current thread scheduler";
//! Tim Peters' and others' discussion of `call_soon` order in PEP 3156.
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - Clear `is_queued` after the poll instead of before:
//!   `cargo run -p exercises -- 4.1`
//! - Free the slot of a finished task although it is still queued:
//!   `cargo run -p exercises -- 4.2`
//! - In `Tasks::wake`, queue a task that is queued already:
//!   `cargo run -p exercises -- 4.3`
//!
//! ## Next
//!
//! [Chapter 5](crate::inbox): wakes that come from another thread.

use std::any::Any;
use std::cell::{Cell, Ref, RefCell, RefMut};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::foreign::{self, Payload};
use crate::record::Probe;
use crate::task::cell::{Erased, TaskCell};
use crate::task::id::{MAX_TASKS, TaskId};

mod ages;
mod births;
mod budget;
mod current;
mod evacuation;
mod give_back;
mod handles;
mod info;
mod joiner;
mod observer;
mod outputs;
mod panics;
mod prefetch;
mod slot;
mod spares;
mod tasks;
#[cfg(test)]
mod tests;

use budget::Share;
pub(crate) use budget::{has_operations_left, spend_operation};
pub(crate) use current::{Current, wake_here};
pub use info::TaskState;
pub(crate) use info::{Asker, Described};
use joiner::{Joiner, Who};
pub(crate) use observer::{Observer, Step, Unobserved};
use slot::Life;
pub(crate) use spares::FEW_BYTES;
use tasks::Tasks;

/// What the log calls a joiner's waker if that waker panics.
const JOIN_HANDLE: &str = "a join handle";

/// What a [`run`](Scheduler::run) has done.
#[derive(Default)]
pub(crate) struct Ran {
    /// Entries of the queue.
    pub(crate) taken: usize,
    /// The polls among the entries. An entry whose task finished while it was queued takes no poll.
    pub(crate) polls: usize,
}

pub(crate) struct Scheduler {
    loop_index: usize,
    tasks: RefCell<Tasks>,
    running: Cell<Option<TaskId>>,
    /// Whether an output is being dropped at this moment, further down the stack.
    is_discarding: Cell<bool>,
    is_closed: Cell<bool>,
    /// Set when [`run`](Self::run) is to return before its limit: the main task has ended, or a panic ends all.
    should_halt: Cell<bool>,
    /// Whether a task's panic ends the run.
    panics_halt: bool,
    /// The panic that has ended the run, until the loop takes it.
    panic: Cell<Option<Payload>>,
}

impl Scheduler {
    pub(crate) fn new(
        loop_index: usize,
        first_serial: u32,
        panics_halt: bool,
        probe: Probe,
        has_grown: Rc<Cell<bool>>,
    ) -> Self {
        let tasks = Tasks::new(loop_index, first_serial, probe, has_grown);
        Self {
            loop_index,
            tasks: RefCell::new(tasks),
            running: Cell::new(None),
            is_discarding: Cell::new(false),
            is_closed: Cell::new(false),
            should_halt: Cell::new(false),
            panics_halt,
            panic: Cell::new(None),
        }
    }

    /// Claims a slot for a task whose cell has `size` bytes. The caller puts the cell in, and lets the task
    /// [begin](Admission::begin).
    #[inline]
    pub(crate) fn admit(&self, size: usize) -> Admission<'_> {
        let mut tasks = self.tasks_mut();
        let Some(index) = tasks.claim(size) else {
            drop(tasks);
            refuse_a_spawn();
        };
        Admission {
            scheduler: self,
            tasks,
            index,
        }
    }

    // The two borrows of the tasks are here, since each place of a borrow is also a place of a panic: 48 bytes, and a call.
    #[inline(always)]
    fn tasks(&self) -> Ref<'_, Tasks> {
        self.tasks.borrow()
    }

    #[inline(always)]
    fn tasks_mut(&self) -> RefMut<'_, Tasks> {
        self.tasks.borrow_mut()
    }

    #[inline]
    pub(crate) fn wake(&self, id: TaskId) {
        self.tasks_mut().wake(id);
    }

    pub(crate) fn running(&self) -> Option<TaskId> {
        self.running.get()
    }

    /// Takes at most `limit` entries from the head of the queue, and polls their tasks. Returns before the limit after
    /// [`halt`](Self::halt), or when `should_return`, which is asked after every poll, says so.
    // Not inlined into the turn: that saves two of 226 instructions of a yield.
    #[inline(never)]
    pub(crate) fn run(
        &self,
        limit: usize,
        waker_of: impl Fn(TaskId) -> ManuallyDrop<Waker>,
        observer: &impl Observer,
        should_return: impl Fn() -> bool,
    ) -> Ran {
        let mut ran = Ran::default();
        let mut tasks = self.tasks_mut();
        while ran.taken < limit {
            let Some((id, life, cell)) = tasks.next() else {
                break;
            };
            ran.taken += 1;
            let Some(mut cell) = cell else {
                tasks.release(id.slot());
                continue;
            };
            ran.polls += 1;
            drop(tasks);
            observer.begins(id, &mut cell);
            if life == Life::Aborted {
                self.cancel(id, cell, observer);
                tasks = self.tasks_mut();
            } else if self.poll(id, cell.as_mut(), waker_of(id)).is_ready() {
                observer.ends(id, &mut cell, Step::Ready);
                self.finish(id, cell);
                observer.is_settled();
                tasks = self.tasks_mut();
            } else {
                observer.ends(id, &mut cell, Step::Pending);
                tasks = self.tasks_mut();
                if let Some(cell) = tasks.put_back(id, cell) {
                    drop(tasks);
                    // The task was aborted during its poll.
                    self.cancel(id, cell, observer);
                    tasks = self.tasks_mut();
                }
            }
            if self.should_halt.get() || should_return() || observer.has_news() {
                break;
            }
        }
        ran
    }

    #[inline]
    fn poll(&self, id: TaskId, cell: Pin<&mut dyn Erased>, waker: ManuallyDrop<Waker>) -> Poll<()> {
        let outer = self.running.replace(Some(id));
        Share::FULL.begin();
        let polled = cell.poll(&mut Context::from_waker(&waker));
        Share::ENDLESS.begin();
        self.running.set(outer);
        polled
    }

    /// Drops a future instead of polling it. Its task is current for its destructors, as it was for its polls.
    fn cancel(&self, id: TaskId, mut cell: TaskCell, observer: &impl Observer) {
        let outer = self.running.replace(Some(id));
        cell.as_mut().cancel();
        self.running.set(outer);
        observer.ends(id, &mut cell, Step::Dropped);
        self.finish(id, cell);
        observer.is_settled();
    }

    /// The future is gone. Hands the output to the handle, or drops it; wakes the task that awaits it; gives the slot back.
    // Inlined by force, as `Admission::begin` is: this saves 19 and 22 of the 711 instructions of a spawn+join.
    #[inline(always)]
    fn finish(&self, id: TaskId, mut cell: TaskCell) {
        if self.panics_halt {
            self.look_for_panic(cell.as_mut());
        }
        let mut tasks = self.tasks_mut();
        tasks.alive -= 1;
        let slot = &mut tasks.slots[id.slot()];
        slot.life = Life::Finished;
        let joiner = slot.joiner;
        if joiner == Joiner::GONE {
            // The hold keeps the slot from being reused while user code runs.
            slot.hold();
            drop(tasks);
            return self.discard(id, cell);
        }
        slot.put(cell);
        slot.joiner = Joiner::NOBODY;
        match joiner.who() {
            Who::Task(joiner) => tasks.wake(joiner),
            Who::Afar(index) => {
                let waker = tasks.afar.remove(index);
                drop(tasks);
                foreign::wake(waker, JOIN_HANDLE);
            }
            Who::Gone | Who::Nobody => {}
        }
    }

    /// Moves the output of a finished task into `output`, an `Option<Result<T, JoinError>>`; this can be done once. If the
    /// task has not finished, its asker is remembered: by number if it is a task of this loop, else by its waker. A task
    /// that asks for its own output would wait for itself, and gets none. The asker is the task itself if the number says
    /// so, or if this loop is polling the task at the moment.
    #[inline(always)]
    pub(crate) fn poll_join(
        &self,
        id: TaskId,
        asker: Option<TaskId>,
        waker: &Waker,
        output: &mut dyn Any,
    ) -> Poll<()> {
        let Some(asker) = asker.filter(|asker| asker.loop_index() == self.loop_index) else {
            return self.poll_join_from_afar(id, waker, output);
        };
        let mut tasks = self.tasks_mut();
        if tasks.slots[id.slot()].is_finished() {
            drop(tasks);
            self.leave(id, output);
            return Poll::Ready(());
        }
        if asker == id {
            let life = tasks.slots[id.slot()].life;
            return Self::refuse_self(life);
        }
        let old = tasks.set_joiner(id.slot(), Joiner::task(asker));
        tasks.probe.awaits_task(id);
        drop(tasks);
        foreign::let_go(old, JOIN_HANDLE);
        Poll::Pending
    }

    /// Moves the output of a finished task to its join handle, which leaves the slot.
    pub(crate) fn leave(&self, id: TaskId, output: &mut dyn Any) {
        let rest = self.tasks_mut().leave(id.slot(), output);
        drop(rest);
    }

    /// Ends the [`run`](Self::run) that is going on as soon as the present poll has returned.
    pub(crate) fn halt(&self) {
        self.should_halt.set(true);
    }

    pub(crate) fn is_to_halt(&self) -> bool {
        self.should_halt.get()
    }

    /// Whether `halt` was called since the last call of `take_halt`.
    pub(crate) fn take_halt(&self) -> bool {
        self.should_halt.take()
    }
}

// Not in `admit`, which each spawn of a program contains.
#[cold]
#[inline(never)]
fn refuse_a_spawn() -> ! {
    panic!("cannot spawn: this loop holds {MAX_TASKS} tasks, the most there can be")
}

/// A slot that is claimed for a task, while the caller fills the slot's cell. Not a closure that fills the cell: a debug build
/// would copy the future once more into the closure.
// Guarded by tests/scheduler/panic.rs::a_future_of_three_megabytes_is_spawned_without_a_stack_to_match
pub(crate) struct Admission<'a> {
    scheduler: &'a Scheduler,
    tasks: RefMut<'a, Tasks>,
    index: usize,
}

impl Admission<'_> {
    /// The place for the cell: `None`, or a vacant cell of an earlier task.
    #[inline]
    pub(crate) fn cell(&mut self) -> &mut Option<TaskCell> {
        &mut self.tasks.slots[self.index].cell
    }

    /// Puts the task at the end of the ready queue. Its join handle holds the slot. If the loop is ending, the task is
    /// dropped.
    #[inline(always)]
    pub(crate) fn begin(mut self) -> TaskId {
        let id = self.tasks.begin(self.index);
        drop(self.tasks);
        if self.scheduler.is_closed.get() {
            self.scheduler.drop_now(id);
        }
        id
    }
}
