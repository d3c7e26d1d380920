//! Unix sockets that carry datagrams.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use super::datagram::datagram_methods;
use super::sys::try_io;
use super::{face, socket_traits, while_trying};
use crate::reactor::Registered;

/// A Unix socket that sends and receives datagrams, whole and in order.
///
/// ```
/// use roundelay::net::UnixDatagram;
/// # roundelay::run(async {
/// let (near, far) = UnixDatagram::pair()?;
/// near.send(b"one").await?;
/// near.send(b"two").await?;
/// let mut buf = [0; 16];
/// assert_eq!(far.recv(&mut buf).await?, 3);
/// assert_eq!(&buf[..3], b"one");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixDatagram {
    io: Registered<std::os::unix::net::UnixDatagram>,
}

impl UnixDatagram {
    /// A socket at a path, which must not exist yet. Remove the file when the socket is gone.
    ///
    /// # Errors
    ///
    /// The path is in use, not permitted or too long.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        let path = path.as_ref();
        let bound = std::os::unix::net::UnixDatagram::bind(path).and_then(UnixDatagram::from_std);
        bound.map_err(|error| while_trying(format_args!("binding to {}", path.display()), error))
    }

    /// A socket at any Unix address, for instance an abstract name of Linux.
    ///
    /// # Errors
    ///
    /// The address is in use.
    #[inline]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        let bound =
            std::os::unix::net::UnixDatagram::bind_addr(address).and_then(UnixDatagram::from_std);
        bound.map_err(|error| while_trying(format_args!("binding to {address:?}"), error))
    }

    /// A socket without an address: it can send, and cannot be answered.
    ///
    /// # Errors
    ///
    /// There are no descriptors left.
    #[inline]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(std::os::unix::net::UnixDatagram::unbound()?)
    }

    /// Two sockets connected to each other.
    ///
    /// # Errors
    ///
    /// There are no descriptors left.
    #[inline]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (near, far) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((UnixDatagram::from_std(near)?, UnixDatagram::from_std(far)?))
    }

    /// Sets the address that [`send`](UnixDatagram::send) sends to and [`recv`](UnixDatagram::recv) receives from.
    ///
    /// # Errors
    ///
    /// No socket has that address.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let connected = self.io.get_ref().connect(path);
        connected
            .map_err(|error| while_trying(format_args!("connecting to {}", path.display()), error))
    }

    /// [`connect`](UnixDatagram::connect) to any Unix address.
    ///
    /// # Errors
    ///
    /// No socket has that address.
    #[inline]
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        let connected = self.io.get_ref().connect_addr(address);
        connected.map_err(|error| while_trying(format_args!("connecting to {address:?}"), error))
    }

    /// Sends a datagram to the socket at a path.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: while the future waits, it has sent nothing.
    ///
    /// # Errors
    ///
    /// No socket has that address, or the datagram is too large.
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        self.io
            .operation(crate::reactor::Interest::WRITABLE, |socket| {
                socket.send_to(buf, path)
            })
            .await
    }

    /// [`send_to`](UnixDatagram::send_to) without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room now; otherwise as [`send_to`](UnixDatagram::send_to).
    pub fn try_send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.io
            .try_io(crate::reactor::Interest::WRITABLE, |socket| {
                socket.send_to(buf, path)
            })
    }

    /// [`send_to`](UnixDatagram::send_to) any Unix address.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// As [`send_to`](UnixDatagram::send_to).
    pub async fn send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.io
            .operation(crate::reactor::Interest::WRITABLE, |socket| {
                socket.send_to_addr(buf, address)
            })
            .await
    }

    /// [`send_to`](UnixDatagram::send_to) as a poll function, for adapters; see [`poll_send`](UnixDatagram::poll_send).
    ///
    /// # Errors
    ///
    /// As [`send_to`](UnixDatagram::send_to).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        path: impl AsRef<Path>,
    ) -> Poll<io::Result<usize>> {
        let path = path.as_ref();
        self.io
            .poll_io(cx, crate::reactor::Interest::WRITABLE, |socket| {
                socket.send_to(buf, path)
            })
    }

    /// [`send_to_addr`](UnixDatagram::send_to_addr) as a poll function, for adapters; see
    /// [`poll_send`](UnixDatagram::poll_send).
    ///
    /// # Errors
    ///
    /// As [`send_to`](UnixDatagram::send_to).
    #[inline]
    pub fn poll_send_to_addr(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        address: &SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io
            .poll_io(cx, crate::reactor::Interest::WRITABLE, |socket| {
                socket.send_to_addr(buf, address)
            })
    }

    datagram_methods!(SocketAddr);
    try_io!();

    /// Ends one direction, or both.
    ///
    /// # Errors
    ///
    /// The socket is not connected.
    #[inline]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }

    /// Takes over a socket of the standard library, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the descriptor is of another family: not a Unix socket. Or the mode cannot be set.
    #[inline]
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<UnixDatagram> {
        face::refuse_another_family(
            socket.local_addr(),
            "a Unix socket",
            "a UDP socket (UdpSocket)",
        )?;
        socket.set_nonblocking(true)?;
        Ok(UnixDatagram {
            io: Registered::new(socket),
        })
    }

    /// Returns the socket as one of the standard library. It stays in non-blocking mode.
    #[inline]
    pub fn into_std(self) -> std::os::unix::net::UnixDatagram {
        self.io.into_inner()
    }
}

socket_traits!(UnixDatagram);
