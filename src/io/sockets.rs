//! The stream sockets and their halves, as readers and writers.
//!
//! Every operation of a socket takes `&self`, so a reference is a reader and a writer too: a
//! `BufReader` and a `BufWriter` may share one socket.

use std::io::{self, IoSlice};
use std::net::Shutdown;

use super::{Read, Write};
use crate::net::sys::for_each_family;

/// Calls a macro for each type that can be read, with the type that has the methods.
macro_rules! for_each_reader {
    ($implement:ident) => {
        $crate::net::sys::for_each_family!(for_each_reader, $implement);
    };
    ($implement:ident, $listener:ty, $stream:ty) => {
        $implement!($stream: $stream);
        $implement!(&$stream: $stream);
        $implement!($crate::net::ReadHalf<'_, $stream>: $crate::net::ReadHalf<'_, $stream>);
        $implement!($crate::net::OwnedReadHalf<$stream>: $crate::net::OwnedReadHalf<$stream>);
    };
}

/// Calls a macro for each type that can be written, with the type that has the methods.
macro_rules! for_each_writer {
    ($implement:ident) => {
        $crate::net::sys::for_each_family!(for_each_writer, $implement);
    };
    ($implement:ident, $listener:ty, $stream:ty) => {
        $implement!($stream: $stream);
        $implement!(&$stream: $stream);
        $implement!($crate::net::WriteHalf<'_, $stream>: $crate::net::WriteHalf<'_, $stream>);
        $implement!($crate::net::OwnedWriteHalf<$stream>: $crate::net::OwnedWriteHalf<$stream>);
    };
}

/// Calls a macro for the streams, the types that can be read and written.
macro_rules! for_each_stream {
    ($implement:ident) => {
        $crate::net::sys::for_each_family!(for_each_stream, $implement);
    };
    ($implement:ident, $listener:ty, $stream:ty) => {
        $implement!($stream: $stream);
        $implement!(&$stream: $stream);
    };
}

#[cfg(feature = "hyper")]
pub(crate) use for_each_stream;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
pub(crate) use {for_each_reader, for_each_writer};

/// The close of a socket: the writing side ends, the reading side stays.
pub(crate) trait EndWriting {
    fn end_writing(&self) -> io::Result<()>;
}

macro_rules! streams_end_writing {
    ($stream:ty: $methods:ty) => {
        impl EndWriting for $stream {
            fn end_writing(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }
        }
    };
}

macro_rules! halves_end_writing {
    ($listener:ty, $stream:ty) => {
        halves_end_writing!(in crate::net::WriteHalf<'_, $stream>);
        halves_end_writing!(in crate::net::OwnedWriteHalf<$stream>);
    };
    (in $half:ty) => {
        impl EndWriting for $half {
            fn end_writing(&self) -> io::Result<()> {
                self.shutdown()
            }
        }
    };
}

macro_rules! reader {
    ($socket:ty: $methods:ty) => {
        impl Read for $socket {
            async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                <$methods>::read(self, buf).await
            }
        }
    };
}

macro_rules! writer {
    ($socket:ty: $methods:ty) => {
        impl Write for $socket {
            async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                <$methods>::write(self, buf).await
            }

            async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                <$methods>::write_vectored(self, bufs).await
            }

            /// Ends the writing side: the peer reads the end of the stream.
            async fn close(&mut self) -> io::Result<()> {
                self.end_writing()
            }
        }
    };
}

for_each_stream!(streams_end_writing);
for_each_family!(halves_end_writing);
for_each_reader!(reader);
for_each_writer!(writer);
