//! How long a wait may be.

use std::time::Instant;

/// How long [`Reactor::poll`](super::Reactor::poll) may wait for an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// Not at all: only a look at what is there.
    Now,
    /// Until then, at the latest.
    Until(Instant),
    /// Until something happens.
    Forever,
}

impl Wait {
    /// Until when it is a sleep, if that is known.
    pub(crate) fn end(self) -> Option<Instant> {
        match self {
            Wait::Until(at) => Some(at),
            Wait::Now | Wait::Forever => None,
        }
    }

    /// This wait, or until then, whichever is shorter.
    pub(crate) fn at_most_until(self, deadline: Option<Instant>) -> Self {
        match (self, deadline) {
            (Wait::Now, _) => Wait::Now,
            (wait, None) => wait,
            (Wait::Forever, Some(deadline)) => Wait::Until(deadline),
            (Wait::Until(at), Some(deadline)) => Wait::Until(at.min(deadline)),
        }
    }
}
