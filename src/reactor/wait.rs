//! How long a wait may last.

use std::time::Instant;

/// How long [`Reactor::poll`](super::Reactor::poll) may wait for an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// Only looks at the events that are there.
    Now,
    /// Until that time at the latest.
    Until(Instant),
    /// Until an event comes.
    Forever,
}

impl Wait {
    /// When the wait ends, if that is known and the wait sleeps.
    pub(crate) fn end(self) -> Option<Instant> {
        match self {
            Wait::Until(at) => Some(at),
            Wait::Now | Wait::Forever => None,
        }
    }

    /// This wait, or a wait until `deadline`, whichever ends first.
    pub(crate) fn at_most_until(self, deadline: Option<Instant>) -> Self {
        match (self, deadline) {
            (Wait::Now, _) => Wait::Now,
            (wait, None) => wait,
            (Wait::Forever, Some(deadline)) => Wait::Until(deadline),
            (Wait::Until(at), Some(deadline)) => Wait::Until(at.min(deadline)),
        }
    }
}
