//! Log lines about failures, limited so that a flood of failures does not flood the log.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How often a failure of one kind is logged.
const EVERY: Duration = Duration::from_secs(1);

/// One kind of failure: when it was last logged, and how often it has happened since.
#[derive(Default)]
pub(super) struct Complaints {
    last: Cell<Option<Instant>>,
    unsaid: Cell<u64>,
}

impl Complaints {
    /// Counts a failure. `Some` if it is time for a line, with how many failures had no line since the last one.
    pub(super) fn one_more(&self) -> Option<u64> {
        // Guarded by tests/io/serve_flood.rs::connections_that_fail_by_the_thousand_are_told_once_a_second.
        if self.last.get().is_some_and(|last| last.elapsed() < EVERY) {
            self.unsaid.set(self.unsaid.get() + 1);
            return None;
        }
        self.last.set(Some(Instant::now()));
        Some(self.unsaid.take())
    }
}
