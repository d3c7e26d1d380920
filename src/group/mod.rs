//! Structured concurrency: tasks that cannot be lost.
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
//! It works, and leaks. Two losers go on asking after `fetch` has returned. If `fetch` is cancelled by a time-out, all three
//! go on. If one panics, nobody hears of it. `spawn` is the `goto` of concurrent programs: control splits, and nothing in the
//! text says where it comes together again.
//!
//! # The idea
//!
//! Give the split a block. Tasks are spawned into a *group*; the group has a *scope*; and the scope does not end before each
//! of its *children* has ended, in whichever way the scope ends: by a value, by an error, by a panic, by being dropped.
//!
//! ```text
//!                      body done, children live          the last child leaves
//!            .-----.  --------------------------->  .-----.  ----------------->  .------.
//!   scope -> | Open|                                | Open|                      | Over | -> Ok(value)
//!            '-----'                                '-----'                      '------'
//!               |  fail, cancel                        |                             ^
//!               v                                      v                             |
//!            .--------.   the reaper's turn    .-----.   the last child leaves       |
//!            | Doomed | ---------------------> | Cut | ------------------------------' -> Err(GroupError)
//!            '--------'        cut             '-----'
//!     nobody joins; who was        children aborted,
//!     ready is polled once more    body dropped
//! ```
//!
//! And from everywhere, when the scope is dropped: `end`, which drops the children there and then.
//!
//! A child is an ordinary task, with one thing more in its cell: a *rider* (chapter 2), that is told when the future is gone
//! and finds the result there. It hands on the value, or reports the failure, and leaves the group: O(1), nothing remains.
//! So ten million short children need the memory of those that live at the same time.
//!
//! # The same turn
//!
//! The first failure cancels the others. At once? Then of three children that fail in the same turn one is heard, and the
//! other two are dropped unpolled; which one is an accident of the queue. asyncio and trio both hear all three, because
//! with them a cancellation arrives at the *next* suspension. It is the same here, by the means of the ready queue: a
//! failure spawns a small task, the *reaper*, that cuts the group off. It stands behind everybody who was ready when the
//! failure happened, so all of these have their poll, the body too, and what they fail with is reported together.
//!
//! ```text
//!   ready:  [ A | B | body | C ]      A fails
//!           [ B | body | C | reaper ]      B, the body and C are polled, each may fail
//!           [ reaper ]                     cut: whoever is left is dropped, polled no more
//! ```
//!
//! The body may contain another scope, a child of which fails in the same turn. The inner scope ends by its own reaper, which
//! stands behind the outer one's, and its error comes out of the body only if the body is polled after the outer cut. So a
//! body with such a scope in it is polled until the inner error is out (`around.rs`), and dropped then.
//!
//! A *child* that contains a scope is dropped by the cut as every other child. What its scope had collected by then nobody can
//! be told any more, and the log is told instead, one line for each failure: whose it is, and where that task was spawned.
//! The error itself is not in the line, since `E` need not be text.
//!
//! # How it goes wrong
//!
//! *A cancellation is swallowed.* In asyncio a cancellation is an exception that is thrown once: an edge. A group must guess
//! whether the one that it caught was its own or its parent's, and has guessed wrong (cpython#116720, #155433). Here a
//! cancellation is a future that is dropped: a level, that nobody can catch. A time-out around a scope drops the scope.
//!
//! *A destructor fights back.* Children are dropped by the scope's `drop`, and a destructor may spawn, cancel, panic, or drop
//! another scope. The group refuses before it drops anybody; each panic is caught in its child's cell; scopes within scopes
//! recurse 64 levels deep and no further (`teardown.rs`).
//!
//! # Why not otherwise
//!
//! - *Children that borrow from the body.* `FuturesUnordered` and moro can, because the scope polls them itself: then they
//!   stop when it is not polled, and share one task's budget. And a scope that is forgotten instead of dropped leaves them
//!   with dangling borrows, so with tasks it cannot be had without `unsafe` that the caller has to answer for.
//! - *Joining on drop.* A destructor cannot await. It can drop, though, and on one thread it can do so completely.
//! - *A vector of join handles*: memory for each child there ever was, until somebody looks.
//!
//! # Where the others disagree
//!
//! | question | asyncio | trio | tokio `JoinSet` | here |
//! |---|---|---|---|---|
//! | the first error | cancels the siblings | cancels the siblings | waits to be asked for | cancels the siblings |
//! | the body, on a child's error | is cancelled | is cancelled | goes on | is dropped where it waits |
//! | several errors in one turn | all are reported | all are reported | one by one | all are reported |
//! | whose error comes last | the body's | any order | | the body's |
//! | spawn while it ends | while a child lives | while a child lives | | while a child lives |
//! | spawn while it aborts | an error | starts it cancelled | runs | refused, the newcomer is dropped at once |
//! | values | kept in each `Task` | dropped | kept until asked for | dropped, unless asked for beforehand |
//! | the scope is dropped | | | aborts, does not wait | all have been dropped when `drop` returns |
//! | a child alone is cancelled | no error | no error | an error to skip | no error |
//!
//! # What it costs
//!
//! One allocation per child, its cell, which is 16 bytes larger than another task's; and none where children of one kind
//! come and go, since their cells are used again. Spawn, leave, and `next` are O(1); cutting off and dropping sort the
//! children that live, to end them in the order of their spawning.
//!
//! # What is promised, and what is not
//!
//! The scope's end, the order of failures, the refusal, and *all dropped when `drop` returns* are promised, with the two
//! exceptions that [`TaskGroup::scope`] names. The reaper, and so the number of turns that a cancellation takes, is how it
//! is done today.
//!
//! # Sources
//!
//! N. J. Smith, *Notes on structured concurrency, or: Go statement considered harmful*, 2018, and trio's nurseries. M. Sústrik,
//! *Structured Concurrency*, 2016. PEP 654 (exception groups) and asyncio's `TaskGroup`. E. W. Dijkstra, *Go To Statement
//! Considered Harmful*, CACM 11(3), 1968.
//!
//! # Exercises
//!
//! 1. In `Shared::doom`, call `cut` instead of spawning the reaper. Which errors are lost, and which test counts them?
//!    (`tests/group/whole.rs::children_that_fail_in_the_same_turn_are_all_reported`)
//! 2. In `Shared::end`, set the phase after the children have been dropped. Who lives on?
//!    (`tests/group/drop.rs::a_child_that_spawns_from_its_destructor_during_teardown_is_refused`)
//! 3. In `Shared::leave`, do not wake the scope. The body is done, the last child leaves, and who hangs?
//!    (`tests/group/whole.rs::the_scope_ends_only_when_every_child_has_ended`)

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

