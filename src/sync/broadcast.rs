//! Every receiver gets every value, if it is fast enough.
//!
//! The channel keeps the last `capacity` values that a receiver has not received yet, each with
//! the count of such receivers. Every value has a number, and a receiver stores the number of the value
//! that it gets next. The ring never waits for a slow receiver: it drops the oldest value, and a
//! receiver that asks for a dropped value is told how many values it has missed.
//!
//! Cloning a value is user code, so the clone is made from an `Rc` of the value, when nothing is
//! borrowed. The last receiver of a value gets the value itself.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::ends::Ends;
use super::wait_list::{Grants, Wait, WaitList, poll_kept};
use crate::declared::Made;

pub use super::unheard::SendError;

/// A channel that keeps up to `capacity` values for the receivers that have not received them yet. 0 counts as 1.
///
/// # Examples
///
/// ```
/// use roundelay::sync::broadcast;
///
/// roundelay::run(async {
///     let (sender, mut one) = broadcast::channel(8);
///     let mut two = sender.subscribe();
///     sender.send("hear, hear").unwrap();
///     assert_eq!(one.recv().await, Ok("hear, hear"));
///     assert_eq!(two.recv().await, Ok("hear, hear"));
/// });
/// ```
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender {
        chan: Rc::new(Chan {
            ring: RefCell::new(VecDeque::new()),
            capacity: capacity.max(1),
            end: Cell::new(0),
            senders: Ends::new(1),
            receivers: Ends::new(0),
            waiters: WaitList::new(Made::here("a value of the broadcast channel")),
        }),
    };
    let receiver = sender.subscribe();
    (sender, receiver)
}

struct Chan<T> {
    /// The values from number `end - ring.len()` up to `end`.
    ring: RefCell<VecDeque<Heard<T>>>,
    capacity: usize,
    /// The number of the next value to be sent.
    end: Cell<u64>,
    senders: Ends,
    receivers: Ends,
    /// Receivers, each with the number of the value that it waits for.
    waiters: WaitList<u64, ()>,
}

/// A value in the ring.
struct Heard<T> {
    /// `None` once every receiver has received it.
    value: Option<Rc<T>>,
    /// How many receivers have not received it yet.
    left: usize,
}

impl<T> Chan<T> {
    /// The number of the oldest value that is still there.
    fn start(&self) -> u64 {
        self.end.get() - self.ring.borrow().len() as u64
    }

    /// The value of a number, which is in the ring, for one receiver. The last receiver takes the value out.
    fn hear(&self, number: u64) -> Rc<T> {
        let place = (number - self.start()) as usize;
        let ring = &mut *self.ring.borrow_mut();
        let heard = &mut ring[place];
        heard.left -= 1;
        let value = if heard.left == 0 {
            heard.value.take()
        } else {
            heard.value.clone()
        };
        while ring.front().is_some_and(|oldest| oldest.left == 0) {
            ring.pop_front(); // its value was taken by the last receiver
        }
        value.expect("a value that a receiver has not received is in the ring")
    }

    /// Puts a value in, and returns the value that was dropped for it.
    fn push(&self, value: T) -> Option<Heard<T>> {
        let heard = Heard {
            value: Some(Rc::new(value)),
            left: self.receivers.count(),
        };
        let ring = &mut *self.ring.borrow_mut();
        let oldest = if ring.len() == self.capacity {
            ring.pop_front()
        } else {
            None
        };
        ring.push_back(heard);
        self.end.set(self.end.get() + 1);
        oldest
    }
}

impl<T> Grants for Chan<T> {
    type Want = u64;
    type Grant = ();

    fn waiters(&self) -> &WaitList<u64, ()> {
        &self.waiters
    }

    fn try_grant(&self, number: u64) -> Option<()> {
        (number < self.end.get() || self.senders.are_gone()).then_some(())
    }
}

/// Sends to all receivers. Clones send into the same channel.
pub struct Sender<T> {
    chan: Rc<Chan<T>>,
}

impl<T> Sender<T> {
    /// Sends to all receivers of this moment, without waiting; returns their number. If the channel is full, its oldest
    /// value is lost for the receivers that have not received it yet.
    ///
    /// # Errors
    ///
    /// Gives the value back if there is no receiver.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let receivers = self.chan.receivers.count();
        if receivers == 0 {
            return Err(SendError(value));
        }
        let oldest = self.chan.push(value);
        self.chan.waiters.grant_while(|_| Some(()));
        drop(oldest); // last: it is user code
        Ok(receivers)
    }

    /// A receiver of the values that are sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Rc::clone(&self.chan))
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.chan.receivers.count()
    }

    /// How many values are kept for receivers, from the oldest that a receiver has not received yet on.
    pub fn len(&self) -> usize {
        self.chan.ring.borrow().len()
    }

    /// Whether every receiver has received every value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
            self.chan.waiters.grant_while(|_| Some(()));
        }
    }
}

