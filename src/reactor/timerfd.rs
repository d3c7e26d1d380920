//! Waits that are precise to the microsecond: a `timerfd` among the sockets. Linux only; elsewhere
//! see `rounded.rs`.
//!
//! `epoll_wait` takes its time-out in whole milliseconds, so a loop that rounds 100 us up sleeps
//! ten times too long, and a loop that rounds down spins. So the wait gets no deadline at all. The
//! deadline is set on a *timerfd*, a descriptor that becomes readable at a given nanosecond; the
//! poller watches the timerfd like any socket, and the wait has no time-out.
//!
//! Two savings make this cheap:
//!
//! - **The timerfd is never read.** The registration is edge-triggered, and each expiry is an edge
//!   of its own. Setting the timer again also cancels an expiry that was not yet delivered.
//! - **The timerfd is set again only if the wanted deadline is *earlier* than its deadline, or its
//!   deadline has passed.** A time-out is usually cancelled, and the next deadline then moves
//!   *later*. The timerfd keeps the old deadline: the loop wakes there, finds nothing due, and
//!   waits again. So each setting costs at most one wake-up in vain, and a cancelled time-out costs
//!   no system call.
//!
//! This file never decides whether a deadline has been reached: the timers ask the clock. So a loop
//! that wakes early or late does not make a timer early (*never-early*).
//!
//! The timerfd gets a relative time, because an `Instant` does not show its nanoseconds. The timer
//! is late by the time between reading the clock and the system call: well below a microsecond.
//!
//! *What others do*: tokio, mio and libuv round up to the millisecond; smol has a timerfd too, and
//! sets it for every wait; glommio and monoio give their time-outs to io_uring. Linux 5.11 has
//! `epoll_pwait2`, which takes nanoseconds and which mio does not call.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;

use super::wait::Wait;
use crate::fault::{self, Call};

/// Ends the reactor's wait at its deadline.
pub(super) struct Alarm {
    timer: OwnedFd,
    set_for: Cell<Option<Instant>>,
    /// How often the timer was set, for the test of the second saving.
    #[cfg(test)]
    settings: Cell<u32>,
}

impl Alarm {
    /// Makes the timer, and registers it with the poller under `token`.
    pub(super) fn new(registry: &mio::Registry, token: mio::Token) -> io::Result<Alarm> {
        let timer = create()?;
        fault::at(Call::Watch)?;
        registry.register(
            &mut SourceFd(&timer.as_raw_fd()),
            token,
            mio::Interest::READABLE,
        )?;
        Ok(Alarm {
            timer,
            set_for: Cell::new(None),
            #[cfg(test)]
            settings: Cell::new(0),
        })
    }

    /// The time-out for the poller: zero for a wait that only looks, else none, because the timer ends the wait.
    pub(super) fn timeout(&self, wait: Wait) -> io::Result<Option<Duration>> {
        match wait {
            Wait::Now => Ok(Some(Duration::ZERO)),
            Wait::Forever => Ok(None),
            Wait::Until(deadline) => self.until(deadline, Instant::now()),
        }
    }

    fn until(&self, deadline: Instant, now: Instant) -> io::Result<Option<Duration>> {
        if deadline <= now {
            return Ok(Some(Duration::ZERO));
        }
        // Guarded by timerfd::tests::a_later_deadline_leaves_the_timer_alone
        if self
            .set_for
            .get()
            .is_none_or(|set| set <= now || deadline < set)
        {
            set(&self.timer, deadline - now)?;
            self.set_for.set(Some(deadline));
            #[cfg(test)]
            self.settings.set(self.settings.get() + 1);
        }
        Ok(None)
    }
}

