//! Tasks: spawn them, await them, name them, end them.
//!
//! # Chapter 1. What a task is
//!
//! # The smallest loop
//!
//! This chapter replaces `spawn` and the type `Task` of the smallest loop
//! (`examples/00_smallest_loop.rs`). A task there is a boxed future and nothing else. It has no
//! state that another task could ask for, await or cancel, and a task that has returned `Pending`
//! cannot be told from one that nobody will ever wake.
//!
//! # The idea
//!
//! A *future* is a value that can be asked, again and again, whether it has finished: `poll`. Nothing happens between
//! the questions, so somebody must ask, and ask at the right time. A *task* is a future together with that somebody: a
//! place in the loop's slab, a name by which it can be woken, and the right to be polled when its turn comes.
//!
//! Awaiting a future inside another makes one task of both: the outer poll polls the inner one. Spawning it makes a
//! second task, which goes on whether anybody awaits it or not. asyncio draws the line at the same place: `await coro()`
//! runs the coroutine inside this task, `create_task(coro())` beside it.
//!
//! ```text
//!                                   (2) a wake
//!                +---------------------------------------------------+
//!                v                                                   |
//!  (1) spawn  +------+  (3) Scheduler::next   +---------+  (4) Pending  +------+
//!  ---------> |queued| ---------------------> | running | ------------> | idle |
//!             +------+                        +---------+               +------+
//!                | ^                           |  |                        |
//!                | +------(5) woken meanwhile--+  | (6) Ready, or a panic  | (7) abort:
//!                |                                v                        |     queued, and then
//!                | (8) aborted        +-----------------------+           |     dropped instead
//!                +------------------> |       finished        | <---------+     of polled
//!                                     | future gone, output   |
//!                                     | waits for the handle  |  (9) taken, or the handle is dropped
//!                                     +-----------------------+ ------------------------------------> slot free
//! ```
//!
//! 1. [`spawn`] writes the future into its cell (chapter 2) and queues the slot. It never polls.
//! 2. A waker is a number (chapter 3), and waking puts the slot into the ready queue (chapter 4), from another thread by
//!    way of the inbox (chapter 5).
//! 3. The scheduler takes the cell out of its slot, so nothing is borrowed while user code runs.
//! 4. The future has left its waker with a timer, a socket or another task, and will be heard of.
//! 5. It woke itself, or what it called did: back to the end of the queue. So does [`yield_now`](fn@yield_now).
//! 6. The future is dropped where it stands, its output takes its place, and whoever awaits the handle is woken.
//! 7. [`JoinHandle::abort`] only asks. The destructors run on the loop's own stack, not inside `abort`; so a chain of ten
//!    thousand tasks, each aborting the next, needs no deep stack.
//! 8. [`JoinHandle::cancel`] awaits exactly this moment: when it returns, the future has been dropped.
//! 9. A finished task keeps its slot for as long as a handle may ask for it, which is why a handle can never mean a
//!    stranger.
//!
//! **Cancelling is dropping.** A future that is dropped stops where it was, at an `await`; its destructors give back what
//! it held. asyncio throws a `CancelledError` into the coroutine, which may catch it; here there is nothing to catch, and
//! nothing that could swallow it.
//!
//! **A wake that nobody sends.** A future that returns `Pending` and has left its waker nowhere is never polled again (`examples/27_lost_wake.rs`).
//! Nothing fails. In a recording its lane is a line without an end, and the list of tasks says that it waits for "something else":
//!
#![doc = include_str!("../record/pictures/lost_wake.svg")]
//!
//! The page of this recording is `tests/pages/recordings/lost_wake.html`.
//!
//! *Not needed here:* tokio's task state is an atomic word with a reference count in its upper bits, because a worker, a waker
//! and an abort may meet on it from three threads. One thread needs an enum of
//! three values (alive, aborted, finished) and one boolean (queued).
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - Let a task that yields forget to wake itself:
//!   `cargo run -p exercises -- 1.1`
//! - Let an abort of a running task be forgotten (edge 8 of the figure):
//!   `cargo run -p exercises -- 1.2`

pub(crate) mod behind;
pub(crate) mod cell;
pub(crate) mod cooperative;
mod ends;
pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod join;
pub(crate) mod waker;
pub(crate) mod yield_now;

pub use cooperative::cooperative;
pub use ends::{AbortOnDrop, abort};
pub use error::JoinError;
pub use id::TaskId;
pub use join::{AbortHandle, Builder, JoinHandle, NoLoop, all, current, spawn, try_spawn};
pub use yield_now::{ConsumeBudget, YieldNow, consume_budget, yield_now};

pub use crate::inspect::TaskInfo;
