//! A TCP socket before it listens or connects, for options that have to be set first.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

#[cfg(unix)]
use self::unix as sys;
#[cfg(windows)]
use self::windows as sys;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::{TcpListener, TcpStream};
use crate::fault::{self, Call};
use crate::trying::while_trying;

/// A TCP socket that neither listens nor is connected. Feature `socket`, over the crate `socket2`.
///
/// Most programs need only [`TcpListener::bind`] and [`TcpStream::connect`]. Use this type for several listeners on one
/// port, a backlog, or an address to connect *from*. For other options use `socket2::SockRef::from(&socket)`.
///
/// ```
/// use roundelay::net::{TcpSocket, TcpStream};
///
/// roundelay::run(async {
///     // Two listeners on one port: the kernel deals the connections out.
///     let first = TcpSocket::new_v4()?;
///     first.set_reuse_port(true)?;
///     first.bind("127.0.0.1:0".parse().unwrap())?;
///     let first = first.listen(1024)?;
///     let address = first.local_addr()?;
///
///     let second = TcpSocket::new_v4()?;
///     second.set_reuse_port(true)?;
///     second.bind(address)?;
///     let second = second.listen(1024)?;
///     assert_eq!(second.local_addr()?, address);
///
///     let _client = TcpStream::connect(address).await?;
///     roundelay::race!(first.accept(), second.accept())?;
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
pub struct TcpSocket {
    socket: Socket,
}

impl TcpSocket {
    /// An IPv4 socket.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// An IPv6 socket.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left, or no IPv6.
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    /// A socket of the family of `address`.
    ///
    /// # Errors
    ///
    /// As [`new_v6`](Self::new_v6).
    pub fn for_address(address: SocketAddr) -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::for_address(address))
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
            .map_err(|error| while_trying("making a TCP socket", error))?;
        Ok(TcpSocket { socket })
    }

    /// Whether `bind` may take the address of a listener that has ended although some of its connections linger
    /// (`SO_REUSEADDR`). Servers need this. [`TcpListener::bind`] sets it; a `TcpSocket` does not set it by itself.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn set_reuse_address(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuse)
    }

    /// Whether an IPv6 socket refuses IPv4 (`IPV6_V6ONLY`).
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn set_only_v6(&self, only: bool) -> io::Result<()> {
        self.socket.set_only_v6(only)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`). On Linux, accepted connections inherit it from their
    /// listener.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_tcp_nodelay(nodelay)
    }

    /// The kernel probes a peer that has been silent for `idle`, repeats the probe after `every`, and ends the connection
    /// after `probes` probes without an answer. On Linux, accepted connections inherit it from their listener. The system
    /// counts in whole seconds.
    ///
    /// # Errors
    ///
    /// The error of the system: a time may be zero, or too long.
    pub fn set_keepalive(&self, idle: Duration, every: Duration, probes: u32) -> io::Result<()> {
        let keepalive = sys::with_probes(TcpKeepalive::new().with_time(idle), every, probes);
        self.socket.set_tcp_keepalive(&keepalive)
    }

    /// What happens to unsent bytes when the socket is closed (`SO_LINGER`). With `None`, the default, the kernel sends them
    /// in the background. With `Some(Duration::ZERO)` it drops them and resets the connection. Any other time would make
    /// *close* wait, and with it the loop, so it is refused.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a time that is not zero; what the system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        if linger.is_some_and(|time| !time.is_zero()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a socket that lingers makes its close wait, and with it the loop: None or zero",
            ));
        }
        self.socket.set_linger(linger)
    }

    /// How many unacknowledged bytes the kernel buffers. Linux takes twice as many.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.socket.set_send_buffer_size(bytes)
    }

    /// How many unread bytes the kernel buffers. Linux takes twice as many.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.socket.set_recv_buffer_size(bytes)
    }

    /// Sets the local address, to listen on or to connect from. Port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// The error of the system: in use, not permitted, not an address of this machine.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        fault::at(Call::Bind)
            .and_then(|()| self.socket.bind(&address.into()))
            .map_err(|error| while_trying(format_args!("binding to {address}"), error))
    }

    /// The address that the socket is [bound](Self::bind) to.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.socket.local_addr()?.as_socket();
        address.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Listens. At most `backlog` connections may wait to be accepted, or fewer if the kernel's own limit is lower
    /// (`net.core.somaxconn` on Linux).
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        self.socket
            .listen(backlog)
            .map_err(|error| while_trying("listening", error))?;
        TcpListener::from_std(self.socket.into())
    }

    /// Connects, from the bound address if there is one.
    ///
    /// # Cancellation
    ///
    /// The attempt is given up and the socket closed.
    ///
    /// # Errors
    ///
    /// The error of the system; or the call has to wait, and no loop is running on this thread.
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        self.connecting(address)
            .await
            .map_err(|error| while_trying(format_args!("connecting to {address}"), error))
    }

    async fn connecting(self, address: SocketAddr) -> io::Result<TcpStream> {
        fault::at(Call::Connect)?;
        self.socket.set_nonblocking(true)?;
        match self.socket.connect(&address.into()) {
            Err(error) if !sys::is_under_way(&error) => return Err(error),
            _ => {}
        }
        let begun = mio::net::TcpStream::from_std(self.socket.into());
        TcpStream::when_connected(Ok(begun)).await
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpSocket").field(&self.socket).finish()
    }
}
