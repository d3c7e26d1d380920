//! A single-threaded event loop, from first principles.
//!
//! *A roundelay is a song whose refrain keeps coming round. So does the loop.*
//!
//! A hand-written reactor polls sockets and a timer wheel, a scheduler runs lightweight futures
//! from a slab-backed ready queue, and calls that block go to a pool of threads. It is made to be
//! read, embedded and measured, and it is the same code for all three.
//!
//! ```
//! use std::time::Duration;
//! use roundelay::{net::{TcpListener, TcpStream}, offload, sleep, spawn, timeout};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! roundelay::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     spawn(async move {
//!         let (stream, _peer) = listener.accept().await?;
//!         sleep(Duration::from_millis(1)).await; // all other tasks run meanwhile
//!         stream.write_all(b"hello").await
//!     });
//!     let stream = TcpStream::connect(address).await?;
//!     let mut word = [0; 5];
//!     timeout(Duration::from_secs(1), stream.read_exact(&mut word)).await??;
//!     let sum = offload(move || word.iter().map(|&b| u32::from(b)).sum::<u32>()).await?;
//!     assert_eq!(sum, 532);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Chapter 0. The promise, and the map
//!
//! *Before this:* Rust, and a program of yours with `async` in it. *Time:* 15 minutes for this
//! page, some eight hours to the end of chapter 9, six more for the rest.
//!
//! **`Waker` is the only type that the scheduler and the drivers share.** A driver (the timers, the
//! reactor, the pool, the inbox) never names a task, and the scheduler never names a timer, a
//! socket or a thread. So each chapter can be read alone. This is the order of the chapters, each
//! with the sources of its files in reading order. A chapter ends with a link to the next; below it
//! stand all modules of its room. Read `examples/00_smallest_loop.rs` before the chapters, in one
//! sitting: the whole idea in 200 lines. Each chapter begins with the lines of it that the chapter
//! replaces, and with the bug that they have.
//!
//! 1. **[What a task is](task#chapter-1-what-a-task-is)**: a future, a slot and a wake: a state
//!    diagram. *After this page, 20 minutes.* [`task/mod.rs`], [`task/yield_now.rs`],
//!    [`task/join.rs`], [`task/ends.rs`], [`task/error.rs`].
//! 2. **[The cell](task::cell)**: one allocation: the future, then its output. *After chapter 1, 25
//!    minutes.* [`task/cell.rs`], [`pinned.rs`].
//! 3. **[A waker is a number](task::waker)**: what a waker owns: nothing. *After chapter 2, 25
//!    minutes.* [`task/waker.rs`], [`task/id.rs`].
//! 4. **[The scheduler](scheduler)**: the slab of tasks, the ready queue, and how long a task waits
//!    for its turn. *After chapter 3, 60 minutes.* [`scheduler/mod.rs`], [`scheduler/slot.rs`],
//!    [`scheduler/tasks.rs`], [`scheduler/current.rs`], [`scheduler/budget.rs`],
//!    [`scheduler/handles.rs`].
//! 5. **[The inbox](inbox)**: wakes from other threads, and how to sleep without losing one. *After
//!    chapter 4, 60 minutes.* [`inbox/word.rs`], [`inbox/queue.rs`], [`inbox/shared.rs`],
//!    [`inbox/table.rs`], [`inbox/bell.rs`], [`inbox/mod.rs`].
//! 6. **[The wheel](time::wheel), and its [second part](time#chapter-6-second-part)**: timers, and
//!    slack. *After chapter 5, 90 minutes.* [`time/wheel.rs`], [`time/wheel/parts.rs`],
//!    [`time/mod.rs`], [`time/clock.rs`], [`time/timers.rs`], [`time/sleep.rs`],
//!    [`time/timeout.rs`], [`time/interval.rs`], [`time/wheel/ahead.rs`], [`time/slack.rs`].
//! 7. **[The reactor](reactor#chapter-7-the-reactor)**: sockets: readiness, edges, and tokens that
//!    may be stale. *After chapter 6, 60 minutes.* [`reactor/mod.rs`], [`reactor/ready.rs`],
//!    [`reactor/source.rs`], [`reactor/waiters.rs`],
//!    [`reactor/registered.rs`], [`reactor/wait.rs`], [`reactor/timerfd.rs`].
//! 8. **[The pool](mod@offload)**: calls that block. *After chapters 5 and 7, 60 minutes.*
//!    [`offload/mod.rs`], [`offload/line.rs`], [`offload/job.rs`], [`offload/pool.rs`],
//!    [`offload/worker.rs`], [`offload/shared.rs`], [`offload/future.rs`], [`offload/made.rs`],
//!    [`offload/calls.rs`].
//! 9. **[The loop](event_loop)**: a turn, a look, a rest. *After chapters 4 to 8, 45 minutes.*
//!    [`event_loop/mod.rs`], [`event_loop/turn.rs`], [`event_loop/allowance.rs`],
//!    [`event_loop/main_task.rs`], [`context.rs`], [`event_loop/at_work.rs`],
//!    [`event_loop/builder.rs`], [`event_loop/end.rs`], [`event_loop/report.rs`].
//!
//! **You may stop here.** Chapters 1 to 9 are the whole loop. The rooms below are built on it, and
//! each needs only what it says.
//!
//! - **[`foreign`]**: the one door to code that is not ours. *After chapter 4, 15 minutes.*
//!   [`foreign.rs`].
//! - **[`chain`]**: a list that its nodes can leave from anywhere. *After chapter 4, 15 minutes.*
//!   [`chain.rs`].
//! - **[`future`]**: several futures in one task: `join!`, `select!`, sets. *After chapter 4, 40
//!   minutes.* [`future/mod.rs`], [`future/parts.rs`], [`future/macros.rs`], [`future/scan.rs`],
//!   [`future/ready.rs`], [`future/set.rs`], [`future/all.rs`], [`future/as_completed.rs`].
//! - **[`group`]**: tasks that end as a whole. *After chapter 4 and `future`, 45 minutes.*
//!   [`group/mod.rs`], [`group/task_group.rs`], [`group/scope.rs`], [`group/child.rs`],
//!   [`group/shared.rs`], [`group/around.rs`], [`group/teardown.rs`], [`group/keep.rs`],
//!   [`group/limited.rs`], [`group/handle.rs`], [`group/error.rs`].
//! - **[`sync`], and [its wait list](sync::wait_list)**: locks, queues and channels, with a proof.
//!   *After `chain`, 60 minutes.* [`sync/mod.rs`], [`sync/wait_list.rs`], [`sync/semaphore.rs`],
//!   [`sync/mutex.rs`], [`sync/queue.rs`], [`sync/rwlock.rs`], [`sync/event.rs`],
//!   [`sync/condition.rs`], [`sync/barrier.rs`], [`sync/notify.rs`], [`sync/mpsc.rs`],
//!   [`sync/oneshot.rs`], [`sync/broadcast.rs`], [`sync/watch.rs`], [`sync/cancel_token.rs`].
//! - **[`io`](mod@io)**: lines, buffers and copies. *After chapter 7, 30 minutes.* [`io/mod.rs`],
//!   [`io/traits.rs`], [`io/buf_reader.rs`], [`io/buf_writer.rs`], [`io/lines.rs`], [`io/copy.rs`],
//!   [`io/duplex.rs`].
//! - **[`net`], and [`net::serve`]**: sockets, and a server around a listener. *After chapter 7 and
//!   `group`, 40 minutes.* [`net/mod.rs`], [`net/socket.rs`], [`net/stream.rs`], [`net/tcp.rs`],
//!   [`net/udp.rs`], [`net/unix.rs`], [`net/lookup.rs`], [`net/serve.rs`].
//! - **[`remote`]**: what other threads may hold. *After chapter 5, 20 minutes.* [`remote/mod.rs`],
//!   [`remote/handle.rs`], [`remote/tasks.rs`], [`remote/channel.rs`], [`remote/oneshot.rs`],
//!   [`remote/trigger.rs`], [`remote/park.rs`].
//! - **[Virtual time](time#time-in-the-hands-of-a-test)**: tests that wait for nothing. *After
//!   chapter 6, 20 minutes.* [`time/virtual_time.rs`].
//! - **[`inspect`]**: which tasks live, and what each waits for. *After chapters 4 to 8, 40
//!   minutes.* [`inspect/mod.rs`], [`inspect/info.rs`], [`inspect/list.rs`],
//!   [`inspect/descriptors.rs`], [`inspect/ps.rs`], [`inspect/tree.rs`].
//! - **[`record`](mod@record)**: every step of a loop, on a page. *After chapter 9, 30 minutes.*
//!   [`record/mod.rs`], [`record/event.rs`], [`record/ring.rs`], [`record/probe.rs`],
//!   [`record/recording.rs`], [`record/history.rs`], [`record/findings.rs`], [`record/page.rs`].
//! - **[`signal`](signal/index.html), [`process`](process/index.html), `io::stdin`,
//!   [`fs`](fs/index.html)**: the rest of the system, each behind a feature of its name. *After
//!   chapters 7 and 8, 45 minutes.* [`signal/mod.rs`], [`signal/kind.rs`], [`signal/table.rs`],
//!   [`signal/show.rs`], [`process/mod.rs`], [`process/command.rs`], [`process/child.rs`],
//!   [`process/pipe.rs`], [`process/end.rs`], [`process/descriptor.rs`],
//!   [`process/orphans.rs`], [`io/stdio.rs`],
//!   [`fs/mod.rs`], [`fs/file.rs`].
//! - **[`compat`]**: the crates of the field on this loop. *After `io`, 20 minutes.*
//!   [`compat/mod.rs`], [`compat/futures_io.rs`], [`compat/tokio_io.rs`], [`compat/here.rs`],
//!   [`compat/tokio.rs`], [`compat/hyper/mod.rs`], [`compat/stream/mod.rs`].
//! - **[The appendix](appendix)**: *Twelve nanoseconds at a time*: what makes it fast, and is no
//!   part of the idea. *After chapter 9, 15 minutes.*
//! - **[Thirty questions](questions)**: short answers, each with its proof. *20 minutes.*
//!
//! ## The layers
//!
//! A file imports only files of its own row of this table or below it, and no two files import each
//! other, not even by way of a third. The drivers do not import each other.
//!
//! | layer | files |
//! |---|---|
//! | the crate | `lib.rs`, `entry.rs` |
//! | hosts of the loop | `compat/tokio.rs` |
//! | the loop | `event_loop/` |
//! | leaf futures | `compat/`, `fs/`, `future/`, `group`, `io/`, `net/`, `offload/future.rs`, `process/`, `reactor/registered`, `remote/`, `signal/`, `sync/`, `task/cooperative.rs`, `task/ends.rs`, `task/join.rs`, `task/mod.rs`, `task/yield_now.rs`, `time/interval.rs`, `time/mod.rs`, `time/sleep.rs`, `time/timeout.rs`, `time/virtual_time.rs` |
//! | seeing the loop | `inspect/` |
//! | the current loop | `context.rs` |
//! | wakers | `task/behind.rs`, `task/waker.rs` |
//! | the scheduler | `scheduler/` |
//! | cells | `task/cell.rs` |
//! | the drivers | `time/timers`, `reactor/`, `offload/`, `inbox/` |
//! | pure | `account.rs`, `appendix.rs`, `chain.rs`, `declared.rs`, `draw.rs`, `fault`, `foreign.rs`, `histogram.rs`, `pinned.rs`, `questions.rs`, `reactor/ready.rs`, `record/`, `shim`, `stays.rs`, `task/error.rs`, `task/id.rs`, `task/output.rs`, `time/clock.rs`, `time/slack.rs`, `time/wheel`, `trying.rs`, `unrecorded.rs` |
//!
//! ## The life of one wakeup
//!
//! ```text
//!  task                    source          reactor           waker           scheduler
//!   | read(): WouldBlock     |               |                 |                |
//!   |--- leaves its waker -->|               |                 |                |
//!   | Pending                |               |                 |                |
//!   .                        |     epoll_wait returns          |                |
//!   .                        |<--- token ----|                 |                |
//!   .                        |------------- fires ------------>|                |
//!   .                        |               |                 |-- queue(id) -->|
//!   |<-------------------------------- poll ------------------------------------|
//!   | read(): 5 bytes        |               |                 |                |
//! ```
//!
//! ## The path of one read
//!
//! The same in functions, in the order in which they run: fifteen files, and less than 800 lines of
//! code. What they call besides is an accessor, a tuning, or another case. Follow the path once you
//! have read the chapters up to 9.
//!
//! ```text
//!   spawn          task/join.rs            spawn, new
//!                  context.rs              with_current, peek
//!                  scheduler/mod.rs        admit, begin
//!                  scheduler/tasks.rs      claim, claim_new, begin
//!                  task/cell.rs            put, new
//!   poll           event_loop/turn.rs      work, work_observed_by, run_tasks
//!                  task/waker.rs           of, data
//!                  scheduler/mod.rs        run, poll
//!                  scheduler/tasks.rs      next
//!                  task/cell.rs            poll
//!   WouldBlock     net/methods.rs          read
//!                  net/stream.rs           wait, poll, attempt, is_short
//!                  context.rs              poll_budget
//!                  reactor/registered.rs   poll_at, try_or_wait, wait
//!                  reactor/registered.rs   enroll, enroll_now, begin
//!                  reactor/mod.rs          register, watch
//!                  reactor/source.rs       next_token, insert, settle, would_block, join
//!                  reactor/waiters.rs      append, entry
//!                  scheduler/tasks.rs      put_back
//!   rest           event_loop/turn.rs      rest, park
//!                  reactor/mod.rs          poll
//!   wake           reactor/mod.rs          dispatch, deliver
//!                  reactor/ready.rs        from_event
//!                  reactor/source.rs       find, deliver
//!                  reactor/waiters.rs      take_wakers, take_for
//!                  task/waker.rs           wake
//!                  scheduler/current.rs    wake_here
//!                  scheduler/tasks.rs      wake
//!   5 bytes        (polled again, as above)
//!                  reactor/source.rs       moved_short, leave
//!                  reactor/waiters.rs      leave
//!                  context.rs              spend_budget
//!   join           scheduler/mod.rs        finish, poll_join, leave
//!                  task/join.rs            poll
//!                  scheduler/tasks.rs      set_joiner, leave, retire
//!                  task/cell.rs            take
//! ```
//!
//! ## What is promised
//!
//! The test that guards an invariant cites its name, and so do the asserts and the comments in the
//! code.
//!
//! | name | what holds |
//! |---|---|
//! | one-queue | a task is in the ready queue at most once |
//! | no-user-code-under-borrow | no poll, destructor, foreign waker, hook or log sink runs while a borrow or a lock of ours is held |
//! | wake-only-queues | a wake never polls, never blocks on user code, never panics, never allocates in the steady state |
//! | stale-is-inert | a task id, timer key or I/O token that outlived what it named does nothing |
//! | home-drop | a future, and its output, is dropped on the loop's thread only |
//! | never-early | a timer fires at or after its deadline |
//! | inbox-before-park | the loop never sleeps while its inbox holds something |
//! | nothing-left | after a leaf future is dropped, no waker, timer or waiter of its is registered anywhere |
//! | decide-then-do | between a decision and the act that rests on it no foreign code runs, a log sink included |
//! | bounded-look | a look does a bounded amount of work, whatever came in meanwhile |
//!
//! ## The words
//!
//! Each has one meaning in this crate.
//!
//! | word | what it means |
//! |---|---|
//! | task | a future, and the right to be polled when its turn comes |
//! | cell | the one allocation of a task: its future, later its output |
//! | slot | an entry in a table that is found by its number: a task's in the slab, a timer's in a level of the wheel |
//! | tenant | the task, or the timer, that has a slot at present |
//! | serial | the number of a spawn; it tells one tenant of a slot from the next |
//! | key | the proof by which the owner of an entry names it: a timer's, a waiter's, a child's |
//! | rider | a value in a cell beside the future: a name, or a child's tie to its group |
//! | ready queue | the slots of the tasks that are to be polled, first in, first out |
//! | batch | the tasks that were ready when a turn began |
//! | turn | one time round the loop: rest if no task is ready, poll a batch |
//! | look | the moment at which the loop takes events from sockets, timers and other threads |
//! | budget | how many operations one poll may complete, or how many polls come between two looks |
//! | park | announce a sleep, and sleep |
//! | inbox | the place in which other threads leave wakes and calls for a loop |
//! | note | one entry of the inbox: a wake, or a posted call |
//! | word | the one atomic integer that a loop and other threads agree on |
//! | rest | the part of a turn in which the loop sleeps, if no task is ready |
//! | bell | the system call by which another thread ends a sleep |
//! | driver | a part of the loop that turns events into wakes: the timers, the reactor, the pool, the inbox |
//! | source | a descriptor that a reactor watches |
//! | token | the name by which the poller knows a source |
//! | readiness | what the reactor last heard about a source |
//! | line | tasks that wait, or jobs that wait, first come, first served |
//! | place | where one operation stands in the line of a source |
//! | wheel, level, tick | the timers' table, one ring of it, and its unit of time: a microsecond |
//! | slack | how long a loop without work may sleep past a deadline, after several timers have fired together |
//! | observer | the part of the loop that hears of each poll, if the loop is observed |
//! | probe | the hook by which a part of the loop tells the recorder its steps |
//! | recording | the last steps of a loop, sixteen bytes each |
//! | virtual time | the time of a loop for tests, whose clock is moved where another loop would sleep |
//! | job, worker | a call that blocks, and the thread of the pool that runs it |
//! | declared | of a wait: told to the loop, because its waker lies where the loop cannot look |
//! | foreign | of code: not this crate's. Wakers, destructors, closures, the sink of the log |
//!
//! ## Seeing the loop
//!
//! - *Which task holds the thread?* [`Builder::slow_poll`], [`Builder::watchdog`].
//! - *Which tasks are alive, and what does each wait for?* [`EventLoop::tasks`], [`task::all`],
//!   [`Remote::tasks`]: the room [`inspect`].
//! - *What does the loop spend its time on?* [`Builder::observe`], [`EventLoop::histograms`].
//! - *What happened, step by step?* The feature `record`: a recording, and a page that draws it.
//!
//! ## The log
//!
//! With the `log` crate's level at `trace` the loop tells one line per event, under the targets
//! `roundelay::turn`, `::wake`, `::timer`, `::io`, `::offload` and `::task`. Off, it costs a load
//! and a compare per turn, and nothing per wake and poll. What holds the loop's thread for too long
//! is told at `warn`, target `roundelay::slow`: [`Builder::slow_poll`], [`Builder::watchdog`].
//!
// Where the links of the map lead: the pages of the sources.
#![doc = include_str!("files.md")]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The book links to its private modules. They have pages in the build with `--document-private-items` only.
#![allow(rustdoc::private_intra_doc_links)]

