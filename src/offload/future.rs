//! `offload` and what it returns.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::awaited;
use super::job::{Job, Outcome, Slot};
use super::line::Ticket;
use super::pool::Pool;
use crate::context;
use crate::task::behind;
use crate::task::error::JoinError;
use crate::task::id::TaskId;
use crate::time::Hold;

/// Runs a blocking closure on a thread of the loop's pool. The loop goes on meanwhile.
///
/// ```
/// roundelay::run(async {
///     let answer = roundelay::offload(|| {
///         std::thread::sleep(std::time::Duration::from_millis(5)); // whatever would block the loop
///         6 * 7
///     });
///     assert_eq!(answer.await.unwrap(), 42);
/// });
/// ```
///
/// The job joins the pool's line **at the call**, as a spawned task does, not at the first poll: two jobs offloaded
/// one after the other run side by side, whichever is awaited first. Jobs start in the order of the calls. What the
/// closure and its output are made of must be `Send`; the future that is returned stays on the loop's thread.
///
/// The pool starts threads as they are needed, 64 at most unless the builder says otherwise, and lets them go when
/// they have been idle for a while. If all are busy, the job waits its turn. So a job should not wait for another
/// job: when all threads wait for jobs that wait in the line, nothing moves.
///
/// # Cancellation
/// If the future is dropped before a thread has begun with the job, the closure never runs and is dropped at once, on
/// the loop's thread. A job that runs cannot be stopped: it goes on, and its output is dropped on the pool's thread.
/// To let a job finish whatever happens to the caller, give the future to a task of its own: `spawn(offload(f))`.
///
/// # Errors
/// The future resolves to a [`JoinError`] if the closure panicked ([`is_panic`](JoinError::is_panic), with the
/// payload), if the loop ended before the job began ([`is_cancelled`](JoinError::is_cancelled)), or if the pool has
/// no thread and the operating system would not start one ([`is_refused`](JoinError::is_refused)).
///
/// # Panics
/// If no loop is running on this thread; [`try_offload`] returns an error instead. The threads of the pool have no
/// loop: a closure that wants to go on asynchronously takes a `Remote` along.
#[track_caller]
pub fn offload<F, T>(closure: F) -> Offload<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let context = context::expect_current("offload");
    Offload::submit(context.offload.clone(), closure, Location::caller())
}

/// As [`offload`], but says no where `offload` would panic, or would have to wait because the pool is full.
///
/// A pool is full when as many jobs run and wait as `Builder::offload_threads` and `Builder::offload_queue` add up
/// to. A server that would rather turn a request away than let it wait asks here.
///
/// # Errors
/// Gives the closure back, with the reason.
///
/// ```
/// let error = roundelay::try_offload(|| 42).unwrap_err();
/// assert_eq!(error.to_string(), "cannot offload a job: no event loop is running on this thread");
/// let closure = error.into_inner();
/// assert_eq!(closure(), 42);
/// ```
#[track_caller]
pub fn try_offload<F, T>(closure: F) -> Result<Offload<T>, TryOffloadError<F>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Some(context) = context::current() else {
        return Err(TryOffloadError::NoLoop(closure));
    };
    // Only this thread adds jobs, so the room that there is now is still there in the next line.
    if !context.offload.has_room() {
        return Err(TryOffloadError::Full(closure));
    }
    Ok(Offload::submit(
        context.offload.clone(),
        closure,
        Location::caller(),
    ))
}

/// The future of an [offloaded](offload) job: resolves to what its closure returns.
///
/// Dropping it cancels a job that has not begun, and forgets one that has.
///
/// # Wakes
/// The job keeps the waker of the last poll, the pool's thread wakes it when the job is done, and dropping the future
/// removes it. A hundred jobs that finish while the loop is asleep cost it one system call.
#[must_use = "dropping the future cancels the job: await it, or `spawn` it"]
pub struct Offload<T> {
    /// Gone when the result has been taken.
    outcome: Option<Arc<dyn Outcome<T>>>,
    /// Not `Send`, and so the future is not: what it drops, it drops on the loop's thread.
    pool: Rc<Pool>,
    ticket: Ticket,
    /// Its place among the awaited, once it had to wait.
    place: Option<awaited::Key>,
}

