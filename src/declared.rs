//! Waits that are declared, because their wakers lie where the loop cannot look.
//!
//! The loop owns its timers, its sources, its join handles and the line of its jobs, so it can say who waits for one of them. A
//! queue or a mutex belongs to the tasks that use it; the loop does not know that it exists. So in a loop that was built with
//! [`Builder::observe`](crate::Builder::observe), a task that has to queue there declares its wait: which task, for what kind of
//! thing, and where the thing was made. The declaration is wrapped around the waker that the task leaves there, and the loop's
//! list knows it weakly. So the declaration ends with the wait, by a wake or by a drop, and nothing has to be taken out of the
//! list.
//!
//! In all other loops there is none, and that costs a load and a comparison for each wait.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use crate::foreign;
use crate::task::id::TaskId;

/// Whether any loop of this process is observed, or was.
static IS_WANTED: AtomicBool = AtomicBool::new(false);

/// Whether it is worth looking for a loop that wants to know.
#[inline]
pub(crate) fn is_wanted() -> bool {
    // ORDERING: a hint. The loop that is observed has set it on its own thread, or before it was sent there.
    IS_WANTED.load(Ordering::Relaxed)
}

/// What a thing is, and where it was made.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    /// Completes "waits for".
    pub(crate) what: &'static str,
    pub(crate) at: &'static Location<'static>,
}

impl Made {
    /// Made where the caller's caller stands, if each of them tracks its caller.
    #[track_caller]
    pub(crate) const fn here(what: &'static str) -> Self {
        let at = Location::caller();
        Self { what, at }
    }

    /// Another side of the same thing.
    pub(crate) const fn but(self, what: &'static str) -> Self {
        Self { what, ..self }
    }
}

/// One wait: the waker of a task, and what it was left for.
pub(crate) struct Declared {
    pub(crate) task: TaskId,
    pub(crate) what: Made,
    waker: Waker,
}

impl Wake for Declared {
    fn wake(self: Arc<Self>) {
        foreign::wake_by_ref(&self.waker, WAIT);
    }

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
    /// At this length the list is cleared of waits that are over.
    sweep_at: usize,
}

/// Whose wakers these are, for the log.
const WAIT: &str = "a wait that was declared";

/// The list is not swept below this length.
const SHORT: usize = 32;

impl Declarations {
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

    /// The waker to be left in place of the task's own.
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

    /// The waits that go on. Not under the borrow any more: the last owner of one drops a waker.
    pub(crate) fn list(&self) -> Vec<Arc<Declared>> {
        let entries = &self.list.borrow().entries;
        entries.iter().filter_map(Weak::upgrade).collect()
    }
}
