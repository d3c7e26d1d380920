//! Sleeping, time-outs and intervals.
//!
//! *Before this:* chapter 6, [the wheel](self::wheel), of which [the second
//! part](#chapter-6-second-part) is here, and then [the time of a
//! test](#time-in-the-hands-of-a-test). *Time:* 30 minutes.
//!
//! *Files, in reading order:*
//!
//! - [`wheel`]: deadlines are numbers, and the earliest comes first
//! - `wheel/parts.rs`: a crowded slot is dealt out in parts
//! - `wheel/ahead.rs`: and some of it before its time
//! - [`clock`]: how a number becomes an [`Instant`](std::time::Instant), and which way to round
//! - [`timers`]: wakers; no foreign code runs while the wheel is borrowed
//! - [`slack`]: how long timers that are close together may wait for each other
//! - [`sleep`](mod@self::sleep): a future that is ready at its deadline
//! - [`timeout`](mod@self::timeout), [`interval`](mod@self::interval): two uses of a `Sleep`
//! - [`virtual_time`]: how a test moves or holds a clock that stands still
//!
//! Five rules hold for all of them:
//!
//! - **Never early.** A deadline that lies between two ticks of a microsecond rounds up.
//! - **In order.** Earlier deadlines fire first; equal ones in the order in which they were armed.
//! - **Any [`Duration`](std::time::Duration) is valid.** A deadline that is too far away saturates
//!   and never fires, `Duration::MAX` included. A deadline in the past is valid, and due at once.
//! - **The time at the call.** A deadline is computed from the clock, not from a time that was read
//!   earlier in the turn. The clock is the real one, or the loop's own: see
//!   [below](#time-in-the-hands-of-a-test).
//! - **Nothing is left.** The drop of a future removes its timer and its waker.
//!
//! A future of this module can be made anywhere and moved between loops. It needs a running loop
//! when it is polled and its deadline is still ahead: there it arms its timer.
//!
//! # Chapter 6, second part
//!
//! ## The smallest loop
//!
//! Chapter 6 replaces `sleep`, `earliest` and the fields `timers` and `sleepers` in
//! `examples/00_smallest_loop.rs`. Each poll of a `sleep` adds a timer to the heap there. A timer
//! whose future was dropped stays in the heap until it is due, and then wakes a task that does not
//! wait for it.
//!
//! ## How far each level reaches
//!
//! | level | a slot is (ticks of 1.024 us) | the level reaches |
//! |---|---|---|
//! | 0 | 1 us | 66 us |
//! | 1 | 66 us | 4.2 ms |
//! | 2 | 4.2 ms | 268 ms |
//! | 3 | 268 ms | 17 s |
//! | 4 | 17 s | 18 min |
//! | 5 | 18 min | 20 h |
//! | 6 | 20 h | 52 days |
//! | 7..=10 | 52 days and more | half a million years: all 64 bits are valid |
//!
//! ## Slack
//!
//! *The problem.* When several timers fire in one look, the next ones are close: a server with
//! 100,000 time-outs has one due every few microseconds. To sleep until each of them, and to be
//! woken, takes more processor time than the timers do.
//!
//! *The idea.* Each timer that fires beside another puts the next wake-up off by 10 us, and all of
//! them together by [`Builder::timer_slack`](crate::Builder::timer_slack) at most (140 us if the
//! builder says nothing). The timers that become due meanwhile fire in the same look.
//!
//! ```text
//!                     three fire together: 2 * 10 us of slack
//!                      v
//!   deadlines      |  |||      |   |  |                     |
//!   without slack  *  *        *   *  *                     *       a wake-up for each
//!   with slack     *  *               *                     *       one look takes three
//!                      |<- 20 us ---->|
//! ```
//!
//! A timer that fires alone, as in a program that needs to be punctual, puts nothing off. A busy
//! loop has no slack: it looks at the timers after 64 polls. A look that ended at its bound gives
//! no slack, for the next timers may be due already. With virtual time there is no slack.
//!
//! *What it costs.* A timer of an idle loop may be late by the slack. `slack.rs` has the curve, and
//! the reason for the default. Guarded by
//! tests/time/timers.rs::after_one_timer_the_next_is_looked_at_on_time_and_after_several_with_a_little_slack
//! and tests/time/timers.rs::the_slack_is_what_the_builder_was_told_at_most.
//!
//! ## Why not otherwise
//!
//! - *A binary heap*: most timers are cancelled, and a heap cannot cancel.
//! - *A `BTreeMap<(deadline, serial), _>`*: right in 40 lines, and the oracle of our tests. It
//!   costs *log n* and cache misses for each timer, fired or not.
//! - *A wheel that does not deal out again* (its literature says *cascade*): far timers fire up to
//!   an eighth late. That is right for a kernel, whose time-outs are rough; a `sleep` should end
//!   at its deadline.
//! - *Levels by distance*: an earlier timer of a coarse level hides behind a later timer of level
//!   0:
//!
//! | tick | by distance | by digit |
//! |---|---|---|
//! | 60 | arm 130, 70 ahead: level 1 | 130 is `2 2`, now is `0 60`: level 1, slot 2 |
//! | 100 | arm 150, 50 ahead: level 0 | 150 is `2 22`: level 1, slot 2 |
//! | ask | level 0 says 150, and **130 is late** | slot 2 of level 1 says 130 |
//!
//! *What others do.* tokio has this wheel with six levels of milliseconds; smol a `BTreeMap`; libuv
//! a binary heap; Go a four-ary heap for each processor; Linux a wheel without cascades, and a tree
//! for precise timers.
//!
//! ## What it costs
//!
//! Arm, reset and disarm are O(1). A timer that fires has been moved at most ten times, mostly two
//! to four times; a timer that is cancelled has mostly not been moved. With a waker inside, an
//! entry takes 32 bytes. The table gives back what a burst has left: `event_loop/give_back.rs`.
//!
//! ## What is promised
//!
//! No timer is early; the order is as above; every `u64` is a valid deadline; nothing is allocated
//! once the table has grown; a call of `pop_due` does no more work than its budget. *How it is done
//! today:* eleven levels of 64, `CROWD`, and 134 million timers at most.
//!
//! ## Sources
//!
//! - G. Varghese, T. Lauck, *Hashed and Hierarchical Timing Wheels*, SOSP 1987 and IEEE/ACM ToN
//!   5(6), 1997: this is their scheme 7.
//! - R. Ahuja, K. Mehlhorn, J. Orlin, R. Tarjan, *Faster Algorithms for the Shortest Path Problem*,
//!   JACM 37(2), 1990: the radix heap, whose buckets are chosen by the highest digit that differs.
//! - Linux, `kernel/time/timer.c`: the argument against cascades.
//!
//! ## Exercises of chapter 6
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `level_of`, use the distance instead of the difference in digits:
//!   `cargo run -p exercises -- 6.1`
//! - In `Wheel::unlink`, leave the tail of the list where it is:
//!   `cargo run -p exercises -- 6.2`
//! - In `level_of`, ignore the slot that is being dealt out:
//!   `cargo run -p exercises -- 6.3`
//!
//! # Time in the hands of a test
//!
//! *The problem.* A client tries again after 1, 2, 4 seconds, and gives up after an hour. Its test
//! waits for an hour. So the pauses become a parameter, and the test has pauses of 1, 2, 4
//! milliseconds. The test then fails on a busy machine, where 4 milliseconds are sometimes 40. With
//! wider limits the test passes, and it passes with a wrong client, too.
//!
//! *The idea.* A loop made by [`Builder::virtual_time`](crate::Builder::virtual_time) has a clock
//! of its own, which stands still while a task is ready. Where another loop would sleep, this one
//! moves its clock to the next deadline.
//!
//! ```text
//!              tasks run              no task is ready: jump      tasks run             jump
//!   real time  |== 3 us ==|                                       |== 5 us ==|
//!   the clock  12:00:00   12:00:00  ------------------------->  13:00:00  13:00:00  ------->
//! ```
//!
//! So an hour by this clock is exact to the nanosecond, and takes no real time. No timer is late,
//! however busy the machine is: a test compares times with `==`, and needs no limits. The promises
//! of this page hold by that clock. [`now`] reads it;
//! [`Instant::now`](std::time::Instant::now) reads the real clock. While no loop is running, the
//! thread uses the clock of the last loop with virtual time that it has made or run, until that
//! loop is dropped.
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
//! *What holds the clock.* A jump is right if no other event comes first. The loop holds its clock
//! for the events that it can foresee:
//!
//! | if | the clock |
//! |---|---|
//! | a task is ready, a note is in the inbox | stands still |
//! | a job is [offloaded](fn@crate::offload) | stands still until the job is done, in real time, awaited or not |
//! | a task waits for a socket | jumps, after a look that finds nothing to read. That look finds the bytes that a task of this loop has written to a socket of this machine |
//! | another thread will post, a child process will end, a peer elsewhere will answer | jumps: the loop cannot know. [`hold`] it |
//! | there is no timer, or none within 292 years | stands still. The loop parks until something comes |
//!
//! [`advance`] moves the clock by hand. A `sleep` in the test cannot make a task late, and
//! `advance` can. `sleep(d).await` stops at each deadline on the way, and each task acts at its own
//! deadline; `advance(d)` leaps, as if the caller had computed for so long.
//!
//! *How it goes wrong.* A task that asks for the time until it is late enough, and yields in
//! between, is always ready: the clock stands still for ever. A job that waits for a timer of its
//! loop holds the clock that the timer needs. The clock does not wait for a peer in another thread,
//! so the time-out of that peer is over at once. Deadlines computed from
//! [`Instant::now`](std::time::Instant::now) lie before the loop's time, and are due at once.
//!
//! *Order, too.* [`Builder::shuffle`](crate::Builder::shuffle) draws the order within a batch from
//! a seed. With virtual time and a seed, each run of a program does the same in the same order, and
//! a bug of one order in a thousand can be repeated. A time-out of an hour shows a lost wake-up at
//! once. [`net::Network`](crate::net::Network) adds a network whose delays and losses are drawn
//! from a seed.
//!
//! *Why not otherwise.* With a clock that is moved only by hand, each test has to name each moment.
//! With a clock that runs a thousand times as fast, the test still depends on the machine. Tasks
//! that take a clock as an argument need no such loop, but a crate that they use may take none. And
//! sockets that hold the clock would hang the test of every server, for a server always waits for
//! the next connection.
//!
//! *What others do.* tokio: `time::pause` and `start_paused` move the clock when the runtime is
//! idle; jobs hold it, sockets do not; its `advance` leaps, too, and its timers are rounded up to a
//! millisecond. trio: `MockClock`, with `autojump_threshold`, a real time for which every task has
//! to be idle; its scheduler reverses one batch in two, by chance, in production too. asyncio has
//! nothing; `looptime` is a package for it. turmoil and madsim simulate the network and the disks
//! as well, for tokio; Go 1.25 has `testing/synctest`.
//!
//! *What it costs.* With the real clock: a load and a comparison where the clock is read, and where
//! a loop is entered. A jump: two looks at the poller.
//!
//! # Next
//!
//! After the wheel, [chapter 7](crate::reactor): sockets. After the time of a test,
//! [`inspect`](crate::inspect): what the tasks of a loop wait for.

mod clock;
mod interval;
pub(crate) mod slack;
mod sleep;
mod timeout;
mod timers;
mod virtual_time;
pub(crate) mod wheel;

pub use clock::now;
pub(crate) use clock::{may_stand, stand};
pub use interval::{Interval, MissedTick, Tick, interval, interval_at};
#[cfg(feature = "hyper")]
pub(crate) use sleep::sleep_ahead;
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Deadline, Elapsed, timeout, timeout_at, timeout_with};
pub(crate) use timers::LateTimers;
pub use virtual_time::{Hold, advance, hold};
