//! `hyper::rt::{Read, Write}` for the streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::compat::kept::read_by_way_of_the_kept_piece;
use crate::compat::sockets::write_to_a_socket;
use crate::io::Duplex;
use crate::io::sockets::for_each_stream;

macro_rules! stream {
    ($socket:ty: $methods:ty) => {
        impl Read for $socket {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let read = |room: &mut [u8]| <$methods>::poll_read(&self, cx, room);
                let room = buf.remaining();
                read_by_way_of_the_kept_piece(room, read, |bytes| buf.put_slice(bytes))
            }
        }

        impl Write for $socket {
            write_to_a_socket!($methods, poll_shutdown);

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    };
}

for_each_stream!(stream);
stream!(Duplex: Duplex);