use crate::task::AbortHandle;

mod around;
mod child;
mod error;
mod keep;
mod limited;
mod scope;
mod shared;
mod teardown;

pub use error::{Failure, GroupError};
pub use keep::{Bounded, Collect, Discard, Keep};
pub use limited::{Limited, Room};
use shared::Shared;
pub use teardown::DEPTH_LIMIT;

/// A group of tasks that ends as a whole: asyncio's `TaskGroup`, trio's nursery.
///
/// This is the handle; [`scope`](Self::scope) makes the group and hands it to the body. Clones are the same group, and a
/// child may have one, to spawn brothers and sisters.
///
/// `E` is what children fail with; it has to be named once, by a child or by the body. `K` says what becomes of their
/// values, see [`with_outputs`](Self::with_outputs).
pub struct TaskGroup<E: 'static, K = Discard> {
    shared: Rc<Shared<E>>,
    keep: K,
}

impl<E: 'static> TaskGroup<E> {
    /// Runs `body`, and ends when it and all the children that were spawned into the group have ended.
    ///
    /// The body may borrow; the children, which are tasks, may not.
    ///
    /// # Errors
    ///
    /// If a child or the body fails, or panics, the others are cancelled: nobody is polled in a later turn, the body is
    /// dropped where it waits, the children are dropped. (A body in which another scope is ending with failures of its own
    /// is polled until these have come out.) When all are gone, the [`GroupError`] has every failure there was. If [`cancel`](Self::cancel) was called before the body had a value, it has none.
    ///
    /// # Cancellation
    ///
    /// Dropping the scope drops the body, then the children, in the order of their spawning. **When `drop` returns, all of
    /// them have been dropped**, whatever they do in their destructors, with two exceptions, both of which are on the
    /// stack at that moment: a child that is itself the one who drops the scope is dropped as soon as its poll (or its
    /// destructor, if that is where it stands) returns; and a scope more than [`DEPTH_LIMIT`] levels below another that
    /// is being dropped leaves its children to that one's drop.
    ///
    /// Failures that the scope has collected, and that nobody can be told any more, are logged: a panic with its text, an
    /// error with the name of its task and the line that spawned it. A scope that is forgotten (`mem::forget`) leaves its
    /// children to their loop, as plain tasks.
    ///
    /// # Wakes
    ///
    /// The waker of the last poll is kept, and woken for the body's own reasons, when the group is cut off, and when the
    /// last child has left.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread when it is first polled. A panic of the body or of a child is an error here;
    /// [`GroupError::resume_panic`] goes on with it.
    ///
    /// ```
    /// use std::{io, time::Duration};
    /// use roundelay::{TaskGroup, sleep};
    ///
    /// let result: Result<(), _> = roundelay::run(TaskGroup::scope(async |group| {
    ///     group.spawn(async {
    ///         sleep(Duration::from_secs(3600)).await;
    ///         Ok(())
    ///     });
    ///     group.spawn(async { Err::<(), _>(io::Error::other("no such host")) });
    ///     Ok(())
    /// }));
    /// // At once, and not in an hour: the first error cancels the others.
    /// assert_eq!(result.unwrap_err().to_string(), "1 failure in a task group\n└─ no such host");
    /// ```
    #[track_caller]
    pub fn scope<T, F>(body: F) -> impl Future<Output = Result<T, GroupError<E>>>
    where
        F: AsyncFnOnce(TaskGroup<E>) -> Result<T, E>,
    {
        let scope = scope::run(body, Location::caller());
        async move { scope.await?.ok_or_else(|| GroupError::new(Vec::new())) }
    }

    /// [`scope`](Self::scope), for a group that is meant to be [cancelled](Self::cancel): `Ok(None)` if that happened before
    /// the body had a value.
    ///
    /// # Errors
    ///
    /// As [`scope`](Self::scope), and never without a failure.
    ///
    /// # Cancellation
    ///
    /// As [`scope`](Self::scope).
    ///
    /// ```
    /// use roundelay::TaskGroup;
    ///
    /// let outcome = roundelay::run(TaskGroup::scope_until_cancelled(async |group| {
    ///     let stop = group.clone();
    ///     group.spawn(async move {
    ///         stop.cancel();
    ///         Ok::<_, std::io::Error>(())
    ///     });
    ///     std::future::pending::<()>().await;
    ///     Ok("never")
    /// }));
    /// assert_eq!(outcome.unwrap(), None);
    /// ```
    #[track_caller]
    pub fn scope_until_cancelled<T, F>(
        body: F,
    ) -> impl Future<Output = Result<Option<T>, GroupError<E>>>
    where
        F: AsyncFnOnce(TaskGroup<E>) -> Result<T, E>,
    {
        scope::run(body, Location::caller())
    }

    /// A handle to the same group that keeps the values of the children that are spawned through it, all of one type, until
    /// [`next`](TaskGroup::next) asks for them.
    ///
    /// Without it, a value is dropped when its child has finished, so that a group which runs for a year is no larger than
    /// the children that live in it.
    pub fn with_outputs<V: 'static>(&self) -> TaskGroup<E, Collect<V>> {
        TaskGroup {
            shared: Rc::clone(&self.shared),
            keep: Collect::new(),
        }
    }
}

