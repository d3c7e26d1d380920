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
/// The job joins the pool's line **at the call**, as a spawned task does, not at the first poll: two jobs offloaded one
/// after the other run side by side, in whatever order they are awaited. Jobs start in the order of the calls. The
/// closure and its output must be `Send`; the future stays on the loop's thread.
///
/// The pool starts threads as they are needed, 64 at most unless the builder says otherwise, and ends a thread that has
/// been idle for a while. If all threads are busy, the job waits its turn. So a job should not wait for another job:
/// when every thread waits for a job in the line, no job ever ends.
///
/// # Cancellation
/// If the future is dropped before a thread has begun the job, the closure never runs and is dropped at once, on the
/// loop's thread. A job that runs cannot be stopped: it goes on, and its output is dropped on the pool's thread. To let
/// a job finish when the caller is cancelled, give the future to a task of its own: `spawn(offload(f))`.
///
/// # Errors
/// The future resolves to a [`JoinError`] if the closure panicked ([`is_panic`](JoinError::is_panic), with the
/// payload), if the loop ended before the job began ([`is_cancelled`](JoinError::is_cancelled)), or if the pool has no
/// thread and the operating system refused one ([`is_refused`](JoinError::is_refused)).
///
/// # Panics
/// If no loop is running on this thread; [`try_offload`] returns an error instead. The threads of the pool have no
/// loop: a closure that needs the loop takes a `Remote` with it.
#[track_caller]
pub fn offload<F, T>(closure: F) -> Offload<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let context = context::expect_current("offload");
    Offload::submit(context.offload.pool(), closure, Location::caller())
}

/// As [`offload`], but returns an error where `offload` would panic, or would have to wait because the pool is full.
///
/// A pool is full when as many jobs run and wait as the sum of `Builder::offload_threads` and `Builder::offload_queue`.
/// Call this in a server that prefers to refuse a request rather than to let it wait.
///
/// # Errors
/// Returns the closure, with the reason.
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
    // Only this thread adds jobs, so the room is still there in the next line.
    let pool = context.offload.pool();
    if !pool.has_room() {
        return Err(TryOffloadError::Full(closure));
    }
    Ok(Offload::submit(pool, closure, Location::caller()))
}

/// The future of an [offloaded](offload) job. Resolves to the closure's output.
///
/// Dropping the future cancels a job that has not begun. A job that has begun goes on, without a receiver.
///
/// # Wakes
/// The job keeps the waker of the last poll. The pool's thread wakes it when the job is done. Dropping the future
/// removes it. For a hundred jobs that finish while the loop is asleep, the wakes cost one system call.
#[must_use = "dropping the future cancels the job: await it, or `spawn` it"]
pub struct Offload<T> {
    /// `None` once the result has been taken.
    outcome: Option<Arc<dyn Outcome<T>>>,
    /// Not `Send`, so the future is not `Send` either: the closure and the result that it drops are dropped on the
    /// loop's thread.
    pool: Rc<Pool>,
    ticket: Ticket,
    /// The future's place in the table of awaited jobs, once it had to wait.
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

    /// Records the task behind the waker, if it is known, as the task that waits.
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

/// A job of a loop with virtual time. The pool drops it, and thus lets the clock go on, when the waiting task has been
/// woken, or when no work is left.
struct Holding {
    job: Arc<dyn Job>,
    _hold: Hold,
}

impl Job for Holding {
    #[inline]
    fn run(&self) {
        self.job.run();
    }

    #[inline]
    fn announce(&self) -> Option<Waker> {
        self.job.announce()
    }

    #[inline]
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
            // First the line, then the closure: if the closure's destructor panics, the job has already left the line.
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

/// Why [`try_offload`] took no job. Holds the closure, so that the caller can run it in another way.
pub enum TryOffloadError<F> {
    /// No event loop is running on this thread.
    NoLoop(F),
    /// As many jobs run and wait as the pool has room for.
    Full(F),
}

impl<F> TryOffloadError<F> {
    /// The closure.
    pub fn into_inner(self) -> F {
        match self {
            TryOffloadError::NoLoop(closure) | TryOffloadError::Full(closure) => closure,
        }
    }

    /// Whether the pool may take the job later, when other jobs are done.
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
