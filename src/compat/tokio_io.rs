//! `tokio::io::{AsyncRead, AsyncWrite}`: for crates that are written for tokio's traits and do not need its runtime.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::kept::read_by_way_of_the_kept_piece;
use super::sockets::write_to_a_socket;
use crate::io::sockets::{for_each_reader, for_each_writer};
use crate::io::{Duplex, DuplexReader, DuplexWriter};

/// Reads directly if all of the memory is initialized.
fn read_into(
    buf: &mut ReadBuf<'_>,
    read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<()>> {
    if buf.initialized().len() < buf.capacity() {
        let room = buf.remaining();
        return read_by_way_of_the_kept_piece(room, read, |bytes| buf.put_slice(bytes));
    }
    let count = ready!(read(buf.initialize_unfilled()))?;
    buf.advance(count);
    Poll::Ready(Ok(()))
}

macro_rules! reader {
    ($socket:ty: $methods:ty) => {
        impl AsyncRead for $socket {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let read = |room: &mut [u8]| <$methods>::poll_read(&self, cx, room);
                read_into(buf, read)
            }
        }
    };
}

macro_rules! writer {
    ($socket:ty: $methods:ty) => {
        impl AsyncWrite for $socket {
            write_to_a_socket!($methods, poll_shutdown);

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    };
}

for_each_reader!(reader);
reader!(Duplex: Duplex);
reader!(DuplexReader: DuplexReader);
for_each_writer!(writer);
writer!(Duplex: Duplex);
writer!(DuplexWriter: DuplexWriter);
