//! `tokio::io::{AsyncRead, AsyncWrite}`: for crates that are written for tokio's traits and do not need its runtime.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::sockets::write_to_a_socket;
use crate::io::sockets::{for_each_reader, for_each_writer};
use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, UnixStream, WriteHalf};

/// How much is read at a time, at most. A buffer must be cleared where nobody has written to it yet, and one that is offered
/// anew for each read (hyper's is) would be cleared each time as a whole.
const PIECE: usize = 64 * 1024;

macro_rules! reader {
    ($socket:ty: $methods:ident) => {
        impl AsyncRead for $socket {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let room = buf.remaining().min(PIECE);
                let piece = buf.initialize_unfilled_to(room);
                let count = ready!($methods::poll_read(&self, cx, piece))?;
                buf.advance(count);
                Poll::Ready(Ok(()))
            }
        }
    };
}

macro_rules! writer {
    ($socket:ty: $methods:ident) => {
        impl AsyncWrite for $socket {
            write_to_a_socket!($methods, poll_shutdown);

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    };
}

for_each_reader!(reader);
for_each_writer!(writer);
