//! Ways to end or to detach a task without awaiting it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::JoinError;
use super::id::TaskId;
use super::join::JoinHandle;
use crate::context;

impl<T: 'static> JoinHandle<T> {
    /// Returns the output if the task has finished, without waiting. The output is returned once.
    ///
    /// # Errors
    ///
    /// The inner result is the one that awaiting the handle would give.
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
    /// Lets the task run on, and drops its output. Dropping the handle does the same; this says so in the code.
    ///
    /// ```
    /// roundelay::run(async {
    ///     roundelay::spawn(async { println!("on my own") }).detach();
    /// });
    /// ```
    pub fn detach(self) {}

    /// A handle that [aborts](Self::abort) the task when it is dropped, for a task that is useless without the task that
    /// spawned it.
    ///
    /// The task's future is dropped at the task's turn, not inside the drop of the handle. To wait for that, or for several
    /// such tasks, use a [`TaskGroup`](crate::TaskGroup).
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

/// Awaits a task's output, and aborts the task if it is dropped before. From [`JoinHandle::abort_on_drop`].
///
/// # Cancellation
///
/// Dropping it aborts the task. Await it by reference (`(&mut handle).await`) to keep it.
///
/// # Wakes
///
/// As [`JoinHandle`].
#[must_use = "the task is aborted as soon as this is dropped"]
pub struct AbortOnDrop<T> {
    /// `None` after it has been detached.
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

    /// The handle inside, which no longer aborts the task.
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

/// [Aborts](JoinHandle::abort) the task with this identifier, if it belongs to the loop that runs on this thread. Returns
/// whether there was such a task, alive. asyncio has `all_tasks` and `cancel` for this.
///
/// The identifier of a finished task, or of a task of another loop, aborts nothing.
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
