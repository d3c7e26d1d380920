//! How many bytes does a task take that waits for something?
//!
//! Counted in the allocator, as asked for and as handed out (which is more, because allocators round up): all that the loop
//! holds for 100,000 tasks, its tables included, divided by their number. The future has 72 bytes; its handle is dropped.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use crate::rivals::{Rival, Roundelay, Tokio};

const TASKS: usize = 100_000;

/// The system's allocator, and a count of what it has handed out while `IS_COUNTING`.
pub(crate) struct Counting;

// ORDERING: all relaxed. One thread counts and reads; the others allocate nothing meanwhile.
static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicUsize = AtomicUsize::new(0);
static USABLE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands every call on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one that is asked for.
        let block = unsafe { System.alloc(layout) };
        if IS_COUNTING.load(Relaxed) {
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
        // SAFETY: the caller's promise is the one that is asked for.
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

struct Parked([u64; 9]);

impl Future for Parked {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        if self.0[0] == 0 {
            Poll::Pending
        } else {
            Poll::Ready(self.0[8])
        }
    }
}

pub(crate) fn report() {
    println!(
        "\nbytes per parked task, {TASKS} of them, with a future of {}",
        size_of::<Parked>()
    );
    println!("{:<12}{:>12}{:>12}", "", "requested", "usable");
    row::<Roundelay>("roundelay");
    row::<Tokio>("tokio");
}

fn row<R: Rival>(name: &str) {
    let mut rival = R::new();
    let (requested, usable) = rival.run(async {
        R::yield_now().await;
        let before = (REQUESTED.load(Relaxed), USABLE.load(Relaxed));
        IS_COUNTING.store(true, Relaxed);
        for _ in 0..TASKS {
            drop(R::spawn(Parked([0; 9])));
        }
        R::yield_now().await;
        IS_COUNTING.store(false, Relaxed);
        (
            REQUESTED.load(Relaxed) - before.0,
            USABLE.load(Relaxed) - before.1,
        )
    });
    let each = |bytes: usize| bytes as f64 / TASKS as f64;
    println!("{name:<12}{:>12.1}{:>12.1}", each(requested), each(usable));
}
