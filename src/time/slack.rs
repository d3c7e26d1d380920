//! Tuning, and a policy: where many timers fire, one wake-up fires timers that are close together.
//!
//! The plain form wakes the loop for each timer. Here each timer that fired beside another puts the
//! next look off by 10 us, and all of them together by
//! [`Builder::timer_slack`](crate::Builder::timer_slack) at most. The [chapter](super#slack) has
//! the reasons and the figure, the [appendix](crate::appendix) the gain
//! (`cargo bench --bench compare`, row `storm`).
//!
//! Guarded by tests/time/timers.rs::the_slack_is_what_the_builder_was_told_at_most.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The most slack, if [`Builder::timer_slack`](crate::Builder::timer_slack) sets no other. With very many timers the
/// processor time falls as this value grows, up to some 140 us, and the lateness grows.
pub(crate) const DEFAULT: Duration = Duration::from_micros(140);
/// The slack for each timer that fired beside another.
pub(super) const EACH: Duration = Duration::from_micros(10);

pub(super) struct Slack {
    most: Duration,
    /// Before this moment the loop need not be woken.
    until: Cell<Instant>,
}

impl Slack {
    pub(super) fn new(most: Duration, now: Instant) -> Self {
        Self {
            most,
            until: Cell::new(now),
        }
    }

    /// After a look that fired `fired` timers, and stopped at its bound (`is_bounded`) or because no more were due.
    pub(super) fn earn(&self, now: Instant, fired: usize, is_bounded: bool) {
        if is_bounded {
            self.until.set(now);
        } else if fired > 1 {
            let companions = u32::try_from(fired - 1).unwrap_or(u32::MAX);
            let slack = EACH.saturating_mul(companions).min(self.most);
            self.until.set(now.checked_add(slack).unwrap_or(now));
        }
    }

    /// When the loop must be awake for a timer with that deadline.
    pub(super) fn put_off(&self, deadline: Instant) -> Instant {
        deadline.max(self.until.get())
    }
}
