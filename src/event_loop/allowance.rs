//! How much work is allowed until the next look: *bounded-look*.

use std::cell::Cell;

use super::pace::Pace;

/// How many notes from other threads are delivered between two looks. A posted call is foreign code that may take as
/// long as a poll, so the limit is the same as for polls.
pub(super) const NOTES_PER_LOOK: usize = 64;

/// What is left of the work until the next look is due.
pub(super) struct Allowance {
    pub(super) pace: Pace,
    pub(super) polls: Cell<usize>,
    pub(super) notes: Cell<usize>,
}

impl Allowance {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            polls: Cell::new(0),
            notes: Cell::new(0),
        }
    }

    /// Makes a look due now.
    pub(super) fn end(&self) {
        self.polls.set(0);
        self.pace.end();
    }

    /// At a look: allows the full amount of work again.
    pub(super) fn refill(&self) {
        self.polls.set(self.pace.polls());
        self.notes.set(NOTES_PER_LOOK);
    }

    /// No poll is left. Returns whether there are more before the look, because many tasks are ready.
    pub(super) fn prolong(&self, ready: impl FnOnce() -> usize) -> bool {
        self.polls.set(self.pace.more_polls(ready));
        self.polls.get() > 0
    }
}
