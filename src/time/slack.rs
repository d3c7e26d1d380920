//! Tuning, and a policy: where many timers fire, one wake-up fires timers that are close together.
//!
//! The plain form wakes the loop for each timer. Here each timer that fired beside another puts the
//! next look off by 10 us, and all of them together by
//! [`Builder::timer_slack`](crate::Builder::timer_slack) at most. The [chapter](super#slack) has
//! the reasons and the figure.
//!
//! *Why 140 us.* `cargo bench --bench slack` draws the curve. 100,000 timers within 200 ms, on two
//! virtual processors:
//!
//! | slack | processor time, each | late, median | late, 99 % |
//! |---|---|---|---|
//! | none | 1,960 ns | 10 us | 30 us |
//! | 20 us | 1,320 ns | 29 us | 60 us |
//! | 50 us | 920 ns | 50 us | 103 us |
//! | 100 us | 670 ns | 76 us | 162 us |
//! | 140 us | 590 ns | 96 us | 204 us |
//! | 280 us | 490 ns | 161 us | 332 us |
//!
//! The curve has no knee: half the lateness costs a third more. At its upper end a timer is due each
//! 2 us, and the loop never sleeps: it is as punctual as the runtimes that spin there (compio: 27 us
//! for 1,980 ns), and takes a whole processor. tokio takes 870 ns, and is late by 1.3 ms, because it
//! counts in milliseconds. The default is the least slack that takes less than 0.7 of tokio's time.
//! A program that has a processor to spare asks for less.
//!
//! Guarded by tests/time/timers.rs::the_slack_is_what_the_builder_was_told_at_most.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The most slack, if [`Builder::timer_slack`](crate::Builder::timer_slack) sets no other.
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
