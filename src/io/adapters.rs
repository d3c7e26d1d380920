//! Streams of other crates as readers and writers of this crate.
//!
//! The traits of tokio and of futures-io have `poll_` functions, and the traits of this crate
//! `async` methods, so each method here is a `poll_fn`. A poll of the foreign stream that is not
//! ready has moved nothing, as [`Read`] and [`Write`] require of a cancelled call. But a dropped
//! future cannot take its waker back from the foreign stream; the stream wakes it once, in vain, or
//! drops it at the next poll.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Read, Write};
use crate::context;

/// The two adapters, except for their traits.
macro_rules! adapter {
    ($adapter:ident, $written:path, $close:ident) => {
        impl<S> $adapter<S> {
            /// Takes a foreign stream. No loop need be running.
            pub fn new(stream: S) -> $adapter<S> {
                $adapter { stream }
            }

            /// The stream inside.
            pub fn get_ref(&self) -> &S {
                &self.stream
            }

            /// The stream inside.
            pub fn get_mut(&mut self) -> &mut S {
                &mut self.stream
            }

            /// The stream inside. The adapter has no buffer, so no bytes are lost.
            pub fn into_inner(self) -> S {
                self.stream
            }
        }

        impl<S: $written + Unpin> Write for $adapter<S> {
            async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                counting(|cx| Pin::new(&mut self.stream).poll_write(cx, buf)).await
            }

            async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                counting(|cx| Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)).await
            }

            async fn flush(&mut self) -> io::Result<()> {
                counting(|cx| Pin::new(&mut self.stream).poll_flush(cx)).await
            }

            /// Flushes, and ends the writing side in the way of the stream: TLS, for example, sends its end mark.
            async fn close(&mut self) -> io::Result<()> {
                counting(|cx| Pin::new(&mut self.stream).$close(cx)).await
            }
        }
    };
}

/// Polls until it is ready. Counts as one operation of this crate, because the foreign stream may have no budget.
async fn counting<T>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> io::Result<T> {
    poll_fn(|cx| {
        ready!(context::poll_budget(cx));
        let result = ready!(poll(cx));
        context::spend_budget();
        Poll::Ready(result)
    })
    .await
}

/// A stream with tokio's traits, as a [`Read`] and a [`Write`]: for TLS, pipes and compression behind our
/// [`BufReader`](super::BufReader), its lines, and [`copy`](super::copy()). With the feature `tokio`.
///
/// # Cancellation
///
/// As the polls of the stream: a poll that is not ready has moved nothing.
///
/// # Wakes
///
/// The stream keeps the waker of the last poll. Dropping a future does not remove the waker.
///
/// ```
/// use roundelay::io::{BufReader, FromTokio, Write};
/// use roundelay::net::UnixStream;
///
/// roundelay::run(async {
///     let (near, far) = UnixStream::pair()?; // or any other stream with the traits of tokio
///     let writer = roundelay::spawn(async {
///         let mut near = FromTokio::new(near);
///         near.write_all(b"one\ntwo\n").await?;
///         near.close().await
///     });
///     let mut lines = BufReader::new(FromTokio::new(far)).lines();
///     assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
///     assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
///     assert_eq!(lines.next_line().await?, None);
///     writer.await.unwrap()?;
///     Ok::<(), roundelay::io::ReadError>(())
/// })
/// .unwrap();
/// ```
#[cfg(feature = "tokio")]
#[derive(Clone, Debug)]
pub struct FromTokio<S> {
    stream: S,
}

#[cfg(feature = "tokio")]
adapter!(FromTokio, tokio::io::AsyncWrite, poll_shutdown);

#[cfg(feature = "tokio")]
impl<S: tokio::io::AsyncRead + Unpin> Read for FromTokio<S> {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = tokio::io::ReadBuf::new(buf);
        counting(|cx| Pin::new(&mut self.stream).poll_read(cx, &mut buf)).await?;
        Ok(buf.filled().len())
    }
}

/// A stream with the traits of futures-io, as a [`Read`] and a [`Write`]. With the feature `futures-io`.
///
/// # Cancellation
///
/// As the polls of the stream: a poll that is not ready has moved nothing.
///
/// # Wakes
///
/// The stream keeps the waker of the last poll. Dropping a future does not remove the waker.
///
/// ```
/// use roundelay::io::{BufReader, FromFutures};
///
/// roundelay::run(async {
///     let stream = &b"one\ntwo\n"[..]; // or any other stream with the traits of futures-io
///     let mut lines = BufReader::new(FromFutures::new(stream)).lines();
///     assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
///     assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
///     assert_eq!(lines.next_line().await?, None);
///     Ok::<(), roundelay::io::ReadError>(())
/// })
/// .unwrap();
/// ```
#[cfg(feature = "futures-io")]
#[derive(Clone, Debug)]
pub struct FromFutures<S> {
    stream: S,
}

#[cfg(feature = "futures-io")]
adapter!(FromFutures, futures_io::AsyncWrite, poll_close);

#[cfg(feature = "futures-io")]
impl<S: futures_io::AsyncRead + Unpin> Read for FromFutures<S> {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        counting(|cx| Pin::new(&mut self.stream).poll_read(cx, buf)).await
    }
}
