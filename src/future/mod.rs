//! Waiting for several things at once, without a task for each.
//!
//! *Before this:* [chapter 4](crate::scheduler). *Time:* 40 minutes. *Files, in reading order:*
//! this one, [`parts`], [`macros`], [`scan`], [`ready`], [`set`], [`all`],
//! [`as_completed`](mod@self::as_completed).
//!
//! # The problem
//!
//! A task is a future of its own: it must be `'static`, and it takes a place in the scheduler.
//! Often one function needs two answers, or the faster of two, from futures that borrow its
//! variables. So a future polls other futures in place. The smallest version polls all of them
//! whenever it is polled:
//!
//! ```text
//!   for child in &mut children {
//!       if child.poll(cx).is_ready() { .. }      // every child gets the parent's waker
//!   }
//! ```
//!
//! Three children can be polled so, but not 100,000: a wake does not say which child was woken, so
//! the parent polls all of them, and to wake each child once costs ten thousand million polls.
//!
//! # The idea
//!
//! Each child gets a waker of its own, the waker remembers *which* child was woken, and the parent
//! polls these children only:
//!
//! ```text
//!              poll                           wake (any thread)
//!   parent -----------> Set <-- number -- ReadyList <------ Link 0   Link 1   Link 2 ..
//!     ^                  | polls the listed  |                ^        ^        ^
//!     |                  v futures           |                '- waker of one child
//!     |               children               |
//!     '-------- wake, if the list was empty -'
//! ```
//!
//! The set keeps the futures, and no waker can reach them; a link has a number and the list, and
//! nothing else. The loop itself has the same parts: a slab of futures, a list of numbers, a waker
//! that only queues, and a batch that is over before its own wakes are served. `set.rs` and
//! `ready.rs` repeat the ideas of chapters 4 and 5.
//!
//! Few children are cheaper to scan: no link, no list, no atomic. A scan is cheaper up to about
//! sixteen (`scan.rs`), and the macros, which take few futures, always scan.
//!
//! # How it goes wrong
//!
//! *A loser holds a lock of the winner.* `select!` over borrowed futures leaves the other futures
//! alive and unpolled while the winner's arm runs. If one of them has just been handed a lock, and
//! the arm asks for that lock, the program stops, although each of its lines is right: the
//! "futurelock" of Oxide's RFD 609. In this crate `select!` owns its futures, and the losers have
//! been dropped when the arm begins.
//!
//! *The shared budget.* A task may complete 128 operations for each poll. If a set always began
//! with the same child, that child could spend all of them at each poll, and leave none for its
//! siblings. So a scan begins one child further at each poll, and a set goes on where it stopped.
//!
//! *The first future always wins.* Of two futures that are ready at once, the future that is polled
//! first wins the race. In a loop that polls them in one order it is the same future each time. So
//! a race draws the future that begins, from a generator with a seed.
//!
//! # Why not otherwise
//!
//! - *A task for each child.* That is [`spawn`](crate::spawn) and [`TaskGroup`](crate::TaskGroup):
//!   right for children that go on while their parent does other work, impossible for children
//!   that borrow.
//! - *The futures inside the links*, in one allocation, as in `FuturesUnordered`. Then a waker owns
//!   the future, and may be its last owner, on any thread; to prevent that needs `unsafe`.
//!   Two allocations do not need it.
//! - *A lock around the list.* Each wake would take the lock, also for the parent's waker.
//! - *Numbers as wakers*, as the tasks have. A waker has 64 bits, and loop, serial and slot fill
//!   them.
//!
//! *What others do.* tokio's `join!` and `select!` scan, and `JoinSet` spawns. futures-rs scans up
//! to thirty in `join_all` and keeps a list for more. Go has `select` over channels only, which
//! locks all of them. trio has only the nursery.
//!
//! # What it costs
//!
//! A macro allocates nothing, and its future is as large as its parts. A set allocates a box for
//! each future, and one link for each future that is not scanned. A wake and the poll after it take
//! as long among ten children as among 100,000. A poll of a listed child spends one operation of
//! the budget.
//!
//! # From asyncio
//!
//! - `gather(*aws, return_exceptions=True)`: [`join_all`], [`join!`](crate::join): all outputs,
//!   errors too.
//! - `gather(*aws)`: [`try_join_all`], [`try_join!`](crate::try_join): the first error drops the
//!   others, where asyncio lets them run on.
//! - `wait(aws, return_when=..)`: [`AsCompleted::next`] for the first output,
//!   [`AsCompleted::until`] for the first error, or for all.
//! - `as_completed(aws)`: [`as_completed`](fn@as_completed).
//! - `wait_for(aw, timeout)`: [`timeout`](crate::timeout).
//! - `shield(aw)`: `let handle = spawn(future)`, and await the handle: dropping a handle detaches
//!   its task, so a cancellation of the caller does not reach it.
//! - `TaskGroup`: [`TaskGroup`](crate::TaskGroup).
//!
//! A child's panic is not an output: it passes through to the awaiting task. To get the panic as a
//! value, spawn the child; its handle gives a `JoinError`.
//!
//! # What is promised
//!
//! Outputs of joins come in the order of the arguments. The future of a finished child is dropped
//! at once. A child that has not finished is dropped before an error or a winner is returned. A
//! listed child is polled once, and then at most once for each of its wakes. How many children are
//! scanned, and in which order a set drops its children, may change.
//!
//! # Sources
//!
//! R. K. Treiber, *Systems Programming: Coping with Parallelism*, IBM RJ 5118, 1986, for the list.
//! Oxide Computer, *RFD 609 Futurelock*, 2025. G. Steele, D. Lea, C. Flood, *Fast Splittable
//! Pseudorandom Number Generators*, OOPSLA 2014.
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Set::poll_child`, take the child out of the list after the poll:
//!   `cargo run -p exercises -- future.1`
//!
//! # Next
//!
//! [`group`](mod@crate::group): tasks that end as a whole.

mod all;
mod as_completed;
mod macros;
mod order;
mod parts;
mod ready;
mod scan;
mod set;

pub use all::{JoinAll, RaceAll, TryJoinAll, join_all, race_all, try_join_all};
pub use as_completed::{AsCompleted, as_completed};
pub use order::reseed;

/// The items that the macros expand to. Not for use by name.
#[doc(hidden)]
pub mod __private {
    pub use super::parts::{Order, Winner, join, select, try_join};
}
