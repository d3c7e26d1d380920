//! A counting semaphore, and the counter under [`Mutex`](super::Mutex), [`RwLock`](super::RwLock),
//! [`mpsc`](super::mpsc) and [`Queue`](super::Queue).
//!
//! Permits that are released while a task waits stay in the counter, but belong to the waiter at
//! the front: newcomers are refused until the list is empty. So waiters for few permits do not
//! starve a waiter for many; but the waiter for many holds up the waiters behind it. (tokio hands
//! permits to the front one by one, asyncio has single permits only; a program sees no difference.)

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::wait_list::{Grants, Wait, WaitList};
use crate::declared::Made;

/// Hands out permits, first come first served.
///
/// # Examples
///
/// ```
/// use roundelay::sync::Semaphore;
///
/// roundelay::run(async {
///     let desks = Semaphore::new(2);
///     let one = desks.acquire().await.unwrap();
///     let two = desks.acquire().await.unwrap();
///     assert!(desks.try_acquire().is_err());
///     drop(one);
///     assert_eq!(desks.available_permits(), 1);
///     drop(two);
/// });
/// ```
pub struct Semaphore {
    permits: Cell<usize>,
    closed: Cell<bool>,
    waiters: WaitList<usize, Result<(), AcquireError>>,
}

impl Semaphore {
    /// The greatest number of permits. A semaphore that starts with it is never exhausted in practice.
    pub const MAX_PERMITS: usize = usize::MAX;

    /// A semaphore with `permits` to give.
    #[track_caller]
    pub const fn new(permits: usize) -> Semaphore {
        let made = Made::here("a permit of the semaphore");
        Semaphore::of(made, permits)
    }

    /// A semaphore inside another primitive.
    pub(crate) const fn of(made: Made, permits: usize) -> Semaphore {
        Semaphore {
            permits: Cell::new(permits),
            closed: Cell::new(false),
            waiters: WaitList::new(made),
        }
    }

    /// How many permits are not held. While a task waits, they are reserved for it.
    pub fn available_permits(&self) -> usize {
        self.permits.get()
    }

    /// Waits for one permit.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a waiter that is dropped gives up its place, and a permit that was already reserved for it goes
    /// to the next waiter.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, before the call or while it waits.
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits at once. Tasks that come later wait behind, even for one permit.
    ///
    /// If the semaphore has fewer than `n` permits in all, the wait lasts until it is closed or gets more.
    ///
    /// # Cancellation
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, before the call or while it waits.
    #[inline]
    pub fn acquire_many(&self, n: usize) -> Acquire<'_> {
        Acquire(self.take(n))
    }

    /// Waits for one permit that keeps the semaphore alive, and so may be moved anywhere on the thread.
    ///
    /// # Cancellation
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, before the call or while it waits.
    pub fn acquire_owned(self: &Rc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// Waits for `n` permits at once, that keep the semaphore alive.
    ///
    /// # Cancellation
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, before the call or while it waits.
    pub fn acquire_many_owned(self: &Rc<Self>, n: usize) -> AcquireOwned {
        AcquireOwned(Wait::new(Rc::clone(self), n))
    }

    /// Takes one permit if it is free and no task waits.
    ///
    /// # Errors
    ///
    /// [`NoPermits`](TryAcquireError::NoPermits) if waiting would help, else `Closed`.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are free and no task waits.
    ///
    /// # Errors
    ///
    /// As for [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_many(&self, n: usize) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_take(n).map(|()| SemaphorePermit {
            semaphore: self,
            permits: n,
        })
    }

    /// Takes one permit if it is free and no task waits; the permit keeps the semaphore alive.
    ///
    /// # Errors
    ///
    /// As for [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(self: &Rc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_take(1).map(|()| OwnedSemaphorePermit {
            semaphore: Rc::clone(self),
            permits: 1,
        })
    }

    /// Adds `n` permits, and serves waiters with them. The count stops at [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    pub fn add_permits(&self, n: usize) {
        self.permits.set(self.permits.get().saturating_add(n));
        if !self.waiters.is_empty() {
            self.serve();
        }
    }

    /// Takes up to `n` free permits away for good; returns how many it took.
    pub fn forget_permits(&self, n: usize) -> usize {
        let forgotten = n.min(self.permits.get());
        self.permits.set(self.permits.get() - forgotten);
        forgotten
    }

    /// Closes the semaphore: no task can acquire any more. The tasks that wait get the error now. Permits that are held
    /// stay valid, and so do permits that were reserved for a waiter that has not run yet.
    pub fn close(&self) {
        self.closed.set(true);
        self.waiters.grant_while(|_| Some(Err(AcquireError(()))));
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// [`acquire_many`](Self::acquire_many) without the guard.
    #[inline]
    pub(super) fn take(&self, n: usize) -> Take<'_> {
        Wait::new(self, n)
    }

    /// [`try_acquire_many`](Self::try_acquire_many) without the guard.
    #[inline]
    pub(super) fn try_take(&self, n: usize) -> Result<(), TryAcquireError> {
        match self.try_grant(n) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(TryAcquireError::Closed),
            None => Err(TryAcquireError::NoPermits),
        }
    }

    /// Gives the free permits to the tasks that have waited longest.
    #[cold]
    fn serve(&self) {
        self.waiters.grant_while(|n| {
            self.permits.set(self.permits.get().checked_sub(n)?);
            Some(Ok(()))
        });
    }
}

