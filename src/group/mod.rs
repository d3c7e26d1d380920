//! Structured concurrency: tasks that cannot be lost.
//!
//! *Before this:* [chapter 4](crate::scheduler), [`future`](mod@crate::future). *Time:* 45 minutes.
//! *Files, in reading order:* this one, [`task_group`], [`scope`], [`child`], [`shared`],
//! [`around`], [`teardown`], [`keep`], [`limited`], [`handle`], [`error`].
//!
//! # The problem
//!
//! A server asks three mirrors for a file and takes the first answer:
//!
//! ```text
//! async fn fetch(name: &str) -> io::Result<File> {
//!     let handles = MIRRORS.map(|mirror| roundelay::spawn(ask(mirror, name)));
//!     first_of(handles).await
//! }
//! ```
//!
//! It works, and leaks. Two tasks go on asking after `fetch` has returned. If a time-out cancels
//! `fetch`, all three go on. If a task panics, no caller is told. `spawn` is like `goto`: control
//! splits, and the text of the program does not show where it comes together again.
//!
//! # The idea
//!
//! Tasks are spawned into a *group*, and the group has a *scope*, a block of the program. However
//! the scope ends, by a value, by an error, by a panic or by a drop, it does not end before each of
//! its *children* has ended.
//!
//! ```text
//!                     body done, children live       the last child leaves
//!            .------. ------------------------> .------. ---------------> .------.
//!   scope -> | Open |                           | Open |                  | Over | -> Ok(value)
//!            '------'                           '------'                  '------'
//!               |  fail, cancel                    |                         ^
//!               v                                  v                         |
//!            .--------.  the reaper's turn   .-----.  the last child leaves  |
//!            | Doomed | -------------------> | Cut | ------------------------' -> Err(..)
//!            '--------'        cut           '-----'
//!     no child joins; a child      the children are aborted,
//!     that is ready is polled      the body is dropped
//!     once more
//! ```
//!
//! Not in the picture: when the scope is dropped, `end` drops the children at once and leads from
//! each state to `Over`.
//!
//! A recording of `examples/14_task_group.rs`: the child `fuse` panics after 30 ms, and the other
//! children of its group end at that moment.
//!
//! <div style="overflow-x: auto"><div style="min-width: 640px">
#![doc = include_str!("../record/pictures/group.svg")]
//! </div></div>
//!
//! The page of this recording is `tests/pages/recordings/group.html`.
//!
//! A child is an ordinary task with a *rider* (chapter 2) in its cell. The cell calls the rider
//! when the future is gone. The rider takes the result from the cell, hands on the value or reports
//! the failure, and removes the child from the group. That takes O(1), and leaves nothing in
//! memory: ten million short children need the memory of the children that live at the same time.
//!
//! # The same turn
//!
//! The first failure cancels the other children. If it did so at once, then of three children that
//! fail in the same turn the scope would report one, the first in the queue, and the other two
//! would be dropped unpolled. asyncio and trio report all three, because there a cancellation
//! arrives at the *next* suspension. Here the ready queue has this effect: a failure spawns a small
//! task, the *reaper*, that cuts the group off. The reaper stands in the queue behind all tasks
//! that were ready when the failure happened. So each child that was ready is polled once more, and
//! the body too, and their failures are reported together.
//!
//! ```text
//!   ready:  [ A | B | body | C ]           A fails
//!           [ B | body | C | reaper ]      B, the body and C are polled, each may fail
//!           [ reaper ]                     cut: the rest is dropped, and polled no more
//! ```
//!
//! The body may contain another scope, with a child that fails in the same turn. The inner scope is
//! ended by its own reaper, which stands in the queue behind the outer reaper. The body returns the
//! inner error only if it is polled after the outer cut. So a body with such a scope is polled
//! until the inner scope has returned (`around.rs`), and then dropped.
//!
//! The cut drops a *child* that contains a scope like every other child. No caller is left for the
//! failures that this scope has collected, so they go to the log, one line for each failure: the
//! name of the task, and where the task was spawned. The error itself is not in the line, since `E`
//! need not be text. Guarded by
//! tests/group/nested.rs::a_child_with_a_scope_that_is_cut_off_tells_the_log_what_the_scope_knew.
//!
//! # How it goes wrong
//!
//! *A cancellation is swallowed.* In asyncio a cancellation is an exception that is thrown once. A
//! group must guess whether the exception that it caught was meant for itself or for its parent,
//! and can guess wrong (cpython#116720, #155433). Here a cancellation is a future that is dropped,
//! and no code can catch that. A time-out around a scope drops the scope.
//!
//! *A destructor uses the group.* Children are dropped by the scope's `drop`, and a destructor may
//! spawn, cancel, panic, or drop another scope. The group refuses new children before it drops the
//! first child; each panic is caught in its child's cell; nested scopes recurse at most 64 levels
//! deep (`teardown.rs`).
//!
//! # Why not otherwise
//!
//! - *Children that borrow from the body.* `FuturesUnordered` and moro have them, because the scope
//!   polls its children itself. Such children stop when the scope is not polled, and they share one
//!   task's budget. And a scope that is forgotten instead of dropped would leave tasks with
//!   dangling borrows, so a group of tasks could offer this only as `unsafe`.
//! - *Joining on drop.* A destructor cannot await. But it can drop the children, and on one thread
//!   it can drop all of them.
//! - *A vector of join handles* needs memory for each child that ever lived, until the owner reads
//!   the handles.
//!
//! # What others do
//!
//! (`JoinSet` is tokio's.)
//!
//! - *The first error.* asyncio, trio: cancels the siblings. `JoinSet`: waits to be read. Here:
//!   cancels the siblings.
//! - *The body, on a child's error.* asyncio, trio: is cancelled. `JoinSet`: goes on. Here: is
//!   dropped where it waits.
//! - *Several errors in one turn.* asyncio, trio: all are reported. `JoinSet`: one by one. Here:
//!   all are reported, or logged if the scope is dropped.
//! - *Whose error comes last.* asyncio: the body's. trio: any order. Here: the body's.
//! - *Spawn while it ends.* asyncio, trio: while a child lives. Here: while a child lives.
//! - *Spawn while it aborts.* asyncio: an error. trio: starts it cancelled. `JoinSet`: runs. Here:
//!   refused, the future is dropped at once.
//! - *Values.* asyncio: kept in each `Task`. trio: dropped. `JoinSet`: kept until read. Here:
//!   dropped, unless the handle collects them.
//! - *The scope is dropped.* `JoinSet`: aborts, does not wait. Here: all have been dropped when
//!   `drop` returns.
//! - *One child is cancelled.* asyncio, trio: no error. `JoinSet`: an error to skip. Here: no
//!   error.
//!
//! # What it costs
//!
//! One allocation per child, its cell, which is 16 bytes larger than the cell of another task. For
//! children of one type there is none, once their cells are used again. Spawn, leave, and `next`
//! are O(1); cutting off and dropping sort the children that live, to end them in the order of
//! their spawning.
//!
//! # What is promised, and what is not
//!
//! The scope's end, the order of failures, the refusal, and *all dropped when `drop` returns* are
//! promised, with the two exceptions that [`TaskGroup::scope`] names. The reaper, and so the number
//! of turns that a cancellation takes, may change.
//!
//! # Sources
//!
//! N. J. Smith, *Notes on structured concurrency, or: Go statement considered harmful*, 2018, and
//! trio's nurseries. M. Sústrik, *Structured Concurrency*, 2016. PEP 654 (exception groups) and
//! asyncio's `TaskGroup`. E. W. Dijkstra, *Go To Statement Considered Harmful*, CACM 11(3), 1968.
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Shared::doom`, cut the group off at once instead of spawning the reaper:
//!   `cargo run -p exercises -- group.1`
//! - In `Shared::leave`, do not wake the scope:
//!   `cargo run -p exercises -- group.2`
//! - In `Shared::join`, take a child in at every phase of the group:
//!   `cargo run -p exercises -- group.3`
//!
//! # Next
//!
//! [`sync`](mod@crate::sync): how tasks of one loop wait for each other.

mod around;
mod child;
mod error;
mod handle;
mod keep;
mod limited;
mod scope;
mod shared;
mod task_group;
mod teardown;

pub use error::{Failure, GroupError};
pub use handle::{ChildHandle, ChildLost, Refused};
pub use keep::{Bounded, Collect, Discard, Keep};
pub use limited::{Limited, Room};
pub use task_group::TaskGroup;
pub use teardown::DEPTH_LIMIT;
