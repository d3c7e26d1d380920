//! The loop as a whole: driven by a host, nested, interrupted, shut down, and what it tells the log.

mod accounts;
mod bounded_look;
#[cfg(unix)]
mod embed;
#[cfg(unix)]
mod enter;
mod idle;
#[cfg(unix)]
mod interrupted;
mod log;
mod nesting;
mod panic_run;
mod shutdown;
#[path = "../support/mod.rs"]
mod support;
mod turns;
