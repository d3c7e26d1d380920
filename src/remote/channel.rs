//! Many senders on any thread, one receiver in a loop, values in order.
//!
//! [`sync::mpsc`](crate::sync::mpsc) is for the tasks of one loop: its ends are not `Send`, and cost no lock. This
//! channel is for senders on other threads: plain threads, tasks of other loops, tasks of other runtimes. One mutex
//! protects all shared state of the two ends, and the work under it is short: a value moves, a waker moves. No
//! destructor of a value and no waker runs under the lock (*no-user-code-under-borrow*).
//!
//! # One wake for a burst
//!
//! The receiver leaves its waker when the channel is empty. The first value takes the waker and wakes. The values after
//! it find no waker, and cost only the lock. A waker of this crate then uses the inbox: at most one system call, and
//! none if the loop is awake.
//!
//! # The line of senders
//!
//! A sender that finds no room takes a ticket and joins the line. Tickets are numbered, and room is granted in the
//! order of the numbers, so the granted tickets always stand at the front:
//!
//! ```text
//!   line:   7: granted   8: granted   | 9: a waker   11: a waker
//!                                     ^ first_waiting = 9
//! ```
//!
//! A granted sender that is dropped before it has sent gives the room to the next sender in the line. A new sender does
//! not pass the line.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use crate::context;
use crate::declared::Made;
use crate::foreign;
use crate::sync::mpsc::SendError;

mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::{Sender, Sending};

/// A channel into a loop, with room for `capacity` values. 0 counts as 1, and `usize::MAX` is no bound in practice.
///
/// The room is not allocated beforehand. Allocated room is used again.
///
/// ```
/// use roundelay::remote;
///
/// let sum = roundelay::run(async {
///     let (sender, mut receiver) = remote::channel(8);
///     let thread = std::thread::spawn(move || {
///         for n in 1..=100 {
///             sender.send_blocking(n).unwrap(); // waits while eight are in the channel
///         }
///     });
///     let mut sum = 0;
///     while let Some(n) = receiver.recv().await {
///         sum += n;
///     }
///     thread.join().unwrap();
///     sum
/// });
/// assert_eq!(sum, 5_050);
/// ```
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = State {
        values: VecDeque::new(),
        capacity: capacity.max(1),
        senders: 1,
        is_closed: false,
        receiver: None,
        line: BTreeMap::new(),
        granted: 0,
        first_waiting: 0,
        next_ticket: 0,
    };
    let chan = Arc::new(Chan {
        state: Mutex::new(state),
        made: Made::here("a value of the remote channel"),
    });
    (Sender::new(Arc::clone(&chan)), Receiver::new(chan))
}

/// The owners of wakers, for the log.
const OF_RECEIVER: &str = "the receiver of a remote channel";
const OF_SENDER: &str = "a sender of a remote channel";

struct Chan<T> {
    state: Mutex<State<T>>,
    made: Made,
}

struct State<T> {
    values: VecDeque<T>,
    capacity: usize,
    senders: usize,
    /// The receiver has closed the channel, or is gone.
    is_closed: bool,
    receiver: Option<Waker>,
    /// The senders that found no room, by ticket. `None`: this sender has been granted room.
    line: BTreeMap<u64, Option<Waker>>,
    /// How many of these senders have been granted room.
    granted: usize,
    /// All senders before this ticket have been granted room, or are gone.
    first_waiting: u64,
    next_ticket: u64,
}

/// The result of an attempt to send.
enum Attempt {
    /// The value is in the channel. The waker is the receiver's, if it waits.
    Sent(Option<Waker>),
    Full,
    Closed,
}

impl<T> Chan<T> {
    /// The lock is never poisoned: nothing that could panic runs under it.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the value if it is this sender's turn. If not, leaves the waker, if there is one, in the line. Both happen
    /// under one lock, so that the sender misses no room.
    fn send_or_queue(
        &self,
        ticket: &mut Option<u64>,
        value: &mut Option<T>,
        waker: Option<Waker>,
    ) -> Poll<Result<(), SendError<T>>> {
        let mut state = self.lock();
        let attempt = state.attempt(ticket, value);
        let rest = match (&attempt, waker) {
            (Attempt::Full, Some(waker)) => state.queue(ticket, waker),
            (_, waker) => waker,
        };
        drop(state);
        foreign::let_go(rest, OF_SENDER);
        match attempt {
            Attempt::Sent(receiver) => {
                wake(receiver, OF_RECEIVER);
                Poll::Ready(Ok(()))
            }
            Attempt::Full => Poll::Pending,
            Attempt::Closed => {
                let value = value.take().expect("a closed channel takes nothing");
                Poll::Ready(Err(SendError(value)))
            }
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.granted = 0;
        let line = std::mem::take(&mut state.line);
        let receiver = state.receiver.take();
        drop(state);
        foreign::let_go(receiver, OF_RECEIVER);
        for waker in line.into_values() {
            wake(waker, OF_SENDER);
        }
    }
}

impl<T> State<T> {
    fn has_room(&self) -> bool {
        self.values.len() + self.granted < self.capacity
    }

