//! Chapter 3. A waker is a number.
//!
//! # The smallest loop
//!
//! This chapter replaces `Number` and its `wake` in `examples/00_smallest_loop.rs`. The number
//! there is a place in the table, and the next task gets the place when the first has ended. A
//! waker that was kept then wakes a stranger. And each waker is an allocation with an atomic count.
//!
//! # The problem
//!
//! A `Waker` must be `Send`, `Sync` and `Clone`, and it may outlive the task, the loop and the thread. The usual answer
//! is a pointer to the task with an atomic reference count: each clone and each drop is an atomic operation, the count
//! may overflow, the last waker may free the future on a thread where it must never be dropped, and whoever tears down
//! the executor must know that somewhere a waker may still point into it.
//!
//! The tempting answer for a single thread is the same pointer with a plain counter. It is unsound: safe code may clone
//! a `&Waker` on another thread, and no check of the thread's identity can undo a torn increment.
//!
//! # The idea
//!
//! Own nothing. [`RawWaker`] carries one pointer-sized word, and no rule says that it must be a pointer:
//!
//! ```text
//!   Waker { data: 0x0010_0000_2a00_0007, vtable: &VTABLE }
//!                   |         |       |
//!                   |         |       +-- slot 7 of the slab
//!                   |         +---------- spawn number 42, which is 0x2a
//!                   +-------------------- of loop 1
//!
//!   clone = copy the number      drop = nothing      will_wake = compare two words, exact
//!   wake  = on the loop's own thread, is the tenant of that slot still the one I mean? then queue it;
//!           from anywhere else, by way of the inbox of loop 1
//! ```
//!
//! A stale waker is a stale number: it names somebody who has moved out, and naming frees nothing and touches nothing.
//! That is the invariant *stale-is-inert*, and with it *home-drop*: no waker ever owned a future that it could drop.
//!
//! # How it could go wrong
//!
//! The serial has 28 bits. A waker that sleeps through exactly 2^28 spawns of its loop, with its slot reused by the last
//! of them, wakes a stranger: one spurious poll, which every future must tolerate. Whatever must not misfire (abort,
//! join handles, timer keys, I/O tokens) does not rely on this number.
//!
//! # Why not otherwise
//!
//! - *A pointer and a count*: 11 to 13 ns for clone and drop where this takes 2 (`BENCHMARKS.md`), and the hazards above.
//! - *A leaked, recycled header per task* (never freed, so always valid): sound, but its memory only grows, and it still
//!   needs a generation against reuse.
//! - *A 32-bit number*: too short for slot and serial, and the loop's part would need a lookup of the thread. So this
//!   crate wants 64-bit targets, and says so at compile time.
//!
//! Tokio, async-task and smol count references atomically; embassy and lilos have static tasks, so their pointers cannot
//! dangle; RFC 2592's sample executor used an index as its data, without a serial.
//!
//! # What it costs
//!
//! Clone and drop are one indirect call each. `cargo bench --bench core waker` shows it.
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Tasks::wake`, do not compare the serial:
//!   `cargo run -p exercises -- 3.1`
//! - In `wake`, forget the inbox: wake on this thread only:
//!   `cargo run -p exercises -- 3.2`
//!
//! Sources: `std::task::RawWaker`; RFC 2592, "futures_api", appendix; Strict Provenance, `ptr::without_provenance`.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::id::TaskId;
use crate::{inbox, scheduler};

#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "roundelay needs a 64-bit target: a waker is one word that holds loop, serial and slot, and 32 bits are too few"
);

/// A `static`, not a `const`: one address for the whole program, which is what `will_wake` compares.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, forget);

/// The waker of the task `id`. Nobody needs to drop it, so the one that the scheduler polls with is never dropped.
#[inline]
pub(crate) fn of(id: TaskId) -> ManuallyDrop<Waker> {
    // SAFETY: the contract of `RawWaker` asks that the four functions be thread-safe and that they manage the data's
    // resources; the data is a number without provenance that none of them dereferences. Guarded by
    // tests/scheduler/wake.rs::wakers_fired_from_eight_threads_at_a_reused_slot_harm_nobody. Buys clone and drop without atomics:
    // 2.1 ns for both, against 11.4 for tokio's atomic count in the same run of `cargo bench --bench core`.
    ManuallyDrop::new(unsafe { Waker::new(data(id), &VTABLE) })
}

/// The task that a waker wakes, if it is one of ours.
#[inline]
pub(crate) fn id_of(waker: &Waker) -> Option<TaskId> {
    if !ptr::eq(waker.vtable(), &VTABLE) {
        return None;
    }
    TaskId::from_bits(waker.data().addr() as u64)
}

fn data(id: TaskId) -> *const () {
    ptr::without_provenance(id.bits() as usize)
}

fn clone(data: *const ()) -> RawWaker {
    RawWaker::new(data, &VTABLE)
}

fn wake(data: *const ()) {
    if let Some(id) = TaskId::from_bits(data.addr() as u64) {
        if !scheduler::wake_here(id) {
            inbox::wake(id.loop_index(), id.bits());
        }
    }
}

fn forget(_: *const ()) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_in_the_figure_is_the_one_that_it_explains() {
        let id = TaskId::new(1, 42, 7);
        assert_eq!(id.bits(), 0x0010_0000_2a00_0007);
        assert!(include_str!("waker.rs").contains("Waker { data: 0x0010_0000_2a00_0007,"));
    }
}
