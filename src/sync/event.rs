//! A flag that can be waited for.

use std::cell::Cell;
use std::fmt;

use super::wait_list::{Grants, Wait, WaitList};
use crate::declared::Made;

/// A flag that tasks can wait for: asyncio's `Event`.
///
/// [`set`](Event::set) lets all waiting tasks through for good: to clear the event right away does not hold them back
/// (as in trio and asyncio).
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use roundelay::sync::Event;
///
/// roundelay::run(async {
///     let ready = Rc::new(Event::new());
///     let waits = roundelay::spawn({
///         let ready = Rc::clone(&ready);
///         async move { ready.wait().await }
///     });
///     ready.set();
///     waits.await.unwrap();
/// });
/// ```
pub struct Event {
    set: Cell<bool>,
    waiters: WaitList<(), ()>,
}

impl Event {
    /// An event that is not set.
    #[track_caller]
    pub const fn new() -> Event {
        Event::of(Made::here("the event"))
    }

    /// An event inside another primitive.
    pub(crate) const fn of(made: Made) -> Event {
        Event {
            set: Cell::new(false),
            waiters: WaitList::new(made),
        }
    }

    /// Sets it and lets all waiting tasks through.
    pub fn set(&self) {
        let is_awaited = !self.waiters.is_empty();
        self.set_quietly();
        if is_awaited {
            self.wake_waiters();
        }
    }

    /// The first half of [`set`](Self::set): the tasks are let through, and not woken yet. Returns whether it was set
    /// already.
    pub(super) fn set_quietly(&self) -> bool {
        if !self.waiters.is_empty() {
            self.waiters.grant_quietly(|()| Some(()));
        }
        self.set.replace(true)
    }

    /// The second half of [`set`](Self::set): wakes the tasks.
    pub(super) fn wake_waiters(&self) {
        self.waiters.wake_granted();
    }

    /// Clears it: from now on `wait` waits again.
    pub fn clear(&self) {
        self.set.set(false);
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Waits until it is set; does not wait if it is.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a wait does not use up the event.
    pub async fn wait(&self) {
        Wait::new(self, ()).await;
    }
}

impl Default for Event {
    #[track_caller]
    fn default() -> Self {
        Event::new()
    }
}

impl Grants for Event {
    type Want = ();
    type Grant = ();

    fn waiters(&self) -> &WaitList<(), ()> {
        &self.waiters
    }

    #[inline]
    fn try_grant(&self, (): ()) -> Option<()> {
        self.set.get().then_some(())
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("set", &self.set.get())
            .field("waiting", &self.waiters.len())
            .finish()
    }
}
