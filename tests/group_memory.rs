//! A group needs memory for the children that live, not for those that have lived.
//!
//! Allocations are counted per thread, so that what the test harness does elsewhere is not on the bill.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use roundelay::{GroupError, TaskGroup, run, yield_now};
use support::{PATIENCE, watchdog};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn account(allocations: usize, bytes: isize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    BYTES.set(BYTES.get() + bytes);
    PEAK.set(PEAK.get().max(BYTES.get()));
}

// SAFETY: hands everything on to the system's allocator; the counters are plain cells that allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        account(1, layout.size() as isize);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        account(0, -(layout.size() as isize));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Outcome<T> = Result<T, GroupError<&'static str>>;

fn scope<T>(body: impl AsyncFnOnce(TaskGroup<&'static str>) -> T) -> T {
    let outcome: Outcome<T> = run(TaskGroup::scope(async |group| Ok(body(group).await)));
    outcome.unwrap()
}

async fn turn() -> Result<(), &'static str> {
    yield_now().await;
    Ok(())
}

/// A hundred at a time.
async fn batch<K: roundelay::group::Keep<u64> + Clone>(group: &TaskGroup<&'static str, K>) {
    for n in 0..100 {
        group.spawn(async move {
            yield_now().await;
            Ok(n)
        });
    }
    while !group.is_empty() {
        yield_now().await;
    }
}

#[test]
fn ten_million_short_children_run_in_the_memory_of_those_that_live() {
    // A debug build takes the first million, unless it is asked for all.
    let is_long = !cfg!(debug_assertions) || std::env::var_os("ROUNDELAY_LONG").is_some();
    let batches = if is_long { 100_000 } else { 10_000 };
    watchdog(PATIENCE, move || {
        scope(async |group| {
            batch(&group).await;
            let (before, peak) = (BYTES.get(), PEAK.get());
            for _ in 0..batches {
                batch(&group).await;
            }
            assert_eq!(BYTES.get(), before, "each child leaves something behind");
            assert_eq!(PEAK.get(), peak, "more at once than the first batch");
        });
    });
}

#[test]
fn children_that_come_and_go_cost_no_allocation_in_the_steady_state() {
    scope(async |group| {
        batch(&group).await;
        let before = ALLOCATIONS.get();
        batch(&group).await;
        assert_eq!(ALLOCATIONS.get() - before, 0);
    });
}

#[test]
fn nor_do_those_whose_values_are_kept_and_those_that_wait_for_room() {
    scope(async |group| {
        let kept = group.with_outputs();
        let limited = group.with_limit(10);
        let keep = async || {
            batch(&kept).await;
            while kept.next().await.is_some() {}
        };
        let wait = async || {
            for _ in 0..100 {
                limited.spawn(turn()).await;
            }
            while !group.is_empty() {
                yield_now().await;
            }
        };
        keep().await;
        let before = ALLOCATIONS.get();
        keep().await;
        assert_eq!(ALLOCATIONS.get() - before, 0);
        wait().await;
        let before = ALLOCATIONS.get();
        wait().await;
        assert_eq!(ALLOCATIONS.get() - before, 0);
    });
}

#[test]
fn a_child_of_a_new_kind_costs_one() {
    scope(async |group| {
        batch(&group).await;
        let before = ALLOCATIONS.get();
        let large = [7_u8; 300];
        group.spawn(async move {
            yield_now().await;
            Ok(u64::from(large[299]))
        });
        assert_eq!(ALLOCATIONS.get() - before, 1);
    });
}
