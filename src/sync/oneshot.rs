//! One value, once, from one task to another.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::waker_slot::WakerSlot;
use crate::context;
use crate::declared::Made;

/// A channel for one value. One allocation, for both ends.
///
/// # Examples
///
/// ```
/// use roundelay::sync::oneshot;
///
/// roundelay::run(async {
///     let (sender, receiver) = oneshot::channel();
///     roundelay::spawn(async move { sender.send(42) });
///     assert_eq!(receiver.await, Ok(42));
/// });
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Shared {
        made_at: Location::caller(),
        value: Cell::new(None),
        sender_gone: Cell::new(false),
        closed: Cell::new(false),
        receiver: WakerSlot::new(),
        sender: WakerSlot::new(),
    });
    (
        Sender {
            shared: Rc::clone(&shared),
        },
        Receiver { shared },
    )
}

struct Shared<T> {
    made_at: &'static Location<'static>,
    value: Cell<Option<T>>,
    sender_gone: Cell<bool>,
    /// The receiver was closed or dropped: no value can be sent any more.
    closed: Cell<bool>,
    receiver: WakerSlot,
    sender: WakerSlot,
}

impl<T> Shared<T> {
    fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(context::poll_budget(cx));
        if !self.closed.get() {
            self.sender.register(cx, || Made {
                what: "the end of the receiver of the oneshot",
                at: self.made_at,
            });
            if !self.closed.get() {
                return Poll::Pending;
            }
        }
        context::spend_budget();
        Poll::Ready(())
    }
}

/// Sends the value.
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends the value, without waiting. `Ok` does not promise that the value is received: the receiver may still be
    /// dropped.
    ///
    /// # Errors
    ///
    /// Gives the value back if the receiver is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        if self.shared.closed.get() {
            return Err(value);
        }
        self.shared.value.set(Some(value));
        Ok(()) // dropping self wakes the receiver
    }

    /// Whether the receiver is gone, so that the value is not needed.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.get()
    }

    /// Waits until the receiver is gone.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn closed(&mut self) {
        let _clear = ClearOnDrop(&self.shared.sender);
        poll_fn(|cx| self.shared.poll_closed(cx)).await;
    }

    /// The poll under [`closed`](Self::closed). The channel keeps the waker of the last poll until the receiver or the
    /// sender is gone.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_closed(cx)
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.sender_gone.set(true);
        self.shared.receiver.wake_waiter();
        self.shared.sender.clear();
    }
}

struct ClearOnDrop<'a>(&'a WakerSlot);

impl Drop for ClearOnDrop<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Receives the value: awaiting it yields `Result<T, RecvError>`.
///
/// # Cancellation
///
/// A receiver that is dropped drops the value, if it was there. Await `&mut receiver` to keep the receiver.
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// The value, if it is there.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty) if the value may still come, else `Closed`.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.shared.value.take() {
            Some(value) => Ok(value),
            None if self.shared.sender_gone.get() || self.shared.closed.get() => {
                Err(TryRecvError::Closed)
            }
            None => Err(TryRecvError::Empty),
        }
    }

    /// Closes the channel: no value can be sent any more. A value that was sent before can still be received.
    pub fn close(&mut self) {
        self.shared.closed.set(true);
        self.shared.sender.wake_waiter();
    }

    fn poll_value(&mut self) -> Poll<Result<T, RecvError>> {
        match self.try_recv() {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(TryRecvError::Closed) => Poll::Ready(Err(RecvError(()))),
            Err(TryRecvError::Empty) => Poll::Pending,
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let receiver = self.get_mut();
        let mut answer = receiver.poll_value();
        if answer.is_pending() {
            receiver.shared.receiver.register(cx, || Made {
                what: "the value of the oneshot",
                at: receiver.shared.made_at,
            });
            answer = receiver.poll_value(); // the clone of the waker may have sent the value
            if answer.is_ready() {
                receiver.shared.receiver.clear();
            }
        }
        if answer.is_ready() {
            context::spend_budget();
        }
        answer
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        if self.shared.sender_gone.get() {
            drop(self.shared.value.take()); // the sender is gone, so it is dropped here
        } else {
            self.shared.closed.set(true);
            self.shared.receiver.clear();
            self.shared.sender.wake_waiter();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("sender_gone", &self.shared.sender_gone.get())
            .finish()
    }
}

/// The sender is gone and sent nothing, or the value was already taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecvError(());

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing to receive: the sender was dropped without sending, or the value was already taken")
    }
}

impl Error for RecvError {}

/// Why no value can be received at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// The value may still come.
    Empty,
    /// No value will come.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "nothing to receive yet",
            TryRecvError::Closed => "nothing to receive: the channel is closed",
        })
    }
}

impl Error for TryRecvError {}
