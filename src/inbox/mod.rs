//! Chapter 5. Wakes from other threads, and how to sleep without losing one.
//!
//! # Chapter 5. The inbox
//!
//! *Before this:* [chapter 4](crate::scheduler). *Time:* 60 minutes. *Files, in reading order:*
//! [`word`], [`queue`], [`shared`], [`table`], [`bell`], and this one.
//!
//! ## The smallest loop
//!
//! This chapter replaces what `wake` does on another thread in `examples/00_smallest_loop.rs`. The
//! function asks for the current loop there, and on another thread that is another loop. The wake
//! is lost, and the loop that should hear of it sleeps on in `park`.
//!
//! ## The problem
//!
//! A thread that has finished a job wants to wake a task. The loop may be asleep in `epoll_wait`,
//! so the thread must interrupt it. A system call for each wake is expensive, so the thread should
//! interrupt only a loop that really sleeps. The naive pair of flags loses a wake:
//!
//! ```text
//!   the loop                          another thread
//!   --------------------------------  --------------------------------
//!   the inbox is empty
//!                                     push(wake)
//!                                     parked? no: the loop will look
//!   parked = true
//!   epoll_wait ... for ever
//! ```
//!
//! To swap the loop's two lines (announce first, look afterwards) is right only if the store *and*
//! the load of each side are one indivisible step, or fenced: each processor may delay its own
//! store past its own load, x86 included.
//!
//! ## The idea
//!
//! Both sides share one word, and each step of either side reads and changes the word at once. Such
//! steps on one word have a single order, so of two steps the second sees what the first has done.
//! And since a waker is a number, the word has room for a wake:
//!
//! ```text
//!                      wake: compare-exchange
//!        AWAKE -------------------------------> a number    no lock, no system call
//!        |   ^ ^                                 |   ^   |
//!        |   | '------------ take: swap ---------'   |   |  a second wake, or a post:
//!   park |   |                                       |   |  swap, and both go into the queue
//!        |   | unpark      wake: compare-exchange,   |   v
//!        v   |             and ring the bell         |  NOTIFIED      the queue holds a note
//!        PARKED -------------------------------------'   ^
//!            '---------- push: swap, and ring the bell --'
//! ```
//!
//! The same figure as a table: the word that a step finds, and the word that it leaves. `wake` has
//! the number n. `+n`: n goes into the queue; `+post`: the call does. (A unit test of [`word`]
//! takes each step of the table.)
//!
//! ```text
//!   found       wake             push                  park        unpark      take
//!   ----------  ---------------  --------------------  ----------  ----------  -----------
//!   AWAKE       n                NOTIFIED +post        PARKED      AWAKE       -
//!   PARKED      n, ring          NOTIFIED +post, ring  -           AWAKE       -
//!   a number m  NOTIFIED +m +n   NOTIFIED +m +post     m           m           AWAKE, m
//!   NOTIFIED    NOTIFIED +n      NOTIFIED +post        NOTIFIED    NOTIFIED    AWAKE, queue
//!   CLOSED      CLOSED           CLOSED                -           -           -
//! ```
//!
//! `-`: not called there. A `park` that does not leave `PARKED` is no sleep. A `take` that finds m
//! answers m; one that finds `NOTIFIED` takes the queue. A closed inbox drops a wake, and gives a
//! post back.
//!
//! (One step is left out: between two turns of a host, the loop's own thread goes from `PARKED` to
//! `NOTIFIED` with an empty queue, so that the bell tells the host of a task that has become
//! ready.)
//!
//! - *Another thread.* A wake that finds no note puts its number into the word: one step on one
//!   cache line. A wake that finds a note takes the lock, swaps in `NOTIFIED`, and puts its number
//!   into the queue, behind the number that it swapped out. Only the step that took `PARKED` away
//!   rings the bell. **A burst costs at most one system call, and a wake to a loop that is awake
//!   costs none.**
//! - *The loop, before a sleep.* It goes from `AWAKE` to `PARKED`, and sleeps only if that step
//!   succeeds. The step fails if a note has come after the last look. The note then stays in the
//!   word, and no thread rings for a loop that does not sleep. That is the invariant
//!   *inbox-before-park*.
//! - *The loop, at a look.* It swaps in `AWAKE` *before* it takes the queue. A push after that swap
//!   leaves a fresh notice. In the other order the swap could erase the notice of a push that the
//!   take had not seen. If the loop swapped out a number, the queue is empty, and the loop takes no
//!   lock.
//!
//! ## Which steps never wait
//!
//! `park`, `unpark`, `is_notified` and the swap of `take` are one atomic instruction each, without
//! a loop: whatever other threads do, the loop's thread finishes them. A wake tries at most two
//! compare-exchanges, and then takes the lock. So a wake that finds no note is *wait-free*: it ends
//! after a bounded number of its own steps. Only the queue has a lock, and it is held for a push or
//! a swap of two queues, and no foreign code runs under it.
//!
//! ## The files
//!
//! - [`word`]: the word, and each step on it: the figure above, arrow by arrow
//! - [`queue`]: the queue behind it, for what does not fit into the word
//! - [`shared`]: both together, as a thread that wakes or posts uses them
//! - [`table`]: how a number finds its inbox: a static table that never shrinks
//! - [`bell`]: the system call that ends a sleep
//! - this one: [`Inbox`], the loop's side, and [`Address`], the side of all other threads
//!
//! The table's entries are recycled and never freed. A recycled inbox goes on counting serials
//! where its last loop stopped, so an old number does not fit a new task.
//!
//! ## Why not otherwise
//!
//! - *A lock-free queue*: the lock is held for one push only, and a queue node for each wake would
//!   allocate.
//! - *A flag in the task, so that each task is pushed once only*: it would need an atomic in each
//!   slot, for the rare case of a flood. Instead the queue is thinned out when it would have to
//!   grow: see `Queue::push`.
//! - *A pipe*: one write for each wake, and a write that fails when the pipe is full.
//!
//! *What others do.* tokio keeps an inject queue behind a mutex, and unparks by an atomic state
//! with three values, without room for a wake. libuv's `uv_async_send` has a flag for each handle,
//! Go's `netpollBreak` a flag for each process.
//!
//! ## What it costs
//!
//! A wake from another thread: one atomic step if the word is free; else a lock and a push. A look
//! at an empty inbox: one load. A burst of wakes: one system call at most. Guarded by
//! tests/remote/cost.rs::a_burst_at_a_loop_that_sleeps_costs_one and
//! tests/remote/cost.rs::a_burst_at_a_loop_that_is_awake_costs_none.
//!
//! ## Sources
//!
//! `epoll(7)`, `eventfd(2)`; Dijkstra's "sleeping barber"; McKenney, *Is Parallel Programming
//! Hard*, ch. 15; M. Herlihy, *Wait-Free Synchronization*, ACM TOPLAS 13(1), 1991.
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - Let an inbox that is given to a new loop keep the generation of the old loop:
//!   `cargo run -p exercises -- 5.1`
//!
//! The next three are orders of two threads' steps that a run takes seldom or never. loom takes
//! each:
//!
//! - In `Word::put`, use `Relaxed`:
//!   `cargo run -p exercises -- 5.2`
//! - In `Word::park`, announce the sleep by a load and a store:
//!   `cargo run -p exercises -- 5.3`
//! - In `Inbox::take`, empty the queue before the notice is taken down:
//!   `cargo run -p exercises -- 5.4`
//!
//! ## Next
//!
//! [Chapter 6](crate::time::wheel): timers, and the wheel that holds them.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::io;
use std::ptr;
use std::rc::Rc;