/// Receives every value that is sent while it exists.
pub struct Receiver<T> {
    chan: Rc<Chan<T>>,
    /// The number of the value that it gets next.
    next: u64,
    /// The wait of `poll_recv`.
    polled: Option<Wait<Rc<Chan<T>>>>,
}

impl<T> Receiver<T> {
    fn new(chan: Rc<Chan<T>>) -> Receiver<T> {
        chan.receivers.join();
        let next = chan.end.get();
        Receiver {
            chan,
            next,
            polled: None,
        }
    }

    /// Another receiver, of the values that are sent from now on.
    pub fn resubscribe(&self) -> Receiver<T> {
        Receiver::new(Rc::clone(&self.chan))
    }

    /// How many values it could receive without waiting.
    pub fn len(&self) -> usize {
        (self.chan.end.get() - self.next.max(self.chan.start())) as usize
    }

    /// Whether it would have to wait.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next value.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: a value stays in the channel until the future yields it, unless this receiver lags.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] reports, once, how many values were missed; the next call yields the oldest value that is
    /// left. [`RecvError::Closed`] means that all senders are gone and every value has been received.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        loop {
            Wait::new(&*self.chan, self.next).await;
            if let Some(answer) = self.answer() {
                return answer;
            }
        }
    }

    /// The poll under [`recv`](Self::recv), for adapters.
    ///
    /// # Wakes
    ///
    /// The waker of the last poll is kept until it is woken, or the receiver is dropped.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        loop {
            let begin = || Wait::new(Rc::clone(&self.chan), self.next);
            ready!(poll_kept(&mut self.polled, begin, cx));
            if let Some(answer) = self.answer() {
                return Poll::Ready(answer);
            }
        }
    }

    /// The result of a wait that is over. `None` if the drop of the last sender ended the wait, and a new sender was
    /// made since.
    fn answer(&mut self) -> Option<Result<T, RecvError>> {
        match self.try_recv() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
            Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
            Err(TryRecvError::Empty) => None,
        }
    }

    /// The next value, if it is there.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv), and [`TryRecvError::Empty`] if there is no value yet.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let start = self.chan.start();
        if self.next < start {
            let missed = start - self.next;
            self.next = start;
            return Err(TryRecvError::Lagged(missed));
        }
        if self.next == self.chan.end.get() {
            let closed = self.chan.senders.are_gone();
            return Err(if closed {
                TryRecvError::Closed
            } else {
                TryRecvError::Empty
            });
        }
        let value = self.chan.hear(self.next);
        self.next += 1;
        Ok(Rc::try_unwrap(value).unwrap_or_else(|shared| (*shared).clone()))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // First: this receiver must not count for a value that the destructors below send.
        self.chan.receivers.leave();
        let end = self.chan.end.get();
        loop {
            let number = self.next.max(self.chan.start());
            if number >= end {
                return;
            }
            self.next = number + 1;
            drop(self.chan.hear(number));
        }
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("broadcast")
            .field("len", &self.ring.borrow().len())
            .field("capacity", &self.capacity)
            .field("senders", &self.senders.count())
            .field("receivers", &self.receivers.count())
            .finish()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.chan).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&self.chan).finish()
    }
}

/// Why no value was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecvError {
    /// All senders are gone, and every value has been received.
    Closed,
    /// This number of values was dropped before they were received.
    Lagged(u64),
}

/// Why no value was received at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// A value may still come.
    Empty,
    /// All senders are gone, and every value has been received.
    Closed,
    /// This number of values was dropped before they were received.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("nothing to receive: all senders are gone"),
            RecvError::Lagged(missed) => write!(
                f,
                "missed {missed} values: receive more often, or give the channel more room"
            ),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("nothing to receive yet"),
            TryRecvError::Closed => RecvError::Closed.fmt(f),
            TryRecvError::Lagged(missed) => RecvError::Lagged(*missed).fmt(f),
        }
    }
}

impl Error for RecvError {}
impl Error for TryRecvError {}
