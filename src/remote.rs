//! The only way into a loop from other threads.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use crate::context;
use crate::foreign::{self, Level};
use crate::inbox::{Call, Refusal, Room, Sender};
use crate::task::JoinHandle;
use crate::task::error::JoinError;

/// Reaches a loop from any thread. Comes from [`EventLoop::remote`](crate::EventLoop::remote) or [`Remote::current`].
///
/// Whatever is sent through it arrives in the order in which it was sent. A burst costs at most one system call, and
/// nothing while the loop is awake. Once the loop is gone every method says so, and none panics.
///
/// ```
/// let remote_sum = roundelay::run(async {
///     let remote = roundelay::Remote::current();
///     let thread = std::thread::spawn(move || {
///         remote.spawn(|| async { 40 + 2 }).wait().unwrap()
///     });
///     roundelay::offload(|| thread.join().unwrap()).await.unwrap()
/// });
/// assert_eq!(remote_sum, 42);
/// ```
#[derive(Clone)]
pub struct Remote {
    sender: Sender,
}

impl Remote {
    pub(crate) fn new(sender: Sender) -> Self {
        Self { sender }
    }

    /// The way back to the loop that is running on this thread.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread; [`try_current`](Self::try_current) does not.
    #[track_caller]
    pub fn current() -> Self {
        Self::new(context::expect_current("Remote::current").sender)
    }

    /// The way back to the loop that is running on this thread, if there is one.
    pub fn try_current() -> Option<Self> {
        context::current().map(|context| Self::new(context.sender))
    }

    /// Runs `call` on the loop's thread, between two polls. A panic in it is logged, and the loop goes on.
    ///
    /// Calls that one thread posts run in the order of their posting. Between a post and a [`spawn`](crate::spawn) there is
    /// no order, not even if the loop's own thread does both: posts come by way of the inbox, and new tasks by the ready
    /// queue. What has to come after a post is posted, too.
    ///
    /// # Errors
    ///
    /// [`Closed`] gives the call back if the loop is gone. If the loop ends before the call's turn comes, the call is
    /// dropped on the loop's thread.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// roundelay::run(async {
    ///     let (sender, receiver) = std::sync::mpsc::channel();
    ///     roundelay::Remote::current().post(move || sender.send("posted").unwrap()).unwrap();
    ///     roundelay::offload(move || assert_eq!(receiver.recv(), Ok("posted"))).await.unwrap();
    /// });
    /// ```
    pub fn post(&self, call: impl FnOnce() + Send + 'static) -> Result<(), Closed> {
        self.sender
            .post(Box::new(call), Room::Unbounded)
            .map_err(|(call, _)| Closed(Mutex::new(call)))
    }

    /// As [`post`](Self::post), but gives the call back if as many calls wait for the loop as
    /// [`Builder::post_queue`](crate::Builder::post_queue) allows. A thread that can post faster than the loop can run the
    /// calls has to slow down here, or the queue grows without end.
    ///
    /// # Errors
    ///
    /// [`TryPostError`] gives the call back, and says whether the queue is full or the loop gone.
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::builder().post_queue(1).build()?;
    /// let remote = event_loop.remote();
    /// remote.try_post(|| ()).unwrap();
    /// let refused = remote.try_post(|| ()).unwrap_err();
    /// assert!(refused.is_full());
    ///
    /// event_loop.turn(Some(std::time::Duration::ZERO))?; // runs the first
    /// remote.try_post(refused.into_call()).unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_post(&self, call: impl FnOnce() + Send + 'static) -> Result<(), TryPostError> {
        self.sender
            .post(Box::new(call), Room::Bounded)
            .map_err(|(call, refusal)| TryPostError {
                call: Mutex::new(call),
                refusal,
            })
    }

    /// Spawns a task on the loop. The closure crosses the threads, and the future that it makes need not.
    ///
    /// If the loop is gone, or ends before the task does, the handle yields a [`JoinError`] that
    /// [is cancelled](JoinError::is_cancelled). Dropping the handle detaches the task.
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> RemoteHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output: Send + 'static> + 'static,
    {
        let location = Location::caller();
        let shared = Arc::new(Shared::new(self.sender, location));
        let report = Report(Arc::clone(&shared));
        let start = move || {
            // Posts run with their loop current.
            let scheduler =
                context::with_current("Remote::spawn", |context| Rc::clone(&context.scheduler));
            drop(JoinHandle::new(
                scheduler,
                drive(make, report),
                (),
                location,
            ));
        };
        // If the loop is gone, what comes back is dropped here, and the report in it says `cancelled`.
        drop(self.post(start));
        RemoteHandle(shared)
    }

    /// Whether the loop is gone.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote(to loop {})", self.sender.loop_index())
    }
}

