//! Declared waits: their wakers are kept where the loop cannot look.
//!
//! The loop owns its timers, its sources, its join handles and the line of its jobs, so it can list the tasks that wait
//! for them. A queue or a mutex belongs to the tasks that use it, and the loop does not know it. So in a loop that was
//! built with [`Builder::observe`](crate::Builder::observe), a task that has to queue there declares its wait: which
//! task, for what kind of object, and where the object was made. The declaration wraps the waker that the task leaves
//! there, and the loop's list holds it weakly. So the declaration ends with the wait, by a wake or by a drop, and needs
//! no removal from the list.
//!
//! In all other loops there is no declaration. The check costs a load and a comparison for each wait.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use crate::foreign;
use crate::task::id::TaskId;

/// Whether any loop of this process is observed, or was.
static IS_WANTED: AtomicBool = AtomicBool::new(false);

/// Whether some loop may need declarations.
#[inline]
pub(crate) fn is_wanted() -> bool {
    // ORDERING: a hint. An observed loop has set it on its own thread, or before it was sent there.
    IS_WANTED.load(Ordering::Relaxed)
}

/// The kind of an object, and where it was made.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    /// Completes "waits for".
    pub(crate) what: &'static str,
    pub(crate) at: &'static Location<'static>,
}

impl Made {
    /// Made at the line of the caller's caller, if each of them tracks its caller.
    #[track_caller]
    pub(crate) const fn here(what: &'static str) -> Self {
        let at = Location::caller();
        Self { what, at }
    }

    /// Another wait for the same object.
    pub(crate) const fn but(self, what: &'static str) -> Self {
        Self { what, ..self }
    }
}

/// One wait: the waker of a task, and the object.
pub(crate) struct Declared {
    pub(crate) task: TaskId,
    pub(crate) what: Made,
    waker: Waker,
}

impl Wake for Declared {
    #[inline]
    fn wake(self: Arc<Self>) {
        foreign::wake_by_ref(&self.waker, WAIT);
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        foreign::wake_by_ref(&self.waker, WAIT);
    }
}

/// The declared waits of one loop.
pub(crate) struct Declarations {
    list: RefCell<List>,
}

struct List {
    /// Guarded by tests/inspect/waits.rs::a_task_that_goes_on_to_the_next_wait_has_left_the_last.
    entries: Vec<Weak<Declared>>,
    /// At this length, waits that are over are removed from the list.
    sweep_at: usize,
}

/// The owner of the wakers, for the log.
const WAIT: &str = "a wait that was declared";

/// A shorter list is not swept.
const SHORT: usize = 32;

impl Declarations {
    #[inline]
    pub(crate) fn new() -> Self {
        // ORDERING: see `is_wanted`.
        IS_WANTED.store(true, Ordering::Relaxed);
        let list = List {
            entries: Vec::new(),
            sweep_at: SHORT,
        };
        Self {
            list: RefCell::new(list),
        }
    }

    /// Returns the waker to leave in place of the task's own.
    #[inline]
    pub(crate) fn add(&self, task: TaskId, what: Made, waker: Waker) -> Waker {
        let declared = Arc::new(Declared { task, what, waker });
        let list = &mut *self.list.borrow_mut();
        if list.entries.len() >= list.sweep_at {
            list.entries.retain(|entry| entry.strong_count() > 0);
            list.sweep_at = SHORT.max(2 * list.entries.len());
        }
        list.entries.push(Arc::downgrade(&declared));
        Waker::from(declared)
    }

    /// The present waits. Not under the borrow, because the last owner of a wait drops a waker.
    #[inline]
    pub(crate) fn list(&self) -> Vec<Arc<Declared>> {
        let entries = &self.list.borrow().entries;
        entries.iter().filter_map(Weak::upgrade).collect()
    }
}
