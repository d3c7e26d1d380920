//! A limit on how long a future may take.
//!
//! One poll does three steps, in this order:
//!
//! 1. **The clock**, at the first poll only: the deadline is that moment plus the duration. A body
//!    that computes is not interrupted, but its time counts.
//! 2. **The future.** If it is ready, its value counts, even where the deadline has passed in the
//!    same turn; and no timer has been armed.
//! 3. **The deadline.** After the first poll of the body the clock says whether the deadline has
//!    passed; at later polls the timer says so. The budget does not count here: a future that
//!    spends the whole budget at each poll would otherwise never time out.
//!
//! So a body that computes for longer than the duration and then waits has timed out, at that very
//! wait. Of two nested time-outs whose deadlines have both passed, the inner one ends first, and
//! the outer one at the next wait.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::clock::{now, saturating_add};
use super::sleep::{Sleep, sleep_until};
use crate::pinned::Beside;

/// Gives `future` at most `duration`, counted from just before its first poll.
///
/// The time of that poll counts: if the future computes for longer than `duration` and then waits, the time-out is over.
/// If value and deadline come in the same turn, the value counts. Zero polls the future once. A future that is ready at
/// its first poll costs one reading of the clock and no timer.
///
/// # Errors
/// [`Elapsed`] when the deadline has passed first. The future has then been dropped.
///
/// # Cancellation
/// Dropping it drops the future and removes the timer.
///
/// # Wakes
/// As [`Sleep`], and as the future.
///
/// # Panics
/// When the future waits and no loop is running on this thread.
///
/// # Example
/// ```
/// use roundelay::time::timeout;
/// use std::{future, time::Duration};
///
/// roundelay::run(async {
///     assert_eq!(timeout(Duration::from_secs(1), future::ready(7)).await, Ok(7));
///     let never = future::pending::<()>();
///     assert!(timeout(Duration::from_millis(1), never).await.is_err());
/// });
/// ```
pub fn timeout<F: IntoFuture>(
    duration: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    Beside::new(Some(future.into_future()), Limit::After(duration))
}

/// Gives `future` time until `deadline`. If `deadline` has passed, the future is polled once.
///
/// Everything else is as for [`timeout`].
///
/// # Errors
/// [`Elapsed`] when the deadline has passed first. The future has then been dropped.
///
/// # Cancellation
/// Dropping it drops the future and removes the timer.
///
/// # Wakes
/// As [`Sleep`], and as the future.
///
/// # Panics
/// When the future waits and no loop is running on this thread.
///
/// # Example
/// ```
/// use roundelay::time::{sleep, timeout_at};
/// use std::time::{Duration, Instant};
///
/// roundelay::run(async {
///     // One deadline for two steps.
///     let deadline = Instant::now() + Duration::from_secs(5);
///     assert!(timeout_at(deadline, sleep(Duration::from_millis(1))).await.is_ok());
///     assert!(timeout_at(deadline, sleep(Duration::from_millis(1))).await.is_ok());
/// });
/// ```
pub fn timeout_at<F: IntoFuture>(
    deadline: Instant,
    future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    Beside::new(Some(future.into_future()), Limit::At(deadline))
}

/// The limit of a time-out. No timer exists before the future has had to wait.
enum Limit {
    After(Duration),
    At(Instant),
    Running(Sleep),
}

impl Limit {
    /// Before the first poll of the future: reads the clock.
    #[inline]
    fn begin(&mut self) {
        if let Limit::After(duration) = *self {
            *self = Limit::At(saturating_add(now(), duration));
        }
    }

    /// Once the future has had to wait: its sleep, which reads the clock before it arms a timer.
    /// Guarded by tests/time/timers.rs::a_body_that_computes_for_too_long_and_then_waits_has_timed_out.
    #[inline]
    fn run(&mut self) -> &mut Sleep {
        if let Limit::At(deadline) = *self {
            *self = Limit::Running(sleep_until(deadline));
        }
        match self {
            Limit::Running(sleep) => sleep,
            Limit::After(_) | Limit::At(_) => unreachable!("the limit has begun and is running"),
        }
    }
}

