//! Wakes waiting tasks, and nothing more: for primitives of your own.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::wait_list::{Grants, Wait, WaitList};
use crate::declared::Made;

/// Tells one waiting task, or all of them, to look again: tokio's `Notify`.
///
/// `notify_one` while no task waits is stored, once: the next task that waits goes on at once.
///
/// # Examples
///
/// ```
/// use roundelay::sync::Notify;
///
/// roundelay::run(async {
///     let nudge = Notify::new();
///     nudge.notify_one();
///     nudge.notified().await; // does not wait: a notification is stored
/// });
/// ```
pub struct Notify {
    stored: Cell<bool>,
    /// How often all tasks were notified. A [`Notified`] compares this with the count at its making.
    rounds: Cell<u64>,
    waiters: WaitList<u64, Nudge>,
}

/// How a waiter was notified. A notification for a single waiter must not be lost with that waiter.
#[derive(Clone, Copy)]
pub(crate) enum Nudge {
    One,
    All,
}

impl Notify {
    /// Nothing stored, no task waiting.
    #[track_caller]
    pub const fn new() -> Notify {
        Notify {
            stored: Cell::new(false),
            rounds: Cell::new(0),
            waiters: WaitList::new(Made::here("the notify")),
        }
    }

    /// Notifies the task that has waited longest; if no task waits, the next task that comes.
    #[inline]
    pub fn notify_one(&self) {
        let mut nudge = Some(Nudge::One);
        if self.waiters.grant_while(|_| nudge.take()) == 0 {
            self.stored.set(true);
        }
    }

    /// Notifies all tasks that wait, and each [`Notified`] that exists but was not polled yet. Nothing is stored.
    #[inline]
    pub fn notify_waiters(&self) {
        self.rounds.set(self.rounds.get().wrapping_add(1));
        self.waiters.grant_while(|_| Some(Nudge::All));
    }

    /// Waits to be notified. `notify_waiters` reaches the future from this call on; its place in the queue is taken at
    /// the first poll.
    ///
    /// *Not needed here:* `enable`. Between the making of the future and its first poll other tasks run only at an
    /// `.await` of the caller, and the counted rounds cover that case.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost but the place in the queue: a notification by `notify_one` goes to the next waiter, and if there
    /// is none it is stored.
    #[inline]
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            wait: Wait::new(self, self.rounds.get()),
        }
    }
}

impl Default for Notify {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        Notify::new()
    }
}

impl Grants for Notify {
    type Want = u64;
    type Grant = Nudge;

    #[inline]
    fn waiters(&self) -> &WaitList<u64, Nudge> {
        &self.waiters
    }

    #[inline]
    fn try_grant(&self, round: u64) -> Option<Nudge> {
        if self.rounds.get() != round {
            return Some(Nudge::All);
        }
        self.stored.take().then_some(Nudge::One)
    }

    #[inline]
    fn left(&self, _: u64, nudge: Option<Nudge>) {
        // Guarded by tests/sync/signals.rs::a_notification_of_a_dropped_waiter_goes_to_the_next
        if let Some(Nudge::One) = nudge {
            self.notify_one();
        }
    }
}

impl fmt::Debug for Notify {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify")
            .field("stored", &self.stored.get())
            .field("waiting", &self.waiters.len())
            .finish()
    }
}

/// The future of [`Notify::notified`].
#[must_use = "futures do nothing unless awaited"]
pub struct Notified<'a> {
    wait: Wait<&'a Notify>,
}

impl Future for Notified<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.wait).poll(cx).map(|_| ())
    }
}

impl fmt::Debug for Notified<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified")
            .field("queued", &self.wait.is_queued())
            .finish()
    }
}
