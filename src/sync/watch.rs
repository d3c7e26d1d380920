//! Every receiver sees the latest value.
//!
//! The value lives in an `Rc`, and a look at it is a snapshot: another `Rc`. So a receiver never
//! blocks a sender, even if it keeps a snapshot across an `.await`, and no user code runs while the
//! channel is borrowed. (tokio lends the value behind a read lock, and a guard that is kept across
//! an `.await` blocks the sender.)

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::mem;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::ends::Ends;
use super::event::Event;
use super::wait_list::{Grants, Wait, WaitList, poll_kept};
use crate::declared::Made;

pub use super::unheard::SendError;

/// A channel that holds one value, at first `value`. That value counts as seen.
///
/// # Examples
///
/// ```
/// use roundelay::sync::watch;
///
/// roundelay::run(async {
///     let (config, mut seen) = watch::channel("old");
///     roundelay::spawn(async move { config.send("new") });
///     seen.changed().await.unwrap();
///     assert_eq!(*seen.borrow_and_update(), "new");
///     assert!(seen.changed().await.is_err()); // the sender is gone
/// });
/// ```
#[track_caller]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let made = Made::here("a new value of the watch channel");
    let sender = Sender {
        chan: Rc::new(Chan {
            value: RefCell::new(Rc::new(value)),
            version: Cell::new(0),
            senders: Ends::new(1),
            receivers: Ends::new(0),
            waiters: WaitList::new(made),
            unwatched: Event::of(made.but("the end of the receivers of the watch channel")),
        }),
    };
    let receiver = sender.subscribe();
    (sender, receiver)
}

struct Chan<T> {
    value: RefCell<Rc<T>>,
    /// How many values were sent after the first.
    version: Cell<u64>,
    senders: Ends,
    receivers: Ends,
    /// Receivers, each with its version, waiting for another.
    waiters: WaitList<u64, ()>,
    /// Set while there is no receiver.
    unwatched: Event,
}

impl<T> Chan<T> {
    fn snapshot(&self) -> Rc<T> {
        Rc::clone(&self.value.borrow())
    }

    /// Puts a value in and returns the old value, which the caller drops when nothing is borrowed.
    fn replace(&self, value: Rc<T>) -> Rc<T> {
        let last = mem::replace(&mut *self.value.borrow_mut(), value);
        self.version.set(self.version.get() + 1);
        self.waiters.grant_while(|_| Some(()));
        last
    }
}

impl<T> Grants for Chan<T> {
    type Want = u64;
    type Grant = ();

    fn waiters(&self) -> &WaitList<u64, ()> {
        &self.waiters
    }

    fn try_grant(&self, seen: u64) -> Option<()> {
        (seen != self.version.get() || self.senders.are_gone()).then_some(())
    }
}

/// Changes the value. Clones change the same value.
pub struct Sender<T> {
    chan: Rc<Chan<T>>,
}

impl<T> Sender<T> {
    /// Makes `value` the latest.
    ///
    /// # Errors
    ///
    /// Gives the value back if there is no receiver; see [`send_replace`](Self::send_replace).
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        drop(self.chan.replace(Rc::new(value)));
        Ok(())
    }

    /// Makes `value` the latest, even if there is no receiver, and returns the value before.
    pub fn send_replace(&self, value: T) -> Rc<T> {
        self.chan.replace(Rc::new(value))
    }

    /// Changes a copy of the latest value and makes it the latest. If `modify` panics, nothing changes.
    pub fn send_modify(&self, modify: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes a copy of the latest value, and makes it the latest if `modify` returns true. Returns the same.
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool
    where
        T: Clone,
    {
        let mut value = (*self.chan.snapshot()).clone();
        let modified = modify(&mut value);
        if modified {
            drop(self.chan.replace(Rc::new(value)));
        }
        modified
    }

    /// A snapshot of the latest value.
    pub fn borrow(&self) -> Rc<T> {
        self.chan.snapshot()
    }

    /// A receiver that has seen the value as it is now.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Rc::clone(&self.chan), self.chan.version.get())
    }

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.chan.receivers.are_gone()
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn closed(&self) {
        self.chan.unwatched.wait().await;
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.chan.receivers.count()
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

/// Watches the value. A clone has seen the same version.
pub struct Receiver<T> {
    chan: Rc<Chan<T>>,
    /// The last version that it has seen.
    seen: u64,
    /// The wait of `poll_changed`.
    polled: Option<Wait<Rc<Chan<T>>>>,
}

impl<T> Receiver<T> {
    fn new(chan: Rc<Chan<T>>, seen: u64) -> Receiver<T> {
        chan.receivers.join();
        chan.unwatched.clear();
        Receiver {
            chan,
            seen,
            polled: None,
        }
    }

    /// A snapshot of the latest value, which does not count as seen.
    pub fn borrow(&self) -> Rc<T> {
        self.chan.snapshot()
    }

    /// A snapshot of the latest value, which counts as seen.
    pub fn borrow_and_update(&mut self) -> Rc<T> {
        self.seen = self.chan.version.get();
        self.chan.snapshot()
    }

    /// Whether there is a value that this receiver has not seen.
    ///
    /// # Errors
    ///
    /// If there is no such value and all senders are gone.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let changed = self.seen != self.chan.version.get();
        if !changed && self.chan.senders.are_gone() {
            Err(RecvError(()))
        } else {
            Ok(changed)
        }
    }

    /// Waits for a value that this receiver has not seen, and counts it as seen. Of several new values only the latest
    /// is there.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: nothing counts as seen before the future yields.
    ///
    /// # Errors
    ///
    /// If all senders are gone and their last value has been seen.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        loop {
            Wait::new(&*self.chan, self.seen).await;
            if self.see()? {
                return Ok(());
            }
        }
    }

    /// The poll under [`changed`](Self::changed), for adapters.
    ///
    /// # Wakes
    ///
    /// The waker of the last poll is kept until it is woken, or the receiver is dropped.
    ///
    /// # Errors
    ///
    /// As for [`changed`](Self::changed).
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RecvError>> {
        loop {
            let begin = || Wait::new(Rc::clone(&self.chan), self.seen);
            ready!(poll_kept(&mut self.polled, begin, cx));
            if self.see()? {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Counts the latest value as seen at the end of a wait. It may have been seen before: if the drop of the last
    /// sender ended the wait, and a new sender was made since.
    fn see(&mut self) -> Result<bool, RecvError> {
        let changed = self.has_changed()?;
        if changed {
            self.seen = self.chan.version.get();
        }
        Ok(changed)
    }

    /// Waits until the latest value satisfies `predicate`, and yields that value. The present value is tried first.
    ///
    /// # Cancellation
    ///
    /// Values that did not satisfy `predicate` count as seen.
    ///
    /// # Errors
    ///
    /// If all senders are gone and their last value did not satisfy `predicate`.
    pub async fn wait_for(
        &mut self,
        mut predicate: impl FnMut(&T) -> bool,
    ) -> Result<Rc<T>, RecvError> {
        loop {
            let value = self.borrow_and_update();
            if predicate(&value) {
                return Ok(value);
            }
            self.changed().await?;
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver::new(Rc::clone(&self.chan), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.chan.receivers.leave() {
            self.chan.unwatched.set();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("value", &self.borrow())
            .finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("value", &self.borrow())
            .finish()
    }
}

/// All senders are gone, and their last value has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecvError(());

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no new value: all senders are gone")
    }
}

impl Error for RecvError {}
