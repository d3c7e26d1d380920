//! Waiting without a `timerfd`: the poller's own time-out.
//!
//! kqueue takes nanoseconds and is precise. Where the system call takes milliseconds, mio rounds *up*: a wait ends at most a
//! millisecond late, and never so early that the loop spins.

use std::io;
use std::time::{Duration, Instant};

use super::wait::Wait;

/// The longest time-out. A loop with a later deadline looks at the clock once a day, and waits again.
///
/// Some systems refuse or misunderstand a time-out of many days (mio#1948).
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Ends the reactor's wait at a deadline.
pub(super) struct Alarm;

impl Alarm {
    #[cfg(any(test, miri, not(target_os = "linux")))]
    pub(super) fn new(_registry: &mio::Registry, _token: mio::Token) -> io::Result<Alarm> {
        Ok(Alarm)
    }

    /// The time-out for the poller.
    pub(super) fn timeout(&self, wait: Wait) -> io::Result<Option<Duration>> {
        Ok(match wait {
            Wait::Now => Some(Duration::ZERO),
            Wait::Forever => None,
            Wait::Until(deadline) => Some(
                deadline
                    .saturating_duration_since(Instant::now())
                    .min(LONGEST),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_becomes_a_time_out_of_a_day_at_most() {
        let poll = mio::Poll::new().unwrap();
        let alarm = Alarm::new(poll.registry(), mio::Token(0)).unwrap();
        let timeout = |wait| alarm.timeout(wait).unwrap();
        assert_eq!(timeout(Wait::Now), Some(Duration::ZERO));
        assert_eq!(timeout(Wait::Forever), None);
        assert_eq!(timeout(Wait::Until(Instant::now())), Some(Duration::ZERO));
        assert_eq!(
            timeout(Wait::Until(Instant::now() + 400 * LONGEST)),
            Some(LONGEST)
        );
        let soon = timeout(Wait::Until(Instant::now() + Duration::from_secs(60))).unwrap();
        assert!(soon > Duration::ZERO && soon <= Duration::from_secs(60));
    }
}
