//! Windows: a socket is a number of its own kind, and all streams are TCP.

/// The socket's number, for other crates. The socket itself cannot be lent, because registering takes it mutably
/// (`reactor/sys/windows.rs`).
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

/// The methods `try_io` and `async_io`: mio has to see the user's `WouldBlock`, or it does not ask for the next edge.
macro_rules! try_io {
    () => {
        $crate::net::sys::try_io_methods!(std::os::windows::io::BorrowedSocket<'_>, |socket, f| {
            socket.try_io(|| f(std::os::windows::io::AsSocket::as_socket(socket)))
        });
    };
}
pub(crate) use try_io;

/// None: mio has no `try_io` for listeners. It would not see that a user's `accept` would block, and would report no further
/// connection.
macro_rules! listener_try_io {
    () => {};
}
pub(crate) use listener_try_io;

/// Calls a macro with its other arguments, each listener, and the listener's stream.
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
