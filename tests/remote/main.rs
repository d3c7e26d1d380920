//! What other threads send to a loop.

mod channel;
mod cost;
mod gone;
mod handle;
mod posts;
#[path = "../support/mod.rs"]
mod support;
mod wake_afar;
