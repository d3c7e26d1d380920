//! UDP.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use super::datagram::datagram_methods;
use super::face::{self, options};
use super::sys::try_io;
use super::{ToSocketAddrs, lookup, socket_traits};
use crate::reactor::{Interest, Registered};

/// A UDP socket.
///
/// ```
/// use roundelay::net::UdpSocket;
/// # roundelay::run(async {
/// let near = UdpSocket::bind("127.0.0.1:0").await?;
/// let far = UdpSocket::bind("127.0.0.1:0").await?;
/// near.send_to(b"hello", far.local_addr()?).await?;
/// let mut buf = [0; 16];
/// let (count, sender) = far.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..count], sender), (&b"hello"[..], near.local_addr()?));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UdpSocket {
    io: Registered<mio::net::UdpSocket>,
}

impl UdpSocket {
    /// A socket at the first address that can be bound. Port 0 lets the system choose a port.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost. The future waits only for a name look-up.
    ///
    /// # Errors
    ///
    /// The error of the last address, or of the look-up.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        lookup::first_that_succeeds("binding to", address, async |address| {
            UdpSocket::from_std(std::net::UdpSocket::bind(address)?)
        })
        .await
    }

    /// Sets the address that [`send`](UdpSocket::send) sends to and [`recv`](UdpSocket::recv) receives from. Sends no
    /// packet.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost. The future waits only for a name look-up.
    ///
    /// # Errors
    ///
    /// There is no way to any of the addresses, or the error of the look-up.
    pub async fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        lookup::first_that_succeeds("connecting to", address, async |address| {
            self.io.get_ref().connect(address)
        })
        .await
    }

    /// Sends a datagram to the first of the addresses.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: while the future waits, it has sent nothing.
    ///
    /// # Errors
    ///
    /// The error of the system: no route, or the datagram is too large; or the error of the look-up.
    pub async fn send_to(&self, buf: &[u8], address: impl ToSocketAddrs) -> io::Result<usize> {
        let address = lookup::first_of(address).await?;
        self.io
            .operation(Interest::WRITABLE, |socket| socket.send_to(buf, address))
            .await
    }

    /// [`send_to`](UdpSocket::send_to) without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room now; otherwise as [`send_to`](UdpSocket::send_to).
    #[inline]
    pub fn try_send_to(&self, buf: &[u8], address: SocketAddr) -> io::Result<usize> {
        self.io
            .try_io(Interest::WRITABLE, |socket| socket.send_to(buf, address))
    }

    /// [`send_to`](UdpSocket::send_to) as a poll function, for adapters; see [`poll_send`](UdpSocket::poll_send).
    ///
    /// # Errors
    ///
    /// As [`send_to`](UdpSocket::send_to).
    #[inline]
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        address: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Interest::WRITABLE, |socket| {
            socket.send_to(buf, address)
        })
    }

    datagram_methods!(SocketAddr);
    try_io!();

    /// Reads the next datagram of the connected address, and leaves it in the socket.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io
            .operation(Interest::READABLE, |socket| socket.peek(buf))
            .await
    }

    /// Reads the next datagram and its sender, and leaves it in the socket.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io
            .operation(Interest::READABLE, |socket| socket.peek_from(buf))
            .await
    }

    /// [`peek`](UdpSocket::peek) as a poll function, for adapters; see [`poll_send`](UdpSocket::poll_send).
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    #[inline]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io
            .poll_io(cx, Interest::READABLE, |socket| socket.peek(buf))
    }

    /// [`peek_from`](UdpSocket::peek_from) as a poll function, for adapters; see [`poll_send`](UdpSocket::poll_send).
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    #[inline]
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.io
            .poll_io(cx, Interest::READABLE, |socket| socket.peek_from(buf))
    }

    /// Takes over a socket of the standard library, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the descriptor is of another family: not an IPv4 or IPv6 socket. Or the mode cannot be set.
    #[inline]
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        face::refuse_another_family(
            socket.local_addr(),
            "an IPv4 or IPv6 socket",
            "a Unix socket (UnixDatagram)",
        )?;
        socket.set_nonblocking(true)?;
        Ok(UdpSocket {
            io: Registered::new(mio::net::UdpSocket::from_std(socket)),
        })
    }

    /// Returns the socket as one of the standard library. It stays in non-blocking mode.
    #[inline]
    pub fn into_std(self) -> std::net::UdpSocket {
        self.io.into_inner().into()
    }
}

options! { UdpSocket {
    /// Whether the socket may send to broadcast addresses.
    broadcast() -> bool;
    /// Sets whether the socket may send to broadcast addresses.
    set_broadcast(on: bool) -> ();
    /// How many hops a datagram may make.
    ttl() -> u32;
    /// Sets how many hops a datagram may make.
    set_ttl(hops: u32) -> ();
    /// Whether datagrams to an IPv4 group come back to members on this machine.
    multicast_loop_v4() -> bool;
    /// Sets whether datagrams to an IPv4 group come back to members on this machine.
    set_multicast_loop_v4(on: bool) -> ();
    /// How many hops a datagram to an IPv4 group may make.
    multicast_ttl_v4() -> u32;
    /// Sets how many hops a datagram to an IPv4 group may make.
    set_multicast_ttl_v4(hops: u32) -> ();
    /// Whether datagrams to an IPv6 group come back to members on this machine.
    multicast_loop_v6() -> bool;
    /// Sets whether datagrams to an IPv6 group come back to members on this machine.
    set_multicast_loop_v6(on: bool) -> ();
    /// Joins an IPv4 group, on the interface that has this address (unspecified: any).
    join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// Leaves an IPv4 group.
    leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// Joins an IPv6 group, on the interface with this index (0: any).
    join_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
    /// Leaves an IPv6 group.
    leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
} }

socket_traits!(UdpSocket);
