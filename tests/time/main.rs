//! Timers, and time-outs. The wheel below them is held against a model in `tests/models`.

#[path = "../support/mod.rs"]
mod support;
mod time_out_size;
mod timers;
mod virtual_time;
