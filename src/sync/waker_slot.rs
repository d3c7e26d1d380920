//! The wait list of a single waiter.
//!
//! Where the types allow one waiter only (`&mut Receiver`), a slot for a waker is enough. There is
//! no second waiter that a grant could be passed on to, and the value stays where it is until the
//! waiter takes it.

use std::cell::Cell;
use std::task::{Context, Waker};

use super::wait_list::WAITER;
use crate::context;
use crate::declared::Made;
use crate::foreign;

/// At most one waker. The cell is never borrowed, so user code cannot meet a borrow.
#[derive(Default)]
pub(super) struct WakerSlot(Cell<Option<Waker>>);

impl WakerSlot {
    pub(super) const fn new() -> WakerSlot {
        WakerSlot(Cell::new(None))
    }

    /// Keeps the waker of a task that waits for `what`. The clone of the waker is user code: *look again afterwards*
    /// whether the awaited event has come.
    pub(super) fn register(&self, cx: &Context<'_>, what: impl FnOnce() -> Made) {
        let kept = self.0.take();
        if kept.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
            self.0.set(kept);
            return;
        }
        foreign::let_go(kept, WAITER);
        self.0.set(Some(context::waker_for(cx, what)));
    }

    /// Takes the waker out, if there is one, and wakes it.
    #[inline]
    pub(super) fn wake_waiter(&self) {
        if let Some(waker) = self.0.take() {
            foreign::wake(waker, WAITER);
        }
    }

    /// Drops the waker.
    #[inline]
    pub(super) fn clear(&self) {
        foreign::let_go(self.0.take(), WAITER);
    }
}
