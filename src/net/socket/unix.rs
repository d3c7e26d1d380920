//! Options of a TCP socket that exist, or look different, on Unix.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::TcpKeepalive;

use super::TcpSocket;

impl TcpSocket {
    /// Whether several sockets may listen on one port; each of them has to set this (`SO_REUSEPORT`). Linux spreads the
    /// connections over them, so that there can be one accepting loop for each processor. If other programs want the
    /// processors too, fewer loops are better: a connection waits while its loop waits for a processor.
    ///
    /// # Errors
    ///
    /// The error of the system.
    #[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))]
    pub fn set_reuse_port(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuse)
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sets the interval and the number of the probes.
#[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "redox")))]
pub(super) fn with_probes(keepalive: TcpKeepalive, every: Duration, probes: u32) -> TcpKeepalive {
    keepalive.with_interval(every).with_retries(probes)
}

/// These systems have no such options.
#[cfg(any(target_os = "openbsd", target_os = "haiku", target_os = "redox"))]
pub(super) fn with_probes(keepalive: TcpKeepalive, _: Duration, _: u32) -> TcpKeepalive {
    keepalive
}

/// A `connect` of a non-blocking socket returns `EINPROGRESS` and goes on. The standard library has no stable `ErrorKind`
/// for it.
pub(super) fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}
