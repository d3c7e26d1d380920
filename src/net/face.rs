//! The methods that TCP and Unix sockets share, as macros (`methods.rs` says why), and their functions. Each macro is used
//! inside the `impl` of a type with a field `io`.

use std::io;

use crate::fault::{self, Call};
use crate::reactor::{Registered, Watched};

/// Conversions from and to the standard library, the address, and the pending error.
macro_rules! socket_methods {
    ($std:ty, $mio:ty, $address:ty, $family:literal, $instead:literal) => {
        /// Takes over a socket of the standard library, and puts it into non-blocking mode.
        ///
        /// # Errors
        ///
        #[doc = concat!("`InvalidInput` if the descriptor is of another family: not ", $family, ". Or the mode cannot be set.")]
        #[inline]
        pub fn from_std(socket: $std) -> std::io::Result<Self> {
            crate::net::face::refuse_another_family(socket.local_addr(), $family, $instead)?;
            socket.set_nonblocking(true)?;
            Ok(Self {
                io: crate::reactor::Registered::new(<$mio>::from_std(socket)),
            })
        }

        /// Returns the socket as one of the standard library. It stays in non-blocking mode.
        #[inline]
        pub fn into_std(self) -> $std {
            self.io.into_inner().into()
        }

        /// The address of this end.
        ///
        /// # Errors
        ///
        /// The error of the system.
        #[inline]
        pub fn local_addr(&self) -> std::io::Result<$address> {
            self.io.get_ref().local_addr()
        }

        /// Takes the pending error of the socket.
        ///
        /// # Errors
        ///
        /// The system cannot be asked for it.
        #[inline]
        pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
            self.io.get_ref().take_error()
        }
    };
}
pub(super) use socket_methods;

/// The methods of a listener, apart from those that make one.
macro_rules! listener_methods {
    ($mio:ty, $stream:ident, $address:ty) => {
        /// Waits for a connection.
        ///
        /// Passes over a connection that its peer gave up before it was accepted.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while the future waits, it has accepted no connection.
        ///
        /// # Errors
        ///
        /// The error of the system. At the limit of descriptors (`EMFILE`, `ENFILE`) the connection stays in the queue, and
        /// the next `accept` fails at once in the same way. So sleep a little before the next call.
        pub async fn accept(&self) -> std::io::Result<($stream, $address)> {
            self.io
                .operation(crate::reactor::Interest::READABLE, Self::accept_once)
                .await
        }

        /// Accepts a connection that is waiting in the queue.
        ///
        /// # Errors
        ///
        /// `WouldBlock` if there is none; otherwise as [`accept`](Self::accept).
        #[inline]
        pub fn try_accept(&self) -> std::io::Result<($stream, $address)> {
            self.io
                .try_io(crate::reactor::Interest::READABLE, Self::accept_once)
        }

        /// [`accept`](Self::accept) as a poll function, for adapters.
        ///
        /// # Wakes
        ///
        /// All calls share one place in the line, and a new waker replaces the old.
        ///
        /// # Errors
        ///
        /// As [`accept`](Self::accept).
        #[inline]
        pub fn poll_accept(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<($stream, $address)>> {
            self.io
                .poll_io(cx, crate::reactor::Interest::READABLE, Self::accept_once)
        }

        #[inline]
        fn accept_once(listener: &$mio) -> std::io::Result<($stream, $address)> {
            let (io, peer) = crate::net::face::accept_once(|| listener.accept())?;
            Ok(($stream { io }, peer))
        }
    };
}
pub(super) use listener_methods;

/// The methods of a stream, apart from those that make one and those that read and write (`methods.rs`).
macro_rules! stream_methods {
    ($mio:ty, $address:ty) => {
        /// Ends one direction, or both. After `Shutdown::Write` the peer reads the end of the stream, and may still answer.
        ///
        /// # Errors
        ///
        /// The connection is gone.
        #[inline]
        pub fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
            self.io.get_ref().shutdown(how)
        }

        /// Borrows the stream as two halves, one for reading and one for writing.
        #[inline]
        pub fn split(
            &self,
        ) -> (
            crate::net::split::ReadHalf<'_, Self>,
            crate::net::split::WriteHalf<'_, Self>,
        ) {
            (
                crate::net::split::ReadHalf(self),
                crate::net::split::WriteHalf(self),
            )
        }

        /// Splits the stream into two halves for two owners. Dropping the writing half ends the writing side; see
        /// [`OwnedWriteHalf`](crate::net::OwnedWriteHalf).
        #[inline]
        pub fn into_split(
            self,
        ) -> (
            crate::net::split::OwnedReadHalf<Self>,
            crate::net::split::OwnedWriteHalf<Self>,
        ) {
            crate::net::split::into_halves(self)
        }

        /// The address of the other end.
        ///
        /// # Errors
        ///
        /// The error of the system; `NotConnected` once a TCP connection is gone.
        #[inline]
        pub fn peer_addr(&self) -> std::io::Result<$address> {
            self.io.get_ref().peer_addr()
        }

        /// Waits until a connection attempt has succeeded or failed.
        pub(super) async fn when_connected(begun: std::io::Result<$mio>) -> std::io::Result<Self> {
            let io = crate::reactor::Registered::new(begun?);
            io.operation(crate::reactor::Interest::WRITABLE, |stream: &$mio| {
                crate::net::face::is_connected(stream.take_error()?, || stream.peer_addr())
            })
            .await?;
            Ok(Self { io })
        }

        #[inline]
        fn stream(&self) -> &Self {
            self
        }
    };
}
pub(super) use stream_methods;

