//! Chapter 5. Wakes from other threads, and how to sleep without losing one.
//!
//! # The smallest loop
//!
//! This chapter replaces what `wake` does on another thread in `examples/00_smallest_loop.rs`. The
//! function asks for the current loop there, and on another thread that is another loop. The wake
//! is lost, and the loop that should hear of it sleeps on in `park`.
//!
//! # The problem
//!
//! A thread that has finished a job wants to wake a task. The loop may be asleep in `epoll_wait`, so the thread must
//! interrupt it; and a system call for each wake is expensive, so it should interrupt only a loop that really sleeps.
//! The naive pair of flags loses a wake-up:
//!
//! ```text
//!   the loop                          another thread
//!   --------------------------------  --------------------------------
//!   the inbox is empty
//!                                     push(wake)
//!                                     parked? no: it will see it itself
//!   parked = true
//!   epoll_wait ... for ever
//! ```
//!
//! Swapping the loop's two lines (announce first, look afterwards) is right only if both sides' store *and* load are one
//! indivisible step, or fenced: each processor may delay its own store past its own load, x86 included.
//!
//! # The idea
//!
//! One word, and every step of either side looks at it and changes it in one. Such steps on one word form a single order;
//! who comes second in it sees what the first has done. And since a waker is a number, the word has room for a wake:
//!
//! ```text
//!                      wake: compare-exchange
//!        AWAKE -------------------------------> a number      nobody needs a lock or a system call; park refuses
//!        |   ^ ^                                 |   ^   |
//!        |   | '------------ take: swap ---------'   |   |  a second wake, or a post:
//!   park |   |                                       |   |  swap, and both go into the queue
//!        |   | unpark      wake: compare-exchange,   |   v
//!        v   |             and ring the bell         |  NOTIFIED      there is something in the queue
//!        PARKED -------------------------------------'   |
//!            '---------- push: swap, and ring the bell --'
//! ```
//!
//! - Another thread that finds nothing in the word puts the number there: one step on one cache line, and that is all. One
//!   that finds something takes the lock, swaps in `NOTIFIED`, and puts into the queue what it brought, behind the number
//!   that it swapped out. Only the one that took `PARKED` away rings the bell. **A burst costs at most one system call, and
//!   a wake to a loop that is awake costs none.**
//! - The loop: go from `AWAKE` to `PARKED`, and sleep only if that succeeded. If there was something else, something came
//!   after the last look, and it stays there, so that nobody rings for a loop that does not sleep. That is the invariant
//!   *inbox-before-park*.
//! - When it looks, it swaps in `AWAKE` *before* it takes the queue. What is pushed after that leaves a fresh notice; in the
//!   other order the swap could erase the notice of a push that the take had not seen. If it swapped out a number, there is
//!   nothing in the queue, and no lock to take.
//!
//! # The files
//!
//! | file | what |
//! |---|---|
//! | `word.rs` | the word, and each step on it: the figure above, arrow by arrow |
//! | `queue.rs` | the queue behind it, for what does not fit into the word |
//! | `shared.rs` | both together, as a thread that wakes or posts uses them |
//! | `table.rs` | how a number finds its inbox: a static table that never shrinks |
//! | `bell.rs` | the system call that ends a sleep |
//! | this one | [`Inbox`], the loop's side, and [`Address`], the side of all other threads |
//!
//! The table's entries are recycled and never freed. A recycled inbox goes on counting serials where its last loop stopped,
//! so an old number does not fit a new task.
//!
//! # Why not otherwise
//!
//! - *A lock-free queue*: the lock is held for a push, that is a few nanoseconds; a queue node per wake would allocate.
//! - *A flag in the task, to push it once only*: would need an atomic in each slot, for the rare case of a flood. The
//!   queue is thinned instead, when it would have to grow: see `Queue::push`.
//! - *A pipe*: one write per wake, and a write that fails when the pipe is full.
//!
//! Tokio keeps a mutex-protected inject queue and unparks by an atomic state with three values, without room for a wake; libuv's
//! `uv_async_send` has a flag per handle; Go's `netpollBreak` a flag per process.
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - Let an inbox that goes to the next loop stay in the generation of the last:
//!   `cargo run -p exercises -- 5.1`
//!
//! Sources: `epoll(7)`, `eventfd(2)`; Dijkstra's "sleeping barber"; McKenney, *Is Parallel Programming Hard*, ch. 15.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::ptr;

use crate::shim::atomic::Ordering::{Relaxed, SeqCst};
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

