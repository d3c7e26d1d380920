//! The wait list of those who wait alone.
//!
//! Where the types allow one waiter only (`&mut Receiver`), a list would be a queue of one. A slot for a waker is enough:
//! there is nobody to pass a grant on to, and what is waited for stays where it is until the one waiter takes it.

use std::cell::Cell;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::wait_list::WAITER;
use crate::context;
use crate::declared::{Declared, Made};
use crate::foreign;

/// At most one waker. The cells are never borrowed, so user code cannot meet a borrow.
pub(super) struct WakerSlot {
    waker: Cell<Option<Waker>>,
    /// In a loop that is observed: what `inspect` shows.
    declared: Cell<Option<Arc<Declared>>>,
}

impl WakerSlot {
    pub(super) const fn new() -> WakerSlot {
        WakerSlot {
            waker: Cell::new(None),
            declared: Cell::new(None),
        }
    }

    /// Remembers whom to wake, who waits for `what`. Cloning a waker is user code: *look again afterwards* whether what is awaited has come.
    pub(super) fn register(&self, cx: &Context<'_>, what: Made) {
        let kept = self.waker.take();
        if kept.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
            self.waker.set(kept);
            return;
        }
        foreign::let_go(kept, WAITER);
        self.waker.set(Some(cx.waker().clone()));
        self.declared.set(context::declare(what));
    }

    /// Wakes who waits, if anybody does, and forgets it.
    #[inline]
    pub(super) fn wake_waiter(&self) {
        if let Some(waker) = self.waker.take() {
            self.declared.take();
            foreign::wake(waker, WAITER);
        }
    }

    /// Forgets who waits.
    #[inline]
    pub(super) fn clear(&self) {
        self.declared.take();
        foreign::let_go(self.waker.take(), WAITER);
    }
}
