//! The tests that hold something against a model with random steps, and shrink what fails.
//!
//! A package of its own, because what shrinks is a large crate: a build of an example does without it, and `cargo test` runs this
//! all the same.

#[path = "../support/mod.rs"]
mod support;
#[path = "../sync/model.rs"]
mod sync_model;
#[path = "../time/wheel_model.rs"]
mod wheel_model;
