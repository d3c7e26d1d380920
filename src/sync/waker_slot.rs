//! The wait list of those who wait alone.
//!
//! Where the types allow one waiter only (`&mut Receiver`), a list would be a queue of one. A slot for a waker is enough:
//! there is nobody to pass a grant on to, and what is waited for stays where it is until the one waiter takes it.

use std::cell::Cell;
use std::task::{Context, Waker};

/// At most one waker. The cell is never borrowed, so user code cannot meet a borrow.
#[derive(Default)]
pub(super) struct WakerSlot(Cell<Option<Waker>>);

impl WakerSlot {
    pub(super) const fn new() -> WakerSlot {
        WakerSlot(Cell::new(None))
    }

    /// Remembers whom to wake. Cloning a waker is user code: *look again afterwards* whether what is awaited has come.
    pub(super) fn register(&self, cx: &Context<'_>) {
        let kept = self.0.take().filter(|kept| kept.will_wake(cx.waker()));
        let waker = kept.unwrap_or_else(|| cx.waker().clone());
        self.0.set(Some(waker));
    }

    /// Wakes who waits, if anybody does, and forgets it.
    #[inline]
    pub(super) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }

    /// Forgets who waits.
    #[inline]
    pub(super) fn clear(&self) {
        drop(self.0.take());
    }
}
