//! The scheduler that takes the wakes of this thread.
//!
//! [`context`](crate::context) has another thread-local, for all that a leaf future can reach. A waker needs only the
//! scheduler, and its layer is below `context`, so there is this one.

use std::cell::Cell;
use std::mem::{self, ManuallyDrop};
use std::ptr;
use std::rc::Rc;

use super::Scheduler;
use super::budget::Share;
use crate::task::id::TaskId;

thread_local! {
    /// `ManuallyDrop` removes the destructor, so the value can be read at any time, even in the destructors of other
    /// thread-locals. `Current` takes the value out again.
    static CURRENT: Cell<ManuallyDrop<Option<Rc<Scheduler>>>> =
        const { Cell::new(ManuallyDrop::new(None)) };
}

/// Shows the current scheduler to `read`, which runs no foreign code: nobody sees that the place is empty meanwhile. Three
/// instructions, where a `RefCell` takes nine of a wake.
#[inline]
fn peek<R>(read: impl FnOnce(Option<&Scheduler>) -> R) -> R {
    CURRENT.with(|place| {
        let current = place.take();
        let result = read(current.as_deref());
        place.set(current);
        result
    })
}

/// Queues a task of the loop whose code runs on this thread. Returns `false` if the task belongs to another loop.
#[inline]
pub(crate) fn wake_here(id: TaskId) -> bool {
    peek(|current| match current {
        Some(scheduler) if scheduler.loop_index == id.loop_index() => {
            scheduler.wake(id);
            true
        }
        _ => false,
    })
}

/// Whether this is the loop whose code runs on this thread at the moment. It is not while the loop runs an inner loop.
pub(super) fn is_current(scheduler: &Scheduler) -> bool {
    peek(|current| current.is_some_and(|it| ptr::eq(it, scheduler)))
}

/// The task that is being polled on this thread, in any loop.
pub(super) fn running() -> Option<TaskId> {
    peek(|current| current?.running())
}

/// Until it is dropped, its scheduler takes the wakes of this thread.
pub(crate) struct Current {
    outer: ManuallyDrop<Option<Rc<Scheduler>>>,
    outer_share: Share,
}

impl Current {
    pub(crate) fn enter(scheduler: Rc<Scheduler>) -> Self {
        Self::put(Some(scheduler))
    }

    /// Until it is dropped, no loop is at work on this thread: all wakes go through inboxes, and no share is spent.
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
