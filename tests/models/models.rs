//! The tests that take random steps, compare the result with a model, and shrink what fails.
//!
//! They are a package of their own, so that a build of an example does not need the crate that shrinks. `cargo test` runs them.

mod draw;
#[path = "../support/mod.rs"]
mod support;
#[path = "../sync/model.rs"]
mod sync_model;
#[path = "../time/wheel_model.rs"]
mod wheel_model;
