//! Unix sockets that carry streams. For datagrams see `unix_datagram.rs`.

use std::fmt;
use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::face::{listener_methods, socket_methods, stream_methods, stream_traits};
use super::methods::{read_methods, write_methods};
use super::serve::Accept;
use super::sys::{listener_try_io, try_io};
use super::{socket_traits, while_trying};
use crate::fault::{self, Call};
use crate::reactor::Registered;

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
        let bound = fault::at(Call::Bind).and_then(|()| mio::net::UnixListener::bind(path));
        UnixListener::bound(bound, format_args!("binding to {}", path.display()))
    }

    /// Listens at any Unix address, for instance an abstract name of Linux.
    ///
    /// # Errors
    ///
    /// The address is in use.
    #[inline]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        let bound = fault::at(Call::Bind).and_then(|()| mio::net::UnixListener::bind_addr(address));
        UnixListener::bound(bound, format_args!("binding to {address:?}"))
    }

    #[inline]
    fn bound(
        listener: io::Result<mio::net::UnixListener>,
        tried: fmt::Arguments<'_>,
    ) -> io::Result<UnixListener> {
        match listener {
            Ok(listener) => Ok(UnixListener {
                io: Registered::new(listener),
            }),
            Err(error) => Err(while_trying(tried, error)),
        }
    }

    listener_methods!(mio::net::UnixListener, UnixStream, SocketAddr);
    socket_methods!(
        std::os::unix::net::UnixListener,
        mio::net::UnixListener,
        SocketAddr,
        "a Unix socket",
        "a TCP socket (TcpListener)"
    );
    listener_try_io!();
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
    /// The attempt ends, and its socket is closed.
    ///
    /// # Errors
    ///
    /// No socket listens there. `WouldBlock` on Linux: the backlog is full, and the kernel offers no way to wait for room in
    /// it; sleep a little and try again.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let path = path.as_ref();
        let begun = fault::at(Call::Connect).and_then(|()| mio::net::UnixStream::connect(path));
        let connected = UnixStream::when_connected(begun).await;
        connected
            .map_err(|error| while_trying(format_args!("connecting to {}", path.display()), error))
    }

    /// Connects to the listener at any Unix address, for instance an abstract name of Linux.
    ///
    /// # Cancellation
    ///
    /// The attempt ends, and its socket is closed.
    ///
    /// # Errors
    ///
    /// As [`connect`](UnixStream::connect).
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        let begun =
            fault::at(Call::Connect).and_then(|()| mio::net::UnixStream::connect_addr(address));
        let connected = UnixStream::when_connected(begun).await;
        connected.map_err(|error| while_trying(format_args!("connecting to {address:?}"), error))
    }

    /// Two streams connected to each other.
    ///
    /// # Errors
    ///
    /// There are no descriptors left.
    #[inline]
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

    read_methods!();
    write_methods!();
    stream_methods!(mio::net::UnixStream, SocketAddr);
    socket_methods!(
        std::os::unix::net::UnixStream,
        mio::net::UnixStream,
        SocketAddr,
        "a Unix socket",
        "a TCP socket (TcpStream)"
    );
    try_io!();
}

stream_traits!(UnixStream, mio::net::UnixStream, SHORT_READ_EMPTIES = false);
socket_traits!(UnixListener, UnixStream);

impl Accept for UnixListener {
    type Stream = UnixStream;
    type Peer = SocketAddr;

    async fn accept(&self) -> io::Result<(UnixStream, Self::Peer)> {
        UnixListener::accept(self).await
    }
}
