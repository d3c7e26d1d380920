//! Waiting for several things at once, without a task for each.
//!
//! # The problem
//!
//! A task is a future of its own: it must be `'static`, and it costs a place in the scheduler. Often one function just
//! wants two answers, or the faster of two, and would like to lend its own variables to those who look for them. So a
//! future polls other futures in place. The smallest version polls all of them whenever it is polled:
//!
//! ```text
//!   for child in &mut children {
//!       if child.poll(cx).is_ready() { .. }      // every child gets the parent's waker
//!   }
//! ```
//!
//! Nothing is wrong with that for three children. With 100,000 it is: each wake says only "one of yours", so all are
//! polled, and to wake each of them once costs ten thousand million polls.
//!
//! # The idea
//!
//! Give every child a waker of its own that remembers *who* was woken, and poll only those:
//!
//! ```text
//!              poll                         wake (any thread)
//!   parent ───────────► Set ◄── number ── ReadyList ◄────── Link 0   Link 1   Link 2 ..
//!     ▲                  │ polls who is on the list │          ▲        ▲        ▲
//!     │                  ▼                          │          └ waker of one child
//!     │                children                     │
//!     └──────── wake, if the list was empty ────────┘
//! ```
//!
//! The set keeps the futures, and no waker can reach them; the links know nothing but a number and the list. That is the
//! shape of the loop itself, one size smaller: a slab of futures, a list of numbers, a waker that only queues, and a
//! batch that is over before its own wakes are served. `set.rs` and `ready.rs` are a second telling of chapters 4 and 5.
//!
//! Few children are cheaper to scan: no link, no list, no atomic. The crossing lies at about sixteen (`scan.rs`), and the
//! macros, whose futures are few by nature, always scan.
//!
//! # How it goes wrong
//!
//! *The winner's shadow.* `select!` over borrowed futures leaves the losers alive and unpolled while the winner's arm runs.
//! If a loser has just been handed a lock that the arm asks for, everything stops, and no line of the program is
//! wrong by itself: the "futurelock" of Oxide's RFD 609. Here a choice owns its futures, and the losers have been dropped
//! when the arm begins.
//!
//! *The shared budget.* A task may complete 128 operations per poll. If a set always began with the same child, that
//! child could spend them all, each time, and its siblings would find nothing left, for ever. So a scan begins one
//! further at each poll, and a set goes on where it stopped.
//!
//! *The first one's luck.* Of two futures that are ready at once, the one polled first wins the race. In a loop that
//! is the same one each time, so races draw who begins, from a generator with a seed.
//!
//! # Why not otherwise
//!
//! - *A task for each child.* That is [`spawn`](crate::spawn) and [`TaskGroup`](crate::TaskGroup): right where children should go on while
//!   their parent does something else, impossible where they borrow.
//! - *The futures inside the links*, in one allocation, as `FuturesUnordered` has it. A waker that owns the future can be
//!   the last to let go of it, on any thread; to prevent that takes `unsafe` and care. Two allocations take neither.
//! - *A lock around the list.* The parent's waker would be behind it too; a wake and its poll cost 80 ns instead of 50.
//! - *Numbers as wakers*, as the tasks have. A waker has 64 bits, and loop, serial and slot fill them.
//!
//! What others do: tokio's `join!` and `select!` scan, and `JoinSet` spawns; futures-rs scans up to thirty in `join_all` and keeps
//! a list beyond; Go has `select` over channels only, compiled into a lock on all of them; trio refuses: there is nothing but
//! the nursery.
//!
//! # What it costs
//!
//! A macro allocates nothing and its future is as large as its parts. A set allocates a box for each future, and one
//! link for each that is not scanned. A wake and the poll that follows take 50 ns, among ten children or 100,000;
//! `FuturesUnordered` takes 95 on the same machine. A poll of a listed child spends one operation of the budget.
//!
//! # From asyncio
//!
//! | asyncio | here |
//! |---|---|
//! | `gather(*aws, return_exceptions=True)` | [`join_all`], [`join!`](crate::join): every output, errors among them |
//! | `gather(*aws)` | [`try_join_all`], [`try_join!`](crate::try_join): the first error drops the others, where asyncio lets them run on |
//! | `wait(aws, return_when=..)` | [`AsCompleted::next`] for the first one, [`AsCompleted::until`] for the first error, or for all |
//! | `as_completed(aws)` | [`as_completed`](fn@as_completed) |
//! | `wait_for(aw, timeout)` | [`timeout`](crate::timeout) |
//! | `shield(aw)` | `let handle = spawn(future)`, and await the handle: dropping a handle detaches its task, so what cancels you does not cancel it |
//! | `TaskGroup` | [`TaskGroup`](crate::TaskGroup) |
//!
//! A child's panic is not an output: it passes through to the awaiting task. To have it as a value, spawn the child; its
//! handle gives a `JoinError`.
//!
//! # What is promised
//!
//! Outputs of joins come in the order of the arguments. A finished child's future is dropped at once. What has not finished
//! is dropped before an error or a winner is seen. A listed child is polled once, and then at most once for each of its
//! wakes. How many children are scanned, and in which order a set drops its own, may change.
//!
//! # Sources
//!
//! R. K. Treiber, *Systems Programming: Coping with Parallelism*, IBM RJ 5118, 1986, for the list. Oxide Computer, *RFD 609
//! Futurelock*, 2025. G. Steele, D. Lea, C. Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014.
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Set::poll_child`, take the child out of the list behind the poll:
//!   `cargo run -p exercises -- future.1`

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

/// What the macros expand to. Not for use by name.
#[doc(hidden)]
pub mod __private {
    pub use super::parts::{Join, Order, Select, TryJoin, Winner};
}
