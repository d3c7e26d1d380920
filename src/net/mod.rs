//! Sockets: TCP, UDP and Unix, and the look-up of names.
//!
//! *Before this:* [chapter 7](crate::reactor). *Time:* 15 minutes. *Files, in reading order:* this
//! one, `socket.rs` (feature `socket`), [`stream`], [`tcp`], [`udp`], [`unix`], [`lookup`].
//!
//! Each type is a thin face on [`Registered`](crate::reactor::Registered). Four rules hold for all
//! of them:
//!
//! - **Try first.** An operation makes its system call at once, and waits only if that would block.
//!   A socket is registered with the loop when it first has to wait, not before; so sockets may be
//!   made anywhere, and only waiting needs a loop.
//! - **`&self` everywhere.** Any number of tasks may read, write or accept on one socket at the
//!   same time; each waiting task is woken. The task that is polled first gets the first bytes.
//! - **A socket belongs to the loop in which it last had to wait.** None is `Send`. To move one to
//!   another thread, take it apart with `into_std`, and put it together there with `from_std`. A
//!   crate that asks for `Send` and stays on the thread gets a socket in a `compat::Here` (feature
//!   `here`).
//! - **Fair.** Each completed operation spends one unit of the task's budget, so a socket that is
//!   always ready cannot hold the thread.
//!
//! An error says what was tried: "connecting to 127.0.0.1:1: Connection refused". Its `kind()` is
//! the system's.
//!
//! ```
//! use roundelay::net::{TcpListener, TcpStream};
//!
//! roundelay::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     let server = roundelay::spawn(async move {
//!         let (stream, _peer) = listener.accept().await?;
//!         let mut line = Vec::new();
//!         stream.read_to_end(&mut line).await?;
//!         std::io::Result::Ok(line)
//!     });
//!     let client = TcpStream::connect(address).await?;
//!     client.write_all(b"round and round").await?;
//!     drop(client);
//!     assert_eq!(server.await.unwrap()?, b"round and round");
//!     std::io::Result::Ok(())
//! }).unwrap();
//! ```
//!
//! # Next
//!
//! [`serve`](self::serve()): a server around a listener.

mod complaints;
mod connection;
mod datagram;
mod face;
mod lookup;
mod lookup_error;
mod methods;
mod network;
mod serve;
#[cfg(feature = "socket")]
mod socket;
mod split;
mod stream;
pub(crate) mod sys;
mod tcp;
mod udp;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_datagram;
mod whole;

use crate::trying::while_trying;

pub use self::connection::Served;
pub use self::lookup::{ToSocketAddrs, lookup_host};
pub use self::lookup_error::LookupError;
pub use self::network::{Network, NetworkListener};
pub use self::serve::{Accept, Serve, serve};
#[cfg(feature = "socket")]
#[cfg_attr(docsrs, doc(cfg(feature = "socket")))]
pub use self::socket::TcpSocket;
pub use self::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use self::tcp::{TcpListener, TcpStream};
pub use self::udp::UdpSocket;
#[cfg(unix)]
pub use self::unix::{UnixListener, UnixStream};
#[cfg(unix)]
pub use self::unix_datagram::UnixDatagram;

/// The trait implementations of every socket type: its handle for other crates, and a `Debug` that shows it.
macro_rules! socket_traits {
    ($($socket:ident),*) => {$(
        $crate::net::sys::lends_its_handle!($socket);

        impl std::fmt::Debug for $socket {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($socket)).field(&self.io.get_ref()).finish()
            }
        }
    )*};
}
use socket_traits;
