//! Unix sockets that carry streams. For datagrams see `datagram.rs`.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use super::methods::{read_methods, write_methods};
use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, into_halves};
use super::stream::{Stream, is_connected};
use super::{refuse_another_family, socket_traits, try_io, while_trying};
use crate::fault::{self, Call};
use crate::reactor::{Interest, Registered};

/// A Unix socket that accepts connections.
///
/// ```
/// use roundelay::net::{UnixListener, UnixStream};
/// # roundelay::run(async {
/// let path = std::env::temp_dir().join(format!("roundelay-doc-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let client = UnixStream::connect(&path).await?;
/// let (server, _) = listener.accept().await?;
/// std::fs::remove_file(&path)?;
/// client.write_all(b"ping").await?;
/// let mut buf = [0; 4];
/// server.read_exact(&mut buf).await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixListener {
    io: Registered<mio::net::UnixListener>,
}

impl UnixListener {
    /// Listens at a path, which must not exist yet. Remove the file when the socket is gone.
    ///
    /// # Errors
    ///
    /// The path is in use, not permitted or too long.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        let path = path.as_ref();
        match fault::at(Call::Bind).and_then(|()| mio::net::UnixListener::bind(path)) {
            Ok(listener) => Ok(UnixListener {
                io: Registered::new(listener),
            }),
            Err(error) => Err(while_trying(
                format_args!("binding to {}", path.display()),
                error,
            )),
        }
    }

    /// Listens at any Unix address, for instance an abstract name of Linux.
    ///
    /// # Errors
    ///
    /// The address is in use.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        match fault::at(Call::Bind).and_then(|()| mio::net::UnixListener::bind_addr(address)) {
            Ok(listener) => Ok(UnixListener {
                io: Registered::new(listener),
            }),
            Err(error) => Err(while_trying(format_args!("binding to {address:?}"), error)),
        }
    }

    /// Waits for a connection.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: no connection has been accepted while this waits.
    ///
    /// # Errors
    ///
    /// What the system says. At the descriptor limit (`EMFILE`, `ENFILE`) the connection stays in the queue and the
    /// next `accept` fails at once in the same way, so sleep a little before it.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.io.operation(Interest::READABLE, accept_once).await
    }

    /// Accepts a connection that waits already.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; otherwise as [`accept`](UnixListener::accept).
    pub fn try_accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.io.try_io(Interest::READABLE, accept_once)
    }

    /// [`accept`](UnixListener::accept) in the shape that adapters need.
    ///
    /// # Wakes
    ///
    /// All calls share one place in the line, and the last waker replaces the one before.
    ///
    /// # Errors
    ///
    /// As [`accept`](UnixListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.io.poll_io(cx, Interest::READABLE, accept_once)
    }

    /// Takes over a listener of the standard library, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the descriptor is of another family: not a Unix socket. Or the mode cannot be set.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        refuse_another_family(
            listener.local_addr(),
            "a Unix socket",
            "a TCP socket (TcpListener)",
        )?;
        listener.set_nonblocking(true)?;
        Ok(UnixListener {
            io: Registered::new(mio::net::UnixListener::from_std(listener)),
        })
    }

    /// Gives the socket up to the standard library. It stays in non-blocking mode.
    pub fn into_std(self) -> std::os::unix::net::UnixListener {
        self.io.into_inner().into()
    }

    /// The address that it listens at.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
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

fn accept_once(listener: &mio::net::UnixListener) -> io::Result<(UnixStream, SocketAddr)> {
    loop {
        match fault::at(Call::Accept).and_then(|()| listener.accept()) {
            // Somebody hung up in the queue, and others may stand behind.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
            Ok((stream, peer)) => {
                let io = Registered::new(stream);
                return Ok((UnixStream { io }, peer));
            }
        }
    }
}

/// A Unix connection that carries a stream of bytes.
///
/// ```
/// use roundelay::net::UnixStream;
/// # roundelay::run(async {
/// let (near, far) = UnixStream::pair()?;
/// near.write_all(b"ping").await?;
/// let mut buf = [0; 4];
/// far.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"ping");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixStream {
    io: Registered<mio::net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener at a path.
    ///
    /// # Cancellation
    ///
    /// The attempt is given up and its socket closed.
    ///
    /// # Errors
    ///
    /// Nobody listens there. `WouldBlock` on Linux: too many wait there to be accepted, and the kernel offers no way
    /// to stand in that line; sleep a little and try again.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let path = path.as_ref();
        let begun = fault::at(Call::Connect).and_then(|()| mio::net::UnixStream::connect(path));
        let connected = UnixStream::finish(begun).await;
        connected
            .map_err(|error| while_trying(format_args!("connecting to {}", path.display()), error))
    }

    /// Connects to the listener at any Unix address, for instance an abstract name of Linux.
    ///
    /// # Cancellation
    ///
    /// The attempt is given up and its socket closed.
    ///
    /// # Errors
    ///
    /// As [`connect`](UnixStream::connect).
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        let begun =
            fault::at(Call::Connect).and_then(|()| mio::net::UnixStream::connect_addr(address));
        let connected = UnixStream::finish(begun).await;
        connected.map_err(|error| while_trying(format_args!("connecting to {address:?}"), error))
    }

    async fn finish(begun: io::Result<mio::net::UnixStream>) -> io::Result<UnixStream> {
        let stream = UnixStream {
            io: Registered::new(begun?),
        };
        stream
            .io
            .operation(Interest::WRITABLE, |stream| {
                is_connected(stream.take_error()?, || stream.peer_addr())
            })
            .await?;
        Ok(stream)
    }

    /// Two streams connected to each other.
    ///
    /// # Errors
    ///
    /// There are no descriptors left.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (near, far) = mio::net::UnixStream::pair()?;
        Ok((
            UnixStream {
                io: Registered::new(near),
            },
            UnixStream {
                io: Registered::new(far),
            },
        ))
    }

    fn stream(&self) -> &UnixStream {
        self
    }

    read_methods!();
    write_methods!();
    try_io!();

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
    pub fn split(&self) -> (ReadHalf<'_, UnixStream>, WriteHalf<'_, UnixStream>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Two halves for two owners. Dropping the writing half ends the writing side; see [`OwnedWriteHalf`].
    pub fn into_split(self) -> (OwnedReadHalf<UnixStream>, OwnedWriteHalf<UnixStream>) {
        into_halves(self)
    }

    /// Takes over a connection of the standard library, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the descriptor is of another family: not a Unix socket. Or the mode cannot be set.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        refuse_another_family(
            stream.local_addr(),
            "a Unix socket",
            "a TCP socket (TcpStream)",
        )?;
        stream.set_nonblocking(true)?;
        Ok(UnixStream {
            io: Registered::new(mio::net::UnixStream::from_std(stream)),
        })
    }

    /// Gives the socket up to the standard library. It stays in non-blocking mode.
    pub fn into_std(self) -> std::os::unix::net::UnixStream {
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
    /// What the system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
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

impl Stream for UnixStream {
    type Source = mio::net::UnixStream;

    const SHORT_READ_EMPTIES: bool = false;

    fn registered(&self) -> &Registered<Self::Source> {
        &self.io
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        UnixStream::shutdown(self, how)
    }
}

socket_traits!(UnixListener, UnixStream);
