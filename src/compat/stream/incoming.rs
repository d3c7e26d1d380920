//! The connections of a listener.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::net::sys::for_each_family;

/// The connections of a listener, one after another. Made by `incoming` of [`TcpListener`](crate::net::TcpListener) and
/// [`UnixListener`](crate::net::UnixListener).
///
/// The stream never ends, not even after an error. At the descriptor limit the next `accept` fails at once in the same
/// way, so sleep a little after an error, as [`net::serve`](crate::net::serve) does.
///
/// # Cancellation
///
/// Nothing is lost: while the stream waits, no connection has been accepted.
///
/// # Wakes
///
/// As [`TcpListener::poll_accept`](crate::net::TcpListener::poll_accept): all polls share one place in the line, and
/// the last waker stays there.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Incoming<'a, L> {
    listener: &'a L,
}

/// The listeners differ in their kind of address.
macro_rules! incoming {
    ($listener:ty, $stream:ty) => {
        impl $listener {
            /// The connections as a stream. The connections know their peers (`peer_addr`). With the feature `stream`.
            ///
            /// # Cancellation
            ///
            /// Nothing is lost.
            pub fn incoming(&self) -> Incoming<'_, $listener> {
                Incoming { listener: self }
            }
        }

        impl Stream for Incoming<'_, $listener> {
            type Item = io::Result<$stream>;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                let accepted = self.listener.poll_accept(cx);
                accepted.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
            }
        }
    };
}

for_each_family!(incoming);