/// The loop's side. Closes the inbox when it is dropped.
pub(crate) struct Inbox {
    shared: &'static Shared,
    generation: u64,
    /// Notes that were taken out of the queue and wait to be delivered.
    taken: RefCell<VecDeque<Note>>,
    /// How many there are of them.
    waiting: Cell<usize>,
}

/// The side of all other threads: `Remote` is made of it.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    shared: &'static Shared,
    generation: u64,
    /// The thread that the loop lives on, as [`this_thread`] calls it.
    thread: usize,
}

impl Inbox {
    /// Takes an inbox from the table, or says that all are in use.
    pub(crate) fn new(post_queue: usize) -> io::Result<Self> {
        let shared = table::claim()?;
        let mut queue = lock(&shared.queue);
        queue.post_queue = Some(post_queue);
        shared.word.open();
        Ok(Self {
            shared,
            generation: queue.generation,
            taken: RefCell::new(VecDeque::with_capacity(queue::ROOM)),
            waiting: Cell::new(0),
        })
    }

    /// Hangs up the bell that wakes the loop from its sleep.
    pub(crate) fn hang_bell(&self, bell: shim::Bell) {
        self.shared.bell.hang(bell);
    }

    pub(crate) fn index(&self) -> usize {
        self.shared.index
    }

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

    /// The loop goes to work. Whatever came while it rested is there still.
    pub(crate) fn begin(&self) {
        self.unpark();
    }

    /// The loop rests, and its host waits for its descriptor. A note that is there already makes it readable at once.
    pub(crate) fn end(&self) {
        if !self.park() {
            self.shared.ring();
        }
    }

    /// Announces that the loop is going to sleep. `false`: do not, there is a note.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        self.shared.word.park()
    }

    /// The sleep is over.
    pub(crate) fn unpark(&self) {
        self.shared.word.unpark();
    }

    /// Whether there may be a note that has not been taken: one load of a word that is in this processor's cache unless
    /// another thread wrote to it.
    #[inline]
    pub(crate) fn is_notified(&self) -> bool {
        self.shared.word.is_notified()
    }

    /// [`is_notified`](Self::is_notified), to be asked after every poll: without a way through the inbox.
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

    /// Takes what there is, unless notes taken earlier are still waiting. Says how many are waiting now. The two queues are
    /// swapped, so nothing is allocated.
    pub(crate) fn take(&self) -> usize {
        let mut taken = self.taken.borrow_mut();
        if taken.is_empty() {
            match self.shared.word.take() {
                // Nobody has pushed since the last take, or the word would not be a number.
                Some(number) => taken.push_back(Note::Wake(number)),
                None => std::mem::swap(&mut lock(&self.shared.queue).notes, &mut taken),
            }
        }
        self.waiting.set(taken.len());
        taken.len()
    }

    /// The note that came first, of those that were taken.
    #[inline]
    pub(crate) fn next(&self) -> Option<Note> {
        let note = self.taken.borrow_mut().pop_front()?;
        self.waiting.set(self.waiting.get() - 1);
        if let Note::Post(_) = note {
            // ORDERING: a count, on which no other memory rests. The lock orders the push that it counts before this.
            self.shared.posts.fetch_sub(1, Relaxed);
        }
        Some(note)
    }

    /// Closes the inbox, and gives back the notes that were not delivered; the serial goes on where this loop stopped.
    pub(crate) fn close(&self, next_serial: u32) -> VecDeque<Note> {
        let mut notes = self.taken.take();
        self.waiting.set(0);
        let mut queue = lock(&self.shared.queue);
        if queue.post_queue_of(self.generation).is_some() {
            notes.extend(queue.close(next_serial));
            // ORDERING: under the lock, and nobody can push any more.
            self.shared.posts.store(0, SeqCst);
        }
        notes
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let next_serial = self.first_serial();
        // Empty unless the loop was never closed, that is, never finished being made.
        drop(self.close(next_serial));
        self.shared.bell.take_down();
        self.shared.word.close();
        table::give_back(self.shared);
    }
}

impl Address {
    /// Posts a call. With [`Room::Bounded`], only if fewer calls wait than the loop was built for.
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
    /// loops of a thread that has ended have given theirs.
    /// Guarded by tests/remote/gone.rs::a_destructor_that_waits_for_its_loop_while_it_is_dropped_panics_instead_of_hanging.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.thread == this_thread()
    }

    pub(crate) fn loop_index(&self) -> usize {
        self.shared.index
    }
}

/// Tells threads that are alive apart. Unlike `thread::current` it never panics, so a thread-local's destructor may ask.
fn this_thread() -> usize {
    thread_local!(static HERE: Cell<u8> = const { Cell::new(0) });
    HERE.with(|here| ptr::from_ref(here).addr())
}
