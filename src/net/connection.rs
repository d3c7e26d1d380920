//! One connection of a server, and the book that counts the connections.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use super::complaints::Complaints;
use crate::context;
use crate::foreign::{self, Level, Payload};
use crate::sync::Notify;
use crate::task::JoinError;

/// Serves one connection. Its error and its panic go to the log (errors once a second at most) and to the book. If panics
/// end the run of this loop, a panic goes on.
pub(super) async fn connection<S, P, H, F, E>(
    mut entry: Entry,
    handler: Rc<H>,
    stream: S,
    peer: P,
) -> Result<(), Infallible>
where
    P: fmt::Debug + Clone,
    H: Fn(S, P) -> F,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    let who = peer.clone();
    let mut future = pin!(Some(async move { handler(stream, peer).await }));
    entry.end = match poll_fn(|cx| poll_contained(future.as_mut(), cx)).await {
        Ok(Ok(())) => End::Finished,
        Ok(Err(error)) => {
            if let Some(unsaid) = entry.book.failures.one_more() {
                foreign::tell(
                    Level::Warn,
                    foreign::IO,
                    format_args!(
                        "the connection from {who:?} failed: {error} ({unsaid} more have failed since the last line)"
                    ),
                );
            }
            End::Failed
        }
        Err(payload) => {
            let mut error = JoinError::panicked(payload);
            foreign::tell(
                Level::Error,
                foreign::IO,
                format_args!("the connection from {who:?}: {error}"),
            );
            let scheduler = context::with_current("serve", |context| Rc::clone(&context.scheduler));
            scheduler.heed(&mut error);
            End::Panicked
        }
    };
    Ok(())
}

/// Polls a future, and drops it when it has ended. Catches the panics of both.
fn poll_contained<F: Future>(
    mut future: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, Payload>> {
    let polled = foreign::catch(|| {
        let future = future.as_mut().as_pin_mut();
        future.expect("not polled after its end").poll(cx)
    });
    let result = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => Err(payload),
    };
    let dropped = foreign::catch(|| future.set(None));
    Poll::Ready(dropped.and(result))
}

/// What has become of the connections so far.
#[derive(Default)]
pub(super) struct Book {
    served: RefCell<Served>,
    alive: Cell<usize>,
    ended: Notify,
    is_closed: Cell<bool>,
    failures: Complaints,
}

impl Book {
    #[inline]
    pub(super) fn enter(self: &Rc<Self>) -> Entry {
        let mut served = self.served.borrow_mut();
        served.accepted += 1;
        self.alive.set(self.alive.get() + 1);
        served.peak = served.peak.max(self.alive.get());
        Entry {
            book: Rc::clone(self),
            end: End::Cancelled,
        }
    }

    #[inline]
    pub(super) fn limited(&self) {
        self.served.borrow_mut().limited += 1;
    }

    #[inline]
    pub(super) fn refused(&self) {
        self.served.borrow_mut().refused += 1;
    }

    /// The grace is over: connections that end from now on were cut off.
    #[inline]
    pub(super) fn close(&self) {
        self.is_closed.set(true);
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    #[inline]
    pub(super) fn alive(&self) -> usize {
        self.alive.get()
    }

    #[inline]
    pub(super) fn served(&self) -> Served {
        *self.served.borrow()
    }

    /// Waits until a connection ends.
    pub(super) async fn one_ended(&self) {
        self.ended.notified().await;
    }

    /// Waits until no connection is open.
    pub(super) async fn all_ended(&self) {
        while self.alive() > 0 {
            self.one_ended().await;
        }
    }
}

/// A connection's entry in the book. Its task owns it, so that dropping it counts the connection however the task ends.
pub(super) struct Entry {
    book: Rc<Book>,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Cancelled,
    Finished,
    Failed,
    Panicked,
}

impl Drop for Entry {
    #[inline]
    fn drop(&mut self) {
        // The connection is cut off, and its destructor panics.
        let is_panicking = thread::panicking();
        let mut served = self.book.served.borrow_mut();
        *match self.end {
            End::Cancelled if is_panicking => &mut served.panicked,
            End::Cancelled => &mut served.cancelled,
            End::Finished => &mut served.finished,
            End::Failed => &mut served.failed,
            End::Panicked => &mut served.panicked,
        } += 1;
        drop(served);
        self.book.alive.set(self.book.alive.get() - 1);
        self.book.ended.notify_waiters();
    }
}

/// What a server has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Connections that were accepted. The next four counts add up to it.
    pub accepted: u64,
    /// Connections whose handler returned `Ok`.
    pub finished: u64,
    /// Connections whose handler returned an error.
    pub failed: u64,
    /// Connections whose handler panicked.
    pub panicked: u64,
    /// Connections that had not ended when the grace was over, and were dropped.
    pub cancelled: u64,
    /// The most connections that were open at the same time.
    pub peak: usize,
    /// How many times the server was at its limit, and waited for a connection to end before it accepted the next.
    pub limited: u64,
    /// How many times `accept` failed, mostly for want of descriptors. No connection is lost by this.
    pub refused: u64,
}

impl fmt::Display for Served {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "connections: {}, at once: {}, finished: {}, failed: {}, panicked: {}, cut off: {}; waits at the limit: {}, \
             failed accepts: {}",
            self.accepted,
            self.peak,
            self.finished,
            self.failed,
            self.panicked,
            self.cancelled,
            self.limited,
            self.refused,
        )
    }
}
