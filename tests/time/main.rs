//! Timers and time-outs. `tests/models` compares the wheel below them with a model.

#[path = "../support/mod.rs"]
mod support;
mod time_out_size;
mod timers;
mod virtual_time;
