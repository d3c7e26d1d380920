//! Datagrams: what UDP and Unix sockets have in common, and the Unix ones.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use super::{face, socket_traits, try_io, while_trying};
use crate::reactor::Registered;

/// The methods that both kinds of datagram socket have. A datagram is moved whole, so nothing is ever drained by
/// half.
macro_rules! datagram_methods {
    ($address:ty) => {
        /// Sends a datagram to the address that the socket is connected to.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while it waits, nothing has been sent.
        ///
        /// # Errors
        ///
        /// What the system says; `NotConnected` or `DestinationAddressRequired` if there is no such address.
        pub async fn send(&self, buf: &[u8]) -> std::io::Result<usize> {
            self.io
                .operation(crate::reactor::Interest::WRITABLE, |socket| {
                    socket.send(buf)
                })
                .await
        }

        /// Sends to the connected address without waiting.
        ///
        /// # Errors
        ///
        /// `WouldBlock` if there is no room now; otherwise as [`send`](Self::send).
        pub fn try_send(&self, buf: &[u8]) -> std::io::Result<usize> {
            self.io
                .try_io(crate::reactor::Interest::WRITABLE, |socket| {
                    socket.send(buf)
                })
        }

        /// [`send`](Self::send) in the shape that adapters need.
        ///
        /// # Wakes
        ///
        /// All `poll_` methods of one direction share one place in the line, and the last waker replaces the one
        /// before.
        ///
        /// # Errors
        ///
        /// As [`send`](Self::send).
        pub fn poll_send(
            &self,
            cx: &mut std::task::Context<'_>,
            buf: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            self.io
                .poll_io(cx, crate::reactor::Interest::WRITABLE, |socket| {
                    socket.send(buf)
                })
        }

        /// Receives a datagram. What does not fit into `buf` is cut off and lost.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while it waits, nothing has been received.
        ///
        /// # Errors
        ///
        /// What the system says. A datagram that was sent earlier and met a closed port may answer here, as
        /// `ConnectionRefused`.
        pub async fn recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.io
                .operation(crate::reactor::Interest::READABLE, |socket| {
                    socket.recv(buf)
                })
                .await
        }

        /// Receives a datagram that is there already.
        ///
        /// # Errors
        ///
        /// `WouldBlock` if none is there; otherwise as [`recv`](Self::recv).
        pub fn try_recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.io
                .try_io(crate::reactor::Interest::READABLE, |socket| {
                    socket.recv(buf)
                })
        }

        /// [`recv`](Self::recv) in the shape that adapters need; see [`poll_send`](Self::poll_send).
        ///
        /// # Errors
        ///
        /// As [`recv`](Self::recv).
        pub fn poll_recv(
            &self,
            cx: &mut std::task::Context<'_>,
            buf: &mut [u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            self.io
                .poll_io(cx, crate::reactor::Interest::READABLE, |socket| {
                    socket.recv(buf)
                })
        }

        /// Receives a datagram and learns who sent it. What does not fit into `buf` is cut off and lost.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost.
        ///
        /// # Errors
        ///
        /// As [`recv`](Self::recv).
        pub async fn recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $address)> {
            self.io
                .operation(crate::reactor::Interest::READABLE, |socket| {
                    socket.recv_from(buf)
                })
                .await
        }

        /// Receives a datagram that is there already and learns who sent it.
        ///
        /// # Errors
        ///
        /// As [`try_recv`](Self::try_recv).
        pub fn try_recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $address)> {
            self.io
                .try_io(crate::reactor::Interest::READABLE, |socket| {
                    socket.recv_from(buf)
                })
        }

        /// [`recv_from`](Self::recv_from) in the shape that adapters need; see [`poll_send`](Self::poll_send).
        ///
        /// # Errors
        ///
        /// As [`recv`](Self::recv).
        pub fn poll_recv_from(
            &self,
            cx: &mut std::task::Context<'_>,
            buf: &mut [u8],
        ) -> std::task::Poll<std::io::Result<(usize, $address)>> {
            self.io
                .poll_io(cx, crate::reactor::Interest::READABLE, |socket| {
                    socket.recv_from(buf)
                })
        }

        /// Waits until there may be a datagram. A hint: it may come in vain.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost.
        ///
        /// # Errors
        ///
        /// It would have to wait, and no loop is running on this thread.
        pub async fn readable(&self) -> std::io::Result<()> {
            self.io
                .readiness(crate::reactor::Interest::READABLE)
                .await
                .map(drop)
        }

        /// Waits until there may be room for a datagram. A hint: it may come in vain.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost.
        ///
        /// # Errors
        ///
        /// It would have to wait, and no loop is running on this thread.
        pub async fn writable(&self) -> std::io::Result<()> {
            self.io
                .readiness(crate::reactor::Interest::WRITABLE)
                .await
                .map(drop)
        }

        /// [`readable`](Self::readable) in the shape that adapters need; see [`poll_send`](Self::poll_send).
        ///
        /// # Errors
        ///
        /// As [`readable`](Self::readable).
        pub fn poll_recv_ready(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            self.io
                .poll_readiness(cx, crate::reactor::Interest::READABLE)
                .map_ok(drop)
        }

        /// [`writable`](Self::writable) in the shape that adapters need; see [`poll_send`](Self::poll_send).
        ///
        /// # Errors
        ///
        /// As [`writable`](Self::writable).
        pub fn poll_send_ready(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            self.io
                .poll_readiness(cx, crate::reactor::Interest::WRITABLE)
                .map_ok(drop)
        }

        /// The address of this end.
        ///
        /// # Errors
        ///
        /// What the system says.
        pub fn local_addr(&self) -> std::io::Result<$address> {
            self.io.get_ref().local_addr()
        }

        /// The address that the socket is connected to.
        ///
        /// # Errors
        ///
        /// `NotConnected` if there is none.
        pub fn peer_addr(&self) -> std::io::Result<$address> {
            self.io.get_ref().peer_addr()
        }

        /// Takes the error that is pending on the socket.
        ///
        /// # Errors
        ///
        /// It cannot be asked for.
        pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
            self.io.get_ref().take_error()
        }
    };
}
pub(super) use datagram_methods;

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
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        let bound =
            std::os::unix::net::UnixDatagram::bind_addr(address).and_then(UnixDatagram::from_std);
        bound.map_err(|error| while_trying(format_args!("binding to {address:?}"), error))
    }

    /// A socket without an address: it can send, and nobody can answer.
    ///
    /// # Errors
    ///
    /// There are no descriptors left.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(std::os::unix::net::UnixDatagram::unbound()?)
    }

    /// Two sockets connected to each other.
    ///
    /// # Errors
    ///
    /// There are no descriptors left.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (near, far) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((UnixDatagram::from_std(near)?, UnixDatagram::from_std(far)?))
    }

    /// Fixes where [`send`](UnixDatagram::send) sends to and [`recv`](UnixDatagram::recv) receives from.
    ///
    /// # Errors
    ///
    /// Nobody is there.
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
    /// Nobody is there.
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        let connected = self.io.get_ref().connect_addr(address);
        connected.map_err(|error| while_trying(format_args!("connecting to {address:?}"), error))
    }

    /// Sends a datagram to the socket at a path.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: while it waits, nothing has been sent.
    ///
    /// # Errors
    ///
    /// Nobody is there; the datagram is too large.
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

    /// [`send_to`](UnixDatagram::send_to) in the shape that adapters need; see [`poll_send`](UnixDatagram::poll_send).
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

    /// [`send_to_addr`](UnixDatagram::send_to_addr) in the shape that adapters need; see
    /// [`poll_send`](UnixDatagram::poll_send).
    ///
    /// # Errors
    ///
    /// As [`send_to`](UnixDatagram::send_to).
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
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }

    /// Takes over a socket of the standard library, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the descriptor is of another family: not a Unix socket. Or the mode cannot be set.
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

    /// Gives the socket up to the standard library. It stays in non-blocking mode.
    pub fn into_std(self) -> std::os::unix::net::UnixDatagram {
        self.io.into_inner()
    }
}

socket_traits!(UnixDatagram);