impl<F: Future> Future for Beside<Option<F>, Limit> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut future, limit) = self.project();
        limit.begin();
        let guarded = future.as_mut().as_pin_mut();
        // Guarded by tests/time/timers.rs::the_value_counts_when_it_comes_in_the_same_turn_as_the_deadline.
        if let Poll::Ready(value) = guarded.expect("polled until it is ready").poll(cx) {
            return Poll::Ready(Ok(value));
        }
        ready!(limit.run().poll_deadline(cx, "timeout"));
        future.set(None);
        Poll::Ready(Err(Elapsed(())))
    }
}

/// Gives `body` at most `duration`, and a [`Deadline`] by which the body can move or lift the limit.
///
/// Use it for work whose length is not known before: a transfer that may go on while bytes keep
/// coming, a start-up with a strict limit and then none. Everything else is as for [`timeout`].
///
/// # Errors
/// [`Elapsed`] when the deadline in force has passed before the body ended. The body has then been
/// dropped.
///
/// # Cancellation
/// Dropping it drops the body and removes the timer.
///
/// # Wakes
/// As [`Sleep`], and as the body.
///
/// # Panics
/// When the body waits and no loop is running on this thread.
///
/// # Example
/// ```
/// use roundelay::time::{sleep, timeout_with};
/// use std::time::Duration;
///
/// roundelay::run(async {
///     let pause = Duration::from_millis(20);
///     let steps = timeout_with(pause * 2, async |deadline| {
///         for _ in 0..4 {
///             sleep(pause).await; // one step
///             deadline.reschedule_after(Duration::from_secs(10));
///         }
///         "all four"
///     });
///     assert_eq!(steps.await, Ok("all four"));
/// });
/// ```
pub async fn timeout_with<T>(
    duration: Duration,
    body: impl AsyncFnOnce(&Deadline) -> T,
) -> Result<T, Elapsed> {
    let mut limit = sleep_until(saturating_add(now(), duration));
    let deadline = Deadline {
        at: Cell::new(Some(limit.deadline())),
    };
    let mut body = pin!(body(&deadline));
    poll_fn(|cx| {
        if let Poll::Ready(value) = body.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        let Some(at) = deadline.when() else {
            limit.disarm();
            return Poll::Pending;
        };
        if at != limit.deadline() {
            limit.reset(at);
        }
        limit
            .poll_deadline(cx, "timeout_with")
            .map(|()| Err(Elapsed(())))
    })
    .await
}

/// The deadline of a [`timeout_with`], which its body can change.
///
/// Only the body can reach it, and the time-out reads it after each poll of the body. So a change
/// wakes no task, and costs a store.
#[derive(Debug)]
pub struct Deadline {
    at: Cell<Option<Instant>>,
}

impl Deadline {
    /// When the body runs out of time; `None` if it never does.
    pub fn when(&self) -> Option<Instant> {
        self.at.get()
    }

    /// Moves the deadline, earlier or later. If the new deadline has passed, the body ends at its next wait.
    pub fn reschedule(&self, deadline: Instant) {
        self.at.set(Some(deadline));
    }

    /// Moves the deadline to `duration` from now.
    pub fn reschedule_after(&self, duration: Duration) {
        self.reschedule(saturating_add(now(), duration));
    }

    /// Takes the limit away. A later [`reschedule`](Deadline::reschedule) puts it back.
    pub fn lift(&self) {
        self.at.set(None);
    }
}

/// The deadline passed before the work was done.
///
/// It converts to an [`io::Error`] of the kind [`TimedOut`](io::ErrorKind::TimedOut), so that `?`
/// works among I/O.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline passed before the operation was done; the operation was dropped")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}
