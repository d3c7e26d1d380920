//! The end of the channel that sends values.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::{Chan, OF_RECEIVER, OF_SENDER, wake};
use crate::context;
use crate::foreign;
use crate::remote::park;
use crate::sync::mpsc::{SendError, TrySendError};

/// Sends into a loop from any thread. Made by [`channel`](super::channel). Clones send into the same channel.
pub struct Sender<T>(Arc<Chan<T>>);

impl<T> Sender<T> {
    pub(super) fn new(chan: Arc<Chan<T>>) -> Self {
        Sender(chan)
    }

    /// Sends the value, and waits while the channel is full. For tasks: of another loop, or of another runtime.
    ///
    /// # Cancellation
    ///
    /// The value is dropped with the future, and the place in the line is given up.
    ///
    /// # Wakes
    ///
    /// The waker of the last poll is kept while the sender stands in the line. The receiver's thread wakes it when
    /// there is room. Dropping the future removes the waker.
    ///
    /// # Errors
    ///
    /// Returns the value if the receiver has closed the channel, or is gone.
    ///
    /// # Panics
    ///
    /// If the future is polled after it was ready.
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending {
            chan: &self.0,
            value: Some(value),
            ticket: None,
        }
    }

    /// Sends the value at once, if there is room and no sender waits for it.
    ///
    /// # Errors
    ///
    /// Returns the value, and says whether the channel is full or closed.
    ///
    /// ```
    /// let (sender, _receiver) = roundelay::remote::channel(1);
    /// sender.try_send("first").unwrap();
    /// assert_eq!(sender.try_send("second").unwrap_err().into_inner(), "second");
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut value = Some(value);
        match self.0.send_or_queue(&mut None, &mut value, None) {
            Poll::Ready(sent) => sent.map_err(|SendError(value)| TrySendError::Closed(value)),
            Poll::Pending => Err(TrySendError::Full(
                value.expect("a full channel takes nothing"),
            )),
        }
    }

    /// [`send`](Self::send) for a thread that runs no loop: blocks while the channel is full.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Panics
    ///
    /// If the call has to wait, and a loop is running on this thread: all tasks of that loop would wait too.
    pub fn send_blocking(&self, value: T) -> Result<(), SendError<T>> {
        park::wait("remote::Sender::send_blocking", self.send(value))
    }

    /// Whether the receiver has closed the channel, or is gone.
    pub fn is_closed(&self) -> bool {
        self.0.lock().is_closed
    }

    /// How many values are in the channel.
    pub fn len(&self) -> usize {
        self.0.lock().values.len()
    }

    /// Whether no value is in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Sender(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders -= 1;
        let receiver = match state.senders {
            0 => state.receiver.take(),
            _ => None,
        };
        drop(state);
        wake(receiver, OF_RECEIVER);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show("Sender", f)
    }
}

/// The future of [`Sender::send`].
#[must_use = "futures do nothing unless awaited"]
pub struct Sending<'a, T> {
    chan: &'a Chan<T>,
    /// `None` once the value has been sent.
    value: Option<T>,
    /// The place in the line.
    ticket: Option<u64>,
}

/// The value is never pinned.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Sending<'_, T> {
    fn attempt(&mut self, waker: Option<Waker>) -> Poll<Result<(), SendError<T>>> {
        assert!(self.value.is_some(), "a send was polled after it was ready");
        self.chan
            .send_or_queue(&mut self.ticket, &mut self.value, waker)
    }
}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let mut answer = self.attempt(None);
        if answer.is_pending() {
            // Cloned before the lock is taken, because the clone of a foreign waker is foreign code.
            let room = || self.chan.made.but("room in the remote channel");
            let waker = context::waker_for(cx, room);
            answer = self.attempt(Some(waker));
        }
        if answer.is_ready() {
            context::spend_budget();
        }
        answer
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        if let Some(number) = self.ticket.take() {
            let (next, own) = self.chan.lock().leave(number);
            foreign::let_go(own, OF_SENDER);
            wake(next, OF_SENDER);
        }
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending")
            .field("is_sent", &self.value.is_none())
            .field("ticket", &self.ticket)
            .finish()
    }
}
