//! How many hold one end of a channel.

use std::cell::Cell;

/// The senders of a channel, or its receivers: a count, which whoever holds that end joins and leaves.
#[derive(Debug)]
pub(super) struct Ends(Cell<usize>);

impl Ends {
    pub(super) const fn new(count: usize) -> Ends {
        Ends(Cell::new(count))
    }

    pub(super) fn count(&self) -> usize {
        self.0.get()
    }

    /// Whether nobody holds this end.
    pub(super) fn are_gone(&self) -> bool {
        self.count() == 0
    }

    pub(super) fn join(&self) {
        self.0.set(self.0.get() + 1);
    }

    /// Says whether it was the last.
    pub(super) fn leave(&self) -> bool {
        self.0.set(self.0.get() - 1);
        self.are_gone()
    }
}
