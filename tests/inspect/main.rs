//! The list of the tasks and of what they wait for. Every kind of wait is named, no wait is named after its end, and a program
//! may ask for the list from anywhere.

mod asked;
mod count;
#[path = "../support/mod.rs"]
mod support;
mod text;
#[cfg(unix)]
mod waits;
