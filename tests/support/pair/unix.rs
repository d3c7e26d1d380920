//! The two ends of a stream, as Unix sockets of the loop or of the standard library.

use std::io;
pub(crate) use std::os::unix::net::UnixStream as StdStream;

pub(crate) use roundelay::net::UnixStream as Stream;

/// Whether this is the error of a write after the socket was shut down on this side.
pub(crate) fn is_shut(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

pub(crate) fn pair() -> io::Result<(Stream, Stream)> {
    Stream::pair()
}

pub(crate) fn std_pair() -> io::Result<(StdStream, StdStream)> {
    StdStream::pair()
}
