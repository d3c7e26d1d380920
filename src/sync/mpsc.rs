//! Many senders, one receiver, values in order.
//!
//! The room in a bounded channel is a [`Semaphore`]: a sender takes a permit, and the receiver
//! gives a permit back for each value that it takes out. So blocked senders are served in order,
//! and a sender that was given room and is dropped passes the room on. An unbounded channel has
//! more room than there is memory.
//!
//! The channel has *ended*, and [`Receiver::recv`] yields `None`, when it is empty and no value can
//! come any more: all senders are gone, or it was closed and every permit that was reserved before
//! has been used or given up.

mod error;
mod receiver;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::ends::Ends;
use super::event::Event;
use super::semaphore::{AcquireError, Semaphore, Take, TryAcquireError};
use super::waker_slot::WakerSlot;
use crate::declared::Made;

pub use error::{SendError, TryRecvError, TrySendError};
pub use receiver::{Receiver, Recv};

/// A channel with room for `capacity` values: a task that sends into a full channel waits. 0 counts as 1.
///
/// The memory for the values is reused, and grows as they come.
///
/// # Examples
///
/// ```
/// use roundelay::sync::mpsc;
///
/// roundelay::run(async {
///     let (sender, mut receiver) = mpsc::channel(2);
///     roundelay::spawn(async move {
///         for n in 0..10 {
///             sender.send(n).await.unwrap();
///         }
///     });
///     let mut sum = 0;
///     while let Some(n) = receiver.recv().await {
///         sum += n;
///     }
///     assert_eq!(sum, 45);
/// });
/// ```
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let chan = Chan::new(capacity.max(1));
    (
        Sender {
            chan: Rc::clone(&chan),
        },
        Receiver::new(chan),
    )
}

/// A channel that never makes a sender wait. Only the memory bounds it.
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, Receiver<T>) {
    let (sender, receiver) = channel(Semaphore::MAX_PERMITS);
    (UnboundedSender { sender }, receiver)
}

struct Chan<T> {
    made: Made,
    values: RefCell<VecDeque<T>>,
    capacity: usize,
    room: Semaphore,
    receiver: WakerSlot,
    senders: Ends,
    closed: Event,
    receiver_gone: Cell<bool>,
}

impl<T> Chan<T> {
    #[track_caller]
    fn new(capacity: usize) -> Rc<Chan<T>> {
        let made = Made::here("a value of the channel");
        Rc::new(Chan {
            made,
            values: RefCell::new(VecDeque::new()),
            capacity,
            room: Semaphore::of(made.but("room in the channel"), capacity),
            receiver: WakerSlot::new(),
            senders: Ends::new(1),
            closed: Event::of(made.but("the end of the receiver of the channel")),
            receiver_gone: Cell::new(false),
        })
    }

    /// Puts a value in; its room has been taken before.
    #[inline]
    fn push(&self, value: T) {
        // A permit may be used after the receiver has gone. Then the value is dropped now, not with the last sender.
        if !self.receiver_gone.get() {
            self.values.borrow_mut().push_back(value);
            self.receiver.wake_waiter();
        }
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        let value = self.values.borrow_mut().pop_front()?;
        self.room.add_permits(1);
        Some(value)
    }

    /// Whether no value can come any more. The caller knows that `values` is empty.
    fn has_ended(&self) -> bool {
        self.senders.are_gone()
            || (self.closed.is_set() && self.room.available_permits() == self.capacity)
    }

    fn close(&self) {
        self.room.close();
        self.closed.set();
    }

    /// Gives unused room back. If that ends the channel, the receiver is woken.
    fn give_back(&self) {
        self.room.add_permits(1);
        self.tell_if_closed();
    }

    #[inline]
    fn tell_if_closed(&self) {
        if self.closed.is_set() {
            self.receiver.wake_waiter();
        }
    }
}

/// Sends into a bounded channel. Clones send into the same channel.
pub struct Sender<T> {
    chan: Rc<Chan<T>>,
}

