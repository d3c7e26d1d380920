//! What may be done until the next look: *bounded-look*.

use std::cell::Cell;

/// How many notes from other threads are delivered between two looks. A posted call is foreign code that may
/// take as long as a poll, so there may be as many of them.
pub(super) const NOTES_PER_LOOK: usize = 64;

/// What may be done until the next look is due.
pub(super) struct Allowance {
    pub(super) polls_per_look: usize,
    pub(super) polls: Cell<usize>,
    pub(super) notes: Cell<usize>,
}

impl Allowance {
    pub(super) fn new(polls_per_look: usize) -> Self {
        Self {
            polls_per_look,
            polls: Cell::new(0),
            notes: Cell::new(0),
        }
    }

    /// The next thing that happens is a look.
    pub(super) fn end(&self) {
        self.polls.set(0);
    }

    /// A look: what may be done until the next one is counted anew.
    pub(super) fn refill(&self) {
        self.polls.set(self.polls_per_look);
        self.notes.set(NOTES_PER_LOOK);
    }
}
