//! What is allocated, counted to the last byte. A program of its own, because it has an allocator of its own; the
//! allocator counts per thread, so the tests run beside each other.

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
