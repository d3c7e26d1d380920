//! Other crates on this loop: their traits for the sockets, an executor, a timer, a guest of tokio.
//!
//! *Before this:* [`io`](mod@crate::io). *Time:* 20 minutes. *Files, in reading order:* this one,
//! and each feature by itself.
//!
//! Everything in this module is behind a feature, and the default build has none of it. No feature
//! brings a thread, a reactor or a pool of its own: of tokio only the traits are used. The one
//! exception is `tokio-guest`: with this feature, tokio has the thread.
//!
//! What each feature gives:
//!
//! - `futures-io`: `futures_io::{AsyncRead, AsyncWrite}` for the stream sockets, `io::duplex` and
//!   the halves of both.
//! - `tokio`: `tokio::io::{AsyncRead, AsyncWrite}` for the same types.
//! - `hyper`: `hyper::rt::{Read, Write}` for the streams, those in memory included, and an executor
//!   and a timer: `compat::hyper`.
//! - `hyper-server`: `serve_http` in `compat::hyper`, a server for a listener.
//! - `hyper-client`: a connector for the pooled client of hyper-util, in `compat::hyper`.
//! - `stream`: `futures_core::Stream` and `futures_sink::Sink` for queues, receivers, listeners and
//!   other sequences: `compat::stream`.
//! - `tokio-guest`: `compat::tokio::run`, for crates that ask for tokio itself: this crate's loop
//!   as a guest of tokio, on one thread.
//! - `here`: `compat::Here`, for a `!Send` value in a crate that asks for `Send`.
//!
//! # One reader and one writer
//!
//! These traits poll, and a poll leaves its waker behind: all adapters that read one socket share
//! one place in its line, and so do all adapters that write. Use a socket through one adapter at a
//! time.
//!
//! # What asks for `Send`
//!
//! Almost no type of this crate is `Send`: a socket, a timer and a task's handle belong to one
//! loop. For a crate that asks for `Send` even so, there is `Here`, which checks at each use that
//! its content has not left the thread. The compiler cannot check that.
//!
//! # Next
//!
//! [The appendix](crate::appendix): the tunings of the loop.

#[cfg(feature = "here")]
mod forward;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "here")]
mod here;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(any(feature = "hyper", feature = "tokio"))]
mod kept;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
mod sockets;
#[cfg(feature = "stream")]
pub mod stream;
#[cfg(all(unix, feature = "tokio-guest"))]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio-guest")))]
pub mod tokio;
#[cfg(feature = "tokio")]
mod tokio_io;

#[cfg(feature = "here")]
pub use here::Here;