use crate::shim::atomic::Ordering::Relaxed;
use crate::shim::{self, lock};

mod bell;
#[cfg(all(test, loom))]
mod interleavings;
mod queue;
mod shared;
mod table;
mod word;

pub(crate) use queue::{Call, Note};
use shared::Shared;
pub(crate) use shared::{Refusal, Room};
pub(crate) use table::{announce, wake};

/// A queue with room for more notes is worth being made smaller.
const LARGE: usize = 1024;

/// The loop's half of the inbox. Closes the inbox when it is dropped.
pub(crate) struct Inbox {
    shared: &'static Shared,
    generation: u64,
    /// Notes that were taken out of the queue and are not delivered yet.
    // Behind a pointer, so that the places that drop an inbox are small: 0.5 KB of each program.
    taken: Rc<RefCell<VecDeque<Note>>>,
    /// How many notes `taken` has.
    waiting: Cell<usize>,
    has_grown: Rc<Cell<bool>>,
}

/// The other threads' half of the inbox. `Remote` contains it.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    shared: &'static Shared,
    generation: u64,
    /// The loop's thread, in the numbering of [`this_thread`].
    thread: usize,
}

impl Inbox {
    /// Takes an inbox from the table. Fails if all are in use. `has_grown` is set when the queue has grown large.
    pub(crate) fn new(post_queue: usize, has_grown: Rc<Cell<bool>>) -> io::Result<Self> {
        let shared = table::claim()?;
        let mut queue = lock(&shared.queue);
        queue.open(post_queue);
        shared.word.open();
        Ok(Self {
            shared,
            generation: queue.generation,
            taken: Rc::new_cyclic(|_| RefCell::new(VecDeque::with_capacity(queue::ROOM))),
            waiting: Cell::new(0),
            has_grown,
        })
    }

    /// Sets the bell that ends the loop's sleep.
    pub(crate) fn hang_bell(&self, bell: shim::Bell) {
        self.shared.bell.hang(bell);
    }

    pub(crate) fn index(&self) -> usize {
        self.shared.index
    }

    #[inline(never)]
    pub(crate) fn first_serial(&self) -> u32 {
        lock(&self.shared.queue).next_serial
    }

