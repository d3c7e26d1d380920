//! The two ends of a stream, over the loopback, for systems without Unix sockets.

use std::io;
use std::net::TcpListener;
pub(crate) use std::net::TcpStream as StdStream;

pub(crate) use roundelay::net::TcpStream as Stream;

/// Whether this is the error of a write after the socket was shut down on this side: `WSAESHUTDOWN`.
pub(crate) fn is_shut(error: &io::Error) -> bool {
    error.raw_os_error() == Some(10_058)
}

pub(crate) fn pair() -> io::Result<(Stream, Stream)> {
    let (near, far) = std_pair()?;
    Ok((Stream::from_std(near)?, Stream::from_std(far)?))
}

pub(crate) fn std_pair() -> io::Result<(StdStream, StdStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = StdStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}
