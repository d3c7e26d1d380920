//! Tasks: spawn them, await them, name them, end them.
//!
//! # Chapter 1. What a task is
//!
//! *Before this:* the [first page](crate); a program of yours with `async` and `.await` in it.
//! *Time:* 20 minutes. *Files, in reading order:* this one, [`yield_now`](mod@self::yield_now),
//! [`join`](mod@self::join), [`ends`](mod@self::ends), [`error`](mod@self::error).
//!
//! ## The smallest loop
//!
//! This chapter replaces `spawn` and the type `Task` of the smallest loop
//! (`examples/00_smallest_loop.rs`). A task there is a boxed future and nothing else. It has no
//! state that another task could ask for, await or cancel, and a task that has returned `Pending`
//! cannot be told from one that no code will ever wake.
//!
//! ## The problem
//!
//! A *future* is a value with one question: has it finished? The question is the function `poll`.
//! Between two questions nothing happens, so a future without polls does nothing:
//!
//! ```
//! let mut did_something = false;
//! let future = async {
//!     did_something = true;
//! };
//! drop(future);
//! // No line of it has run.
//! assert!(!did_something);
//! ```
//!
//! So some code must poll the future, and at the right time. A poll too early finds nothing new,
//! and a poll that never comes leaves the future where it is.
//!
//! ## The idea
//!
//! A *task* is a future with three things more: a place in the loop's slab, a number by which any
//! code can wake it, and the right to be polled when its turn comes. The loop polls a task only
//! after a wake.
//!
//! To *await* a future inside another makes one task of both: the outer poll polls the inner one.
//! To *spawn* a future makes a second task, which goes on whether another task awaits it or not.
//! asyncio draws the line at the same place: `await coro()` runs the coroutine inside the current
//! task, `create_task(coro())` beside it.
//!
//! ```text
//!                                   (2) a wake
//!                +---------------------------------------------------------+
//!                v                                                         |
//!  (1) spawn  +-----+  (3) Scheduler::next   +---------+  (4) Pending  +-------+
//!  ---------> |ready| ---------------------> | running | ------------> |waiting|
//!             +-----+                        +---------+               +-------+
//!                | ^                           |  |                        |
//!                | +------(5) woken meanwhile--+  | (6) Ready, or a panic  | (7) abort:
//!                |                                v                        |   ready, and then
//!                | (8) aborted        +-----------------------+            |   dropped instead
//!                +------------------> |       finished        | <----------+   of polled
//!                                     | future gone, output   |
//!                                     | waits for the handle  | --(9) taken, or handle dropped
//!                                     +-----------------------+    --> the slot is free
//! ```
//!
//! 1. [`spawn`] writes the future into its cell ([chapter 2](self::cell)) and queues the slot.
//!    `spawn` never polls.
//! 2. A waker is a number ([chapter 3](self::waker)). A wake puts the slot into the ready queue
//!    ([chapter 4](crate::scheduler)); a wake from another thread goes by way of the inbox
//!    ([chapter 5](crate::inbox)).
//! 3. The scheduler takes the cell out of its slot, so nothing is borrowed while user code runs.
//! 4. The future has left its waker with a timer, a socket or another task, and that owner of the
//!    waker will wake the task.
//! 5. The task woke itself, or a function that it called woke the task. The task goes to the end of
//!    the queue. [`yield_now`](fn@yield_now) does this.
//! 6. The future is dropped where it lies, its output takes its place, and the task that awaits the
//!    handle is woken.
//! 7. [`JoinHandle::abort`] only marks the task. The destructors run on the loop's own stack, not
//!    inside `abort`; so a chain of ten thousand tasks, each aborting the next, needs no deep
//!    stack.
//! 8. [`JoinHandle::cancel`] awaits this moment: when `cancel` returns, the future has been
//!    dropped.
//! 9. A finished task keeps its slot for as long as a handle may ask for the output. So a handle
//!    never means a later tenant of the slot.
//!
//! ## Cancelling is dropping
//!
//! A future that is dropped stops at the `await` where it was, and its destructors give back what
//! the future held. asyncio throws a `CancelledError` into the coroutine, and the coroutine may
//! catch the error. Here no value is thrown, so no code can catch or swallow a cancellation.
//!
//! ## How it goes wrong
//!
//! A future that returns `Pending` and has left its waker nowhere is never polled again
//! (`examples/27_lost_wake.rs`). No call fails. In a recording the task's lane is a line without an
//! end, and the list of tasks says that the task waits for "something else":
//!
//! <div style="overflow-x: auto"><div style="min-width: 640px">
#![doc = include_str!("../record/pictures/lost_wake.svg")]
//! </div></div>
//!
//! The page of this recording is `tests/pages/recordings/lost_wake.html`.
//!
//! ## Not needed here
//!
//! tokio's task state is an atomic word with a reference count in its upper bits, because a worker,
//! a waker and an abort may meet on it from three threads. One thread needs an enum of three values
//! (alive, aborted, finished) and one boolean (queued).
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - Let a task that yields forget to wake itself:
//!   `cargo run -p exercises -- 1.1`
//! - Let an abort of a running task be forgotten (edge 8 of the figure):
//!   `cargo run -p exercises -- 1.2`
//!
//! ## Next
//!
//! [Chapter 2](self::cell): where a task's future and its output lie in memory.

pub(crate) mod behind;
pub(crate) mod cell;
pub(crate) mod cooperative;
mod ends;
pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod join;
pub(crate) mod output;
pub(crate) mod waker;
pub(crate) mod yield_now;

pub use cooperative::cooperative;
pub use ends::{AbortOnDrop, abort};
pub use error::JoinError;
pub use id::TaskId;
pub use join::{AbortHandle, Builder, JoinHandle, NoLoop, all, current, spawn, try_spawn};
pub use yield_now::{ConsumeBudget, YieldNow, consume_budget, yield_now};

pub use crate::inspect::TaskInfo;
