//! Counts what each thread allocates, for tests that limit it. It counts per thread, so the test harness and the other tests
//! do not count.
//!
//! Each test file uses only a part of it. That is why there is an `allow`.
#![allow(dead_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// These have no destructors, so they can be used for as long as the thread runs.
thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// How often this thread has allocated.
pub(crate) fn allocations() -> usize {
    ALLOCATIONS.get()
}

/// How often this thread has allocated since there were `before` allocations.
pub(crate) fn since(before: usize) -> usize {
    ALLOCATIONS.get() - before
}

/// How often `operation` allocates.
pub(crate) fn allocations_of(operation: impl FnOnce()) -> usize {
    let before = allocations();
    operation();
    since(before)
}

/// Bytes that this thread has allocated and not freed.
pub(crate) fn bytes() -> isize {
    BYTES.get()
}

/// The highest value that [`bytes`] has had.
pub(crate) fn peak() -> isize {
    PEAK.get()
}

fn account(allocations: usize, bytes: isize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    BYTES.set(BYTES.get() + bytes);
    PEAK.set(PEAK.get().max(BYTES.get()));
}

// SAFETY: each call goes on unchanged to the system's allocator, and the cells allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        account(1, layout.size() as isize);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        account(0, -(layout.size() as isize));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        account(1, size as isize - layout.size() as isize);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
