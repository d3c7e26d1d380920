//! Unix: a socket is a descriptor, and there are two families of streams.

/// The socket's descriptor, for other crates.
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

/// The methods `try_io` and `async_io`: the user's call gets the descriptor.
macro_rules! try_io {
    () => {
        $crate::net::sys::try_io_methods!(std::os::fd::BorrowedFd<'_>, |socket, f| f(
            std::os::fd::AsFd::as_fd(socket)
        ));
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

/// Calls a macro with its other arguments, each listener, and the listener's stream.
macro_rules! for_each_family {
    ($callback:ident $(, $argument:ident)*) => {
        $callback!($($argument,)* $crate::net::TcpListener, $crate::net::TcpStream);
        $callback!($($argument,)* $crate::net::UnixListener, $crate::net::UnixStream);
    };
}
pub(crate) use for_each_family;

/// None: the standard library passes on the text of the resolver's answer, and no number.
pub(crate) const NO_SUCH_NAME: [i32; 0] = [];
pub(crate) const NO_NAME_SERVER: [i32; 0] = [];