/// The loop is gone, and with it the thread that was to run the call. [`into_call`](Self::into_call) gives it back.
///
/// It is `Send` and `Sync`, so it fits `Box<dyn Error + Send + Sync>` and every error library.
pub struct Closed(
    /// A call is `Send` but not `Sync`; the mutex makes the error `Sync`, and is never locked.
    Mutex<Call>,
);

impl Closed {
    /// The call that could not be sent.
    ///
    /// ```
    /// let remote = roundelay::run(async { roundelay::Remote::current() });
    /// let closed = remote.post(|| println!("here instead")).unwrap_err();
    /// closed.into_call()();
    /// ```
    pub fn into_call(self) -> Box<dyn FnOnce() + Send> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed")
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is gone, so nothing can be sent to it")
    }
}

impl std::error::Error for Closed {}

/// Why [`Remote::try_post`] did not post a call. [`into_call`](Self::into_call) gives it back.
pub struct TryPostError {
    /// In a mutex for the same reason as in [`Closed`].
    call: Mutex<Call>,
    refusal: Refusal,
}

impl TryPostError {
    /// Whether the queue is full: the call may be posted later, when the loop has run others.
    pub fn is_full(&self) -> bool {
        self.refusal == Refusal::Full
    }

    /// The call that could not be posted.
    pub fn into_call(self) -> Box<dyn FnOnce() + Send> {
        self.call
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TryPostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TryPostError({:?})", self.refusal)
    }
}

impl fmt::Display for TryPostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.refusal {
            Refusal::Closed => "cannot post a call: the event loop is gone",
            Refusal::Full => {
                "cannot post a call: as many wait for the event loop as it was built to hold"
            }
        })
    }
}

impl std::error::Error for TryPostError {}

/// Awaits, or waits for, a task that runs on a loop of another thread. Comes from [`Remote::spawn`].
///
/// # Cancellation
///
/// Dropping the handle detaches the task. A wait that is dropped loses nothing.
///
/// # Wakes
///
/// The waker of the last poll is kept, and woken from the loop's thread when the future has been dropped.
#[must_use = "dropping the handle detaches the task; say so with `drop`"]
pub struct RemoteHandle<T>(Arc<Shared<T>>);

