//! Task groups.

mod cancel;
mod drop;
mod handle;
mod nested;
mod outputs;
mod random;
#[path = "../support/mod.rs"]
mod support;
mod whole;
