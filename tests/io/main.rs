//! The reactor, the buffered streams, and every socket.

mod buffered;
mod copies;
#[cfg(unix)]
mod descriptors;
mod duplex;
#[cfg(unix)]
mod edge;
#[cfg(unix)]
mod net;
mod net_datagrams;
#[cfg(unix)]
mod net_families;
mod net_streams;
#[cfg(unix)]
mod net_unix;
mod network;
#[cfg(unix)]
mod readiness;
mod reentrancy;
#[cfg(target_os = "linux")]
mod regular_files;
mod serve;
#[cfg(unix)]
mod serve_descriptors;
mod serve_flood;
mod serve_limits;
mod serve_options;
#[path = "../support/mod.rs"]
mod support;
