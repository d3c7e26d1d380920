//! Task groups.

mod cancel;
mod drop;
mod handle;
mod nested;
mod outputs;
mod random;
mod run_alone;
#[path = "../support/mod.rs"]
mod support;
mod whole;
