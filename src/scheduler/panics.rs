//! A task's panic that ends the run, in a loop that was built so.

use std::mem;
use std::pin::Pin;

use super::Scheduler;
use crate::foreign::Payload;
use crate::task::cell::Erased;
use crate::task::error::JoinError;

impl Scheduler {
    #[cold]
    pub(super) fn look_for_panic(&self, mut cell: Pin<&mut dyn Erased>) {
        if self.ends_by_panic() && cell.as_mut().error().is_some_and(JoinError::is_panic) {
            self.halt_by(cell.take_panic());
        }
    }

    /// Takes a panic that was caught before it reached the scheduler. If panics end this loop's run, this one does; the
    /// error keeps the message, and loses the payload.
    pub(crate) fn heed(&self, error: &mut JoinError) {
        if self.ends_by_panic() && error.is_panic() {
            self.halt_by(error.take_payload());
        }
    }

    /// `close` drops tasks after the last run, so no panic can end a run then.
    fn ends_by_panic(&self) -> bool {
        self.panics_halt && !self.is_closed.get()
    }

    /// The first panic ends the run. A second panic before the run has returned is dropped.
    fn halt_by(&self, panic: Option<Payload>) {
        let first = self.panic.take().or(panic);
        // The place is empty. `set` would contain the code that drops a panic.
        mem::forget(self.panic.replace(first));
        self.halt();
    }

    /// The panic that has ended the run, if there was one.
    pub(crate) fn take_panic(&self) -> Option<Payload> {
        self.panic.take()
    }
}
