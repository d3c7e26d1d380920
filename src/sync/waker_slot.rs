//! The wait list of a single waiter.
//!
//! Where the types allow one waiter only (`&mut Receiver`), a list would be a queue of one. A slot
//! for a waker is enough: no second waiter exists to whom a grant could be passed on, and the value
//! stays where it is until the one waiter takes it.

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

    /// Remembers whom to wake, who waits for `what`. Cloning a waker is user code: *look again afterwards* whether what is awaited has come.
    pub(super) fn register(&self, cx: &Context<'_>, what: impl FnOnce() -> Made) {
        let kept = self.0.take();
        if kept.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
            self.0.set(kept);
            return;
        }
        foreign::let_go(kept, WAITER);
        self.0.set(Some(context::waker_for(cx, what)));
    }

    /// Wakes who waits, if anybody does, and forgets it.
    #[inline]
    pub(super) fn wake_waiter(&self) {
        if let Some(waker) = self.0.take() {
            foreign::wake(waker, WAITER);
        }
    }

    /// Forgets who waits.
    #[inline]
    pub(super) fn clear(&self) {
        foreign::let_go(self.0.take(), WAITER);
    }
}
