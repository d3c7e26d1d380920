//! A bound on how many children live at once.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

use super::keep::{Bounded, Collect, Keep};
use super::{TaskGroup, child};
use crate::declared::Made;
use crate::sync::{OwnedSemaphorePermit, Semaphore};
use crate::task::AbortHandle;

/// A handle to a group with a limit on the children that live at once. From [`TaskGroup::with_limit`].
///
/// The limit counts the children that are spawned through this handle and its clones, and no other children of the
/// group. If all children that hold the room wait here for more room, they wait for ever, as with any bound.
pub struct Limited<E: 'static, K> {
    group: TaskGroup<E, Bounded<K>>,
}

/// Reserved room for one child. Dropped unused, the room goes to the next task that waits.
#[must_use = "the room is given up as soon as it is dropped"]
pub struct Room<E: 'static, K> {
    group: TaskGroup<E, Bounded<K>>,
    permit: OwnedSemaphorePermit,
}

impl<E: 'static, K: Clone> TaskGroup<E, K> {
    /// A handle to the same group through which at most `children` live at once (zero counts as one). Its `spawn` waits for
    /// room. In asyncio, a `Semaphore` in each child does this, with all children in memory at once.
    #[track_caller]
    pub fn with_limit(&self, children: usize) -> Limited<E, K> {
        let keep = Bounded {
            keep: self.keep.clone(),
            room: Rc::new(Semaphore::of(
                Made::here("room in the limited group"),
                children.max(1),
            )),
        };
        let shared = Rc::clone(&self.shared);
        Limited {
            group: TaskGroup { shared, keep },
        }
    }
}

impl<E: 'static, K: Clone> Limited<E, K> {
    /// Waits until fewer children than the limit live, then spawns this child. As [`TaskGroup::spawn`] otherwise; a
    /// group that takes no more children refuses without a wait. For a child with a name [`reserve`](Self::reserve) its
    /// room.
    ///
    /// # Cancellation
    ///
    /// The future of the child is dropped with the wait. [`reserve`](Self::reserve) first, if it must not be lost.
    ///
    /// # Wakes
    ///
    /// First come, first served: each child that leaves makes room for one.
    ///
    /// ```
    /// use roundelay::TaskGroup;
    ///
    /// let most = roundelay::run(TaskGroup::scope(async |group| {
    ///     let four = group.with_limit(4);
    ///     let mut most = 0;
    ///     for _ in 0..100 {
    ///         let child = async {
    ///             roundelay::yield_now().await;
    ///             Ok::<_, std::io::Error>(())
    ///         };
    ///         four.spawn(child).await;
    ///         most = most.max(group.len());
    ///     }
    ///     Ok(most)
    /// }));
    /// assert_eq!(most.unwrap(), 4);
    /// ```
    #[track_caller]
    pub fn spawn<V, F>(
        &self,
        future: F,
    ) -> impl Future<Output = Option<AbortHandle>> + use<V, F, E, K>
    where
        V: 'static,
        F: Future<Output = Result<V, E>> + 'static,
        K: Keep<V>,
    {
        let at = Location::caller();
        let room = self.clone().into_room();
        async move { room.await?.spawn_at(None, future, at) }
    }

    /// Waits for room, and reserves it. `None` if the group takes no more children.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: if the wait already had room when it was dropped, the room goes to the next.
    pub async fn reserve(&self) -> Option<Room<E, K>> {
        self.clone().into_room().await
    }

    /// Reserves room, if there is room and no task waits for it.
    pub fn try_reserve(&self) -> Option<Room<E, K>> {
        if !self.group.is_open() {
            return None;
        }
        let permit = self.group.keep.room.try_acquire_owned().ok()?;
        let group = self.group.clone();
        Some(Room { group, permit })
    }

    async fn into_room(self) -> Option<Room<E, K>> {
        if !self.group.is_open() {
            return None;
        }
        let permit = self.group.keep.room.acquire_owned().await.ok()?;
        let group = self.group;
        group.is_open().then_some(Room { group, permit })
    }
}

impl<E: 'static, K: Clone> Room<E, K> {
    /// Spawns a child in this room. As [`TaskGroup::spawn`].
    #[track_caller]
    pub fn spawn<V, F>(self, future: F) -> Option<AbortHandle>
    where
        V: 'static,
        F: Future<Output = Result<V, E>> + 'static,
        K: Keep<V>,
    {
        self.spawn_at(None, future, Location::caller())
    }

    /// Spawns a child with a name in this room. As [`TaskGroup::spawn_named`].
    #[track_caller]
    pub fn spawn_named<V, F>(self, name: impl Into<String>, future: F) -> Option<AbortHandle>
    where
        V: 'static,
        F: Future<Output = Result<V, E>> + 'static,
        K: Keep<V>,
    {
        let name = name.into().into_boxed_str();
        self.spawn_at(Some(name), future, Location::caller())
    }

    fn spawn_at<V, F>(
        self,
        name: Option<Box<str>>,
        future: F,
        at: &'static Location<'static>,
    ) -> Option<AbortHandle>
    where
        V: 'static,
        F: Future<Output = Result<V, E>> + 'static,
        K: Keep<V>,
    {
        let TaskGroup { shared, keep } = self.group;
        let child = child::spawn(&shared, keep, name, future, at)?;
        // The child gives the room back when it leaves.
        self.permit.forget();
        Some(child)
    }
}

impl<E: 'static, V: 'static> Limited<E, Collect<V>> {
    /// See [`TaskGroup::next`].
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn next(&self) -> Option<V> {
        self.group.keep.keep.next().await
    }

    /// See [`TaskGroup::try_next`].
    pub fn try_next(&self) -> Option<V> {
        self.group.keep.keep.try_next()
    }
}

impl<E: 'static, K: Clone> Clone for Limited<E, K> {
    fn clone(&self) -> Self {
        Self {
            group: self.group.clone(),
        }
    }
}

impl<E: 'static, K> fmt::Debug for Limited<E, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("room", &self.group.keep.room.available_permits())
            .finish_non_exhaustive()
    }
}

impl<E: 'static, K> fmt::Debug for Room<E, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Room")
    }
}