impl<T> RemoteHandle<T> {
    /// Blocks this thread until the task has finished. For threads that run no loop.
    ///
    /// # Errors
    ///
    /// As awaiting the handle: cancelled, or panicked.
    ///
    /// # Panics
    ///
    /// If the task has not finished, and this is the thread of its loop: the wait would never end. And if the output has
    /// been taken before.
    pub fn wait(self) -> Result<T, JoinError> {
        let is_own_thread = self.0.sender.is_own_thread();
        let mut state = self.0.lock();
        loop {
            if let Some(result) = state.take_result() {
                return result;
            }
            assert!(
                !is_own_thread,
                "RemoteHandle::wait on the thread of the task's own loop waits for ever: await it"
            );
            state = self
                .0
                .finished
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Asks for the task's end. Its future is dropped on the loop's thread; the handle then yields `cancelled`.
    pub fn abort(&self) {
        let mut state = self.0.lock();
        state.is_aborted = true;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            foreign::wake(task, OF);
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
        let waker = cx.waker().clone();
        let mut state = self.0.lock();
        if let Some(result) = state.take_result() {
            drop(state);
            context::spend_budget();
            return Poll::Ready(result);
        }
        let old = state.waker.replace(waker);
        drop(state);
        foreign::let_go(old, OF);
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
        foreign::let_go(waker, OF);
        drop_unclaimed(unclaimed);
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteHandle(of loop {})", self.0.sender.loop_index())
    }
}

/// Drops an output that nobody will ask for; a panic is told.
fn drop_unclaimed<T>(result: Option<Result<T, JoinError>>) {
    if let Some(Err(error)) = &result {
        if error.is_panic() {
            foreign::tell(
                Level::Error,
                foreign::TASK,
                format_args!("{error}; nobody awaits its handle"),
            );
        }
    }
}

/// Whose waker it is, for the log.
const OF: &str = "a remote handle";

/// What the handle and the task share, each on its own thread.
struct Shared<T> {
    sender: Sender,
    location: &'static Location<'static>,
    state: Mutex<State<T>>,
    finished: Condvar,
}

struct State<T> {
    result: Option<Result<T, JoinError>>,
    is_finished: bool,
    is_aborted: bool,
    /// The handle is gone: nobody will ask for the output.
    is_detached: bool,
    /// Who awaits the handle.
    waker: Option<Waker>,
    /// The task, so that an abort can wake it.
    task: Option<Waker>,
}

impl<T> State<T> {
    /// `None`: not yet.
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
    fn new(sender: Sender, location: &'static Location<'static>) -> Self {
        let state = State {
            result: None,
            is_finished: false,
            is_aborted: false,
            is_detached: false,
            waker: None,
            task: None,
        };
        Self {
            sender,
            location,
            state: Mutex::new(state),
            finished: Condvar::new(),
        }
    }

    /// No user code runs under this lock, so it is never poisoned in earnest.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the task's waker for an abort; `true` if that has come already.
    fn is_aborted(&self, task: &Waker) -> bool {
        let mut state = self.lock();
        // The task's own waker is a number: cloning and dropping it runs nobody's code.
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
            foreign::wake(waker, OF);
        }
    }
}

/// The task's end of it. However the task ends, the handle hears of it.
struct Report<T>(Arc<Shared<T>>);

impl<T> Report<T> {
    fn send(self, result: Result<T, JoinError>) {
        let at = self.0.location;
        self.0
            .finish(result.map_err(|error| error.of_task(None, at)));
    }
}

impl<T> Drop for Report<T> {
    fn drop(&mut self) {
        let cancelled = JoinError::cancelled().of_task(None, self.0.location);
        self.0.finish(Err(cancelled));
    }
}

/// The task that `Remote::spawn` spawns. It reports only when the future has been dropped.
async fn drive<M, F>(make: M, report: Report<F::Output>)
where
    M: FnOnce() -> F,
    F: Future,
{
    let result = {
        let mut future = pin!(async move { make().await });
        poll_fn(|cx| {
            if report.0.is_aborted(cx.waker()) {
                return Poll::Ready(Err(JoinError::cancelled()));
            }
            match foreign::catch(|| future.as_mut().poll(cx)) {
                Ok(polled) => polled.map(Ok),
                Err(payload) => Poll::Ready(Err(heeded(JoinError::panicked(payload)))),
            }
        })
        .await
    };
    report.send(result);
}

/// The panic ends the run, if that is how the loop was made.
fn heeded(mut error: JoinError) -> JoinError {
    let scheduler = context::with_current("Remote::spawn", |context| Rc::clone(&context.scheduler));
    scheduler.heed(&mut error);
    error
}
