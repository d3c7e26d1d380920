//! Ways to end a task, or to let go of it, without awaiting it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::JoinError;
use super::id::TaskId;
use super::join::JoinHandle;
use crate::context;

impl<T: 'static> JoinHandle<T> {
    /// The output, if the task has finished and the output has not been given yet. It does not wait.
    ///
    /// # Errors
    ///
    /// The inner result is that of awaiting the handle.
    ///
    /// ```
    /// roundelay::run(async {
    ///     let mut handle = roundelay::spawn(async { 42 });
    ///     assert!(handle.try_join().is_none());
    ///     roundelay::yield_now().await;
    ///     assert_eq!(handle.try_join().unwrap().unwrap(), 42);
    ///     assert!(handle.try_join().is_none(), "it is given once");
    /// });
    /// ```
    pub fn try_join(&mut self) -> Option<Result<T, JoinError>> {
        self.take_output()
    }
}

impl<T> JoinHandle<T> {
    /// Lets the task run on by itself, and its output be dropped. The same as dropping the handle, said aloud.
    ///
    /// ```
    /// roundelay::run(async {
    ///     roundelay::spawn(async { println!("on my own") }).detach();
    /// });
    /// ```
    pub fn detach(self) {}

    /// A handle that [aborts](Self::abort) the task when it is dropped: for a task that is of no use without the task that spawned it.
    ///
    /// The task's future is dropped when its turn comes, not inside the drop of the handle. Where the caller has to wait for
    /// that, or for several such tasks, a [`TaskGroup`](crate::TaskGroup) does it.
    ///
    /// ```
    /// roundelay::run(async {
    ///     let pump = roundelay::spawn(std::future::pending::<()>()).abort_on_drop();
    ///     let id = pump.id();
    ///     drop(pump);
    ///     roundelay::yield_now().await;
    ///     assert!(!roundelay::task::all().iter().any(|task| task.id == id));
    /// });
    /// ```
    pub fn abort_on_drop(self) -> AbortOnDrop<T> {
        AbortOnDrop { handle: Some(self) }
    }
}

/// Awaits a task's output, and aborts the task when it is dropped before. From [`JoinHandle::abort_on_drop`].
///
/// # Cancellation
///
/// Dropping it aborts the task. Await it by reference (`(&mut handle).await`) to be able to go on later.
///
/// # Wakes
///
/// As [`JoinHandle`].
#[must_use = "the task is aborted as soon as this is dropped"]
pub struct AbortOnDrop<T> {
    /// `None` once it has been detached.
    handle: Option<JoinHandle<T>>,
}

impl<T> AbortOnDrop<T> {
    fn handle(&self) -> &JoinHandle<T> {
        self.handle
            .as_ref()
            .expect("it is there until the handle is taken by value")
    }

    /// The task's identifier.
    pub fn id(&self) -> TaskId {
        self.handle().id()
    }

    /// See [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.handle().is_finished()
    }

    /// The handle inside, whose drop aborts nothing.
    pub fn into_inner(mut self) -> JoinHandle<T> {
        self.handle
            .take()
            .expect("it is there until the handle is taken by value")
    }
}

impl<T: 'static> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.handle.as_mut();
        Pin::new(handle.expect("it is there until the handle is taken by value")).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

impl<T> fmt::Debug for AbortOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortOnDrop").field(&self.handle).finish()
    }
}

/// [Aborts](JoinHandle::abort) the task with that identifier, of the loop that is running on this thread. asyncio has
/// `all_tasks` and `cancel` for that. Says whether there was such a task, alive.
///
/// The identifier of a task that has finished aborts nothing, and neither does that of a task of another loop.
///
/// ```
/// use roundelay::task;
///
/// roundelay::run(async {
///     task::Builder::new().name("pump").spawn(std::future::pending::<()>()).detach();
///     let pump = task::all().into_iter().find(|task| task.name.as_deref() == Some("pump")).unwrap();
///     assert!(task::abort(pump.id));
///     roundelay::yield_now().await;
///     assert!(!task::abort(pump.id));
/// });
/// ```
pub fn abort(id: TaskId) -> bool {
    let Some(context) = context::current() else {
        return false;
    };
    let is_alive =
        context.address.loop_index() == id.loop_index() && !context.scheduler.is_finished(id);
    if is_alive {
        context.scheduler.abort(id);
    }
    is_alive
}
