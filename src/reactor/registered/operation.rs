//! The future of the awaited methods of a [`Registered`].

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Registered;
use crate::reactor::Interest;
use crate::reactor::source::Place;
use crate::reactor::sys::Watched;

impl<S: Watched> Registered<S> {
    /// The future of all the awaited methods.
    pub(crate) fn operation<T, F>(&self, interest: Interest, attempt: F) -> Operation<'_, S, F>
    where
        F: FnMut(&S) -> io::Result<T>,
    {
        Operation {
            io: self,
            interest,
            place: Place::default(),
            attempt,
        }
    }
}

/// One operation, tried until it does not block. It owns its place in the line, and leaves it when it is dropped.
pub(crate) struct Operation<'a, S: Watched, F> {
    io: &'a Registered<S>,
    interest: Interest,
    place: Place,
    attempt: F,
}

/// `attempt` is called, never pinned.
impl<S: Watched, F> Unpin for Operation<'_, S, F> {}

impl<S: Watched, T, F: FnMut(&S) -> io::Result<T>> Future for Operation<'_, S, F> {
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = self.get_mut();
        this.io
            .poll_at(&this.place, cx, this.interest, &mut this.attempt)
    }
}

impl<S: Watched, F> Drop for Operation<'_, S, F> {
    // Guarded by tests/io/edge.rs::a_cancelled_waiter_leaves_nothing_behind
    fn drop(&mut self) {
        self.io.leave(&self.place);
    }
}
