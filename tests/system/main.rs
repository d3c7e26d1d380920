//! The rest of the operating system: signals, child processes, standard input, files.
//!
//! A program of its own, because signals belong to the process. What ends a process, or is about its standard input, happens in
//! a child: the test starts this program again, for one of the tests that are named `child_..` and otherwise ignored.

mod again;
mod fs;
mod process;
mod signal;
mod stdio;
#[path = "../support/mod.rs"]
mod support;
