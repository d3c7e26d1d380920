//! The system's allocator, and a count of the bytes that it hands out while counting is on.
//!
//! While counting is off, each allocation reads one flag, in all runtimes alike.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

pub struct Counting;

// ORDERING: all relaxed. They are sums, and are read while no other thread allocates.
static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicUsize = AtomicUsize::new(0);
static REQUESTED: AtomicUsize = AtomicUsize::new(0);
static USABLE: AtomicUsize = AtomicUsize::new(0);

/// The bytes that a piece of code has allocated and kept, and how often it allocated.
#[derive(Clone, Copy, Default)]
pub struct Count {
    pub calls: usize,
    pub requested: usize,
    pub usable: usize,
}

/// Counts until [`stop`].
pub fn start() {
    for sum in [&CALLS, &REQUESTED, &USABLE] {
        sum.store(0, Relaxed);
    }
    IS_COUNTING.store(true, Relaxed);
}

pub fn stop() -> Count {
    IS_COUNTING.store(false, Relaxed);
    Count {
        calls: CALLS.load(Relaxed),
        requested: REQUESTED.load(Relaxed),
        usable: USABLE.load(Relaxed),
    }
}

// SAFETY: passes each call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises what the call needs.
        let block = unsafe { System.alloc(layout) };
        if IS_COUNTING.load(Relaxed) {
            CALLS.fetch_add(1, Relaxed);
            REQUESTED.fetch_add(layout.size(), Relaxed);
            USABLE.fetch_add(usable_size(block, layout), Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if IS_COUNTING.load(Relaxed) {
            REQUESTED.fetch_sub(layout.size(), Relaxed);
            USABLE.fetch_sub(usable_size(block, layout), Relaxed);
        }
        // SAFETY: the caller promises what the call needs.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(target_os = "linux")]
fn usable_size(block: *mut u8, _: Layout) -> usize {
    // SAFETY: the system's allocator handed this block out, and has not taken it back.
    unsafe { libc::malloc_usable_size(block.cast()) }
}

#[cfg(not(target_os = "linux"))]
fn usable_size(_: *mut u8, layout: Layout) -> usize {
    layout.size()
}
