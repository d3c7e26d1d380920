//! The end of the channel that takes values out.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::{Chan, TryRecvError};
use crate::context;

/// Receives the values that are sent into a [`channel`](super::channel) or an [`unbounded_channel`](super::unbounded_channel).
///
/// Dropping it closes the channel and drops the values that are in it.
pub struct Receiver<T> {
    chan: Rc<Chan<T>>,
}

impl<T> Receiver<T> {
    pub(super) fn new(chan: Rc<Chan<T>>) -> Receiver<T> {
        Receiver { chan }
    }

    /// Waits for the next value; `None` when the channel has ended.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a value stays in the channel until the future yields it.
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv {
            receiver: self,
            registered: false,
        }
    }

    /// The poll under [`recv`](Self::recv), for adapters. The channel keeps the waker of the last poll until it is
    /// woken, or the receiver is dropped.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(context::poll_budget(cx));
        let mut answer = self.take();
        if answer.is_pending() {
            self.chan.receiver.register(cx, || self.chan.made);
            answer = self.take(); // the clone of the waker may have sent something
            if answer.is_ready() {
                self.chan.receiver.clear();
            }
        }
        if answer.is_ready() {
            context::spend_budget();
        }
        answer
    }

    #[inline]
    fn take(&mut self) -> Poll<Option<T>> {
        match self.chan.pop() {
            Some(value) => Poll::Ready(Some(value)),
            None if self.chan.has_ended() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// The next value, if it is there.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty) if a value may still come, else `Closed`.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.take() {
            Poll::Ready(Some(value)) => Ok(value),
            Poll::Ready(None) => Err(TryRecvError::Closed),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    /// Closes the channel: no task can send any more, except with a permit. Values in the channel can still be
    /// received.
    pub fn close(&mut self) {
        self.chan.close();
    }

    /// Whether it was closed. Values may still be in it.
    pub fn is_closed(&self) -> bool {
        self.chan.closed.is_set()
    }

    /// How many values are in it.
    pub fn len(&self) -> usize {
        self.chan.values.borrow().len()
    }

    /// Whether no value is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.chan.receiver_gone.set(true);
        self.chan.close();
        self.chan.receiver.clear();
        // Out of the cell first: a value's destructor may send, or drop the last sender.
        let values = mem::take(&mut *self.chan.values.borrow_mut());
        drop(values);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&self.chan).finish()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    registered: bool,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let answer = self.receiver.poll_recv(cx);
        self.registered = answer.is_pending();
        answer
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.registered {
            self.receiver.chan.receiver.clear();
        }
    }
}
