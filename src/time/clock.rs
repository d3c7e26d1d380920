//! Between the real clock and the ticks of the wheel.
//!
//! A tick is a power of two of nanoseconds, so that no conversion needs a division. From an instant
//! to a tick, **a deadline rounds up and the present time rounds down**: the wheel fires a deadline
//! `d` at a moment `n` only if `up(d) <= down(n)`, which implies `d <= n`. So a timer is never
//! early, and the rounding makes it late by less than one tick. From a tick to an instant the
//! conversion is exact, so a wait that ends at `instant(tick)` finds the timer due. A second
//! rounding could add a tick, or take one away and make the loop spin.
//!
//! Nothing overflows: 64 bits of nanoseconds last for more than 570 years. A deadline further away
//! counts as the last tick, which no clock reaches, so it never fires.
//!
//! With a tick of 1,024 ns the levels of the wheel reach so far:
//!
//! ```
//! let seconds = |level: i32| 64_f64.powi(level + 1) * 1.024e-6;
//! assert_eq!(format!("{:.0} us", seconds(0) * 1e6), "66 us");
//! assert_eq!(format!("{:.1} ms", seconds(1) * 1e3), "4.2 ms");
//! assert_eq!(format!("{:.0} ms", seconds(2) * 1e3), "268 ms");
//! assert_eq!(format!("{:.0} s", seconds(3)), "17 s");
//! assert_eq!(format!("{:.0} min", seconds(4) / 60.0), "18 min");
//! assert_eq!(format!("{:.0} h", seconds(5) / 3600.0), "20 h");
//! assert_eq!(format!("{:.0} days", seconds(6) / 86_400.0), "52 days");
//! ```
//!
//! # A clock that stands still
//!
//! The clock of a loop with [virtual time](crate::Builder::virtual_time) moves only when the loop
//! moves it. Its ticks are nanoseconds, so that a sleep of an hour ends an hour later and not a
//! microsecond more. Code without a loop at hand calls [`now`], so such a loop keeps the time in a
//! thread-local while it is the current loop.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    /// The time that [`now`] returns, if it is not the real time. It has no destructor, so it can be read at any time.
    static STANDING: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether a loop with virtual time was ever made on this thread. If not, no clock has to be chosen.
    static MAY_STAND: Cell<bool> = const { Cell::new(false) };
}

/// The time, by the clock of the loop that is running on this thread. asyncio's `loop.time()`.
///
/// It is [`Instant::now()`], unless the loop has [virtual time](crate::Builder::virtual_time). So a program that calls
/// `now`, and not [`Instant::now()`], can be tested without waiting. While no loop is running, a thread uses the
/// virtual clock of the last loop that it has made or run, until it drops that loop.
///
/// ```
/// use roundelay::time::{now, sleep};
/// use std::time::Duration;
///
/// let mut event_loop = roundelay::EventLoop::builder().virtual_time().build()?;
/// event_loop.run(async {
///     let start = now();
///     sleep(Duration::from_secs(3600)).await;
///     assert_eq!(now() - start, Duration::from_secs(3600));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
pub fn now() -> Instant {
    STANDING.get().unwrap_or_else(Instant::now)
}

/// Whether [`now`] may differ from the real clock: whether this thread has had a clock that stands still.
#[inline]
pub(crate) fn may_stand() -> bool {
    MAY_STAND.get()
}

/// Sets the time that [`now`] returns on this thread; with `None` it returns the real time. Gives the setting before.
pub(crate) fn stand(at: Option<Instant>) -> Option<Instant> {
    STANDING.replace(at)
}

/// A tick of the real clock is 2^10 ns, a microsecond. It makes a timer half a microsecond late in the mean; an
/// operating system takes 30 us to wake a thread. Ticks of 16 us would make a `sleep` of 50 us late by a third, and
/// save nothing: [`Timers::next_deadline`](super::timers::Timers::next_deadline) makes timers share a wake-up.
const TICK_BITS: u32 = 10;

/// 292 years in nanoseconds. A clock that stands still is not moved that far, and a deadline from there on never comes.
const OUT_OF_REACH: u64 = 1 << 63;

/// A deadline this many seconds away never comes. In nanoseconds, and with a tick to spare, it fits in 64 bits.
const NEVER: u64 = 18_000_000_000;
const NANOS_PER_SEC: u64 = 1_000_000_000;
const _: () = assert!((NEVER + 1) * NANOS_PER_SEC < u64::MAX - (1 << TICK_BITS));

