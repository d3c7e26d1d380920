//! What is allocated, counted to the last byte. The tests are a program of their own, because it has its own allocator.
//! The allocator counts per thread, so the tests can run at the same time.

#![cfg(unix)]

#[path = "../support/allocations.rs"]
mod allocations;
mod combinators;
mod give_back;
mod groups;
mod inspect;
mod sockets;
mod spare_cells;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod tasks;

use roundelay::EventLoop;

/// A loop that tells of no slow poll. A debug build tells of each one, and the line about it takes memory.
fn event_loop() -> EventLoop {
    let builder = EventLoop::builder().slow_poll(None);
    builder.build().expect("a loop")
}

fn run<F: Future>(main: F) -> F::Output {
    event_loop().run(main)
}