    pub(crate) fn address(&self) -> Address {
        Address {
            shared: self.shared,
            generation: self.generation,
            thread: this_thread(),
        }
    }

    /// The loop goes to work. Notes that came while it rested are still there.
    pub(crate) fn begin(&self) {
        self.unpark();
    }

    /// The loop rests, and its host waits for its descriptor. If there is a note already, the descriptor becomes readable at
    /// once.
    pub(crate) fn end(&self) {
        if !self.park() {
            self.shared.ring();
        }
    }

    /// Announces that the loop is about to sleep. Returns `false` if there is a note, so that the loop must not sleep.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        self.shared.word.park()
    }

    /// The sleep is over.
    pub(crate) fn unpark(&self) {
        self.shared.word.unpark();
    }

    /// Whether there may be a note that has not been taken. This is one load of a word, which is in this processor's cache
    /// unless another thread has written to it.
    #[inline]
    pub(crate) fn is_notified(&self) -> bool {
        self.shared.word.is_notified()
    }

    /// [`is_notified`](Self::is_notified) as a function of the word alone, for the question after every poll.
    #[inline]
    pub(crate) fn notice(&self) -> impl Fn() -> bool + use<> {
        let word = &self.shared.word;
        move || word.is_notified()
    }

    /// How many notes were taken and wait to be delivered.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.get()
    }

    // In one place, since each place of a borrow is also a place of a panic.
    #[inline(always)]
    fn taken(&self) -> RefMut<'_, VecDeque<Note>> {
        self.taken.borrow_mut()
    }

    /// Takes all notes, unless notes taken earlier are not delivered yet. Returns how many are undelivered now. The two
    /// queues are swapped, so nothing is allocated.
    pub(crate) fn take(&self) -> usize {
        let mut taken = self.taken();
        if taken.is_empty() {
            match self.shared.word.take() {
                // No thread has pushed since the last take, or the word would not be a number.
                Some(number) => taken.push_back(Note::Wake(number)),
                None => std::mem::swap(&mut lock(&self.shared.queue).notes, &mut taken),
            }
            if taken.capacity() > LARGE {
                self.has_grown.set(true);
            }
        }
        self.waiting.set(taken.len());
        taken.len()
    }

    /// The next of the taken notes, in the order in which they came.
    #[inline]
    pub(crate) fn next(&self) -> Option<Note> {
        let note = self.taken().pop_front()?;
        self.waiting.set(self.waiting.get() - 1);
        if let Note::Post(_) = note {
            // ORDERING: a count, on which no other memory depends. The lock orders the push that it counts before this.
            self.shared.posts.fetch_sub(1, Relaxed);
        }
        Some(note)
    }

    /// How many taken notes there are, and how many have room.
    pub(crate) fn used_and_room(&self) -> (usize, usize) {
        (self.waiting(), self.taken().capacity())
    }

    /// Frees most of the room of both queues. They grow again if need be.
    pub(crate) fn shrink(&self) {
        self.taken().shrink_to(queue::ROOM);
        lock(&self.shared.queue).shrink();
    }

    /// Closes the inbox, and hands each undelivered note to `take`. The next loop's serials begin at `next_serial`.
    pub(crate) fn close(&self, next_serial: u32, take: &mut dyn FnMut(Note)) {
        let mut taken = self.taken();
        let mut queue = lock(&self.shared.queue);
        if queue.post_queue_of(self.generation).is_none() {
            return;
        }
        queue.close(next_serial, &mut taken);
        drop(queue);
        self.waiting.set(taken.len());
        drop(taken);
        while let Some(note) = self.next() {
            take(note);
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let next_serial = self.first_serial();
        // There is no note, unless the making of the loop failed before the loop could close the inbox.
        self.close(next_serial, &mut drop);
        self.shared.bell.take_down();
        self.shared.word.close();
        table::give_back(self.shared);
    }
}

impl Address {
    /// Posts a call. With [`Room::Bounded`], only if fewer calls wait than the loop's limit.
    pub(crate) fn post(&self, call: Call, room: Room) -> Result<(), (Call, Refusal)> {
        self.shared.post(self.generation, call, room)
    }

    /// See [`announce`].
    pub(crate) fn announce(&self) {
        self.shared.announce();
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.shared.queue)
            .post_queue_of(self.generation)
            .is_none()
    }

    /// Whether the loop lives on this thread, running or not, or is being dropped here. For handles without an answer: the
    /// loops of a thread that has ended have answered all of theirs.
    /// Guarded by tests/remote/gone.rs::a_destructor_that_waits_for_its_loop_while_it_is_dropped_panics_instead_of_hanging.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.thread == this_thread()
    }

    pub(crate) fn loop_index(&self) -> usize {
        self.shared.index
    }
}

/// A number that tells live threads apart. Unlike `thread::current` it never panics, so the destructor of a thread-local may
/// call it.
fn this_thread() -> usize {
    thread_local!(static HERE: Cell<u8> = const { Cell::new(0) });
    HERE.with(|here| ptr::from_ref(here).addr())
}
