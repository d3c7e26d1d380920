//! Ticks at a fixed period, and the treatment of ticks that no task awaited in time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::clock::{self, duration_from_nanos, saturating_add};
use super::sleep::{Sleep, sleep_until};
use crate::context;

/// Ticks every `period`, the first time at once.
///
/// # Panics
/// If `period` is zero.
///
/// # Example
/// ```
/// use std::time::Duration;
///
/// roundelay::run(async {
///     let mut interval = roundelay::time::interval(Duration::from_millis(1));
///     let first = interval.tick().await;
///     let second = interval.tick().await;
///     assert!(second - first >= interval.period());
/// });
/// ```
#[track_caller]
#[inline]
pub fn interval(period: Duration) -> Interval {
    interval_at(clock::now(), period)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
/// If `period` is zero.
///
/// # Example
/// ```
/// use std::time::{Duration, Instant};
///
/// roundelay::run(async {
///     let start = Instant::now() + Duration::from_millis(1);
///     let mut interval = roundelay::time::interval_at(start, Duration::from_millis(1));
///     assert_eq!(interval.tick().await, start);
/// });
/// ```
#[track_caller]
#[inline]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "an interval needs a period above zero; to let other tasks run at each step, use yield_now"
    );
    Interval {
        sleep: sleep_until(start),
        period,
        missed_tick: MissedTick::default(),
    }
}

/// How an [`Interval`] goes on when ticks were missed: when a tick is delivered so late that the
/// next tick is due already. A tick that is less late changes nothing.
///
/// With a period of ten, and a tick due at 20 that is delivered at 43:
///
/// | | the next ticks are due at |
/// |---|---|
/// | `Delay` | 53, 63, 73 |
/// | `Skip` | 50, 60, 70 |
/// | `Burst` | 30, 40 (both at once), 50, 60 |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissedTick {
    /// Forgets the missed ticks, and counts the period from this tick on.
    #[default]
    Delay,
    /// Forgets the missed ticks, and keeps the times of the others.
    Skip,
    /// Delivers the missed ticks without pause. After a night in which the machine was suspended these are very many.
    Burst,
}

impl MissedTick {
    /// When the next tick is due, if this tick was `due` then and is delivered `now`.
    #[inline]
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        let next = saturating_add(due, period);
        if next > now {
            return next;
        }
        match self {
            MissedTick::Burst => next,
            MissedTick::Delay => saturating_add(now, period),
            MissedTick::Skip => {
                let since_last = (now - due).as_nanos() % period.as_nanos();
                saturating_add(now, period - duration_from_nanos(since_last))
            }
        }
    }
}

/// Ticks at a fixed period, made by [`interval`] and [`interval_at`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed_tick: MissedTick,
}

impl Interval {
    /// Waits for the next tick, and returns when it was due.
    ///
    /// # Cancellation
    /// Dropping the future removes the timer. No tick is lost: the next call waits for the same tick.
    ///
    /// # Wakes
    /// As [`Sleep`].
    ///
    /// # Panics
    /// When polled before the tick is due and no loop is running on this thread.
    #[inline]
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self }
    }

    /// The poll of [`tick`](Interval::tick), for futures written by hand.
    ///
    /// # Cancellation
    /// A poll that is pending leaves its waker in the interval, until the tick or the drop of the interval.
    ///
    /// # Wakes
    /// The waker of the latest poll, once, when the tick is due.
    ///
    /// # Panics
    /// Before the tick is due, if no loop is running on this thread.
    #[inline]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(context::poll_budget(cx));
        ready!(self.sleep.poll_deadline(cx, "interval"));
        context::spend_budget();
        let due = self.sleep.deadline();
        let next = self.missed_tick.next(due, clock::now(), self.period);
        self.sleep.reset(next);
        Poll::Ready(due)
    }

    /// Begins anew: the next tick is due one period from now.
    #[inline]
    pub fn reset(&mut self) {
        self.reset_at(saturating_add(clock::now(), self.period));
    }

    /// Begins anew: the next tick is due at `start`.
    #[inline]
    pub fn reset_at(&mut self, start: Instant) {
        self.sleep.reset(start);
    }

    /// When the next tick is due.
    #[inline]
    pub fn next_tick(&self) -> Instant {
        self.sleep.deadline()
    }

    /// The time from tick to tick.
    #[inline]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The treatment of missed ticks.
    #[inline]
    pub fn missed_tick(&self) -> MissedTick {
        self.missed_tick
    }

    /// Chooses the treatment of missed ticks.
    ///
    /// # Example
    /// ```
    /// use roundelay::time::{MissedTick, interval};
    /// use std::time::Duration;
    ///
    /// let mut interval = interval(Duration::from_secs(60));
    /// interval.set_missed_tick(MissedTick::Skip);
    /// assert_eq!(interval.missed_tick(), MissedTick::Skip);
    /// ```
    #[inline]
    pub fn set_missed_tick(&mut self, missed_tick: MissedTick) {
        self.missed_tick = missed_tick;
    }
}

/// The future of [`Interval::tick`].
#[derive(Debug)]
#[must_use = "a tick waits only when it is awaited"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
}

impl Future for Tick<'_> {
    type Output = Instant;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx)
    }
}

/// Guarded by tests/time/timers.rs::a_dropped_tick_leaves_nothing_behind_and_loses_no_tick.
impl Drop for Tick<'_> {
    #[inline]
    fn drop(&mut self) {
        self.interval.sleep.disarm();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_after(missed_tick: MissedTick, due: u64, now: u64) -> u64 {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let next = missed_tick.next(at(due), at(now), Duration::from_secs(10));
        next.duration_since(start).as_secs()
    }

    #[test]
    fn a_late_tick_that_misses_none_keeps_the_rhythm() {
        for missed_tick in [MissedTick::Delay, MissedTick::Skip, MissedTick::Burst] {
            assert_eq!(next_after(missed_tick, 20, 20), 30);
            assert_eq!(next_after(missed_tick, 20, 29), 30);
        }
    }

    #[test]
    fn missed_ticks_are_delayed_or_skipped_or_delivered_in_a_burst() {
        assert_eq!(next_after(MissedTick::Delay, 20, 43), 53);
        assert_eq!(next_after(MissedTick::Skip, 20, 43), 50);
        assert_eq!(next_after(MissedTick::Burst, 20, 43), 30);
        assert_eq!(next_after(MissedTick::Burst, 30, 43), 40);
        assert_eq!(next_after(MissedTick::Burst, 40, 43), 50);
    }

    #[test]
    fn a_tick_of_this_very_moment_is_missed() {
        assert_eq!(next_after(MissedTick::Delay, 20, 30), 40);
        assert_eq!(next_after(MissedTick::Skip, 20, 30), 40);
        assert_eq!(next_after(MissedTick::Burst, 20, 30), 30);
    }

    #[test]
    fn a_period_without_end_saturates() {
        let now = Instant::now();
        for missed_tick in [MissedTick::Delay, MissedTick::Skip, MissedTick::Burst] {
            assert!(missed_tick.next(now, now, Duration::MAX) > now);
        }
    }
}
