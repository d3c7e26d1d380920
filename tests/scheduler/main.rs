//! Tasks on one loop. They are woken, polled in order, cancelled and dropped, and they may panic.

mod budget;
mod cancel;
mod cancel_deep;
mod discard_chain;
mod drop;
mod ends;
mod fairness;
mod handles;
mod order;
mod panic;
mod panic_drop;
mod panic_waker;
mod reentrancy;
mod self_join;
mod shuffle;
#[path = "../support/mod.rs"]
mod support;
mod wake;
