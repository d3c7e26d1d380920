//! Two ends of a stream, where there are no Unix sockets: over the loopback.

use std::io;
use std::net::TcpListener;
pub(crate) use std::net::TcpStream as StdStream;

pub(crate) use roundelay::net::TcpStream as Stream;

/// Whether this is what writing says after a shut-down of one's own: `WSAESHUTDOWN`.
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
