//! Waits that are declared, because their wakers lie where the loop cannot look.
//!
//! The loop owns its timers, its sources, its join handles and the line of its jobs, so it can say who waits for one of them. A
//! queue or a mutex belongs to the tasks that use it; the loop does not know that it exists. So in a loop that was built with
//! [`Builder::observe`](crate::Builder::observe), a task that has to queue there declares its wait: which task, for what kind of
//! thing, and where the thing was made. The declaration lives as long as the wait: the waiter owns it, and the loop's list
//! knows it weakly, so nothing has to be taken out of the list.
//!
//! In all other loops there is none, and that costs a load and a comparison for each wait.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

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

/// One wait. Whoever waits keeps it for as long.
pub(crate) struct Declared {
    pub(crate) task: TaskId,
    pub(crate) what: Made,
}

/// The declared waits of one loop.
pub(crate) struct Declarations {
    list: RefCell<List>,
}

struct List {
    entries: Vec<Weak<Declared>>,
    /// At this length the list is cleared of waits that are over.
    sweep_at: usize,
}

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

    pub(crate) fn add(&self, declared: Declared) -> Arc<Declared> {
        let declared = Arc::new(declared);
        let list = &mut *self.list.borrow_mut();
        if list.entries.len() >= list.sweep_at {
            list.entries.retain(|entry| entry.strong_count() > 0);
            list.sweep_at = SHORT.max(2 * list.entries.len());
        }
        list.entries.push(Arc::downgrade(&declared));
        declared
    }

    /// Shows the waits that go on. `visit` runs under the borrow.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Declared)) {
        for entry in &self.list.borrow().entries {
            if let Some(declared) = entry.upgrade() {
                visit(&declared);
            }
        }
    }
}
