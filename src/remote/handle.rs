//! The handle of a task that runs on another thread's loop, and the state that the two share.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::context;
use crate::declared::Made;
use crate::foreign::{self, Level};
use crate::inbox::Address;
use crate::task::cell::Rider;
use crate::task::error::JoinError;

/// Awaits, or blocks for, a task that runs on a loop of another thread. Made by
/// [`Remote::spawn`](super::Remote::spawn).
///
/// # Cancellation
///
/// Dropping the handle detaches the task. Dropping a wait loses nothing.
///
/// # Wakes
///
/// The waker of the last poll is kept. The loop's thread wakes it when the future has been dropped.
#[must_use = "dropping the handle detaches the task; say so with `drop`"]
pub struct RemoteHandle<T>(Arc<Shared<T>>);

impl<T> RemoteHandle<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self(shared)
    }

    /// Blocks this thread until the task has finished. For threads that run no loop.
    ///
    /// # Errors
    ///
    /// As awaiting the handle: cancelled, or panicked.
    ///
    /// # Panics
    ///
    /// If the task has not finished, and this is the thread of its loop: the wait would never end. Also if the output
    /// has already been taken.
    pub fn wait(self) -> Result<T, JoinError> {
        let result = self.0.wait_until(None);
        result.expect("a wait without a deadline ends by the result only")
    }

    /// [`wait`](Self::wait), for `limit` at most.
    ///
    /// # Errors
    ///
    /// The handle, if the task has not finished in time; the task goes on. The inner result is that of awaiting the
    /// handle.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// ```
    /// use std::{future::pending, thread, time::Duration};
    ///
    /// roundelay::run(async {
    ///     let remote = roundelay::Remote::current();
    ///     let thread = thread::spawn(move || {
    ///         let handle = remote.spawn(pending::<()>);
    ///         let handle = handle.wait_timeout(Duration::from_millis(1)).unwrap_err();
    ///         handle.abort();
    ///         assert!(handle.wait().unwrap_err().is_cancelled());
    ///     });
    ///     roundelay::offload(|| thread.join().unwrap()).await.unwrap();
    /// });
    /// ```
    pub fn wait_timeout(self, limit: Duration) -> Result<Result<T, JoinError>, Self> {
        let deadline = Instant::now().checked_add(limit);
        self.0.wait_until(deadline).ok_or(self)
    }

    /// Asks for the task's end. Its future is dropped on the loop's thread, and the handle then yields `cancelled`.
    pub fn abort(&self) {
        let mut state = self.0.lock();
        state.is_aborted = true;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            foreign::wake(task, REMOTE_HANDLE);
        }
    }

    /// Whether the task has finished, and its future has been dropped.
    pub fn is_finished(&self) -> bool {
        self.0.lock().is_finished
    }
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let waker = context::waker_for(cx, || Made {
            what: "the end of the remote task",
            at: self.0.location,
        });
        let mut state = self.0.lock();
        if let Some(result) = state.take_result() {
            drop(state);
            context::spend_budget();
            return Poll::Ready(result);
        }
        let old = state.waker.replace(waker);
        drop(state);
        foreign::let_go(old, REMOTE_HANDLE);
        Poll::Pending
    }
}

impl<T> Drop for RemoteHandle<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_detached = true;
        let waker = state.waker.take();
        let unclaimed = state.result.take();
        drop(state);
        foreign::let_go(waker, REMOTE_HANDLE);
        drop_unclaimed(unclaimed);
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteHandle(of loop {})", self.0.address.loop_index())
    }
}

/// Drops an output without a handle. Logs a panic.
fn drop_unclaimed<T>(result: Option<Result<T, JoinError>>) {
    if let Some(Err(error)) = &result {
        if error.is_panic() {
            foreign::tell(
                Level::Error,
                foreign::TASK,
                format_args!("{error}; no task awaits its handle"),
            );
        }
    }
}

/// The owner of the waker, for the log.
const REMOTE_HANDLE: &str = "a remote handle";

/// The state that the handle and the task share, each on its own thread.
pub(super) struct Shared<T> {
    address: Address,
    location: &'static Location<'static>,
    state: Mutex<State<T>>,
    finished: Condvar,
}

