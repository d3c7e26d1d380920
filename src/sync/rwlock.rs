//! Many readers or one writer, in the order in which they asked.
//!
//! It is a [`Semaphore`] with the greatest number of permits: a reader takes one, a writer takes
//! all. The lock is as fair as the semaphore: a waiting writer holds up the readers that come after
//! it, so neither kind starves.

use std::cell::{Ref, RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};

use super::mutex::TryLockError;
use super::semaphore::{Semaphore, SemaphorePermit};
use crate::declared::Made;

const READ: usize = 1;
const WRITE: usize = Semaphore::MAX_PERMITS;

/// Shared or exclusive access *across* `.await`; see [`Mutex`](super::Mutex) for when a lock is needed at all.
///
/// FIFO: a reader that asks while a writer waits queues up behind it, even if other tasks are reading (as in tokio;
/// asyncio has no such lock). So a task that already reads must not ask to read again: with a writer in between it
/// waits for itself.
///
/// # Examples
///
/// ```
/// use roundelay::sync::RwLock;
///
/// roundelay::run(async {
///     let routes = RwLock::new(vec!["/"]);
///     routes.write().await.push("/about");
///     let (one, two) = (routes.read().await, routes.read().await);
///     assert_eq!(one.len() + two.len(), 4);
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    turn: Semaphore,
    value: RefCell<T>,
}

impl<T> RwLock<T> {
    /// An unlocked lock around `value`.
    #[track_caller]
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            turn: Semaphore::of(Made::here("the read-write lock"), WRITE),
            value: RefCell::new(value),
        }
    }

    /// The value. No lock is needed: no task can hold it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until there is neither a writer nor an earlier waiter.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a waiter that is dropped gives up its place, and passes on a lock that it was already given.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        match self.turn.acquire_many(READ).await {
            Ok(turn) => RwLockReadGuard {
                value: self.value.borrow(),
                _turn: turn,
            },
            Err(_) => unreachable!("the semaphore of a lock is never closed"),
        }
    }

    /// Waits until no task reads or writes, and no earlier waiter is left.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a waiter that is dropped gives up its place, and the readers behind it are let in.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        match self.turn.acquire_many(WRITE).await {
            Ok(turn) => RwLockWriteGuard {
                value: self.value.borrow_mut(),
                lock: self,
                turn,
            },
            Err(_) => unreachable!("the semaphore of a lock is never closed"),
        }
    }

    /// Reads, if that is possible at once.
    ///
    /// # Errors
    ///
    /// If there is a writer, or a task waits.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        let turn = self
            .turn
            .try_acquire_many(READ)
            .map_err(|_| TryLockError(()))?;
        Ok(RwLockReadGuard {
            value: self.value.borrow(),
            _turn: turn,
        })
    }

    /// Writes, if that is possible at once.
    ///
    /// # Errors
    ///
    /// If there is a reader or a writer, or a task waits.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        let turn = self
            .turn
            .try_acquire_many(WRITE)
            .map_err(|_| TryLockError(()))?;
        Ok(RwLockWriteGuard {
            value: self.value.borrow_mut(),
            lock: self,
            turn,
        })
    }

    /// The value. No lock is needed: the borrow checker sees that no task holds it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => out.field("value", &&*guard),
            Err(_) => out.field("value", &format_args!("<locked>")),
        };
        out.finish()
    }
}

/// Shared access, until it is dropped.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // The order matters: the borrow ends before the turn is passed on, because passing it on wakes a task.
    value: Ref<'a, T>,
    _turn: SemaphorePermit<'a>,
}

/// Exclusive access, until it is dropped.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    // The order matters, as in `RwLockReadGuard`.
    value: RefMut<'a, T>,
    lock: &'a RwLock<T>,
    turn: SemaphorePermit<'a>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Becomes a reader, with no writer in between. Readers that wait at the front are let in.
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        let RwLockWriteGuard {
            value,
            lock,
            mut turn,
        } = guard;
        drop(value);
        let read = turn.split(READ).expect("a writer holds every permit");
        let guard = RwLockReadGuard {
            value: lock.value.borrow(),
            _turn: read,
        };
        drop(turn); // last, because it wakes tasks
        guard
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
