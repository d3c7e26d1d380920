//! Task groups.

mod cancel;
mod drop;
mod outputs;
mod random;
#[path = "../support/mod.rs"]
mod support;
mod whole;