struct State<T> {
    result: Option<Result<T, JoinError>>,
    is_finished: bool,
    is_aborted: bool,
    /// The handle is gone: no call takes the output.
    is_detached: bool,
    /// The waker of the task that awaits the handle.
    waker: Option<Waker>,
    /// The task, so that an abort can wake it.
    task: Option<Waker>,
}

impl<T> State<T> {
    /// `None`: the task has not finished.
    fn take_result(&mut self) -> Option<Result<T, JoinError>> {
        let result = self.result.take();
        assert!(
            result.is_some() || !self.is_finished,
            "a RemoteHandle was asked again after it had given its output"
        );
        result
    }
}

impl<T> Shared<T> {
    pub(super) fn new(address: Address, location: &'static Location<'static>) -> Self {
        let state = State {
            result: None,
            is_finished: false,
            is_aborted: false,
            is_detached: false,
            waker: None,
            task: None,
        };
        Self {
            address,
            location,
            state: Mutex::new(state),
            finished: Condvar::new(),
        }
    }

    /// The lock is never poisoned: no user code runs under it.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks this thread until the task has finished, or until the deadline. At the deadline returns `None`.
    fn wait_until(&self, deadline: Option<Instant>) -> Option<Result<T, JoinError>> {
        let is_own_thread = self.address.is_own_thread();
        let mut state = self.lock();
        loop {
            if let Some(result) = state.take_result() {
                return Some(result);
            }
            assert!(
                !is_own_thread,
                "RemoteHandle::wait on the thread of the task's own loop waits for ever: await it"
            );
            let rest = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            state = match rest {
                None => self
                    .finished
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(rest) => {
                    let woken = self.finished.wait_timeout(state, rest);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Leaves the task's waker for an abort. Returns `true` if the abort has already come.
    fn is_aborted(&self, task: &Waker) -> bool {
        let mut state = self.lock();
        // The task's own waker is a number: to clone or drop it runs no foreign code.
        state.task = Some(task.clone());
        state.is_aborted
    }

    fn finish(&self, result: Result<T, JoinError>) {
        let mut state = self.lock();
        if state.is_finished {
            return;
        }
        state.is_finished = true;
        let unclaimed = if state.is_detached {
            Some(result)
        } else {
            state.result = Some(result);
            None
        };
        let waker = state.waker.take();
        drop(state);
        self.finished.notify_all();
        drop_unclaimed(unclaimed);
        if let Some(waker) = waker {
            foreign::wake(waker, REMOTE_HANDLE);
        }
    }
}

/// The task's end: it is in the task's cell, and takes the result when the future has been dropped. So the handle gets
/// a result however the task ends.
pub(super) struct Report<T>(Cell<Option<Arc<Shared<T>>>>);

impl<T> Report<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
        Self(Cell::new(Some(Arc::clone(shared))))
    }
}

impl<T: 'static> Rider<T> for Report<T> {
    fn finished(
        &self,
        result: &mut Option<Result<T, JoinError>>,
        _name: Option<&str>,
        _at: &'static Location<'static>,
    ) {
        if let (Some(shared), Some(result)) = (self.0.take(), result.take()) {
            shared.finish(result);
        }
    }

    fn is_spent(&self) -> bool {
        let shared = self.0.take();
        let is_spent = shared.is_none();
        self.0.set(shared);
        is_spent
    }
}

/// The task was never spawned: its loop ended before.
impl<T> Drop for Report<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.finish(Err(JoinError::cancelled().of_task(None, shared.location)));
        }
    }
}

/// The future of the task that `Remote::spawn` spawns. The future ends the task if the handle asks for the end.
pub(super) async fn drive<M, F>(make: M, shared: Arc<Shared<F::Output>>) -> F::Output
where
    M: FnOnce() -> F,
    F: Future,
{
    let mut future = pin!(async move { make().await });
    poll_fn(|cx| {
        if shared.is_aborted(cx.waker()) {
            abort_this_task();
            return Poll::Pending;
        }
        future.as_mut().poll(cx)
    })
    .await
}

/// Aborts the running task: its future is dropped as soon as its poll returns.
fn abort_this_task() {
    let scheduler = context::with_current("Remote::spawn", |context| Rc::clone(&context.scheduler));
    if let Some(id) = scheduler.running() {
        scheduler.abort(id);
    }
}
