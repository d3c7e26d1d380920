//! `futures_core::Stream` for receivers and other sequences, and `futures_sink::Sink` for senders.
//!
//! - [`Interval`], [`mpsc::Receiver`], [`AsCompleted`] are streams.
//! - [`Queue`](crate::sync::Queue): [`stream`](crate::sync::Queue::stream) borrows it, as a getter;
//!   [`sink`](crate::sync::Queue::sink) as a putter.
//! - [`TcpListener`](crate::net::TcpListener), [`UnixListener`](crate::net::UnixListener):
//!   [`incoming`](crate::net::TcpListener::incoming) borrows them.
//! - [`Lines`](crate::io::Lines), [`broadcast::Receiver`](crate::sync::broadcast::Receiver),
//!   [`watch::Receiver`](crate::sync::watch::Receiver): `into_stream`.
//! - [`mpsc::UnboundedSender`] is a sink.
//! - [`mpsc::Sender`] has [`into_sink`](crate::sync::mpsc::Sender::into_sink).
//!
//! If the type has an `async` method, a loop around the method is plainer: `while let Some(item) = queue.get().await`.
//! The streams are for the combinators of the `futures` crates, and for crates that ask for a `Stream`.

mod incoming;
mod queue;
mod sinks;
mod unfold;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_core::Stream;

use crate::future::AsCompleted;
use crate::sync::mpsc;
use crate::time::Interval;

pub use incoming::Incoming;
pub use queue::{QueueSink, QueueStream};

/// The instants at which the ticks were due. The stream never ends.
impl Stream for Interval {
    type Item = Instant;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.get_mut().poll_tick(cx).map(Some)
    }
}

/// Ends when the channel ends.
impl<T> Stream for mpsc::Receiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().poll_recv(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), None)
    }
}

/// The outputs in the order of completion. After the end a new future may be pushed, and the stream goes on.
impl<F: Future> Stream for AsCompleted<F> {
    type Item = F::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let next = AsCompleted::poll_next(self.get_mut(), cx);
        next.map(|completed| completed.map(|(_, output)| output))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}