mod account;
#[cfg(doc)]
mod appendix;
mod chain;
pub mod compat;
mod context;
mod declared;
mod draw;
mod entry;
mod event_loop;
mod fault;
mod foreign;
#[cfg(feature = "fs")]
#[cfg_attr(docsrs, doc(cfg(feature = "fs")))]
pub mod fs;
pub mod future;
pub mod group;
mod histogram;
mod inbox;
pub mod inspect;
pub mod io;
pub mod net;
mod offload;
mod pinned;
#[cfg(all(unix, feature = "process"))]
#[cfg_attr(docsrs, doc(cfg(feature = "process")))]
pub mod process;
#[cfg(doc)]
mod questions;
pub mod reactor;
#[cfg(feature = "record")]
#[cfg_attr(docsrs, doc(cfg(feature = "record")))]
pub mod record;
#[cfg(not(feature = "record"))]
#[path = "unrecorded.rs"]
mod record;
pub mod remote;
mod scheduler;
mod shim;
#[cfg(all(unix, feature = "signal"))]
#[cfg_attr(docsrs, doc(cfg(feature = "signal")))]
pub mod signal;
mod stays;
pub mod sync;
pub mod task;
pub mod time;
mod trying;
#[cfg(test)]
#[path = "../tests/support/watch.rs"]
mod watch;

pub use context::Metrics;
pub use event_loop::{Builder, EventLoop, OnPanic, Report, Turn, run, seed_from_env};
pub use group::{GroupError, TaskGroup};
pub use offload::{Offload, Running, TryOffloadError, offload, try_offload};
pub use remote::{Closed, Remote, RemoteHandle, TryPostError};
pub use task::{JoinError, JoinHandle, TaskId, spawn, yield_now};
pub use time::{interval, interval_at, sleep, sleep_until, timeout, timeout_at};

#[cfg(not(any(unix, windows)))]
compile_error!(
    "roundelay waits for what mio watches on Unix and on Windows; there is no port to other systems yet"
);

/// The README's code runs too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
