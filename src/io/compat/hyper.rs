//! `hyper::rt`: HTTP over the stream sockets, on one thread.
//!
//! There is no `hyper::rt::Timer`: it asks for sleeps that are `Send`, and ours belong to their loop. Put a
//! [`timeout`](crate::time::timeout) around the connection instead.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Executor, Read, ReadBufCursor, Write};

use crate::io::sockets::{EndWriting, for_each_stream};
use crate::net::{TcpStream, UnixStream};

/// How much is read at a time. Hyper's buffer may be uninitialized, and to read into that takes `unsafe`; one more copy does
/// not.
const PIECE: usize = 8 * 1024;

/// Runs what hyper wants to have run (HTTP/2 does) as tasks of the loop that is running on this thread.
///
/// Only with the feature `hyper`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoopExecutor;

impl<F> Executor<F> for LoopExecutor
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, future: F) {
        drop(crate::task::spawn(future));
    }
}

macro_rules! stream {
    ($socket:ty: $methods:ident) => {
        impl Read for $socket {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let mut piece = [0; PIECE];
                let room = buf.remaining().min(PIECE);
                let count = ready!($methods::poll_read(&self, cx, &mut piece[..room]))?;
                buf.put_slice(&piece[..count]);
                Poll::Ready(Ok(()))
            }
        }

        impl Write for $socket {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                $methods::poll_write(&self, cx, buf)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                $methods::poll_write_vectored(&self, cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.end_writing())
            }
        }
    };
}

for_each_stream!(stream);
