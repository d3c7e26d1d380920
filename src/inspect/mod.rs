//! See the loop: which tasks are alive, and what each waits for.
//!
//! *Before this:* chapters [4](crate::scheduler) to [8](mod@crate::offload). *Time:* 40 minutes.
//! *Files, in reading order:* this one, [`info`], [`list`], [`descriptors`], [`ps`], [`tree`].
//!
//! ```text
//! TASK  NAME  BY   AGE    SPAWNED AT  STATE    WAITS FOR
//! 1.0   -     -    12 s   a.rs:18     running
//! 1.1   web   1.0  12 s   a.rs:21     waiting  a connection to the TCP listener [::1]:5000
//! 1.2   hash  1.0  12 s   a.rs:31     waiting  the job offloaded at a.rs:32, running for 80 ms
//! 1.3   sink  1.0  12 s   a.rs:36     waiting  an item of the queue made at a.rs:35
//! 1.9   peer  1.1  3.1 s  a.rs:23     waiting  a read of the TCP stream [::1]:5000->[::1]:4011
//!                                              a timer in 26.9 s
//! ```
//!
//! # The problem
//!
//! A server answers no client and uses no processor time, and the log is silent. A program of
//! threads could be stopped in a debugger, and each thread's stack would show what the thread waits
//! for. A task that waits has no stack: only a state machine in a box is left, and the box does not
//! show its content.
//!
//! The first idea is a note: before each wait a future notes what it is going to wait for, and
//! removes the note afterwards. That is two writes for each wait of each task, for an answer that
//! is wanted once a month. So such notes are kept in debug builds only, and the server that answers
//! no client is not a debug build.
//!
//! # The idea
//!
//! A task that waits has left a waker somewhere, or it would wait for ever. A waker of this crate
//! [is a number](crate::task::waker), the number of the task. And most wakers are in tables of the
//! loop. So the answer is already written down, only the other way round:
//!
//! ```text
//!   the tables have                                   turned round
//!
//!   timers    in 26.9 s: wake 9        ---.           task 1   the listener
//!   sources   listener, read: wake 1   ---|---->      task 2   the job
//!             stream, read: wake 9     ---|           task 9   the stream, or a timer
//!   handles   of task 4: wake 7        ---|           task 7   task 4
//!   jobs      hash: wake 2             ---'
//! ```
//!
//! [`Tasks`] is made by one pass over each table, when a caller asks for it. Nothing is noted
//! before, and no wait and no wake does more work. A task may be in several tables: a time-out
//! waits for a timer and for the future that it limits. So the waits of a task are a list.
//!
//! # How a wait is named
//!
//! What each table says, and where the name comes from:
//!
//! - *Sources* say which descriptor, to read or to write. The name comes from the system: on Linux
//!   from `/proc/self/fd` and `/proc/self/net`.
//! - *Timers* say the deadline.
//! - *Join handles* say the task that is awaited.
//! - *Jobs* say the line that offloaded the job; whether a thread has begun with it, and when. The
//!   name comes from the pool's own tables.
//!
//! Two kinds of wakers hide the task. A set of futures ([`join_all`](crate::future::join_all) and
//! the like) has a waker of its own; but the set knows its task, and can be asked
//! (`task/behind.rs`). The waker of another crate's combinator cannot be asked: such a wait is
//! [`Other`](WaitsFor::Other).
//!
//! # What the loop cannot know by itself
//!
//! A queue, a mutex, a channel belong to the tasks that use them. The loop has no table of them. In
//! a loop that [is observed](crate::Builder::observe), a task that has to queue there *declares*
//! its wait (`declared.rs`): what it waits for, and the line that made the object. Such a loop also
//! remembers the parent of each task, and the time of its spawn. In all other loops such a wait is
//! [`Other`](WaitsFor::Other), and costs a load and a comparison for each wait in
//! [`sync`](crate::sync).
//!
//! # Circles
//!
//! At most one other task awaits a task, because there is one join handle. So tasks that wait for
//! each other form a ring, and the loop finds a ring by following the handles once round. If no
//! member of a [`Circle`] has another wait, the circle is a deadlock, and [`Tasks::pstree`] says
//! so. (A circle of mutexes is not found: a mutex does not store its owner.)
//!
//! # From where it can be asked
//!
//! - From a task, a destructor, a posted call: [`task::all`](crate::task::all).
//! - From the host, between two turns: [`EventLoop::tasks`](crate::EventLoop::tasks).
//! - From another thread: [`Remote::tasks`](crate::Remote::tasks), answered between two polls.
//! - From a shell, by a signal: `signal::show_tasks`, feature `signal`.
//! - From the code that ends the loop: the [`Report`](crate::Report) of a shutdown.
//!
//! While one poll holds the thread, the loop answers none of these calls.
//!
//! # What it costs
//!
//! Nothing, until a caller asks. A list allocates once for each task that waits, makes one system
//! call for each socket among the waits, and reads the system's tables of sockets once. The loop
//! does nothing else meanwhile.
//!
//! # Why not otherwise
//!
//! - *Ask the futures*, as `dump` of tokio's `Handle` does: each task is polled in a mode in which
//!   every leaf reports its place and stays pending. That gives a trace with lines of code, but
//!   needs the support of each leaf, and runs the code of the tasks.
//! - *Note every wait*: see above.
//! - *A name in the waker*: a waker is cloned and dropped far more often than a list is asked for.
//!
//! # What others do
//!
//! asyncio keeps its tasks in a list and walks the `await` chain of each: since Python 3.14 `python
//! -m asyncio ps` and `pstree` do so from another process, and find circles. trio calls its
//! instruments at each step of a task. tokio-console subscribes to events that tokio emits when it
//! is built with `--cfg tokio_unstable`; `dump` is unstable as well. Go prints the stack of each
//! goroutine with a reason for its wait, which the runtime notes at each wait.
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `behind::ask`, do not compare the tables of functions:
//!   `cargo run -p exercises -- inspect.1`
//! - In `Listing::add`, take the task by its slot alone:
//!   `cargo run -p exercises -- inspect.2`
//! - In `Declarations`, own the declared waits:
//!   `cargo run -p exercises -- inspect.3`
//!
//! # Next
//!
//! [`record`](mod@crate::record): every step of a loop, on a page.

mod descriptors;
mod info;
mod list;
mod ps;
mod tree;

use crate::context;

pub use self::info::{Source, TaskInfo, WaitsFor};
pub use self::list::Tasks;
pub use self::ps::Ps;
pub use self::tree::{Circle, Pstree};
pub use crate::account::Histograms;
pub use crate::histogram::Histogram;
pub use crate::offload::JobState;
pub use crate::scheduler::TaskState;

impl Histograms {
    /// Of the loop that is running on this thread. `None` if there is none, or if it is not [observed](crate::Builder::observe).
    #[inline]
    pub fn current() -> Option<Self> {
        let context = context::current()?;
        let accounts = context.accounts()?;
        Some(accounts.account.histograms())
    }
}
