//! The stream sockets and their halves, as readers and writers.
//!
//! Every operation of a socket takes `&self`, so a reference is a reader and a writer too: a `BufReader` and a `BufWriter` may
//! share one socket.

use std::io::{self, IoSlice};
use std::net::Shutdown;

use super::{Read, Write};
use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, UnixStream, WriteHalf};

/// Calls a macro for everything that can be read, with the type that has the methods.
macro_rules! for_each_reader {
    ($implement:ident) => {
        $implement!(TcpStream: TcpStream);
        $implement!(&TcpStream: TcpStream);
        $implement!(UnixStream: UnixStream);
        $implement!(&UnixStream: UnixStream);
        $implement!(ReadHalf<'_, TcpStream>: ReadHalf);
        $implement!(ReadHalf<'_, UnixStream>: ReadHalf);
        $implement!(OwnedReadHalf<TcpStream>: OwnedReadHalf);
        $implement!(OwnedReadHalf<UnixStream>: OwnedReadHalf);
    };
}

/// Calls a macro for everything that can be written, with the type that has the methods.
macro_rules! for_each_writer {
    ($implement:ident) => {
        $implement!(TcpStream: TcpStream);
        $implement!(&TcpStream: TcpStream);
        $implement!(UnixStream: UnixStream);
        $implement!(&UnixStream: UnixStream);
        $implement!(WriteHalf<'_, TcpStream>: WriteHalf);
        $implement!(WriteHalf<'_, UnixStream>: WriteHalf);
        $implement!(OwnedWriteHalf<TcpStream>: OwnedWriteHalf);
        $implement!(OwnedWriteHalf<UnixStream>: OwnedWriteHalf);
    };
}

/// Calls a macro for both streams: whoever wants one type for reading and writing.
macro_rules! for_each_stream {
    ($implement:ident) => {
        $implement!(TcpStream: TcpStream);
        $implement!(&TcpStream: TcpStream);
        $implement!(UnixStream: UnixStream);
        $implement!(&UnixStream: UnixStream);
    };
}

#[cfg(feature = "hyper")]
pub(crate) use for_each_stream;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
pub(crate) use {for_each_reader, for_each_writer};

/// What closing means for a socket: the writing side ends, the reading side stays.
pub(crate) trait EndWriting {
    fn end_writing(&self) -> io::Result<()>;
}

macro_rules! streams_end_writing {
    ($stream:ty: $methods:ident) => {
        impl EndWriting for $stream {
            fn end_writing(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }
        }
    };
}

macro_rules! halves_end_writing {
    ($($half:ty),*) => {$(
        impl EndWriting for $half {
            fn end_writing(&self) -> io::Result<()> {
                self.shutdown()
            }
        }
    )*};
}

macro_rules! reader {
    ($socket:ty: $methods:ident) => {
        impl Read for $socket {
            async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                $methods::read(self, buf).await
            }
        }
    };
}

macro_rules! writer {
    ($socket:ty: $methods:ident) => {
        impl Write for $socket {
            async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                $methods::write(self, buf).await
            }

            async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                $methods::write_vectored(self, bufs).await
            }

            /// Ends the writing side: the peer reads the end of the stream.
            async fn close(&mut self) -> io::Result<()> {
                self.end_writing()
            }
        }
    };
}

for_each_stream!(streams_end_writing);
halves_end_writing!(
    WriteHalf<'_, TcpStream>,
    WriteHalf<'_, UnixStream>,
    OwnedWriteHalf<TcpStream>,
    OwnedWriteHalf<UnixStream>
);
for_each_reader!(reader);
for_each_writer!(writer);