/// Counts ticks from the moment when it was made.
pub(crate) struct Clock {
    origin: Instant,
    /// A tick is two to this power of nanoseconds.
    tick_bits: u32,
    /// One nanosecond less than a tick.
    round_up: u64,
    /// The time of a clock that stands still; `None` for the real clock.
    standing: Option<Cell<Instant>>,
}

impl Clock {
    /// The real clock.
    pub(crate) fn starting_at(origin: Instant) -> Self {
        Clock {
            origin,
            tick_bits: TICK_BITS,
            round_up: (1 << TICK_BITS) - 1,
            standing: None,
        }
    }

    /// A clock that stands still.
    pub(crate) fn standing_at(origin: Instant) -> Self {
        MAY_STAND.set(true);
        Clock {
            origin,
            tick_bits: 0,
            round_up: 0,
            standing: Some(Cell::new(origin)),
        }
    }

    /// Where it stands; `None` for the real clock.
    pub(crate) fn standing(&self) -> Option<Instant> {
        self.standing.as_ref().map(Cell::get)
    }

    pub(crate) fn now(&self) -> Instant {
        self.standing().unwrap_or_else(Instant::now)
    }

    /// Moves a clock that stands still. It never goes back, and never beyond [`OUT_OF_REACH`].
    pub(crate) fn move_to(&self, instant: Instant) {
        if let Some(standing) = &self.standing {
            let last = self.instant(OUT_OF_REACH - 1);
            standing.set(instant.min(last).max(standing.get()));
        }
    }

    /// Whether a clock that stands still is never moved to that tick.
    pub(crate) fn is_out_of_reach(&self, tick: u64) -> bool {
        self.standing.is_some() && tick >= OUT_OF_REACH
    }

    /// The last tick that has begun at `now`.
    pub(crate) fn tick_at(&self, now: Instant) -> u64 {
        self.nanos_since_origin(now, NEVER - 1) >> self.tick_bits
    }

    /// The first tick that begins at or after `deadline`.
    pub(crate) fn deadline_tick(&self, deadline: Instant) -> u64 {
        (self.nanos_since_origin(deadline, NEVER) + self.round_up) >> self.tick_bits
    }

    /// When a tick begins.
    pub(crate) fn instant(&self, tick: u64) -> Instant {
        let since_origin = Duration::from_nanos(tick.saturating_mul(1 << self.tick_bits));
        saturating_add(self.origin, since_origin)
    }

    /// A moment before the origin counts as the origin: it has passed. A moment further away than `most_secs`, and a
    /// fraction, counts as that far away.
    fn nanos_since_origin(&self, instant: Instant, most_secs: u64) -> u64 {
        let since_origin = instant.saturating_duration_since(self.origin);
        since_origin.as_secs().min(most_secs) * NANOS_PER_SEC
            + u64::from(since_origin.subsec_nanos())
    }
}

pub(crate) fn duration_from_nanos(nanos: u128) -> Duration {
    let per_sec = u128::from(NANOS_PER_SEC);
    let secs = u64::try_from(nanos / per_sec).unwrap_or(u64::MAX);
    Duration::new(secs, (nanos % per_sec) as u32)
}

/// `instant + duration`, or the last instant of this platform.
#[inline]
pub(crate) fn saturating_add(instant: Instant, duration: Duration) -> Instant {
    instant
        .checked_add(duration)
        .unwrap_or_else(|| last_instant(instant))
}

/// The last instant of the platform. `Instant` has no `MAX`, so it is found in ever smaller steps.
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
            let exact = origin + Duration::from_nanos(1 << TICK_BITS) * ticks;
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
    #[test]
    fn a_clock_that_stands_still_is_exact_and_goes_forward_only() {
        let origin = Instant::now();
        let clock = Clock::standing_at(origin);
        let later = origin + Duration::new(3600, 1);
        assert_eq!(clock.deadline_tick(later), 3_600_000_000_001);
        assert_eq!(clock.instant(clock.deadline_tick(later)), later);
        clock.move_to(later);
        clock.move_to(origin);
        assert_eq!(clock.now(), later);
        clock.move_to(saturating_add(origin, Duration::MAX));
        assert!(!clock.is_out_of_reach(clock.tick_at(clock.now())));
        assert!(clock.is_out_of_reach(clock.deadline_tick(saturating_add(origin, Duration::MAX))));
        assert!(!Clock::starting_at(origin).is_out_of_reach(u64::MAX));
    }

    #[test]
    fn the_time_stands_still_until_it_is_let_go() {
        let in_an_hour = Instant::now() + Duration::from_secs(3600);
        stand(Some(in_an_hour));
        assert_eq!((now(), now()), (in_an_hour, in_an_hour));
        stand(None);
        assert!(now() < in_an_hour);
    }
}
