//! One future, one deadline, at most one timer.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::clock::{now, saturating_add};
use super::timers::Timers;
use super::wheel::{Key, Reset};
use crate::context;

/// Waits until `duration` has passed since this call.
///
/// The call reads the clock, so time that passes before the first poll counts. A sleep of zero is
/// ready at the first poll; use `yield_now` to let other tasks run. The clock is that of [`now`].
///
/// # Cancellation
/// Dropping the future removes its timer. Nothing is lost but the wait.
///
/// # Wakes
/// See [`Sleep`].
///
/// # Panics
/// When polled with its deadline ahead and no loop running on this thread.
///
/// # Example
/// ```
/// use std::time::{Duration, Instant};
///
/// roundelay::run(async {
///     let start = Instant::now();
///     roundelay::time::sleep(Duration::from_millis(2)).await;
///     assert!(start.elapsed() >= Duration::from_millis(2));
/// });
/// ```
#[inline]
pub fn sleep(duration: Duration) -> Sleep {
    let state = if duration.is_zero() {
        State::Elapsed
    } else {
        State::Ahead
    };
    Sleep {
        deadline: saturating_add(now(), duration),
        state,
    }
}

/// Waits until `deadline`, a time by [`now`]. If it has passed, the future is ready at the first poll.
///
/// # Cancellation
/// Dropping the future removes its timer. Nothing is lost but the wait.
///
/// # Wakes
/// See [`Sleep`].
///
/// # Panics
/// When polled with its deadline ahead and no loop running on this thread.
///
/// # Example
/// ```
/// use roundelay::time::sleep_until;
/// use std::time::{Duration, Instant};
///
/// roundelay::run(async {
///     let first = Instant::now() + Duration::from_millis(1);
///     sleep_until(first).await;
///     sleep_until(first + Duration::from_millis(1)).await; // whatever the time in between
/// });
/// ```
#[inline]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        deadline,
        state: State::Unknown,
    }
}

/// [`sleep_until`] a deadline that the caller has just computed from the clock: the first poll need not read it again.
#[cfg(feature = "hyper")]
#[inline]
pub(crate) fn sleep_ahead(deadline: Instant) -> Sleep {
    Sleep {
        deadline,
        state: State::Ahead,
    }
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// A `Sleep` is `Unpin`, so it can be awaited by `&mut`, kept in a struct, and polled by hand. Once
/// ready it stays ready until it is [`reset`](Sleep::reset).
///
/// # Wakes
/// The first poll arms a timer in the running loop. The timer keeps the waker of the latest poll,
/// and wakes it once, when the deadline has passed. A poll in another loop moves the timer there.
/// Dropping the `Sleep` disarms the timer and drops the waker.
#[must_use = "a sleep waits only when it is awaited"]
pub struct Sleep {
    deadline: Instant,
    state: State,
}

enum State {
    /// Not armed; only the clock can tell whether the deadline has passed.
    Unknown,
    /// Not armed, and computed from the clock as a deadline ahead. If it has passed since, the timer
    /// fires in the next turn; so the first poll need not read the clock again.
    Ahead,
    Armed {
        key: Key,
        timers: Rc<Timers>,
    },
    Elapsed,
}

impl Sleep {
    /// When it will be ready.
    ///
    /// After [`sleep`] with a duration too long to add, it is the last instant of the platform.
    #[inline]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed, by the clock at this moment.
    #[inline]
    pub fn is_elapsed(&self) -> bool {
        matches!(self.state, State::Elapsed) || self.deadline <= now()
    }

    /// Sets another deadline, earlier or later, whether the `Sleep` was ready or not.
    ///
    /// # Wakes
    /// A task that is waiting goes on waiting, for the new deadline: it is not woken now. Among
    /// equal deadlines this timer comes last, as if it had been armed now. If the timer has fired
    /// already, poll the `Sleep` to be woken again.
    ///
    /// # Example
    /// ```
    /// use roundelay::time::sleep;
    /// use std::time::{Duration, Instant};
    ///
    /// roundelay::run(async {
    ///     let mut nap = sleep(Duration::MAX);
    ///     nap.reset(Instant::now() + Duration::from_millis(1));
    ///     (&mut nap).await;
    ///     assert!(nap.is_elapsed());
    /// });
    /// ```
    #[inline]
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if let State::Armed { key, timers } = &self.state {
            if timers.reset(key, deadline) == Reset::Moved {
                return;
            }
        }
        self.enter(State::Unknown);
    }

    /// Removes the timer; the deadline stays.
    #[inline]
    pub(super) fn disarm(&mut self) {
        if let State::Armed { .. } = self.state {
            self.enter(State::Unknown);
        }
    }

    /// A poll that neither asks nor spends the budget: a time-out must be able to fire although the
    /// future inside has just spent the whole budget.
    #[inline]
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>, call: &str) -> Poll<()> {
        let has_passed = match &self.state {
            State::Elapsed => true,
            State::Armed { key, timers } => timers.poll_fired(key, cx.waker()).is_ready(),
            State::Unknown => self.deadline <= now(),
            State::Ahead => false,
        };
        if has_passed {
            self.enter(State::Elapsed);
            return Poll::Ready(());
        }
        if !self.is_armed_here(call) {
            let timers = context::with_current(call, |here| here.timers.timers());
            let key = timers.arm(self.deadline, cx.waker());
            self.enter(State::Armed { key, timers });
        }
        Poll::Pending
    }

    #[inline]
    fn is_armed_here(&self, call: &str) -> bool {
        match &self.state {
            State::Armed { timers, .. } => {
                context::with_current(call, |here| here.timers.are(timers))
            }
            _ => false,
        }
    }

    /// Every change of state is made here, so that no key is ever lost.
    /// Guarded by tests/time/timers.rs::a_dropped_sleep_leaves_nothing_behind.
    ///
    /// Inlined, the state goes from registers to its place. Passed in memory, it is read in one piece just after it was
    /// written in three, and the processor waits for that.
    #[inline(always)]
    fn enter(&mut self, state: State) {
        if let State::Armed { key, timers } = mem::replace(&mut self.state, state) {
            timers.disarm(key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(context::poll_budget(cx));
        ready!(self.get_mut().poll_deadline(cx, "sleep"));
        context::spend_budget();
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        self.enter(State::Elapsed);
    }
}

impl fmt::Debug for Sleep {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Unknown | State::Ahead => "not armed",
            State::Armed { .. } => "armed",
            State::Elapsed => "elapsed",
        };
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .field("state", &state)
            .finish()
    }
}
