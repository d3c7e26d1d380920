//! Who is there, and what they wait for: every kind of wait is named, nothing stays named when the wait is over, and the list can
//! be had from anywhere.

mod asked;
mod count;
#[path = "../support/mod.rs"]
mod support;
mod text;
#[cfg(unix)]
mod waits;
