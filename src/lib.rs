//! A single-threaded event loop, from first principles.
#![deny(unsafe_code)]

mod context;
pub mod future;
pub mod net;
mod offload;
pub mod reactor;
pub mod sync;
pub mod time;
