//! Windows: a socket is a number of its own kind, and all streams are TCP.

/// A socket as others may look at it: its number only. To lend the socket itself it would have to be still, and when it is
/// registered it is not (`reactor/sys/windows.rs`).
macro_rules! lends_its_handle {
    ($($socket:ident),*) => {$(
        impl std::os::windows::io::AsRawSocket for $socket {
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                std::os::windows::io::AsRawSocket::as_raw_socket(&*self.io.get_ref())
            }
        }
    )*};
}
pub(crate) use lends_its_handle;

/// A system call of the user's own, on every socket type.
macro_rules! try_io {
    () => {
        /// Makes a system call of your own on the socket, if the direction may be ready; otherwise says `WouldBlock`.
        ///
        /// `f` must make one non-blocking call in that direction and report its `WouldBlock` faithfully.
        ///
        /// # Errors
        ///
        /// `WouldBlock`, or what `f` returns.
        pub fn try_io<T>(
            &self,
            interest: crate::reactor::Interest,
            f: impl FnOnce(std::os::windows::io::BorrowedSocket<'_>) -> std::io::Result<T>,
        ) -> std::io::Result<T> {
            self.io.try_io(interest, |socket| {
                socket.try_io(|| f(std::os::windows::io::AsSocket::as_socket(socket)))
            })
        }

        /// As [`try_io`](Self::try_io), and waits and tries again for as long as `f` says `WouldBlock`.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost while it waits: `f` has then moved nothing.
        ///
        /// # Errors
        ///
        /// What `f` returns.
        pub async fn async_io<T>(
            &self,
            interest: crate::reactor::Interest,
            mut f: impl FnMut(std::os::windows::io::BorrowedSocket<'_>) -> std::io::Result<T>,
        ) -> std::io::Result<T> {
            self.io
                .async_io(interest, |socket| {
                    socket.try_io(|| f(std::os::windows::io::AsSocket::as_socket(socket)))
                })
                .await
        }
    };
}
pub(crate) use try_io;

/// mio cannot be told that an `accept` of somebody else's would block, and so it would never tell of a connection again.
macro_rules! listener_try_io {
    () => {};
}
pub(crate) use listener_try_io;

/// Calls a macro with each listener and its stream, behind whatever else it is to be given.
macro_rules! for_each_family {
    ($callback:ident $(, $argument:ident)*) => {
        $callback!($($argument,)* $crate::net::TcpListener, $crate::net::TcpStream);
    };
}
pub(crate) use for_each_family;

/// `WSAHOST_NOT_FOUND`, `WSANO_DATA`.
pub(crate) const NO_SUCH_NAME: [i32; 2] = [11_001, 11_004];
/// `WSATRY_AGAIN`.
pub(crate) const NO_NAME_SERVER: [i32; 1] = [11_002];