    /// Moves the value into the channel, if it is this sender's turn.
    fn attempt(&mut self, ticket: &mut Option<u64>, value: &mut Option<T>) -> Attempt {
        if self.is_closed {
            return Attempt::Closed;
        }
        let may_send = match *ticket {
            // Freed room is granted to the line first, so where there is room no sender waits, and none is passed.
            None => self.has_room(),
            Some(number) => matches!(self.line.get(&number), Some(None)),
        };
        if !may_send {
            return Attempt::Full;
        }
        debug_assert!(ticket.is_some() || self.line.len() == self.granted);
        if let Some(number) = ticket.take() {
            self.line.remove(&number);
            self.granted -= 1;
        }
        self.values.extend(value.take());
        Attempt::Sent(self.receiver.take())
    }

    /// Joins the line, or replaces the waker there. Returns the old waker.
    fn queue(&mut self, ticket: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        let next = &mut self.next_ticket;
        let number = *ticket.get_or_insert_with(|| {
            *next += 1;
            *next - 1
        });
        self.line.insert(number, Some(waker)).flatten()
    }

    /// Grants one more place, if there is room, to the sender that has waited longest. Returns its waker.
    fn grant(&mut self) -> Option<Waker> {
        if self.is_closed || !self.has_room() {
            return None;
        }
        let (&number, waiting) = self.line.range_mut(self.first_waiting..).next()?;
        self.first_waiting = number + 1;
        self.granted += 1;
        waiting.take()
    }

    /// A sender gives up. Returns the waker to wake instead, and the waker to drop.
    fn leave(&mut self, number: u64) -> (Option<Waker>, Option<Waker>) {
        match self.line.remove(&number) {
            // Guarded by tests/remote/channel.rs::room_that_was_granted_to_a_sender_that_is_dropped_goes_to_the_next
            Some(None) => {
                self.granted -= 1;
                (self.grant(), None)
            }
            Some(own) => (None, own),
            None => (None, None),
        }
    }

    /// Takes the next value, and grants its room to a sender.
    fn pop(&mut self) -> Poll<(Option<T>, Option<Waker>)> {
        match self.values.pop_front() {
            Some(value) => Poll::Ready((Some(value), self.grant())),
            None if self.senders == 0 || self.is_closed => Poll::Ready((None, None)),
            None => Poll::Pending,
        }
    }
}

fn wake(waker: Option<Waker>, of: &str) {
    if let Some(waker) = waker {
        foreign::wake(waker, of);
    }
}

impl<T> Chan<T> {
    fn take(&self) -> Poll<Option<T>> {
        let (value, sender) = ready!(self.lock().pop());
        wake(sender, OF_SENDER);
        Poll::Ready(value)
    }

    fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(context::poll_budget(cx));
        let mut answer = self.take();
        if answer.is_pending() {
            let waker = context::waker_for(cx, || self.made);
            answer = self.take_or_wait(waker);
        }
        if answer.is_ready() {
            context::spend_budget();
        }
        answer
    }

    /// Leaves the waker, unless a value has come: both under one lock, so that the receiver misses no value.
    fn take_or_wait(&self, waker: Waker) -> Poll<Option<T>> {
        let mut state = self.lock();
        let (answer, sender, rest) = match state.pop() {
            Poll::Ready((value, sender)) => (Poll::Ready(value), sender, Some(waker)),
            Poll::Pending => (Poll::Pending, None, state.receiver.replace(waker)),
        };
        drop(state);
        foreign::let_go(rest, OF_RECEIVER);
        wake(sender, OF_SENDER);
        answer
    }

    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct(name)
            .field("len", &state.values.len())
            .field("senders", &state.senders)
            .field("is_closed", &state.is_closed)
            .finish()
    }
}
