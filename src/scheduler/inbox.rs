//! Chapter 5. Wakes from other threads, and how to sleep without losing one.
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
//! # A table that never shrinks
//!
//! A waker is a number, and the number holds the loop's index. So inboxes live in a static table; they are recycled and
//! never freed, and any number, however old, may be looked up at any time. A recycled inbox goes on counting serials
//! where its last loop stopped, so an old number does not fit a new task.
//!
//! # Why not otherwise
//!
//! - *A lock-free queue*: the lock is held for a push, that is a few nanoseconds; a queue node per wake would allocate.
//! - *A flag in the task, to push it once only*: would need an atomic in each slot, for the rare case of a flood. The
//!   queue is thinned instead, when it would have to grow: see `Mail::push`.
//! - *A pipe*: one write per wake, and a write that fails when the pipe is full.
//!
//! Tokio keeps a mutex-protected inject queue and unparks by an atomic state with three values, without room for a wake; libuv's
//! `uv_async_send` has a flag per handle; Go's `netpollBreak` a flag per process.
//!
//! # Exercises
//!
//! 1. In `Tenant::take`, swap the queues before the words. `tests/remote/posts.rs` may run for a day before it hangs;
//!    `scheduler/inbox/interleavings.rs` tries every order of the steps, and finds it at once. Draw the time-line.
//! 2. Leave out the swap to `AWAKE` after a park. Nothing is lost. Which count in `tests/remote/cost.rs` grows?
//! 3. Start each loop's serial at zero. Which test wakes a stranger?
//!
//! Sources: `epoll(7)`, `eventfd(2)`; Dijkstra's "sleeping barber"; McKenney, *Is Parallel Programming Hard*, ch. 15.

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};
use std::io;
use std::ptr;
use std::sync::{OnceLock, PoisonError};

use crossbeam_utils::CachePadded;

use crate::fault;
use crate::foreign::{self, Level};
use crate::shim::atomic::Ordering::{Relaxed, SeqCst};
use crate::shim::atomic::{AtomicU64, AtomicUsize};
use crate::shim::{Bell, Mutex, MutexGuard, statics};
use crate::task::id::{MAX_LOOPS, TaskId};

#[cfg(all(test, loom))]
mod interleavings;

// What the word can be, if it is not the number of a task that is to be woken. None of these has a loop in it.
const AWAKE: u64 = 0;
const NOTIFIED: u64 = 1;
const PARKED: u64 = 2;
/// There is no loop.
const CLOSED: u64 = 3;

/// How many notes a queue has room for from the beginning.
pub(crate) const ROOM: usize = 8;

statics! {
    /// Any number may be looked up at any time; an inbox is made when its index is first used.
    static TABLE: [OnceLock<Box<Inbox>>; MAX_LOOPS] = [const { OnceLock::new() }; MAX_LOOPS];

    /// Indices that may be given out. Touched when a loop is made or ends, never by a wake or a spawn.
    static INDICES: Mutex<Indices> = Mutex::new(Indices {
        free: Vec::new(),
        unused: 1,
    });
}

struct Indices {
    free: Vec<usize>,
    unused: usize,
}

/// What another thread has to say to a loop.
pub(crate) enum Note {
    Wake(TaskId),
    Post(Call),
}

/// A posted call.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// Whether a post minds the bound of the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Bounded,
    Unbounded,
}

/// Why a call was not posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    Full,
}

/// Queues a wake for whatever loop the number names. Does nothing if there is none.
pub(crate) fn wake(id: TaskId) {
    if let Some(inbox) = TABLE.get(id.loop_index()).and_then(OnceLock::get) {
        inbox.wake(id);
    }
}

/// One loop's door to the other threads.
pub(crate) struct Inbox {
    index: usize,
    word: CachePadded<AtomicU64>,
    mail: Mutex<Mail>,
    /// Calls that were posted and have not been delivered.
    posts: AtomicUsize,
    /// Apart from the mail, so that a thread in the middle of its system call does not keep the others from pushing.
    bell: Mutex<Option<Bell>>,
}

