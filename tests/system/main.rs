//! The rest of the operating system: signals, child processes, standard input, files.
//!
//! These tests are a program of their own, because signals belong to the process. Some tests end a process or use its standard
//! input. They start this program again, to run one of the ignored tests that are named `child_..`.

mod again;
mod fs;
mod process;
mod signal;
mod stdio;
#[path = "../support/mod.rs"]
mod support;
