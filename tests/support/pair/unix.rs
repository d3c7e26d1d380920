//! Two ends of a stream: a Unix socket, the one of the loop's and the one of the standard library's.

use std::io;
pub(crate) use std::os::unix::net::UnixStream as StdStream;

pub(crate) use roundelay::net::UnixStream as Stream;

/// Whether this is what writing says after a shut-down of one's own.
pub(crate) fn is_shut(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

pub(crate) fn pair() -> io::Result<(Stream, Stream)> {
    Stream::pair()
}

pub(crate) fn std_pair() -> io::Result<(StdStream, StdStream)> {
    StdStream::pair()
}
