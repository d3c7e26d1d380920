//! Timers, the wheel below them, and time-outs.

#[path = "../support/mod.rs"]
mod support;
mod time_out_size;
mod timers;
mod wheel_model;
