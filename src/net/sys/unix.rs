//! Unix: a socket is a descriptor, and there are two families of streams.

/// A socket as others may look at it.
macro_rules! lends_its_handle {
    ($($socket:ident),*) => {$(
        impl std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.io.as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(self.io.get_ref())
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
        /// `f` must make one non-blocking call in that direction and report its `WouldBlock` faithfully, as
        /// [`Registered::try_io`](crate::reactor::Registered::try_io) says.
        ///
        /// # Errors
        ///
        /// `WouldBlock`, or what `f` returns.
        pub fn try_io<T>(
            &self,
            interest: crate::reactor::Interest,
            f: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> std::io::Result<T>,
        ) -> std::io::Result<T> {
            self.io
                .try_io(interest, |socket| f(std::os::fd::AsFd::as_fd(socket)))
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
            mut f: impl FnMut(std::os::fd::BorrowedFd<'_>) -> std::io::Result<T>,
        ) -> std::io::Result<T> {
            self.io
                .async_io(interest, |socket| f(std::os::fd::AsFd::as_fd(socket)))
                .await
        }
    };
}
pub(crate) use try_io;

/// The same for a listener.
macro_rules! listener_try_io {
    () => {
        $crate::net::sys::try_io!();
    };
}
pub(crate) use listener_try_io;

/// Calls a macro with each listener and its stream, behind whatever else it is to be given.
macro_rules! for_each_family {
    ($callback:ident $(, $argument:ident)*) => {
        $callback!($($argument,)* $crate::net::TcpListener, $crate::net::TcpStream);
        $callback!($($argument,)* $crate::net::UnixListener, $crate::net::UnixStream);
    };
}
pub(crate) use for_each_family;

/// The resolver's answers have no numbers.
pub(crate) const NO_SUCH_NAME: [i32; 0] = [];
pub(crate) const NO_NAME_SERVER: [i32; 0] = [];
