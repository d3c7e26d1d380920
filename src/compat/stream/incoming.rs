//! The connections of a listener.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::net::sys::for_each_family;

/// The connections of a listener, one after another. From `incoming` of [`TcpListener`](crate::net::TcpListener) and [`UnixListener`](crate::net::UnixListener).
///
/// It never ends, not after an error either. At the descriptor limit the next `accept` fails at once in the same way, so sleep a
/// little behind an error; [`net::serve`](crate::net::serve) does.
///
/// # Cancellation
///
/// Nothing is lost: no connection has been accepted while it waits.
///
/// # Wakes
///
/// As [`TcpListener::poll_accept`](crate::net::TcpListener::poll_accept): one place in the line for all that poll, and the last waker stays there.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Incoming<'a, L> {
    listener: &'a L,
}

/// The listeners differ in what they listen for.
macro_rules! incoming {
    ($listener:ty, $stream:ty) => {
        impl $listener {
            /// The connections as a stream. Their peers are known to the connections (`peer_addr`). With the feature `stream`.
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
