//! Options of a TCP socket that look different on Windows. There is no `SO_REUSEPORT`.

use std::io;
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::time::Duration;

use socket2::TcpKeepalive;

use super::TcpSocket;

impl AsSocket for TcpSocket {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.socket.as_socket()
    }
}

/// Sets the interval and the number of the probes.
pub(super) fn with_probes(keepalive: TcpKeepalive, every: Duration, probes: u32) -> TcpKeepalive {
    keepalive.with_interval(every).with_retries(probes)
}

/// A `connect` of a non-blocking socket returns `WouldBlock` and goes on.
pub(super) fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
