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
//! It works, and leaks. Two losers go on asking after `fetch` has returned. If a time-out cancels
//! `fetch`, all three go on. If one panics, no caller hears of the panic. `spawn` is the `goto` of
//! concurrent programs: control splits, and nothing in the text says where it comes together again.
//!
//! # The idea
//!
//! Give the split a block. Tasks are spawned into a *group*; the group has a *scope*; and the scope
//! does not end before each of its *children* has ended, in whichever way the scope ends: by a
//! value, by an error, by a panic, by being dropped.
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
//! Not in the picture: `end` leads from each state to the end, when the scope is dropped. It drops
//! the children at once.
//!
//! A recording of `examples/14_task_group.rs`: a fuse blows after 30 ms, and the children of its
//! group end at that moment.
//!
#![doc = include_str!("../record/pictures/group.svg")]
//!
//! The page of this recording is `tests/pages/recordings/group.html`.
//!
//! A child is an ordinary task, with one thing more in its cell: a *rider* (chapter 2), which the
//! cell tells that the future is gone. The rider takes the result from the cell, hands on the value
//! or reports the failure, and leaves the group. That takes O(1), and nothing remains. So ten
//! million short children need the memory of the children that live at the same time.
//!
//! # The same turn
//!
//! The first failure cancels the other children. If it did so at once, then of three children that
//! fail in the same turn the scope would report one, and the other two would be dropped unpolled;
//! the order of the queue would decide which. asyncio and trio report all three, because with them
//! a cancellation arrives at the *next* suspension. Here the ready queue does the same: a failure
//! spawns a small task, the *reaper*, that cuts the group off. The reaper stands in the queue
//! behind all tasks that were ready when the failure happened. So each child that was ready has its
//! poll, the body too, and their failures are reported together.
//!
//! ```text
//!   ready:  [ A | B | body | C ]      A fails
//!           [ B | body | C | reaper ]      B, the body and C are polled, each may fail
//!           [ reaper ]                     cut: the rest is dropped, and polled no more
//! ```
//!
//! The body may contain another scope, a child of which fails in the same turn. The inner scope
//! ends by its own reaper, which stands behind the outer one's, and its error comes out of the body
//! only if the body is polled after the outer cut. So a body with such a scope in it is polled
//! until the inner error is out (`around.rs`), and dropped then.
//!
//! A *child* that contains a scope is dropped by the cut as every other child. No caller is left
//! for the failures that its scope had collected by then, so they go to the log, one line for each
//! failure: the name of the task, and where the task was spawned. The error itself is not in the
//! line, since `E` need not be text. Guarded by
//! tests/group/nested.rs::a_child_with_a_scope_that_is_cut_off_tells_the_log_what_the_scope_knew.
//!
//! # How it goes wrong
//!
//! *A cancellation is swallowed.* In asyncio a cancellation is an exception that is thrown once: an
//! edge. A group must guess whether the exception that it caught was its own or its parent's, and
//! has guessed wrong (cpython#116720, #155433). Here a cancellation is a future that is dropped: a
//! level, which no code can catch. A time-out around a scope drops the scope.
//!
//! *A destructor uses the group.* Children are dropped by the scope's `drop`, and a destructor may
//! spawn, cancel, panic, or drop another scope. The group refuses new children before it drops the
//! first; each panic is caught in its child's cell; scopes within scopes recurse 64 levels deep and
//! no further (`teardown.rs`).
//!
//! # Why not otherwise
//!
//! - *Children that borrow from the body.* `FuturesUnordered` and moro can, because the scope polls
//!   its children itself. Such children stop when the scope is not polled, and they share one
//!   task's budget. And a scope that is forgotten instead of dropped leaves tasks with dangling
//!   borrows, so a group of tasks could offer this only with `unsafe` that the caller has to answer
//!   for.
//! - *Joining on drop.* A destructor cannot await. It can drop, though, and on one thread it can do
//!   so completely.
//! - *A vector of join handles*: memory for each child there ever was, until the owner reads the
//!   handles.
//!
//! # Where the others disagree
//!
//! | question | asyncio | trio | tokio `JoinSet` | here |
//! |---|---|---|---|---|
//! | the first error | cancels the siblings | cancels the siblings | waits to be asked for | cancels the siblings |
//! | the body, on a child's error | is cancelled | is cancelled | goes on | is dropped where it waits |
//! | several errors in one turn | all are reported | all are reported | one by one | all are reported; a dropped scope's go to the log |
//! | whose error comes last | the body's | any order | | the body's |
//! | spawn while it ends | while a child lives | while a child lives | | while a child lives |
//! | spawn while it aborts | an error | starts it cancelled | runs | refused, the newcomer is dropped at once |
//! | values | kept in each `Task` | dropped | kept until asked for | dropped, unless asked for beforehand |
//! | the scope is dropped | | | aborts, does not wait | all have been dropped when `drop` returns |
//! | a child alone is cancelled | no error | no error | an error to skip | no error |
//!
//! # What it costs
//!
//! One allocation per child, its cell, which is 16 bytes larger than another task's; and none where
//! children of one kind come and go, since their cells are used again. Spawn, leave, and `next` are
//! O(1); cutting off and dropping sort the children that live, to end them in the order of their
//! spawning.
//!
//! # What is promised, and what is not
//!
//! The scope's end, the order of failures, the refusal, and *all dropped when `drop` returns* are
//! promised, with the two exceptions that [`TaskGroup::scope`] names. The reaper, and so the number
//! of turns that a cancellation takes, is how it is done today.
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
