//! A single-threaded event loop, from first principles.
//!
//! *A roundelay is a song whose refrain keeps coming round. So does the loop.*
//!
//! A hand-written reactor polls sockets and a timer wheel, a scheduler runs lightweight futures from a slab-backed ready
//! queue, and calls that block go to a pool of threads. It is made to be read, embedded and measured, and it is the same
//! code for all three.
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
//!         sleep(Duration::from_millis(1)).await; // everybody else runs meanwhile
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
//! **`Waker` is the only type that the scheduler and the drivers share.** A driver (the timers, the reactor, the pool, the inbox)
//! never names a task, and the scheduler never names a timer, a socket or a thread. So each can be read alone, and this is the
//! order:
//!
//! | | read | and learn |
//! |---|---|---|
//! | 1 | [`task`] | what a task is: a state diagram |
//! | 2 | `task/cell.rs` | one allocation: the future, then its output |
//! | 3 | `task/waker.rs` | a waker is a number |
//! | 4 | `scheduler/mod.rs` | the slab of tasks, the ready queue, and who waits how long |
//! | 5 | `inbox/mod.rs` | wakes from other threads, and how to sleep without losing one |
//! | 6 | `time/wheel.rs` | the hierarchical timer wheel |
//! | 7 | [`reactor`] | sockets: readiness, edges, and tokens that may be stale |
//! | 8 | [`offload`](fn@offload) | calls that block |
//! | 9 | [`EventLoop`] | the loop itself |
//! | | [`future`], [`group`], [`sync`], [`io`], [`net::serve`] | what can be built on it |
//! | | [`inspect`] | who is there, and what they wait for |
//! | | `signal`, `process`, `stdio`, `fs` | the rest of the system, each behind a feature of its name |
//! | | [`inspect`], `record` | how to watch the loop |
//! | | `appendix.rs` | *Twelve nanoseconds at a time*: what makes it fast, and is no part of the idea |
//!
//! A file imports only what stands in its own row of this table or below it, and no two files import each other, by whatever
//! way round. The drivers do not import each other.
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
//! | the drivers | `time/timers.rs`, `reactor/`, `offload/`, `inbox/` |
//! | pure | `account.rs`, `appendix.rs`, `chain.rs`, `declared.rs`, `draw.rs`, `fault`, `foreign.rs`, `histogram.rs`, `pinned.rs`, `reactor/ready.rs`, `record/`, `shim`, `stays.rs`, `task/error.rs`, `task/id.rs`, `time/clock.rs`, `time/slack.rs`, `time/wheel.rs`, `trying.rs`, `unrecorded.rs` |
//!
//! # The life of one wakeup
//!
//! ```text
//!  task            source              reactor              waker           scheduler
//!   | read(): WouldBlock                  |                    |                |
//!   |--- leaves its waker -->|            |                    |                |
//!   |<-- Pending             |            |                    |                |
//!   .                        |     epoll_wait returns          |                |
//!   .                        |<-- token ------|                |                |
//!   .                        |--------------- fires ---------->|                |
//!   .                                                          |-- queue(id) -->|
//!   |<------------------------------- poll ------------------------------------|
//!   | read(): 5 bytes
//! ```
//!
//! # What is promised
//!
//! The test that guards an invariant cites its name, and so do the asserts and the comments in the code.
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
//! # The words
//!
//! Each has one meaning in this crate.
//!
//! | word | what it means |
//! |---|---|
//! | task | a future, and the right to be polled when its turn comes |
//! | cell | the one allocation of a task: its future, later its output |
//! | slot | an entry in a table that is found by its number: a task's in the slab, a timer's in a level of the wheel |
//! | tenant | what lives in a slot at present |
//! | serial | the number of a spawn; it tells one tenant of a slot from the next |
//! | key | what the owner of an entry holds: a timer's, a waiter's, a child's |
//! | rider | what lies in a cell beside the future: a name, or a child's tie to its group |
//! | ready queue | the slots of the tasks that are to be polled, first in, first out |
//! | batch | the tasks that were ready when a turn began |
//! | turn | one time round the loop: rest if nobody is ready, poll a batch |
//! | look | the moment at which the loop sees what sockets, timers and other threads have brought |
//! | budget | how many operations one poll may complete, or how many polls come between two looks |
//! | park | announce a sleep, and sleep |
//! | inbox | what other threads leave for a loop |
//! | note | one entry of the inbox: a wake, or a posted call |
//! | word | the one atomic integer that a loop and other threads agree on |
//! | bell | the system call by which another thread ends a sleep |
//! | driver | what turns an event into a wake: the timers, the reactor, the pool, the inbox |
//! | source | a descriptor that a reactor watches |
//! | token | the name by which the poller knows a source |
//! | readiness | what the reactor last heard about a source |
//! | line | tasks that wait, or jobs that wait, first come, first served |
//! | place | where one operation stands in the lines of a source |
//! | wheel, level, tick | the timers' table, one ring of it, and its unit of time: a microsecond |
//! | slack | how long a loop without work may sleep past a deadline, after several timers have fired together |
//! | observer | what a run of the scheduler tells of each poll, if somebody watches |
//! | probe | by which a part of the loop tells the recorder what it does |
//! | recording | the last steps of a loop, sixteen bytes each |
//! | virtual time | the time of a loop for tests, whose clock is moved where another loop would sleep |
//! | job, worker | a call that blocks, and the thread of the pool that runs it |
//! | declared | of a wait: said to the loop, because its waker lies where the loop cannot look |
//! | foreign | code that is not this crate's: wakers, destructors, closures, the sink of the log |
//!
//! # Seeing the loop
//!
//! | question | answer |
//! |---|---|
//! | who holds the thread? | [`Builder::slow_poll`], [`Builder::watchdog`] |
//! | who is there, and what do they wait for? | [`EventLoop::tasks`], [`task::all`], [`Remote::tasks`]: the room [`inspect`] |
//! | what does the loop spend its time on? | [`Builder::observe`], [`EventLoop::histograms`] |
//! | what happened, step by step? | the feature `record`: a recording, and a page that draws it |
//!
//! # The log
//!
//! With the `log` crate's level at `trace` the loop tells one line per event, under the targets `roundelay::turn`, `::wake`,
//! `::timer`, `::io`, `::offload` and `::task`. Off, it costs a load and a compare per turn, and nothing per wake and poll.
//! What holds the loop's thread for too long is told at `warn`, target `roundelay::slow`: [`Builder::slow_poll`],
//! [`Builder::watchdog`].

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

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