impl<T> Sender<T> {
    /// Waits for room and sends.
    ///
    /// # Cancellation
    ///
    /// The value is dropped, unsent, and the place in the queue is lost. To keep the value, [`reserve`](Self::reserve) first.
    ///
    /// # Errors
    ///
    /// Gives the value back if the channel is closed.
    #[inline]
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending {
            value: Some(value),
            room: Room::new(&self.chan),
        }
    }

    /// Waits for room for one value, and reserves it.
    ///
    /// # Cancellation
    ///
    /// The place in the queue is lost; room that was already reserved goes to the next sender.
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        match Room::new(&self.chan).await {
            Ok(()) => Ok(Permit { chan: &self.chan }),
            Err(_) => Err(SendError(())),
        }
    }

    /// Waits for room for one value, and reserves it. The permit keeps the sender, and gives it back when it is used.
    ///
    /// # Cancellation
    ///
    /// As for [`reserve`](Self::reserve); the sender is dropped.
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        std::mem::forget(self.reserve().await?);
        Ok(OwnedPermit { sender: Some(self) })
    }

    /// Sends if there is room and no task waits for room.
    ///
    /// # Errors
    ///
    /// Gives the value back. [`Full`](TrySendError::Full) if waiting would help, else `Closed`.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.chan.room.try_take(1) {
            Ok(()) => {
                self.chan.push(value);
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(value)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(value)),
        }
    }

    /// Reserves room for one value if there is room and no task waits for room.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) if waiting would help, else `Closed`.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        match self.chan.room.try_take(1) {
            Ok(()) => Ok(Permit { chan: &self.chan }),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(())),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(())),
        }
    }

    /// Waits until the receiver has closed the channel, or is gone.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn closed(&self) {
        self.chan.closed.wait().await;
    }

    /// Whether the receiver has closed the channel, or is gone.
    pub fn is_closed(&self) -> bool {
        self.chan.closed.is_set()
    }

    /// How many places are neither filled nor reserved.
    pub fn capacity(&self) -> usize {
        self.chan.room.available_permits()
    }

    /// How many places there are in all.
    pub fn max_capacity(&self) -> usize {
        self.chan.capacity
    }

    /// Whether both send into one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.chan, &other.chan)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.chan.senders.join();
        Sender {
            chan: Rc::clone(&self.chan),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.chan.senders.leave() {
            self.chan.receiver.wake_waiter();
        }
    }
}

/// Waits for room for one value.
struct Room<'a, T> {
    // The order matters: granted room first goes back to the semaphore, which does not know when a channel has ended.
    // Then the receiver is woken. Guarded by
    // tests/sync/mpsc.rs::a_granted_sender_dropped_after_close_lets_the_receiver_end
    taken: Take<'a>,
    told: TellOnDrop<'a, T>,
}

struct TellOnDrop<'a, T>(&'a Chan<T>);

impl<T> Drop for TellOnDrop<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.tell_if_closed();
    }
}

impl<'a, T> Room<'a, T> {
    #[inline]
    fn new(chan: &'a Chan<T>) -> Room<'a, T> {
        Room {
            taken: chan.room.take(1),
            told: TellOnDrop(chan),
        }
    }
}

impl<T> Future for Room<'_, T> {
    type Output = Result<(), AcquireError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.taken).poll(cx)
    }
}

/// The future of [`Sender::send`].
#[must_use = "futures do nothing unless awaited"]
pub struct Sending<'a, T> {
    value: Option<T>,
    room: Room<'a, T>,
}

/// The value is never pinned.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let room = ready!(Pin::new(&mut self.room).poll(cx));
        let value = self.value.take().expect("polled after it was ready");
        if room.is_err() {
            return Poll::Ready(Err(SendError(value)));
        }
        self.room.told.0.push(value);
        Poll::Ready(Ok(()))
    }
}

/// Reserved room for one value. It stays valid after the channel was closed; dropping it gives the room back.
#[must_use = "the room is given back as soon as the permit is dropped"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T>,
}

impl<T> Permit<'_, T> {
    /// Sends, without waiting. If the receiver is gone, the value is dropped.
    pub fn send(self, value: T) {
        let chan = self.chan;
        std::mem::forget(self);
        chan.push(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back();
    }
}

/// Reserved room for one value, which keeps its sender.
#[must_use = "the room is given back as soon as the permit is dropped"]
pub struct OwnedPermit<T> {
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// Sends, without waiting, and gives the sender back. If the receiver is gone, the value is dropped.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self
            .sender
            .take()
            .expect("a permit has its sender until it is used");
        sender.chan.push(value);
        sender
    }

    /// Gives the room and the sender back.
    pub fn release(mut self) -> Sender<T> {
        let sender = self
            .sender
            .take()
            .expect("a permit has its sender until it is used");
        sender.chan.give_back();
        sender
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.chan.give_back();
        }
    }
}

/// Sends into an unbounded channel. Clones send into the same channel.
pub struct UnboundedSender<T> {
    sender: Sender<T>,
}

impl<T> UnboundedSender<T> {
    /// Sends, without waiting.
    ///
    /// # Errors
    ///
    /// Gives the value back if the channel is closed.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.sender
            .try_send(value)
            .map_err(|error| SendError(error.into_inner()))
    }

    /// Waits until the receiver has closed the channel, or is gone.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    /// Whether the receiver has closed the channel, or is gone.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether both send into one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.sender.same_channel(&other.sender)
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender {
            sender: self.sender.clone(),
        }
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("mpsc")
            .field("len", &self.values.borrow().len())
            .field("senders", &self.senders.count())
            .field("closed", &self.closed.is_set())
            .finish()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.chan).finish()
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnboundedSender")
            .field(&self.sender.chan)
            .finish()
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sending").field(self.room.told.0).finish()
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.chan).finish()
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedPermit").field(&self.sender).finish()
    }
}
