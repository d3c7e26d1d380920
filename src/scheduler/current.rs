//! The scheduler that wakes on this thread go to.
//!
//! [`context`](crate::context) has a thread-local of its own, with all that a leaf future can reach. A waker needs the
//! scheduler only, and stands below that file, so that it could not ask there.

use std::cell::RefCell;
use std::mem::{self, ManuallyDrop};
use std::ptr;
use std::rc::Rc;

use super::Scheduler;
use super::budget::Share;
use crate::task::id::TaskId;

thread_local! {
    /// No destructor (`ManuallyDrop`), so it can be read at any time, in the destructors of other thread-locals too; `Current`
    /// takes the value out again.
    static CURRENT: RefCell<ManuallyDrop<Option<Rc<Scheduler>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Queues a task of the loop whose code runs on this thread. `false`: it is not a task of that loop.
#[inline]
pub(crate) fn wake_here(id: TaskId) -> bool {
    CURRENT.with(|current| match &**current.borrow() {
        Some(scheduler) if scheduler.loop_index == id.loop_index() => {
            scheduler.wake(id);
            true
        }
        _ => false,
    })
}

/// Whether this is the loop whose code runs on this thread at the moment; not one that has been left for an inner one.
pub(super) fn is_current(scheduler: &Scheduler) -> bool {
    CURRENT.with_borrow(|current| current.as_deref().is_some_and(|it| ptr::eq(it, scheduler)))
}

/// The task that is polled on this thread, of whatever loop.
pub(super) fn running() -> Option<TaskId> {
    CURRENT.with_borrow(|current| current.as_ref()?.running())
}

/// Makes a scheduler the one that wakes on this thread go to, until it is dropped.
pub(crate) struct Current {
    outer: ManuallyDrop<Option<Rc<Scheduler>>>,
    outer_share: Share,
}

impl Current {
    pub(crate) fn enter(scheduler: Rc<Scheduler>) -> Self {
        Self::put(Some(scheduler))
    }

    /// No loop is at work on this thread, until this is dropped: all wakes go by inboxes, and nobody's share is spent.
    #[cfg(all(unix, feature = "tokio-guest"))]
    pub(crate) fn nobody() -> Self {
        Self::put(None)
    }

    #[inline]
    fn put(current: Option<Rc<Scheduler>>) -> Self {
        Self {
            outer: CURRENT.replace(ManuallyDrop::new(current)),
            outer_share: Share::ENDLESS.begin(),
        }
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        let outer = mem::replace(&mut self.outer, ManuallyDrop::new(None));
        self.outer_share.begin();
        drop(ManuallyDrop::into_inner(CURRENT.replace(outer)));
    }
}