fn create() -> io::Result<OwnedFd> {
    fault::at(Call::MakeTimer)?;
    // SAFETY: the call takes two integers and touches no memory of ours.
    // Guarded by timerfd::tests::a_wait_of_a_hundred_microseconds_ends. Buys: waits of 100 µs that end some 50 µs
    // late instead of up to 1 ms (bench `sleep`).
    let fd = unsafe {
        libc::timerfd_create(
            libc::CLOCK_MONOTONIC,
            libc::TFD_NONBLOCK | libc::TFD_CLOEXEC,
        )
    };
    if fd == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, for the call above has just made it, and no other code knows its number.
    // Guarded by timerfd::tests::the_timer_is_closed_with_the_alarm. Buys: it is closed on every way out.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets the timer to expire once, after `delay`, which must not be zero: zero would mean "never".
fn set(timer: &OwnedFd, delay: Duration) -> io::Result<()> {
    debug_assert!(!delay.is_zero());
    fault::at(Call::SetTimer)?;
    let once = libc::itimerspec {
        it_interval: libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        it_value: libc::timespec {
            tv_sec: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: delay.subsec_nanos().into(),
        },
    };
    // SAFETY: `once` lives until the call returns, the pointer for the old setting is null, and the descriptor is borrowed.
    // Guarded by timerfd::tests::a_wait_of_a_hundred_microseconds_ends. Buys: as `create`.
    let done = unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &once, ptr::null_mut()) };
    if done == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: mio::Token = mio::Token(7);

    fn poll_and_alarm() -> (mio::Poll, Alarm) {
        let poll = mio::Poll::new().unwrap();
        let alarm = Alarm::new(poll.registry(), TOKEN).unwrap();
        (poll, alarm)
    }

    fn wait(poll: &mut mio::Poll, timeout: Option<Duration>) -> usize {
        let mut events = mio::Events::with_capacity(8);
        poll.poll(&mut events, timeout).unwrap();
        events.iter().filter(|event| event.token() == TOKEN).count()
    }

    #[test]
    fn a_wait_of_a_hundred_microseconds_ends() {
        let (mut poll, alarm) = poll_and_alarm();
        for _ in 0..20 {
            let now = Instant::now();
            let deadline = now + Duration::from_micros(100);
            let timeout = alarm.until(deadline, now).unwrap();
            assert_eq!(timeout, None, "the timer ends the wait, not the poller");
            assert_eq!(
                wait(&mut poll, Some(Duration::from_secs(20))),
                1,
                "each expiry is one edge, although the timer is never read"
            );
            assert!(Instant::now() >= deadline);
        }
        assert_eq!(alarm.settings.get(), 20);
    }

    #[test]
    fn a_deadline_that_has_come_is_no_wait() {
        let (_poll, alarm) = poll_and_alarm();
        let now = Instant::now();
        assert_eq!(
            alarm.timeout(Wait::Until(now)).unwrap(),
            Some(Duration::ZERO)
        );
        assert_eq!(alarm.timeout(Wait::Now).unwrap(), Some(Duration::ZERO));
        assert_eq!(alarm.timeout(Wait::Forever).unwrap(), None);
        assert_eq!(alarm.settings.get(), 0);
    }

    #[test]
    fn a_later_deadline_leaves_the_timer_alone() {
        let (_poll, alarm) = poll_and_alarm();
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        for (wanted, at, settings) in [
            (50, 0, 1),
            (60, 0, 1),
            (50, 1, 1),
            (40, 1, 2),
            (45, 2, 2),
            (45, 41, 3),
        ] {
            alarm.until(after(wanted), after(at)).unwrap();
            assert_eq!(
                alarm.settings.get(),
                settings,
                "deadline at {wanted} s, set at {at} s"
            );
        }
    }

    #[test]
    fn setting_the_timer_anew_takes_back_an_expiry_that_was_not_told() {
        let (mut poll, alarm) = poll_and_alarm();
        set(&alarm.timer, Duration::from_nanos(1)).unwrap();
        assert_eq!(wait(&mut poll, Some(Duration::from_secs(20))), 1);
        set(&alarm.timer, Duration::from_nanos(1)).unwrap();
        std::thread::yield_now();
        set(&alarm.timer, Duration::from_secs(3600)).unwrap();
        assert_eq!(wait(&mut poll, Some(Duration::ZERO)), 0);
    }

    #[test]
    fn a_timer_that_cannot_be_set_says_so() {
        let none = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let error = set(&none, Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    /// A program that this process starts does not inherit the timer, and a read of the timer never blocks.
    #[test]
    fn the_timer_is_closed_by_exec_and_never_blocks() {
        let timer = create().unwrap();
        let info = format!("/proc/self/fdinfo/{}", timer.as_raw_fd());
        let info = std::fs::read_to_string(info).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = i32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
        assert_eq!(flags & libc::O_CLOEXEC, libc::O_CLOEXEC);
        assert_eq!(flags & libc::O_NONBLOCK, libc::O_NONBLOCK);
    }

    #[test]
    fn a_wait_of_centuries_is_accepted() {
        let (mut poll, alarm) = poll_and_alarm();
        set(&alarm.timer, Duration::MAX).unwrap();
        assert_eq!(wait(&mut poll, Some(Duration::ZERO)), 0);
    }

    #[test]
    fn the_timer_is_closed_with_the_alarm() {
        let timers = || {
            let links = std::fs::read_dir("/proc/self/fd")
                .unwrap()
                .map(|entry| std::fs::read_link(entry.unwrap().path()));
            links
                .flatten()
                .filter(|link| link.to_string_lossy().contains("timerfd"))
                .count()
        };
        (0..500).for_each(|_| drop(poll_and_alarm()));
        assert!(timers() < 250, "most of the 500 timers are still open");
    }
}