impl<E: 'static, K: Clone> TaskGroup<E, K> {
    /// Starts a child: an ordinary task, that ends before the group does. An error, or a panic, ends the group.
    ///
    /// A group whose body has ended still takes children in, for as long as one lives. A group that is aborting, or over,
    /// refuses: the newcomer is dropped before `spawn` returns `None`. Otherwise the handle can end this child alone, which
    /// is no failure; most callers drop it.
    ///
    /// # Panics
    ///
    /// If the loop holds 2^24 tasks.
    #[track_caller]
    pub fn spawn<V, F>(&self, future: F) -> Option<AbortHandle>
    where
        V: 'static,
        F: Future<Output = Result<V, E>> + 'static,
        K: Keep<V>,
    {
        let keep = self.keep.clone();
        child::spawn(&self.shared, keep, None, future, Location::caller())
    }

    /// [`spawn`](Self::spawn), with a name for the child. It shows in panics, in errors, and wherever tasks are listed.
    ///
    /// # Panics
    ///
    /// If the loop holds 2^24 tasks.
    ///
    /// ```
    /// use roundelay::TaskGroup;
    ///
    /// let result = roundelay::run(TaskGroup::scope(async |group| {
    ///     group.spawn_named("pump", async { panic!("dry") as Result<(), std::io::Error> });
    ///     Ok(())
    /// }));
    /// assert!(result.unwrap_err().to_string().contains("task 'pump' spawned at "));
    /// ```
    #[track_caller]
    pub fn spawn_named<V, F>(&self, name: impl Into<String>, future: F) -> Option<AbortHandle>
    where
        V: 'static,
        F: Future<Output = Result<V, E>> + 'static,
        K: Keep<V>,
    {
        let (keep, name) = (self.keep.clone(), name.into().into_boxed_str());
        child::spawn(&self.shared, keep, Some(name), future, Location::caller())
    }

    /// A handle to the same group through which at most `children` live at once (zero counts as one). Its `spawn` waits for
    /// room. asyncio has a `Semaphore` around each child's body for that, and all the children at once in memory.
    pub fn with_limit(&self, children: usize) -> Limited<E, K> {
        Limited::new(self, children)
    }
}

impl<E: 'static, K> TaskGroup<E, K> {
    /// Ends the group without an error: cancels the children, and the body if it still waits for something. What fails in
    /// this very turn still counts as a failure.
    ///
    /// A body that has its value keeps it: `scope` returns it. A body that is cut off has none to give, which
    /// [`scope`](TaskGroup::scope) reports as a `GroupError` [without a failure](GroupError::is_cancelled), and
    /// [`scope_until_cancelled`](TaskGroup::scope_until_cancelled) as `Ok(None)`.
    pub fn cancel(&self) {
        self.shared.doom();
    }

    /// How many children live. A child lives until its future has been dropped.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether no child lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a child would be taken in now.
    pub fn is_open(&self) -> bool {
        self.shared.is_open()
    }
}

impl<E: 'static, K: Clone> Clone for TaskGroup<E, K> {
    fn clone(&self) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
            keep: self.keep.clone(),
        }
    }
}

impl<E: 'static, K> fmt::Debug for TaskGroup<E, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("children", &self.len())
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}
