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
    }

    /// At a look: allows the full amount of work again.
    pub(super) fn refill(&self) {
        self.polls.set(self.pace.most());
        self.notes.set(NOTES_PER_LOOK);
    }

    /// After a look. `ready` says how many tasks are ready.
    pub(super) fn keep_pace(&self, ready: impl FnOnce() -> usize) {
        self.polls.set(self.pace.polls(ready));
    }
}
