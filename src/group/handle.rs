//! A child whose value is awaited.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::child;
use super::keep::{Discard, Keep, sealed};
use super::task_group::TaskGroup;
use crate::sync::oneshot;
use crate::task::{AbortHandle, TaskId};

impl<E: 'static, K> TaskGroup<E, K> {
    /// Starts a child whose value goes to the returned handle, also in a group that keeps or drops the values of its
    /// other children. An error, or a panic, ends the group, as with [`spawn`](Self::spawn).
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the future back: the group is aborting, or over, and takes no more children.
    ///
    /// # Panics
    ///
    /// If the loop holds 2^24 tasks.
    ///
    /// ```
    /// use roundelay::TaskGroup;
    ///
    /// let sum = roundelay::run(TaskGroup::scope(async |group| {
    ///     let one = group.spawn_handle(async { Ok::<_, std::io::Error>(1) }).unwrap();
    ///     let two = group.spawn_handle(async { Ok(2) }).unwrap();
    ///     Ok(one.await.unwrap() + two.await.unwrap())
    /// }));
    /// assert_eq!(sum.unwrap(), 3);
    /// ```
    #[track_caller]
    pub fn spawn_handle<V, F>(&self, future: F) -> Result<ChildHandle<V>, Refused<F>>
    where
        V: 'static,
        F: Future<Output = Result<V, E>> + 'static,
    {
        if !self.is_open() {
            return Err(Refused(future));
        }
        let (sender, value) = oneshot::channel();
        let hand = Hand(Rc::new(Cell::new(Some(sender))));
        let abort = child::spawn(&self.shared, hand, None, future, Location::caller());
        let abort = abort.expect("an open group takes children");
        Ok(ChildHandle { value, abort })
    }

    /// Starts a child that never returns: it ends when the group does, or with a panic. Its output is
    /// [`Infallible`], so the compiler can infer the type of an `async` block that ends in a `loop`, in
    /// [`pending()`](std::future::pending), or in `panic!`. With [`spawn`](Self::spawn) it cannot.
    ///
    /// `None` if the group takes no more children; the future has then been dropped.
    ///
    /// # Panics
    ///
    /// If the loop holds 2^24 tasks.
    ///
    /// ```
    /// use std::future::pending;
    /// use roundelay::TaskGroup;
    ///
    /// let outcome = roundelay::run(TaskGroup::<std::io::Error>::scope(async |group| {
    ///     group.spawn_endless(async { pending().await });
    ///     group.spawn_endless(async { loop { roundelay::yield_now().await; } });
    ///     group.cancel();
    ///     Ok("done")
    /// }));
    /// assert_eq!(outcome.unwrap(), "done");
    /// ```
    #[track_caller]
    pub fn spawn_endless<F>(&self, future: F) -> Option<AbortHandle>
    where
        F: Future<Output = Infallible> + 'static,
    {
        let endless = async move { match future.await {} };
        child::spawn::<(), E, _, _>(&self.shared, Discard, None, endless, Location::caller())
    }
}

/// The value goes to a handle.
struct Hand<V>(Rc<Cell<Option<oneshot::Sender<V>>>>);

impl<V> Clone for Hand<V> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<V: 'static> Keep<V> for Hand<V> {}

impl<V: 'static> sealed::Keep<V> for Hand<V> {
    fn joined(&self) {}

    fn left(&self, value: Option<V>) {
        // Without a value, the sender is dropped, which ends the wait.
        if let (Some(sender), Some(value)) = (self.0.take(), value) {
            // If the handle is gone, the value is dropped.
            drop(sender.send(value));
        }
    }
}

/// Awaits a child's value. From [`TaskGroup::spawn_handle`]. Dropping it lets the child run on.
///
/// # Cancellation
///
/// Await the handle by reference (`(&mut handle).await`) to keep it. A handle that is dropped drops the value in it.
///
/// # Wakes
///
/// The waker of the last poll is kept, and woken when the child's future has been dropped. Dropping the handle drops
/// it.
#[must_use = "dropping the handle lets the child run on, and drops its value; say so with `drop`"]
pub struct ChildHandle<V> {
    value: oneshot::Receiver<V>,
    abort: AbortHandle,
}

impl<V> ChildHandle<V> {
    /// Ends this child only. That is no failure of the group.
    pub fn abort(&self) {
        self.abort.abort();
    }

    /// A handle that can end the child and cannot await it.
    pub fn abort_handle(&self) -> AbortHandle {
        self.abort.clone()
    }

    /// Whether the child has ended.
    pub fn is_finished(&self) -> bool {
        self.abort.is_finished()
    }

    /// The task's identifier.
    pub fn id(&self) -> TaskId {
        self.abort.id()
    }
}

impl<V> Future for ChildHandle<V> {
    type Output = Result<V, ChildLost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = Pin::new(&mut self.value);
        value.poll(cx).map_err(|_| ChildLost(()))
    }
}

impl<V> fmt::Debug for ChildHandle<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChildHandle({})", self.id())
    }
}

/// A child has ended without a value: it was cancelled, or it failed or panicked, and the group's error has the cause.
/// Or the value was already taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLost(());

impl fmt::Display for ChildLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a child of a task group ended without a value: it was cancelled, or it failed and the group's error has the cause",
        )
    }
}

impl std::error::Error for ChildLost {}

/// The future of a child that was not spawned: a group that is aborting, or over, takes no more children.
#[must_use = "the future was not spawned"]
pub struct Refused<F>(pub F);

impl<F> fmt::Debug for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused")
    }
}

impl<F> fmt::Display for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the task group takes no more children: it is being cancelled, or its scope has ended",
        )
    }
}

impl<F> std::error::Error for Refused<F> {}