impl Grants for Semaphore {
    type Want = usize;
    type Grant = Result<(), AcquireError>;

    fn waiters(&self) -> &WaitList<usize, Self::Grant> {
        &self.waiters
    }

    #[inline]
    fn try_grant(&self, n: usize) -> Option<Self::Grant> {
        if self.closed.get() {
            return Some(Err(AcquireError(())));
        }
        let permits = self.permits.get();
        if permits < n || !self.waiters.is_empty() {
            return None;
        }
        self.permits.set(permits - n);
        Some(Ok(()))
    }

    fn left(&self, n: usize, grant: Option<Self::Grant>) {
        match grant {
            // Guarded by tests/sync/semaphore.rs::a_permit_reserved_for_a_dropped_waiter_goes_to_the_next
            Some(Ok(())) => self.add_permits(n),
            Some(Err(_)) => {}
            // Guarded by tests/sync/semaphore.rs::when_a_greedy_front_leaves_those_behind_it_are_served
            None => self.serve(),
        }
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("permits", &self.0.request().1)
            .finish()
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwned")
            .field("permits", &self.0.request().1)
            .finish()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.permits.get())
            .field("waiting", &self.waiters.len())
            .field("closed", &self.closed.get())
            .finish()
    }
}

/// Waits until permits have been taken, for primitives that count their permits themselves.
pub(super) type Take<'a> = Wait<&'a Semaphore>;

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "futures do nothing unless awaited"]
pub struct Acquire<'a>(Take<'a>);

impl<'a> Future for Acquire<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(Pin::new(&mut self.0).poll(cx))?;
        let (&semaphore, permits) = self.0.request();
        Poll::Ready(Ok(SemaphorePermit { semaphore, permits }))
    }
}

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireOwned(Wait<Rc<Semaphore>>);

impl Future for AcquireOwned {
    type Output = Result<OwnedSemaphorePermit, AcquireError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(Pin::new(&mut self.0).poll(cx))?;
        let (semaphore, permits) = self.0.request();
        let semaphore = Rc::clone(semaphore);
        Poll::Ready(Ok(OwnedSemaphorePermit { semaphore, permits }))
    }
}

/// One or more permits; dropping it releases them.
#[must_use = "the permit is released as soon as it is dropped"]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

/// One or more permits that keep their [`Semaphore`] alive; dropping it releases them.
#[must_use = "the permit is released as soon as it is dropped"]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Rc<Semaphore>,
    permits: usize,
}

/// The methods of both kinds of permit. `$this` makes another permit of the same semaphore.
macro_rules! permit_methods {
    ($permit:ty, $this:ident => $semaphore:expr) => {
        /// How many permits it holds.
        pub fn num_permits(&self) -> usize {
            self.permits
        }

        /// Keeps the permits from ever being released.
        pub fn forget(mut self) {
            self.permits = 0;
        }

        /// Moves `n` of the permits to a guard of their own; `None` if there are fewer.
        pub fn split(&mut self, n: usize) -> Option<Self> {
            self.permits = self.permits.checked_sub(n)?;
            let $this = &*self;
            Some(Self {
                semaphore: $semaphore,
                permits: n,
            })
        }

        /// Joins the permits of `other`, of the same semaphore, to this one.
        ///
        /// # Errors
        ///
        /// Gives `other` back if it belongs to another semaphore.
        pub fn merge(&mut self, mut other: Self) -> Result<(), Self> {
            if !std::ptr::eq(&*self.semaphore, &*other.semaphore) {
                return Err(other);
            }
            self.permits += std::mem::take(&mut other.permits);
            Ok(())
        }
    };
}

impl<'a> SemaphorePermit<'a> {
    permit_methods!(SemaphorePermit<'a>, permit => permit.semaphore);
}

impl OwnedSemaphorePermit {
    permit_methods!(OwnedSemaphorePermit, permit => Rc::clone(&permit.semaphore));
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits);
    }
}

impl Drop for OwnedSemaphorePermit {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits);
    }
}

/// The semaphore was closed, so no permit will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcquireError(());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("could not acquire a permit: the semaphore is closed")
    }
}

impl Error for AcquireError {}

/// Why there was no permit at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore is closed: no permit will come.
    Closed,
    /// Too few permits are free, or other tasks wait: `acquire` would wait.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "could not acquire a permit: the semaphore is closed",
            TryAcquireError::NoPermits => {
                "could not acquire a permit at once: too few are free, or other tasks wait"
            }
        })
    }
}

impl Error for TryAcquireError {}
