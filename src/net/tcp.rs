//! TCP: a listener, and streams.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};

use super::methods::{read_methods, write_methods};
use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, into_halves};
use super::stream::{Stream, is_connected};
use super::{ToSocketAddrs, lookup, refuse_another_family, socket_traits, try_io};
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
    /// Listens on the first of the addresses that can be had. Port 0 lets the system choose; ask
    /// [`local_addr`](TcpListener::local_addr) which.
    ///
    /// `SO_REUSEADDR` is set, so that a server can be started again at once. For options that must be set before binding,
    /// make the socket with another crate and hand it to [`from_std`](TcpListener::from_std).
    ///
    /// 128 connections may wait to be accepted, as in the standard library; who comes beyond them waits for the client's own
    /// next attempt, a second later. A server that must take in a crowd at once says so, and the kernel's limit
    /// (`net.core.somaxconn` on Linux) is then the only one:
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
    /// Nothing is lost. Only a look-up of a name waits at all.
    ///
    /// # Errors
    ///
    /// What the last of the addresses said (in use, not permitted, ...), or what the look-up said.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        lookup::first_that_succeeds("binding to", address, async |address| {
            fault::at(Call::Bind)?;
            Ok(TcpListener {
                io: Registered::new(mio::net::TcpListener::bind(address)?),
            })
        })
        .await
    }

    /// Waits for a connection.
    ///
    /// A connection that its peer gave up before it was accepted is passed over.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: no connection has been accepted while this waits.
    ///
    /// # Errors
    ///
    /// What the system says. At the descriptor limit (`EMFILE`, `ENFILE`) the connection stays in the queue and the
    /// next `accept` fails at once in the same way, so sleep a little before it.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.io.operation(Interest::READABLE, accept_once).await
    }

    /// Accepts a connection that waits already.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; otherwise as [`accept`](TcpListener::accept).
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.io.try_io(Interest::READABLE, accept_once)
    }

    /// [`accept`](TcpListener::accept) in the shape that adapters need.
    ///
    /// # Wakes
    ///
    /// All calls share one place in the line, and the last waker replaces the one before.
    ///
    /// # Errors
    ///
    /// As [`accept`](TcpListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.io.poll_io(cx, Interest::READABLE, accept_once)
    }

    /// Takes over a listener of the standard library, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the descriptor is of another family: not an IPv4 or IPv6 socket. Or the mode cannot be set.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        refuse_another_family(
            listener.local_addr(),
            "an IPv4 or IPv6 socket",
            "a Unix socket (UnixListener)",
        )?;
        listener.set_nonblocking(true)?;
        Ok(TcpListener {
            io: Registered::new(mio::net::TcpListener::from_std(listener)),
        })
    }

    /// Gives the socket up to the standard library. It stays in non-blocking mode.
    pub fn into_std(self) -> std::net::TcpListener {
        self.io.into_inner().into()
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// How many hops the packets of accepted connections may make.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets how many hops the packets of accepted connections may make.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(hops)
    }

    /// Takes the error that is pending on the socket.
    ///
    /// # Errors
    ///
    /// It cannot be asked for.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    try_io!();
}

fn accept_once(listener: &mio::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match fault::at(Call::Accept).and_then(|()| listener.accept()) {
            // Somebody hung up in the queue, and others may stand behind.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
            Ok((stream, peer)) => {
                let io = Registered::new(stream);
                return Ok((TcpStream { io }, peer));
            }
        }
    }
}

/// A TCP connection.
///
/// Dropping it closes both directions. See [`split`](TcpStream::split) and [`into_split`](TcpStream::into_split) for
/// two owners, and [`shutdown`](TcpStream::shutdown) for ending one direction.
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
    /// Connects to the first of the addresses that answers, tried one after another.
    ///
    /// # Cancellation
    ///
    /// The attempt is given up and its socket closed.
    ///
    /// # Errors
    ///
    /// What the last of the addresses said, or what the look-up said.
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        lookup::first_that_succeeds("connecting to", address, async |address| {
            fault::at(Call::Connect)?;
            let stream = TcpStream {
                io: Registered::new(mio::net::TcpStream::connect(address)?),
            };
            stream
                .io
                .operation(Interest::WRITABLE, |stream| {
                    is_connected(stream.take_error()?, || stream.peer_addr())
                })
                .await?;
            Ok(stream)
        })
        .await
    }

    fn stream(&self) -> &TcpStream {
        self
    }

    read_methods!();
    write_methods!();
    try_io!();

    /// Looks at what is there without taking it. Zero means that the peer has ended its side.
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

    /// Looks at what is there without taking it and without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_read`](TcpStream::try_read).
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io
            .try_io(Interest::READABLE, |stream| stream.peek(buf))
    }

    /// [`peek`](TcpStream::peek) in the shape that adapters need; see [`poll_read`](TcpStream::poll_read).
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io
            .poll_io(cx, Interest::READABLE, |stream| stream.peek(buf))
    }

    /// Ends one direction, or both. After `Shutdown::Write` the peer reads the end of the stream, and may still
    /// answer.
    ///
    /// # Errors
    ///
    /// The connection is gone already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }

    /// Two borrowed halves, one that only reads and one that only writes.
    pub fn split(&self) -> (ReadHalf<'_, TcpStream>, WriteHalf<'_, TcpStream>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Two halves for two owners. Dropping the writing half ends the writing side; see [`OwnedWriteHalf`].
    pub fn into_split(self) -> (OwnedReadHalf<TcpStream>, OwnedWriteHalf<TcpStream>) {
        into_halves(self)
    }

    /// Takes over a connection of the standard library, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the descriptor is of another family: not an IPv4 or IPv6 socket. Or the mode cannot be set.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        refuse_another_family(
            stream.local_addr(),
            "an IPv4 or IPv6 socket",
            "a Unix socket (UnixStream)",
        )?;
        stream.set_nonblocking(true)?;
        Ok(TcpStream {
            io: Registered::new(mio::net::TcpStream::from_std(stream)),
        })
    }

    /// Gives the socket up to the standard library. It stays in non-blocking mode.
    pub fn into_std(self) -> std::net::TcpStream {
        self.io.into_inner().into()
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// What the system says; `NotConnected` once the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// Whether small writes go out at once (`TCP_NODELAY`) rather than being gathered for a moment.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.get_ref().nodelay()
    }

    /// Sets whether small writes go out at once. Request-and-answer protocols want this.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.get_ref().set_nodelay(nodelay)
    }

    /// How many hops a packet may make.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets how many hops a packet may make.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(hops)
    }

    /// Takes the error that is pending on the socket.
    ///
    /// # Errors
    ///
    /// It cannot be asked for.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }
}

impl Stream for TcpStream {
    type Source = mio::net::TcpStream;

    const SHORT_READ_EMPTIES: bool = true;

    fn registered(&self) -> &Registered<Self::Source> {
        &self.io
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        TcpStream::shutdown(self, how)
    }
}

socket_traits!(TcpListener, TcpStream);