struct Mail {
    notes: VecDeque<Note>,
    /// How many calls may wait before one more is [full](Refusal::Full).
    post_queue: usize,
    open: bool,
    /// Counts the loops that have had this inbox, so that a `Remote` of an earlier one finds itself closed.
    tenancy: u64,
    next_serial: u32,
    /// The thread that the tenant lives on, as [`this_thread`] calls it.
    thread: usize,
}

/// The loop's own side. Closes the inbox when it is dropped.
pub(crate) struct Tenant {
    inbox: &'static Inbox,
    tenancy: u64,
}

/// The other side: `Remote` is made of it.
#[derive(Clone, Copy)]
pub(crate) struct Door {
    inbox: &'static Inbox,
    tenancy: u64,
}

impl Tenant {
    /// Takes an inbox from the table, or says that all are in use.
    pub(crate) fn new(post_queue: usize) -> io::Result<Self> {
        let index = {
            let mut indices = lock(&INDICES);
            match indices.free.pop() {
                Some(index) => index,
                None if indices.unused < MAX_LOOPS => {
                    indices.unused += 1;
                    indices.unused - 1
                }
                None => return Err(too_many_loops()),
            }
        };
        let inbox = TABLE[index].get_or_init(|| Box::new(Inbox::new(index)));
        let mut mail = lock(&inbox.mail);
        mail.open = true;
        mail.post_queue = post_queue;
        mail.thread = this_thread();
        // ORDERING: under the lock. A stale number may come at once; it wakes nobody. A swap though nobody asks for what was
        // there: a read-modify-write, as every step on this word, has one place among the others.
        inbox.word.swap(AWAKE, SeqCst);
        Ok(Self {
            inbox,
            tenancy: mail.tenancy,
        })
    }

    /// Hangs up the bell that wakes the loop from its sleep. Until then nobody can have parked.
    pub(crate) fn hang_bell(&self, bell: Bell) {
        *lock(&self.inbox.bell) = Some(bell);
    }

    pub(crate) fn index(&self) -> usize {
        self.inbox.index
    }

    pub(crate) fn first_serial(&self) -> u32 {
        lock(&self.inbox.mail).next_serial
    }

    pub(crate) fn door(&self) -> Door {
        Door {
            inbox: self.inbox,
            tenancy: self.tenancy,
        }
    }

    /// The loop goes to work. Whatever came while it rested is there still.
    pub(crate) fn begin(&self) {
        self.unpark();
    }

    /// The loop rests, and its host waits for its descriptor. Mail that is there already makes it readable at once.
    pub(crate) fn end(&self) {
        if !self.park() {
            self.inbox.ring();
        }
    }

