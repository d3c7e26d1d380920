//! The end of the channel that receives values.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Chan, OF_RECEIVER};
use crate::foreign;
use crate::sync::mpsc::TryRecvError;

/// Receives the values of a [`channel`](super::channel). The receiver may move to the thread of the loop that uses it.
///
/// Dropping it closes the channel, and drops the remaining values on this thread.
pub struct Receiver<T>(Arc<Chan<T>>);

impl<T> Receiver<T> {
    pub(super) fn new(chan: Arc<Chan<T>>) -> Self {
        Receiver(chan)
    }

    /// Waits for the next value. Yields `None` when no value will come: all senders are gone, or the channel was
    /// closed, and all values have been received.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a value stays in the channel until the future yields it.
    ///
    /// # Wakes
    ///
    /// The task's waker is kept until a value, or the end of the last sender, wakes it: once for a burst of values.
    /// Dropping the future removes the waker.
    pub async fn recv(&mut self) -> Option<T> {
        let mut clear = ClearOnDrop {
            chan: &self.0,
            is_registered: false,
        };
        poll_fn(|cx| clear.poll(cx)).await
    }

    /// [`recv`](Self::recv) for adapters. The waker of the last poll is kept until it is woken, or the receiver is
    /// dropped.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }

    /// Takes the next value, if it is there.
    ///
    /// # Errors
    ///
    /// Says whether a value may still come.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.0.take() {
            Poll::Ready(Some(value)) => Ok(value),
            Poll::Ready(None) => Err(TryRecvError::Closed),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    /// Lets no task send any more. The values in the channel can still be received.
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

/// One `recv`. On drop, removes the waker that it left.
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
        // First out of the lock: a value's destructor may send, or drop the last sender.
        let values = std::mem::take(&mut self.0.lock().values);
        drop(values);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show("Receiver", f)
    }
}
