//! The only way into a loop from other threads.
//!
//! *Before this:* [chapter 5](crate::inbox). *Time:* 20 minutes. *Files, in reading order:* this
//! one, [`handle`], [`tasks`], [`channel`](mod@self::channel), [`oneshot`](mod@self::oneshot),
//! [`trigger`], [`park`].
//!
//! Sockets, tasks and the primitives of [`sync`](crate::sync) stay on the thread of their loop, and
//! are not `Send`. This module has the types that other threads hold:
//!
//! - To run a call, or a task, on the loop: [`Remote`].
//! - To await, or block for, the output of that task: [`RemoteHandle`].
//! - To send values to a task: the [`Sender`] of a [`channel`](fn@channel).
//! - To answer a task once, or get an answer: an end of a [`oneshot`](fn@oneshot).
//! - To list the tasks and their waits: [`Remote`], for its [`tasks`](Remote::tasks).
//! - To tell tasks to stop: a [`CancelTrigger`], from
//!   [`CancelToken::trigger`](crate::sync::CancelToken::trigger).
//!
//! All of these wake the loop through its inbox: a burst costs at most one system call, and none
//! while the loop is awake. A wake only queues (*wake-only-queues*): a task never blocks the waking
//! thread.
//!
//! # Next
//!
//! [The time of a test](crate::time#time-in-the-hands-of-a-test).

mod channel;
mod handle;
mod oneshot;
mod park;
mod tasks;
mod trigger;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use self::handle::{Report, Shared, drive};
use crate::context::{self, Context, Holder};
use crate::inbox::{Address, Call, Refusal, Room};
use crate::task::JoinHandle;

pub use channel::{Receiver, Sender, Sending, channel};
pub use handle::RemoteHandle;
pub use oneshot::{NoValue, OnceReceiver, OnceSender, oneshot};
pub use tasks::NoAnswer;
pub use trigger::CancelTrigger;

/// Reaches a loop from any thread. Made by [`EventLoop::remote`](crate::EventLoop::remote) or [`Remote::current`].
///
/// Calls and tasks arrive in the order in which they were sent. A burst costs at most one system call, and none while
/// the loop is awake. Once the loop is gone, each method reports that, and none panics.
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
    address: Address,
    /// Set in a loop with a watchdog.
    holder: Option<Holder>,
}

impl Remote {
    pub(crate) fn to(context: &Context) -> Self {
        Self {
            address: context.address,
            holder: context.holder.get().cloned(),
        }
    }

    /// The `Remote` of the loop that is running on this thread.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread. [`try_current`](Self::try_current) returns `None` instead.
    #[track_caller]
    pub fn current() -> Self {
        Self::to(&context::expect_current("Remote::current"))
    }

    /// The `Remote` of the loop that is running on this thread, if there is one.
    pub fn try_current() -> Option<Self> {
        context::current().map(|context| Self::to(&context))
    }

    /// Runs `call` on the loop's thread, between two polls. A panic in it is logged, and the loop goes on.
    ///
    /// The posted calls of one thread run in the order of their posting. Between a post and a [`spawn`](crate::spawn)
    /// there is no order, even on the loop's own thread: a post goes through the inbox, a new task through the ready
    /// queue. If a step must come after a post, post it too.
    ///
    /// # Errors
    ///
    /// [`Closed`] returns the call if the loop is gone. If the loop ends before it runs the call, the call is dropped
    /// on the loop's thread.
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
        self.address
            .post(Box::new(call), Room::Unbounded)
            .map_err(|(call, _)| Closed(Mutex::new(call)))
    }

    /// As [`post`](Self::post), but returns the call if as many calls wait for the loop as
    /// [`Builder::post_queue`](crate::Builder::post_queue) allows. A thread that posts faster than the loop runs calls
    /// must slow down here, or the queue grows without end.
    ///
    /// # Errors
    ///
    /// [`TryPostError`] returns the call, and says whether the queue is full or the loop gone.
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
        self.address
            .post(Box::new(call), Room::Bounded)
            .map_err(|(call, refusal)| TryPostError {
                call: Mutex::new(call),
                refusal,
            })
    }

    /// Spawns a task on the loop. The closure must be `Send`, but the future that it makes need not.
    ///
    /// If the loop is gone, or ends before the task does, the handle yields a [`JoinError`](crate::JoinError) that
    /// [is cancelled](crate::JoinError::is_cancelled). Dropping the handle detaches the task.
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> RemoteHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output: Send + 'static> + 'static,
    {
        let location = Location::caller();
        let shared = Arc::new(Shared::new(self.address, location));
        let report = Report::new(&shared);
        let of_handle = Arc::clone(&shared);
        let start = move || {
            let future = drive(make, of_handle);
            // Posts run with their loop current.
            let scheduler =
                context::with_current("Remote::spawn", |context| Rc::clone(&context.scheduler));
            drop(JoinHandle::new(scheduler, future, report, location));
        };
        // If the loop is gone, the returned call is dropped here, and its report sets `cancelled`.
        drop(self.post(start));
        RemoteHandle::new(shared)
    }

    /// Whether the loop is gone.
    pub fn is_closed(&self) -> bool {
        self.address.is_closed()
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote(to loop {})", self.address.loop_index())
    }
}

/// The loop is gone, so the call cannot run. [`into_call`](Self::into_call) returns the call.
///
/// The error is `Send` and `Sync`, so it fits `Box<dyn Error + Send + Sync>` and every error library.
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

/// Why [`Remote::try_post`] did not post a call. [`into_call`](Self::into_call) returns the call.
pub struct TryPostError {
    /// In a mutex for the same reason as in [`Closed`].
    call: Mutex<Call>,
    refusal: Refusal,
}

impl TryPostError {
    /// Whether the queue is full. The call may be posted later, when the loop has run other calls.
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
            Refusal::Full => "cannot post a call: its queue is full (Builder::post_queue)",
        })
    }
}

impl std::error::Error for TryPostError {}
