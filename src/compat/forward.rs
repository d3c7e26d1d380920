//! The traits that [`Here`] forwards to its value: those of the crates that ask for `Send`.
//!
//! Every method checks the thread, and panics on another one.

#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
use std::io::{self, IoSlice};
#[cfg(any(
    feature = "futures-io",
    feature = "hyper",
    feature = "stream",
    feature = "tokio"
))]
use std::pin::Pin;
#[cfg(any(
    feature = "futures-io",
    feature = "hyper",
    feature = "stream",
    feature = "tokio"
))]
use std::task::{Context, Poll};

#[cfg(any(
    feature = "futures-io",
    feature = "hyper",
    feature = "stream",
    feature = "tokio"
))]
use super::Here;

/// The methods of a foreign trait for writing. `close` is the trait's name of the last method.
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
macro_rules! write_to_the_inner_one {
    ($close:ident) => {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.inner().poll_write(cx, buf)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.inner().poll_write_vectored(cx, bufs)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.inner().poll_flush(cx)
        }

        fn $close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.inner().$close(cx)
        }
    };
}

#[cfg(feature = "futures-io")]
mod for_futures_io {
    use std::io::IoSliceMut;

    use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

    use super::*;

    impl<T: AsyncRead + Unpin> AsyncRead for Here<T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.inner().poll_read(cx, buf)
        }

        fn poll_read_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &mut [IoSliceMut<'_>],
        ) -> Poll<io::Result<usize>> {
            self.inner().poll_read_vectored(cx, bufs)
        }
    }

    impl<T: AsyncBufRead + Unpin> AsyncBufRead for Here<T> {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            self.inner().poll_fill_buf(cx)
        }

        fn consume(self: Pin<&mut Self>, count: usize) {
            self.inner().consume(count);
        }
    }

    impl<T: AsyncWrite + Unpin> AsyncWrite for Here<T> {
        write_to_the_inner_one!(poll_close);
    }
}

#[cfg(feature = "stream")]
mod for_streams {
    use futures_core::Stream;
    use futures_sink::Sink;

    use super::*;

    impl<S: Stream + Unpin> Stream for Here<S> {
        type Item = S::Item;

        fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
            self.inner().poll_next(cx)
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            (**self).size_hint()
        }
    }

    impl<T, S: Sink<T> + Unpin> Sink<T> for Here<S> {
        type Error = S::Error;

        fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner().poll_ready(cx)
        }

        fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), S::Error> {
            self.inner().start_send(item)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner().poll_flush(cx)
        }

        fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner().poll_close(cx)
        }
    }
}

#[cfg(feature = "tokio")]
mod for_tokio {
    use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    impl<T: AsyncRead + Unpin> AsyncRead for Here<T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.inner().poll_read(cx, buf)
        }
    }

    impl<T: AsyncBufRead + Unpin> AsyncBufRead for Here<T> {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            self.inner().poll_fill_buf(cx)
        }

        fn consume(self: Pin<&mut Self>, count: usize) {
            self.inner().consume(count);
        }
    }

    impl<T: AsyncWrite + Unpin> AsyncWrite for Here<T> {
        write_to_the_inner_one!(poll_shutdown);

        fn is_write_vectored(&self) -> bool {
            (**self).is_write_vectored()
        }
    }
}

#[cfg(feature = "hyper")]
mod for_hyper {
    use hyper::body::{Body, Frame, SizeHint};
    use hyper::rt::{Read, ReadBufCursor, Write};
    use hyper::service::Service;

    use super::*;

    impl<T: Read + Unpin> Read for Here<T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            self.inner().poll_read(cx, buf)
        }
    }

    impl<T: Write + Unpin> Write for Here<T> {
        write_to_the_inner_one!(poll_shutdown);

        fn is_write_vectored(&self) -> bool {
            (**self).is_write_vectored()
        }
    }

    impl<B: Body + Unpin> Body for Here<B> {
        type Data = B::Data;
        type Error = B::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
            self.inner().poll_frame(cx)
        }

        fn is_end_stream(&self) -> bool {
            (**self).is_end_stream()
        }

        fn size_hint(&self) -> SizeHint {
            (**self).size_hint()
        }
    }

    /// The responses are futures of this thread too, and are wrapped like the service.
    impl<R, S: Service<R>> Service<R> for Here<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = Here<S::Future>;

        fn call(&self, request: R) -> Here<S::Future> {
            Here::new((**self).call(request))
        }
    }
}

#[cfg(feature = "hyper-client")]
mod for_hyper_util {
    use hyper_util::client::legacy::connect::{Connected, Connection};
    use tower_service::Service;

    use super::*;

    impl<T: Connection> Connection for Here<T> {
        fn connected(&self) -> Connected {
            (**self).connected()
        }
    }

    /// The responses are futures of this thread too, and are wrapped like the service.
    impl<R, S: Service<R> + Unpin> Service<R> for Here<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = Here<S::Future>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            (**self).poll_ready(cx)
        }

        fn call(&mut self, request: R) -> Here<S::Future> {
            Here::new((**self).call(request))
        }
    }
}
