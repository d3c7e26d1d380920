//! The loop as a whole: driven by a host, nested, interrupted, shut down, and what it tells the log.

mod accounts;
mod bounded_look;
mod embed;
mod enter;
mod idle;
mod interrupted;
mod log;
mod nesting;
mod panic_run;
mod shutdown;
#[path = "../support/mod.rs"]
mod support;
