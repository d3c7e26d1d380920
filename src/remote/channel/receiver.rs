//! The end of the channel that takes values out.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Chan, OF_RECEIVER};
use crate::foreign;
use crate::sync::mpsc::TryRecvError;

/// Receives what the senders of a [`channel`](super::channel) send. It may move to another thread, as a loop's task is made there.
///
/// Dropping it closes the channel, and drops the values that are in it on this thread.
pub struct Receiver<T>(Arc<Chan<T>>);

impl<T> Receiver<T> {
    pub(super) fn new(chan: Arc<Chan<T>>) -> Self {
        Receiver(chan)
    }

    /// Waits for the next value; `None` when there will be none: all senders are gone, or the channel was closed, and all
    /// values have been received.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a value stays in the channel until the future yields it.
    ///
    /// # Wakes
    ///
    /// The task's waker is kept until a value or the last sender's end wakes it: once for a burst of values. Dropping the
    /// future takes the waker out.
    pub async fn recv(&mut self) -> Option<T> {
        let mut clear = ClearOnDrop {
            chan: &self.0,
            is_registered: false,
        };
        poll_fn(|cx| clear.poll(cx)).await
    }

    /// The poll under [`recv`](Self::recv), for adapters. The last waker that it was given is kept until it was woken, or the
    /// receiver is dropped.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }

    /// The next value, if it is there.
    ///
    /// # Errors
    ///
    /// Says whether one may still come.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.0.take() {
            Poll::Ready(Some(value)) => Ok(value),
            Poll::Ready(None) => Err(TryRecvError::Closed),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    /// Lets no task send any more. What is in the channel can still be received.
    pub fn close(&mut self) {
        self.0.close();
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

/// One `recv`. Takes the waker out again, if it left one.
struct ClearOnDrop<'a, T> {
    chan: &'a Chan<T>,
    is_registered: bool,
}

impl<T> ClearOnDrop<'_, T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let answer = self.chan.poll_recv(cx);
        self.is_registered = answer.is_pending();
        answer
    }
}

impl<T> Drop for ClearOnDrop<'_, T> {
    fn drop(&mut self) {
        if self.is_registered {
            let waker = self.chan.lock().receiver.take();
            foreign::let_go(waker, OF_RECEIVER);
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.close();
        // Out of the lock first: a value's destructor may send, or drop the last sender.
        let values = std::mem::take(&mut self.0.lock().values);
        drop(values);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show("Receiver", f)
    }
}
