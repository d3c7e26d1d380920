//! A lock that is handed over in the order in which it was asked for.
//!
//! It is a [`Semaphore`] with one permit beside a `RefCell`. The permit makes tasks take turns; the
//! `RefCell` is never contended, and gives access without `unsafe`. *Not needed here:* poisoning. A
//! panic while the lock is held releases it, as in tokio and asyncio.

use std::cell::{RefCell, RefMut};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::semaphore::{Semaphore, Take};
use crate::declared::Made;

/// Mutual exclusion *across* `.await`.
///
/// Between two `.await`s no other task runs, so a `RefCell` or a `Cell` is enough for data that is only touched there.
/// A lock is for data that must stay consistent while its holder waits.
///
/// Fair: the lock goes to the task that has waited longest, and no newcomer overtakes it (tokio and asyncio choose the same).
///
/// # Examples
///
/// ```
/// use roundelay::sync::Mutex;
///
/// roundelay::run(async {
///     let account = Mutex::new(100);
///     *account.lock().await -= 30;
///     assert_eq!(account.into_inner(), 70);
/// });
/// ```
pub struct Mutex<T: ?Sized> {
    turn: Semaphore,
    value: RefCell<T>,
}

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    #[track_caller]
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            turn: Semaphore::of(Made::here("the mutex"), 1),
            value: RefCell::new(value),
        }
    }

    /// The value. No lock is needed: no task can hold it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a waiter that is dropped gives up its place, and a lock that had already been handed to it goes to
    /// the next waiter.
    #[inline]
    pub fn lock(&self) -> Lock<'_, T> {
        Lock {
            mutex: self,
            turn: self.turn.take(1),
        }
    }

    /// Takes the lock if it is free and no task waits for it.
    ///
    /// # Errors
    ///
    /// If it is not free.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.turn.try_take(1).map_err(|_| TryLockError(()))?;
        Ok(self.guard())
    }

    /// The value. No lock is needed: the borrow checker sees that no task holds it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The guard of a task that has the turn.
    #[inline]
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            value: self.value.borrow_mut(),
            turn: Turn(self),
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => out.field("value", &&*guard),
            Err(_) => out.field("value", &format_args!("<locked>")),
        };
        out.finish()
    }
}

/// The future of [`Mutex::lock`].
#[must_use = "futures do nothing unless awaited"]
pub struct Lock<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    turn: Take<'a>,
}

impl<'a, T: ?Sized> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        let turn = ready!(Pin::new(&mut self.turn).poll(cx));
        debug_assert!(turn.is_ok(), "the semaphore of a mutex is never closed");
        Poll::Ready(self.mutex.guard())
    }
}

impl<T: ?Sized> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("queued", &self.turn.is_queued())
            .finish()
    }
}

/// The lock, held; dropping it hands the lock to the next waiter.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    // The order matters: the borrow ends before the turn is passed on, because passing it on wakes a task.
    // Guarded by tests/sync/locks.rs::a_waker_that_takes_the_lock_at_once_finds_it_borrowed_by_nobody
    value: RefMut<'a, T>,
    turn: Turn<'a, T>,
}

/// The one permit of a mutex.
struct Turn<'a, T: ?Sized>(&'a Mutex<T>);

impl<T: ?Sized> Drop for Turn<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.turn.add_permits(1);
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex that this guard locks.
    pub fn mutex(guard: &Self) -> &'a Mutex<T> {
        guard.turn.0
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The lock is held, or reserved for a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("could not take the lock at once: it is held, or other tasks wait for it")
    }
}

impl Error for TryLockError {}
