//! The tests that hold something against a model with random steps, and shrink what fails.
//!
//! A package of its own: a build of an example does without the crate that shrinks, and `cargo test` runs this all the same.

mod draw;
#[path = "../support/mod.rs"]
mod support;
#[path = "../sync/model.rs"]
mod sync_model;
#[path = "../time/wheel_model.rs"]
mod wheel_model;
