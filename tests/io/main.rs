//! The reactor, the buffered streams, and every socket.

mod buffered;
mod copies;
mod descriptors;
mod duplex;
mod edge;
mod net;
mod net_datagrams;
mod net_families;
mod net_streams;
mod net_unix;
mod network;
mod readiness;
mod reentrancy;
#[cfg(target_os = "linux")]
mod regular_files;
mod serve;
mod serve_flood;
mod serve_limits;
mod serve_options;
#[path = "../support/mod.rs"]
mod support;