    /// Announces that the loop is going to sleep. `false`: do not, there is mail.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        // ORDERING: SeqCst, partner of the steps in `Inbox::wake` and `push`: of two steps one comes second and sees the other.
        // With a load and a store here a push could miss `PARKED` while this misses its note: the loop sleeps for ever.
        self.inbox
            .word
            .compare_exchange(AWAKE, PARKED, SeqCst, SeqCst)
            .is_ok()
    }

    /// The loop is awake again; from here on a push costs no system call.
    pub(crate) fn unpark(&self) {
        // ORDERING: only this thread leaves `PARKED` for `AWAKE`. What came meanwhile must survive until `take` has seen
        // it, so this is a compare-exchange and not a store. SeqCst as everything on this word.
        let _ = self
            .inbox
            .word
            .compare_exchange(PARKED, AWAKE, SeqCst, SeqCst);
    }

    /// Whether there may be mail: one load of a word that is in this processor's cache unless somebody wrote.
    #[inline]
    pub(crate) fn is_notified(&self) -> bool {
        // ORDERING: a hint; `take` and `park` decide by swaps. A notice missed here is seen at the next look.
        !matches!(self.inbox.word.load(SeqCst), AWAKE | PARKED | CLOSED)
    }

    /// Puts all the mail into `notes`, which is empty. If that is the queue, the two are swapped, so nothing is allocated.
    pub(crate) fn take(&self, notes: &mut VecDeque<Note>) {
        // ORDERING: before the queue is taken, see "The idea". Partners: the steps in `Inbox::wake` and `push`.
        let word = self.inbox.word.swap(AWAKE, SeqCst);
        match woken(word) {
            // Nobody has pushed since the last take, or it would not be a number.
            Some(id) => notes.push_back(Note::Wake(id)),
            None => std::mem::swap(&mut lock(&self.inbox.mail).notes, notes),
        }
    }

    /// A posted call has been taken out of the mail, and makes room for another.
    pub(crate) fn delivered_post(&self) {
        // ORDERING: a count, on which no other memory rests. The lock orders the push that it counts before this.
        self.inbox.posts.fetch_sub(1, Relaxed);
    }

    /// Shuts the door, and gives back what was still in the box; the serial goes on where this loop stopped.
    pub(crate) fn close(&self, next_serial: u32) -> VecDeque<Note> {
        let mut mail = lock(&self.inbox.mail);
        if !mail.open || mail.tenancy != self.tenancy {
            return VecDeque::new();
        }
        mail.open = false;
        mail.tenancy += 1;
        mail.next_serial = next_serial;
        // ORDERING: under the lock, and nobody can push any more.
        self.inbox.posts.store(0, SeqCst);
        std::mem::replace(&mut mail.notes, VecDeque::with_capacity(ROOM))
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let next_serial = self.first_serial();
        // Empty unless the loop was never closed, that is, never finished being made.
        drop(self.close(next_serial));
        drop(lock(&self.inbox.bell).take());
        // ORDERING: nobody can push any more, and from here on nobody leaves a number. A swap, as in `Tenant::new`.
        self.inbox.word.swap(CLOSED, SeqCst);
        lock(&INDICES).free.push(self.inbox.index);
    }
}

impl Door {
    /// [`Tenant::is_notified`], for a loop that is at work and asks after every poll: one load, one comparison.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        // ORDERING: a hint, see there.
        self.inbox.word.load(SeqCst) != AWAKE
    }

    /// Posts a call. With [`Room::Bounded`], only if fewer calls wait than the loop was built for.
    pub(crate) fn post(&self, call: Call, room: Room) -> Result<(), (Call, Refusal)> {
        self.inbox.post(self.tenancy, call, room)
    }

    pub(crate) fn is_closed(&self) -> bool {
        let mail = lock(&self.inbox.mail);
        !mail.open || mail.tenancy != self.tenancy
    }

    /// Whether the loop is alive and lives on this thread, running or not.
    pub(crate) fn is_own_thread(&self) -> bool {
        let mail = lock(&self.inbox.mail);
        mail.open && mail.tenancy == self.tenancy && mail.thread == this_thread()
    }

    pub(crate) fn loop_index(&self) -> usize {
        self.inbox.index
    }
}

impl Inbox {
    fn new(index: usize) -> Self {
        let mail = Mail {
            notes: VecDeque::with_capacity(ROOM),
            post_queue: usize::MAX,
            open: false,
            tenancy: 0,
            next_serial: 0,
            thread: 0,
        };
        Self {
            index,
            word: CachePadded::new(AtomicU64::new(CLOSED)),
            mail: Mutex::new(mail),
            posts: AtomicUsize::new(0),
            bell: Mutex::new(None),
        }
    }

