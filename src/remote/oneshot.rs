//! One value, once, from any thread.
//!
//! [`sync::oneshot`](crate::sync::oneshot) is for two tasks of one loop. Here the ends may be on two threads: a thread
//! answers a task, or a task answers a thread that blocks for the answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::park;
use crate::context;
use crate::declared::Made;
use crate::foreign;

/// A channel for one value, whose ends may be on two threads.
///
/// ```
/// use roundelay::remote;
///
/// roundelay::run(async {
///     let (answer, question) = remote::oneshot();
///     let thread = std::thread::spawn(move || answer.send(6 * 7));
///     assert_eq!(question.await, Ok(42));
///     thread.join().unwrap().unwrap();
/// });
/// ```
#[track_caller]
pub fn oneshot<T>() -> (OnceSender<T>, OnceReceiver<T>) {
    let state = State {
        value: None,
        has_sender: true,
        has_receiver: true,
        receiver: None,
    };
    let shared = Arc::new(Inner {
        state: Mutex::new(state),
        made: Made::here("the value of the remote oneshot"),
    });
    (
        OnceSender(Shared(Arc::clone(&shared))),
        OnceReceiver(Shared(shared)),
    )
}

/// The owner of the waker, for the log.
const RECEIVER: &str = "the receiver of a remote oneshot";

struct Shared<T>(Arc<Inner<T>>);

struct Inner<T> {
    state: Mutex<State<T>>,
    made: Made,
}

struct State<T> {
    value: Option<T>,
    has_sender: bool,
    has_receiver: bool,
    receiver: Option<Waker>,
}

impl<T> Shared<T> {
    /// The lock is never poisoned: nothing that could panic runs under it.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Poll<Result<T, NoValue>> {
        match self.value.take() {
            Some(value) => Poll::Ready(Ok(value)),
            None if self.has_sender => Poll::Pending,
            None => Poll::Ready(Err(NoValue(()))),
        }
    }
}

/// Sends the value of a [`oneshot`].
pub struct OnceSender<T>(Shared<T>);

impl<T> OnceSender<T> {
    /// Sends the value, without waiting. `Ok` does not promise that the value is received: the receiver may be dropped
    /// later.
    ///
    /// # Errors
    ///
    /// Returns the value if the receiver is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        let mut state = self.0.lock();
        if !state.has_receiver {
            return Err(value);
        }
        state.value = Some(value);
        drop(state);
        Ok(()) // dropping self wakes the receiver
    }

    /// Whether the receiver is gone, so that no value is needed.
    pub fn is_closed(&self) -> bool {
        !self.0.lock().has_receiver
    }
}

impl<T> Drop for OnceSender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.has_sender = false;
        let receiver = state.receiver.take();
        drop(state);
        if let Some(receiver) = receiver {
            foreign::wake(receiver, RECEIVER);
        }
    }
}

impl<T> fmt::Debug for OnceSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceSender")
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

/// Receives the value of a [`oneshot`]: awaiting it yields `Result<T, NoValue>`.
///
/// # Cancellation
///
/// A dropped receiver drops the value, if it has come. To go on later, await `&mut receiver`.
///
/// # Wakes
///
/// The waker of the last poll is kept, and woken when the sender is gone. Dropping the receiver removes the waker.
#[must_use = "futures do nothing unless awaited"]
pub struct OnceReceiver<T>(Shared<T>);

impl<T> OnceReceiver<T> {
    /// Blocks this thread until the value has come. For threads that run no loop.
    ///
    /// # Errors
    ///
    /// As awaiting the receiver.
    ///
    /// # Panics
    ///
    /// If the value has not come, and a loop is running on this thread.
    pub fn wait(self) -> Result<T, NoValue> {
        park::wait("remote::OnceReceiver::wait", self)
    }

    /// [`wait`](Self::wait), for `limit` at most.
    ///
    /// # Errors
    ///
    /// The receiver, if the value has not come in time. The inner result is that of awaiting it.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_timeout(self, limit: Duration) -> Result<Result<T, NoValue>, Self> {
        park::wait_for("remote::OnceReceiver::wait_timeout", self, limit)
    }

    /// Whether an await would not wait: the value has come, or will never come.
    pub fn is_ready(&self) -> bool {
        let state = self.0.lock();
        state.value.is_some() || !state.has_sender
    }
}

impl<T> Future for OnceReceiver<T> {
    type Output = Result<T, NoValue>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        // Before the lock is taken, because the clone of a foreign waker is foreign code.
        let waker = context::waker_for(cx, || self.0.0.made);
        let mut state = self.0.lock();
        let answer = state.take();
        let rest = match answer {
            Poll::Ready(_) => Some(waker),
            Poll::Pending => state.receiver.replace(waker),
        };
        drop(state);
        foreign::let_go(rest, RECEIVER);
        if answer.is_ready() {
            context::spend_budget();
        }
        answer
    }
}

impl<T> Drop for OnceReceiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.has_receiver = false;
        let (value, receiver) = (state.value.take(), state.receiver.take());
        drop(state);
        foreign::let_go(receiver, RECEIVER);
        drop(value);
    }
}

impl<T> fmt::Debug for OnceReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceReceiver")
            .field("is_ready", &self.is_ready())
            .finish()
    }
}

/// The sender is gone and sent nothing, or the value was already taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoValue(());

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value came from the other thread: the sender was dropped without sending, or the value was already taken")
    }
}

impl std::error::Error for NoValue {}
