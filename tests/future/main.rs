//! Combinators.

mod as_completed;
mod combinators;
mod in_a_loop;
mod macros;
mod set_wakes;
#[path = "../support/mod.rs"]
mod support;