impl<T: Send + 'static> Offload<T> {
    pub(super) fn submit<F>(
        pool: Rc<Pool>,
        closure: F,
        at: &'static Location<'static>,
    ) -> Offload<T>
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let slot = Arc::new(Slot::new(closure, at));
        let ticket = match Hold::for_a_job() {
            None => pool.submit(slot.clone(), at),
            Some(_hold) => {
                let job = slot.clone();
                pool.submit(Arc::new(Holding { job, _hold }), at)
            }
        };
        Offload {
            outcome: Some(slot),
            pool,
            ticket,
            place: None,
        }
    }
}

impl<T> Offload<T> {
    fn leave_the_awaited(&mut self) {
        if let Some(place) = self.place.take() {
            self.pool.awaited().leave(place);
        }
    }

    /// Says which task waits: the one behind the waker, if that can be known.
    fn tell_who_waits(&mut self, waker: &Waker) {
        let (Some(outcome), awaited) = (&self.outcome, self.pool.awaited()) else {
            return;
        };
        let number = behind::task_of(waker).map_or(0, TaskId::bits);
        match self.place {
            Some(place) => awaited.change(place, number),
            None => {
                self.place = Some(awaited.enter(self.ticket, outcome.location(), number));
                self.pool.tell_of_the_wait(self.ticket);
            }
        }
    }
}

/// A job of a loop with virtual time. The pool lets go of it when the task that waits has been woken, or when nothing is left to be
/// done, and with it of the clock.
struct Holding {
    job: Arc<dyn Job>,
    _hold: Hold,
}

impl Job for Holding {
    fn run(&self) {
        self.job.run();
    }

    fn announce(&self) -> Option<Waker> {
        self.job.announce()
    }

    fn fail(&self, error: JoinError) {
        self.job.fail(error);
    }
}

impl<T> Future for Offload<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let outcome = self
            .outcome
            .as_ref()
            .expect("Offload polled after it was ready");
        let Poll::Ready(result) = outcome.poll(cx) else {
            self.tell_who_waits(cx.waker());
            return Poll::Pending;
        };
        context::spend_budget();
        self.leave_the_awaited();
        self.outcome = None;
        Poll::Ready(result)
    }
}

impl<T> Drop for Offload<T> {
    fn drop(&mut self) {
        self.leave_the_awaited();
        if let Some(outcome) = self.outcome.take() {
            // First the line, then the closure: should its destructor panic, nothing of ours is left behind.
            self.pool.leave(self.ticket);
            outcome.abandon();
        }
    }
}

impl<T> fmt::Debug for Offload<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_taken = self.outcome.is_none();
        f.debug_struct("Offload")
            .field("is_taken", &is_taken)
            .finish_non_exhaustive()
    }
}

/// Why [`try_offload`] took no job. Holds the closure, to be run some other way.
pub enum TryOffloadError<F> {
    /// No event loop is running on this thread.
    NoLoop(F),
    /// As many jobs run and wait as the loop was built for.
    Full(F),
}

impl<F> TryOffloadError<F> {
    /// The closure that was not taken.
    pub fn into_inner(self) -> F {
        match self {
            TryOffloadError::NoLoop(closure) | TryOffloadError::Full(closure) => closure,
        }
    }

    /// Whether the job might be taken later, when others are done.
    pub fn is_full(&self) -> bool {
        matches!(self, TryOffloadError::Full(_))
    }
}

impl<F> fmt::Display for TryOffloadError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryOffloadError::NoLoop(_) => {
                "cannot offload a job: no event loop is running on this thread"
            }
            TryOffloadError::Full(_) => {
                "cannot offload a job: the pool's threads are busy and its queue is full"
            }
        })
    }
}

impl<F> fmt::Debug for TryOffloadError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryOffloadError::NoLoop(_) => "NoLoop(..)",
            TryOffloadError::Full(_) => "Full(..)",
        })
    }
}

impl<F> Error for TryOffloadError<F> {}
