//! `futures_io::{AsyncRead, AsyncWrite}`: for the adapters of the `futures` family.

use std::io::{self, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::sockets::write_to_a_socket;
use crate::io::sockets::{for_each_reader, for_each_writer};
use crate::io::{Duplex, DuplexReader, DuplexWriter};

macro_rules! reader {
    ($socket:ty: $methods:ty) => {
        impl AsyncRead for $socket {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                <$methods>::poll_read(&self, cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                <$methods>::poll_read_vectored(&self, cx, bufs)
            }
        }
    };
}

macro_rules! writer {
    ($socket:ty: $methods:ty) => {
        impl AsyncWrite for $socket {
            write_to_a_socket!($methods, poll_close);
        }
    };
}

for_each_reader!(reader);
reader!(Duplex: Duplex);
reader!(DuplexReader: DuplexReader);
for_each_writer!(writer);
writer!(Duplex: Duplex);
writer!(DuplexWriter: DuplexWriter);
