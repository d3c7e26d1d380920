//! TCP: a listener, and streams.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::face::{listener_methods, options, socket_methods, stream_methods, stream_traits};
use super::methods::{read_methods, write_methods};
use super::sys::{listener_try_io, try_io};
use super::{ToSocketAddrs, lookup, socket_traits};
use crate::fault::{self, Call};
use crate::reactor::{Interest, Registered};

/// A TCP socket that accepts connections.
///
/// ```
/// use roundelay::net::{TcpListener, TcpStream};
/// # roundelay::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let _client = TcpStream::connect(listener.local_addr()?).await?;
/// let (_stream, peer) = listener.accept().await?;
/// assert!(peer.ip().is_loopback());
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct TcpListener {
    io: Registered<mio::net::TcpListener>,
}

impl TcpListener {
    /// Listens on the first address that can be bound. Port 0 lets the system choose a port, which
    /// [`local_addr`](TcpListener::local_addr) returns.
    ///
    /// Sets `SO_REUSEADDR`, so that a server can be restarted at once. For other options that must be set before binding,
    /// use a `TcpSocket` (feature `socket`), or give a socket to [`from_std`](TcpListener::from_std).
    ///
    /// 128 connections may wait to be accepted, as in the standard library; a client beyond them tries again by itself, a
    /// second later. A server that expects a crowd raises the number, and then the kernel's limit (`net.core.somaxconn` on
    /// Linux) is the only one:
    ///
    /// ```
    /// # use roundelay::net::TcpListener;
    /// # roundelay::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// socket2::SockRef::from(&listener).listen(4_096)?; // of the crate socket2
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Cancellation
    ///
    /// Nothing is lost. The future waits only for a name look-up.
    ///
    /// # Errors
    ///
    /// The error of the last address (in use, not permitted, ...), or of the look-up.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        lookup::first_that_succeeds("binding to", address, async |address| {
            fault::at(Call::Bind)?;
            Ok(TcpListener {
                io: Registered::new(mio::net::TcpListener::bind(address)?),
            })
        })
        .await
    }

    listener_methods!(mio::net::TcpListener, TcpStream, SocketAddr);
    socket_methods!(
        std::net::TcpListener,
        mio::net::TcpListener,
        SocketAddr,
        "an IPv4 or IPv6 socket",
        "a Unix socket (UnixListener)"
    );
    listener_try_io!();
}

options! {
    TcpListener {
        /// How many hops the packets of accepted connections may make.
        ttl() -> u32;
        /// Sets how many hops the packets of accepted connections may make.
        set_ttl(hops: u32) -> ();
    }
}

/// A TCP connection.
///
/// Dropping it closes both directions. [`split`](TcpStream::split) and [`into_split`](TcpStream::into_split) make two
/// halves, and [`shutdown`](TcpStream::shutdown) ends one direction.
///
/// ```
/// use roundelay::net::{TcpListener, TcpStream};
/// # roundelay::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
/// client.write_all(b"ping").await?;
/// let mut buf = [0; 4];
/// server.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"ping");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct TcpStream {
    io: Registered<mio::net::TcpStream>,
}

impl TcpStream {
    /// Tries the addresses one after another, and connects to the first that answers.
    ///
    /// # Cancellation
    ///
    /// The attempt ends, and its socket is closed.
    ///
    /// # Errors
    ///
    /// The error of the last address, or of the look-up.
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        lookup::first_that_succeeds("connecting to", address, async |address| {
            let begun =
                fault::at(Call::Connect).and_then(|()| mio::net::TcpStream::connect(address));
            TcpStream::when_connected(begun).await
        })
        .await
    }

    read_methods!();
    write_methods!();
    stream_methods!(mio::net::TcpStream, SocketAddr);
    socket_methods!(
        std::net::TcpStream,
        mio::net::TcpStream,
        SocketAddr,
        "an IPv4 or IPv6 socket",
        "a Unix socket (UnixStream)"
    );
    try_io!();

    /// Reads what has arrived, and leaves it in the socket. Zero means that the peer has ended its side.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io
            .operation(Interest::READABLE, |stream| stream.peek(buf))
            .await
    }

    /// Reads what has arrived without waiting, and leaves it in the socket.
    ///
    /// # Errors
    ///
    /// As [`try_read`](TcpStream::try_read).
    #[inline]
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io
            .try_io(Interest::READABLE, |stream| stream.peek(buf))
    }

    /// [`peek`](TcpStream::peek) as a poll function, for adapters; see [`poll_read`](TcpStream::poll_read).
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    #[inline]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io
            .poll_io(cx, Interest::READABLE, |stream| stream.peek(buf))
    }
}

options! {
    TcpStream {
        /// Whether small writes are sent at once (`TCP_NODELAY`), and not collected for a moment.
        nodelay() -> bool;
        /// Sets whether small writes are sent at once. Request-and-answer protocols need this.
        set_nodelay(nodelay: bool) -> ();
        /// How many hops a packet may make.
        ttl() -> u32;
        /// Sets how many hops a packet may make.
        set_ttl(hops: u32) -> ();
    }
}

stream_traits!(TcpStream, mio::net::TcpStream, SHORT_READ_EMPTIES = true);
socket_traits!(TcpListener, TcpStream);
