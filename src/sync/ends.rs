//! The count of the handles of one end of a channel.

use std::cell::Cell;

/// The number of the senders of a channel, or of its receivers.
#[derive(Debug)]
pub(super) struct Ends(Cell<usize>);

impl Ends {
    pub(super) const fn new(count: usize) -> Ends {
        Ends(Cell::new(count))
    }

    pub(super) fn count(&self) -> usize {
        self.0.get()
    }

    /// Whether none is left.
    pub(super) fn are_gone(&self) -> bool {
        self.count() == 0
    }

    pub(super) fn join(&self) {
        self.0.set(self.0.get() + 1);
    }

    /// Counts one less. Returns whether it was the last.
    pub(super) fn leave(&self) -> bool {
        self.0.set(self.0.get() - 1);
        self.are_gone()
    }
}
