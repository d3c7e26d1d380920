//! Between the clock on the wall and the ticks of the wheel.
//!
//! A tick is a power of two of nanoseconds, so that neither way needs a division. Both ways could
//! round; only one choice is right. **Deadlines round up and now rounds down**: the wheel fires a
//! deadline `d` at a moment `n` only if `up(d) <= down(n)`, which implies `d <= n`. So a timer is
//! never early, and it is late by less than one tick on our account. The way back, from a tick to
//! an instant, is exact, so a wait that ends at `instant(tick)` finds the timer due: there is no
//! second rounding which could add a tick or, worse, take one and make the loop spin.
//!
//! Nothing overflows: 64 bits of nanoseconds last for 584 years, and what is further away saturates,
//! which here means that it never fires.

use std::time::{Duration, Instant};

/// A tick is 2^10 ns, a microsecond: it makes a timer half a microsecond late in the mean, beside the
/// 30 us in which an operating system wakes a thread. Ticks of 16 us cost a `sleep` of 50 us a third
/// of its punctuality, and saved nothing: that timers share a wake-up is the business of
/// [`Timers::next_deadline`](super::Timers::next_deadline).
const TICK: u64 = 1 << 10;

/// Counts ticks from the moment when it was made.
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn starting_at(origin: Instant) -> Self {
        Clock { origin }
    }

    /// The last tick that has begun at `now`.
    pub(crate) fn tick_at(&self, now: Instant) -> u64 {
        self.nanos_since_origin(now) / TICK
    }

    /// The first tick that begins at or after `deadline`.
    pub(crate) fn deadline_tick(&self, deadline: Instant) -> u64 {
        self.nanos_since_origin(deadline).div_ceil(TICK)
    }

    /// When a tick begins.
    pub(crate) fn instant(&self, tick: u64) -> Instant {
        let since_origin = Duration::from_nanos(tick.saturating_mul(TICK));
        saturating_add(self.origin, since_origin)
    }

    /// A moment before the origin is as good as the origin: everything then has passed.
    fn nanos_since_origin(&self, instant: Instant) -> u64 {
        let since_origin = instant.saturating_duration_since(self.origin);
        since_origin
            .as_secs()
            .saturating_mul(NANOS_PER_SEC)
            .saturating_add(since_origin.subsec_nanos().into())
    }
}

const NANOS_PER_SEC: u64 = 1_000_000_000;

pub(crate) fn duration_from_nanos(nanos: u128) -> Duration {
    let per_sec = u128::from(NANOS_PER_SEC);
    let secs = u64::try_from(nanos / per_sec).unwrap_or(u64::MAX);
    Duration::new(secs, (nanos % per_sec) as u32)
}

/// `instant + duration`, or the last instant that this platform can name.
#[inline]
pub(crate) fn saturating_add(instant: Instant, duration: Duration) -> Instant {
    instant
        .checked_add(duration)
        .unwrap_or_else(|| last_instant(instant))
}

/// `Instant` has no `MAX`, so this climbs as far as the platform goes, in ever smaller steps.
#[cold]
fn last_instant(mut instant: Instant) -> Instant {
    let mut step = Duration::MAX;
    while !step.is_zero() {
        while let Some(later) = instant.checked_add(step) {
            instant = later;
        }
        step /= 2;
    }
    instant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_round_up_and_now_rounds_down() {
        let origin = Instant::now();
        let clock = Clock::starting_at(origin);
        for ticks in [0, 1, 2, 63, 64, 65, 1 << 20] {
            let exact = origin + Duration::from_nanos(TICK) * ticks;
            let after = exact + Duration::from_nanos(1);
            let tick = u64::from(ticks);
            assert_eq!(
                (clock.tick_at(exact), clock.deadline_tick(exact)),
                (tick, tick)
            );
            assert_eq!(
                (clock.tick_at(after), clock.deadline_tick(after)),
                (tick, tick + 1)
            );
            assert_eq!(clock.instant(tick), exact);
        }
    }

    #[test]
    fn a_moment_before_the_origin_is_tick_zero() {
        let origin = Instant::now();
        let clock = Clock::starting_at(origin + Duration::from_secs(1));
        assert_eq!(clock.deadline_tick(origin), 0);
        assert_eq!(clock.tick_at(origin), 0);
    }

    #[test]
    fn what_is_too_far_saturates_and_stays_in_order() {
        let now = Instant::now();
        let clock = Clock::starting_at(now);
        let last = saturating_add(now, Duration::MAX);
        assert_eq!(last.checked_add(Duration::from_nanos(1)), None);
        assert_eq!(saturating_add(last, Duration::from_secs(1)), last);
        let far = saturating_add(now, Duration::from_secs(1 << 40));
        assert!(now < far && far < last);
        assert!(clock.deadline_tick(far) <= clock.deadline_tick(last));
        assert!(clock.instant(u64::MAX) > now);
        assert!(clock.tick_at(last) < clock.deadline_tick(last), "never");
    }
}
