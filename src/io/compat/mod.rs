//! The stream sockets with the traits of the ecosystem, each behind a feature of its name.
//!
//! These traits poll, and a poll leaves its waker behind: all adapters that read one socket share one place in its line, and
//! so do all that write. Use a socket through one adapter at a time.

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "hyper")]
pub use hyper::LoopExecutor;
