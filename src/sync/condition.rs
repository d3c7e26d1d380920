//! Waiting for a change of the value in a [`Mutex`](super::Mutex).
//!
//! The difficult moment is between unlocking and waiting: unlocking wakes a task, the woken task
//! may notify, and that notification must find its waiter. So a waiter enters the list *first* and
//! gives the lock back second.
//!
//! asyncio's `Condition` promises that a cancelled waiter holds the lock again when the
//! cancellation reaches it. In Rust a wait can be given up in two ways:
//!
//! - *The future is dropped.* Nothing can be awaited in a drop, so the lock is not taken again. No
//!   code can use the value: `wait` took the guard by value, and only its return gives the guard
//!   back.
//! - *The waiter is asked to stop*, with [`Condition::wait_or`]: it returns with the lock held
//!   again, whatever ended the wait.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::mutex::MutexGuard;
use super::wait_list::{Grants, Wait, WaitList};
use crate::declared::Made;

/// Waits, without the lock, for a notification that its value has changed: asyncio's `Condition`, `std`'s `Condvar`.
///
/// Notifying does not require the lock (asyncio demands it, `std` does not).
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use roundelay::sync::{Condition, Mutex};
///
/// roundelay::run(async {
///     let shared = Rc::new((Mutex::new(0), Condition::new()));
///     let waits = roundelay::spawn({
///         let shared = Rc::clone(&shared);
///         async move {
///             let (count, changed) = &*shared;
///             let guard = changed.wait_for(count.lock().await, |count| *count == 3).await;
///             *guard
///         }
///     });
///     let (count, changed) = &*shared;
///     for _ in 0..3 {
///         *count.lock().await += 1;
///         changed.notify_one();
///         roundelay::yield_now().await;
///     }
///     assert_eq!(waits.await.unwrap(), 3);
/// });
/// ```
pub struct Condition {
    waiters: WaitList<(), ()>,
}

impl Condition {
    /// A condition that no task waits for. It belongs to no mutex in particular.
    #[track_caller]
    pub const fn new() -> Condition {
        Condition {
            waiters: WaitList::new(Made::here("the condition")),
        }
    }

    /// Releases the lock, waits for a notification, and takes the lock again.
    ///
    /// # Cancellation
    ///
    /// The lock is not held afterwards: the call took the guard. A notification that this waiter had received goes to
    /// the next waiter. To give up and hold the lock, use [`wait_or`](Self::wait_or).
    pub async fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.wait_or(guard, pending::<()>()).await.0
    }

    /// Waits, without the lock, until `predicate` is true of its value. The predicate is asked at once, and then after
    /// each notification.
    ///
    /// # Cancellation
    ///
    /// As for [`wait`](Self::wait).
    pub async fn wait_for<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut predicate: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while !predicate(&mut guard) {
            guard = self.wait(guard).await;
        }
        guard
    }

    /// Waits for a notification or for the end of `stop`: a sleep, for example, or a
    /// [`CancelToken`](super::CancelToken). If both come at once, the notification counts. **In both cases the lock is
    /// held again** at the return; `Some` is the output of `stop`. asyncio's cancelled `wait` does the same.
    ///
    /// # Cancellation
    ///
    /// As for [`wait`](Self::wait).
    pub async fn wait_or<'a, T: ?Sized, S: Future>(
        &self,
        guard: MutexGuard<'a, T>,
        stop: S,
    ) -> (MutexGuard<'a, T>, Option<S::Output>) {
        let mutex = MutexGuard::mutex(&guard);
        let (baton, stopped) = match self.unlocked(guard, stop).await {
            Ok(baton) => (Some(baton), None),
            Err(stopped) => (None, Some(stopped)),
        };
        let guard = mutex.lock().await;
        std::mem::forget(baton); // the notification has arrived
        (guard, stopped)
    }

    /// The part of a wait during which the lock is not held.
    async fn unlocked<T: ?Sized, S: Future>(
        &self,
        guard: MutexGuard<'_, T>,
        stop: S,
    ) -> Result<Baton<'_>, S::Output> {
        let mut wait = Wait::new(self, ());
        let mut held = Some(guard);
        let mut stop = pin!(stop);
        poll_fn(|cx| {
            if Pin::new(&mut wait).poll(cx).is_ready() {
                return Poll::Ready(Ok(Baton(self)));
            }
            if !wait.is_queued() {
                return Poll::Pending; // the budget is spent: the lock stays held
            }
            // Guarded by tests/sync/condition.rs::a_notification_sent_by_the_unlock_itself_arrives
            drop(held.take());
            stop.as_mut().poll(cx).map(Err)
        })
        .await
    }

    /// Notifies the task that has waited longest. If no task waits, nothing is stored.
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Notifies the `n` tasks that have waited longest.
    pub fn notify(&self, mut n: usize) {
        self.waiters.grant_while(|()| {
            n = n.checked_sub(1)?;
            Some(())
        });
    }

    /// Notifies all tasks that wait.
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Self {
        Condition::new()
    }
}

impl Grants for Condition {
    type Want = ();
    type Grant = ();

    fn waiters(&self) -> &WaitList<(), ()> {
        &self.waiters
    }

    fn try_grant(&self, (): ()) -> Option<()> {
        None
    }

    fn left(&self, (): (), notification: Option<()>) {
        if notification.is_some() {
            self.notify_one();
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("waiting", &self.waiters.len())
            .finish()
    }
}

/// A notification that was received, until the lock is taken again. If it is dropped, the next waiter is notified.
struct Baton<'a>(&'a Condition);

impl Drop for Baton<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