/// What the functions of `stream.rs` need of a stream.
macro_rules! stream_traits {
    ($stream:ident, $mio:ty, SHORT_READ_EMPTIES = $empties:literal) => {
        impl crate::net::stream::Stream for $stream {
            type Source = $mio;

            const SHORT_READ_EMPTIES: bool = $empties;

            #[inline]
            fn registered(&self) -> &crate::reactor::Registered<$mio> {
                &self.io
            }

            #[inline]
            fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                $stream::shutdown(self, how)
            }
        }
    };
}
pub(super) use stream_traits;

/// Options of a socket: for each a getter's or setter's name, its documentation, and its types.
macro_rules! options {
    ($socket:ident { $($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)* }) => {
        impl $socket {$(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// The error of the system.
            #[inline]
            pub fn $name(&self, $($argument: $type),*) -> std::io::Result<$output> {
                self.io.get_ref().$name($($argument),*)
            }
        )*}
    };
}
pub(super) use options;

/// Refuses a descriptor of another family than its type says: its `local_addr` then has another type. The sockets that this
/// crate makes need no check.
///
/// This matters for a stream: a short read means that a TCP socket is empty, but not that a Unix socket is.
pub(super) fn refuse_another_family<A>(
    local_addr: io::Result<A>,
    wanted: &str,
    instead: &str,
) -> io::Result<()> {
    match local_addr {
        // The standard library rejected the address. An error of the system has a number, and says nothing about the family.
        Err(error)
            if error.kind() == io::ErrorKind::InvalidInput && error.raw_os_error().is_none() =>
        {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the descriptor is not {wanted}; if it is {instead}, use the type for that"
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// Takes one connection out of the queue.
pub(super) fn accept_once<S: Watched, A>(
    accept: impl Fn() -> io::Result<(S, A)>,
) -> io::Result<(Registered<S>, A)> {
    loop {
        match fault::at(Call::Accept).and_then(|()| accept()) {
            // A client hung up while it was in the queue. Others may be waiting behind it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
            Ok((stream, peer)) => return Ok((Registered::new(stream), peer)),
        }
    }
}

/// Whether the connection attempt has succeeded or failed; `WouldBlock` if it has not ended.
///
/// Called at once, before waiting for the socket to be writable, because a connection on the same machine is often
/// ready by then. It asks for the error first, since a failed socket has no peer either.
pub(super) fn is_connected<A>(
    failure: Option<io::Error>,
    peer_addr: impl FnOnce() -> io::Result<A>,
) -> io::Result<()> {
    if let Some(error) = failure {
        return Err(error);
    }
    match peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}
