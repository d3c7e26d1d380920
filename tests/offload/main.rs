//! Calls that block, and the threads that run them.

mod jobs;
#[path = "../support/mod.rs"]
mod support;
mod threads;
