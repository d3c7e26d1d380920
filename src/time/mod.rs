//! WHEN: sleeping, time-outs and intervals.
//!
//! | file | what it knows |
//! |---|---|
//! | `wheel` (chapter 6) | deadlines are numbers, and the earliest comes first |
//! | `clock` | how a number is an [`Instant`](std::time::Instant), and which way to round |
//! | `timers` | wakers, and that nobody runs while the wheel is borrowed |
//! | `slack` | how long timers that are close together may wait for each other |
//! | `sleep` | a future that is ready at its deadline |
//! | `timeout`, `interval` | what can be made of it |
//! | `virtual_time` | what a test says to a clock that stands still |
//!
//! What holds for all of them:
//!
//! - **Never early.** A deadline that lies between two ticks of a microsecond rounds up.
//! - **In order.** Earlier deadlines fire first; equal ones in the order in which they were armed.
//! - **Any [`Duration`](std::time::Duration) is valid.** What is too far away saturates and never
//!   fires, `Duration::MAX` included. Deadlines in the past are valid too, and due at once.
//! - **The time at the call.** A deadline is computed from the clock, not from a time that was read at some
//!   earlier point of the turn. The clock is the one on the wall, or the loop's own: see [below](#time-in-the-hands-of-a-test).
//! - **Nothing is left.** A future that is dropped takes its timer and its waker with it.
//!
//! A future of this module can be made anywhere and moved between loops. It needs a running loop
//! when it is polled and its deadline is still ahead: there it arms its timer.
//!
//! # Time in the hands of a test
//!
//! *The problem.* A client tries again after 1, 2, 4 seconds, and gives up after an hour. Its test waits for an hour; so the
//! pauses are made a parameter, and the test has pauses of 1, 2, 4 milliseconds. Now it waits a little, and fails on a busy
//! machine, where 4 milliseconds are sometimes 40. Its limits are widened until it passes, and then it passes with a client that is
//! wrong, too.
//!
//! *The idea.* A loop made by [`Builder::virtual_time`](crate::Builder::virtual_time) has a clock of its own, which stands still
//! while a task is ready. Where another loop would sleep, this one moves its clock to the next deadline.
//!
//! ```text
//!              tasks run              nobody is ready: jump       tasks run             jump
//!   the wall   |== 3 us ==|                                       |== 5 us ==|
//!   the clock  12:00:00   12:00:00  ------------------------->  13:00:00  13:00:00  ------->
//! ```
//!
//! So an hour takes no time, and to the nanosecond an hour. Nothing is late, on however busy a machine: an equation can be
//! tested, and a limit is not needed. All that this page promises holds by that clock. Its time is read by [`now`], and not by
//! [`Instant::now`](std::time::Instant::now), which knows the wall only. While no loop is running, the thread goes by the clock of
//! the loop with virtual time that it has made or run last, until that loop is dropped.
//!
//! ```
//! use roundelay::{EventLoop, sleep, time::{now, timeout}};
//! use std::time::Duration;
//!
//! let mut event_loop = EventLoop::builder().virtual_time().build()?;
//! let (start, hour) = (now(), Duration::from_secs(3600));
//! assert!(event_loop.run(timeout(hour, sleep(2 * hour))).is_err());
//! assert_eq!(now() - start, hour);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! *What is outside.* A jump is right if nothing else was going to happen first. What the loop can see holds its clock by itself:
//!
//! | | and the clock |
//! |---|---|
//! | a task is ready, a note is in the inbox | stands still |
//! | a job is [offloaded](fn@crate::offload) | stands still until the job is done, in real time, awaited or not |
//! | a task waits for a socket | jumps, after a look that finds nothing to read. Bytes that a task of this loop has written to a socket of this machine are there by then |
//! | another thread will post, a child process will end, a peer elsewhere will answer | jumps: the loop cannot know. [`hold`] it |
//! | no timer, or none within 292 years | stands still. The loop parks until something comes |
//!
//! [`advance`] moves the clock by hand. It is for what a `sleep` in the test cannot do: to make a task late. `sleep(d).await` stops at
//! each deadline on the way, and everybody acts at a moment of their own; `advance(d)` leaps, as if the caller had computed for so
//! long.
//!
//! *How it goes wrong.* A task that asks for the time until it is late enough, and yields in between, is always ready: the clock stands
//! still for ever. A job that waits for something that a timer of its loop brings holds the clock that it waits for. A peer in
//! another thread is not waited for, and its time-out is over at once. Deadlines computed from
//! [`Instant::now`](std::time::Instant::now) lie before the loop's time, and are due at once.
//!
//! *Order, too.* [`Builder::shuffle`](crate::Builder::shuffle) draws the order within a batch from a seed. With both, the same
//! program does the same in the same order at each run, and a bug that shows in one order out of a thousand can be looked at twice.
//! For a bug that loses a wake-up, a time-out of an hour tells so at once. [`net::Network`](crate::net::Network) adds a network whose
//! weather is drawn from a seed.
//!
//! *Why not otherwise.* A clock that is only moved by hand makes each test name each moment. A clock that runs a thousand times as
//! fast keeps the machine in the test. Tasks that take a clock as an argument can be tested without a loop like this one, down to the
//! first crate that does not. And sockets that hold the clock, as they do the real one, would hang the test of every server: somebody
//! waits for the next connection always.
//!
//! *What others do.* tokio: `time::pause` and `start_paused` move the clock when the runtime is idle, jobs hold it, sockets do not;
//! its `advance` leaps, too, and its timers are rounded up to a millisecond. trio: `MockClock`, with `autojump_threshold`, a real time
//! for which everybody has to be idle; and its scheduler reverses one batch in two, by chance, in production too. asyncio: nothing;
//! `looptime` from elsewhere. turmoil and madsim simulate the network and the disks as well, for tokio; Go 1.25: `testing/synctest`.
//!
//! *What it costs.* A loop by the wall: a load and a comparison where the clock is read, and two where a loop is entered. A jump: two
//! looks at the poller.
//!
//! # Chapter 6: the smallest loop
//!
//! Chapter 6 replaces `sleep`, `earliest` and the fields `timers` and `sleepers` in
//! `examples/00_smallest_loop.rs`. Each poll of a `sleep` adds a timer to the heap there. A timer
//! whose future was dropped stays in the heap until it is due, and then wakes a task that does not
//! wait for it.
//!
//! # Chapter 6: why not otherwise
//!
//! - *A binary heap*: cancelling is the operation that matters, and it has none.
//! - *A `BTreeMap<(deadline, serial), _>`*: right in 40 lines, and the oracle of our tests. It costs *log n* and
//!   cache misses for each timer, fired or not.
//! - *A wheel that does not deal out again* (its literature says *cascade*): far timers fire up to an eighth late.
//!   Fine in a kernel, where a time-out is a rough thing; a `sleep` should mean what it says.
//! - *Levels by distance*: see the chapter.
//!
//! Others: tokio has this wheel with six levels of milliseconds; smol a `BTreeMap`; libuv a binary heap; Go a
//! four-ary heap per processor; Linux a wheel without cascades, and a tree for precise timers.
//!
//! # The sources of chapter 6
//!
//! - G. Varghese, T. Lauck, *Hashed and Hierarchical Timing Wheels*, SOSP 1987 and IEEE/ACM ToN 5(6), 1997: this is
//!   their scheme 7.
//! - R. Ahuja, K. Mehlhorn, J. Orlin, R. Tarjan, *Faster Algorithms for the Shortest Path Problem*, JACM 37(2), 1990:
//!   the radix heap, whose buckets are chosen by the highest digit that differs.
//! - Linux, `kernel/time/timer.c`: the argument against cascades.
//!
//! # The exercises of chapter 6
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `level_of`, use the distance instead of the difference in digits:
//!   `cargo run -p exercises -- 6.1`

mod clock;
mod interval;
pub(crate) mod slack;
mod sleep;
mod timeout;
mod timers;
mod virtual_time;
mod wheel;

pub use clock::now;
pub(crate) use clock::{is_standing, stand};
pub use interval::{Interval, MissedTick, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Deadline, Elapsed, timeout, timeout_at, timeout_with};
pub(crate) use timers::Timers;
pub use virtual_time::{Hold, advance, hold};