    /// A wake for a loop that has ended has nobody to go to: *stale-is-inert*.
    fn wake(&self, id: TaskId) {
        // ORDERING: one step, so that of this and the loop's one comes second. Partners: `Tenant::park` and `Tenant::take`.
        let put = |instead_of| {
            self.word
                .compare_exchange(instead_of, id.bits(), SeqCst, SeqCst)
        };
        match put(AWAKE) {
            Ok(_) => {}
            Err(PARKED) if put(PARKED).is_ok() => self.ring(),
            Err(_) => {
                let mail = lock(&self.mail);
                if mail.open {
                    self.push(mail, Note::Wake(id));
                }
            }
        }
    }

    fn post(&self, tenancy: u64, call: Call, room: Room) -> Result<(), (Call, Refusal)> {
        let mail = lock(&self.mail);
        if !mail.open || mail.tenancy != tenancy {
            return Err((call, Refusal::Closed));
        }
        // ORDERING: a count. It grows under the lock only; one that is too high by a call that is just being delivered
        // refuses a post that would have found room a moment later.
        if room == Room::Bounded && self.posts.load(Relaxed) >= mail.post_queue {
            return Err((call, Refusal::Full));
        }
        // ORDERING: as above.
        self.posts.fetch_add(1, Relaxed);
        self.push(mail, Note::Post(call));
        Ok(())
    }

    fn push(&self, mut mail: MutexGuard<'_, Mail>, note: Note) {
        // ORDERING: under the lock, which whoever takes the notice down needs for the queue. Partners: the steps in
        // `Tenant::park` and `Tenant::take`.
        let word = self.word.swap(NOTIFIED, SeqCst);
        if let Some(id) = woken(word) {
            mail.push(Note::Wake(id));
        }
        mail.push(note);
        drop(mail);
        if word == PARKED {
            self.ring();
        }
    }

    /// The one system call of a burst.
    #[cold]
    fn ring(&self) {
        let pull = || {
            let pulled = foreign::catch(|| {
                let bell = lock(&self.bell);
                fault::at(fault::Call::RingBell)?;
                bell.as_ref().map_or(Ok(()), Bell::wake)
            });
            pulled.unwrap_or_else(|payload| {
                foreign::bury(payload);
                Err(io::Error::other("it panicked"))
            })
        };
        // Nobody else will ring for this sleep, so a failure that passes must not be the last word.
        // Guarded by fault::tests::every_call_fails_and_unwinds_in_turn
        let Err(error) = pull().or_else(|_| pull()) else {
            return;
        };
        // An eventfd cannot fail so, and nobody here could be told: the waker belongs to anybody.
        foreign::tell(
            Level::Error,
            foreign::WAKE,
            format_args!("loop {} could not be interrupted: {error}", self.index),
        );
    }
}

impl Mail {
    fn push(&mut self, note: Note) {
        if self.notes.len() == self.notes.capacity() {
            self.thin_out();
        }
        self.notes.push_back(note);
    }

    /// Before the queue grows: two wakes of one task are as good as one. So a loop that does not look for an hour, while a
    /// thread wakes the same tasks again and again, holds at most twice as many notes as there are tasks and posts.
    #[cold]
    fn thin_out(&mut self) {
        let mut seen = HashSet::new();
        self.notes.retain(|note| match note {
            Note::Wake(id) => seen.insert(*id),
            Note::Post(_) => true,
        });
        let room = self.notes.len().max(ROOM);
        self.notes.reserve(room);
    }
}

/// The task that is to be woken, if the word is its number.
fn woken(word: u64) -> Option<TaskId> {
    TaskId::from_bits(word).filter(|id| id.loop_index() > 0)
}

/// Tells threads that are alive apart. Unlike `thread::current` it never panics, so a thread-local's destructor may ask.
fn this_thread() -> usize {
    thread_local!(static HERE: Cell<u8> = const { Cell::new(0) });
    HERE.with(|here| ptr::from_ref(here).addr())
}

/// A lock of ours is never poisoned in earnest: no user code runs while one is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_many_loops() -> io::Error {
    io::Error::other(format!(
        "cannot make another event loop: this process has {} alive, the most there can be; drop one first",
        MAX_LOOPS - 1
    ))
}
