//! The handle to a group.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

use super::child;
use super::keep::{Collect, Discard, Keep};
use super::shared::Shared;
use crate::task::AbortHandle;

/// A group of tasks that ends as a whole: asyncio's `TaskGroup`, trio's nursery.
///
/// This is the handle; [`scope`](Self::scope) makes the group and hands it to the body. Clones are handles to the same
/// group. A child may have a handle, to spawn siblings.
///
/// `E` is the error of the children; it has to be named once, by a child or by the body. `K` chooses whether the values
/// of children are kept, see [`with_outputs`](Self::with_outputs).
pub struct TaskGroup<E: 'static, K = Discard> {
    pub(super) shared: Rc<Shared<E>>,
    pub(super) keep: K,
}

impl<E: 'static> TaskGroup<E> {
    /// A handle to the same group that keeps the values of the children that are spawned through it, all of one type, until
    /// [`next`](TaskGroup::next) asks for them.
    ///
    /// A plain handle drops a value when its child has finished, so that a group which runs for a year is no larger
    /// than the children that live in it.
    #[track_caller]
    pub fn with_outputs<V: 'static>(&self) -> TaskGroup<E, Collect<V>> {
        TaskGroup {
            shared: Rc::clone(&self.shared),
            keep: Collect::new(),
        }
    }
}

impl<E: 'static, V: 'static> TaskGroup<E, Collect<V>> {
    /// The next value, in the order in which the children finish; `None` when no value is left and no child that was
    /// spawned through this handle (or a clone of it) lives.
    ///
    /// `next` never yields an error: an error ends the group, and the body that waits here.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a value that was given to a dropped wait goes to the next task that asks.
    ///
    /// # Wakes
    ///
    /// The tasks that wait are served in their order, by each child that finishes.
    ///
    /// ```
    /// use roundelay::TaskGroup;
    ///
    /// let sum = roundelay::run(TaskGroup::scope(async |group| {
    ///     let group = group.with_outputs();
    ///     for n in 1..=10 {
    ///         group.spawn(async move { Ok::<u32, std::io::Error>(n * n) });
    ///     }
    ///     let mut sum = 0;
    ///     while let Some(square) = group.next().await {
    ///         sum += square;
    ///     }
    ///     Ok(sum)
    /// }));
    /// assert_eq!(sum.unwrap(), 385);
    /// ```
    pub async fn next(&self) -> Option<V> {
        self.keep.next().await
    }

    /// The next value, if it is there already.
    pub fn try_next(&self) -> Option<V> {
        self.keep.try_next()
    }
}

impl<E: 'static, K: Clone> TaskGroup<E, K> {
    /// Starts a child: an ordinary task that ends before the group does. An error, or a panic, ends the group.
    ///
    /// A group whose body has ended still takes children, as long as a child lives. A group that is aborting, or over,
    /// refuses: the future is dropped, and `spawn` returns `None`. If the group is over, the log has a warning, since
    /// the caller may ignore the `None`. The handle can end this child only, which is no failure; most callers drop the
    /// handle. To await the child, or to handle a refusal, use [`spawn_handle`](Self::spawn_handle).
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

    /// [`spawn`](Self::spawn), with a name for the child. Panics, errors, and lists of tasks show the name.
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
}

impl<E: 'static, K> TaskGroup<E, K> {
    /// Ends the group without an error: cancels the children, and the body if it still waits. A failure in the same
    /// turn still counts.
    ///
    /// If the body has a value, `scope` returns it. A body that is cut off has no value: [`scope`](TaskGroup::scope)
    /// reports a `GroupError` [without a failure](super::GroupError::is_cancelled), and
    /// [`scope_until_cancelled`](TaskGroup::scope_until_cancelled) `Ok(None)`.
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

    /// Whether the group would take a child now.
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
