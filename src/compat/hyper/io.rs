//! `hyper::rt::{Read, Write}`: what tokio's traits do, by hyper-util's adapter.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use crate::io::sockets::for_each_stream;
use crate::net::{TcpStream, UnixStream};

macro_rules! stream {
    ($socket:ty: $methods:ident) => {
        impl Read for $socket {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut TokioIo::new(self.get_mut())).poll_read(cx, buf)
            }
        }

        impl Write for $socket {
            super::super::sockets::write_to_a_socket!($methods, poll_shutdown);

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    };
}

for_each_stream!(stream);
