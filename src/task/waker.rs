//! Chapter 3. A waker is a number.
//!
//! # Chapter 3. A waker is a number
//!
//! *Before this:* [chapter 2](super::cell). *Time:* 25 minutes. *Files, in reading order:* this
//! one, [`id`](super::id).
//!
//! ## The smallest loop
//!
//! This chapter replaces `Number` and its `wake` in `examples/00_smallest_loop.rs`. The number
//! there is a place in the table, and the next task gets the place when the first has ended. A
//! waker that was kept then wakes a stranger. And each waker is an allocation with an atomic count.
//!
//! ## The problem
//!
//! A `Waker` must be `Send`, `Sync` and `Clone`, and it may outlive the task, the loop and the
//! thread. The usual waker is a pointer to the task with an atomic reference count. It has four
//! costs: each clone and each drop is an atomic operation; the count may overflow; the last waker
//! may free the future on a thread where the future must never be dropped; and an executor that is
//! torn down must know that a waker may still point into it.
//!
//! On a single thread a plain counter in place of the atomic one is tempting, and unsound: safe
//! code may clone a `&Waker` on another thread, and no check of the thread's identity can undo a
//! torn increment.
//!
//! ## The idea
//!
//! A waker owns nothing. [`RawWaker`] carries one word as large as a pointer, and no rule says that
//! the word must be a pointer:
//!
//! ```text
//!   Waker { data: 0x0010_0000_2a00_0007, vtable: &VTABLE }
//!                   |         |       |
//!                   |         |       +-- slot 7 of the slab
//!                   |         +---------- spawn number 42, which is 0x2a
//!                   +-------------------- of loop 1
//!
//!   clone = copy the number      drop = nothing      will_wake = compare two words, exact
//!   wake  = on the loop's own thread: has the slot's tenant this very number? then queue it;
//!           on any other thread: by way of the inbox of loop 1
//! ```
//!
//! ```
//! // The same number, in Rust.
//! let (in_loop, serial, slot) = (1_u64, 42_u64, 7_u64);
//! assert_eq!(in_loop << 52 | serial << 24 | slot, 0x0010_0000_2a00_0007);
//! ```
//!
//! A stale waker is a stale number: it names a tenant that has moved out, and a name frees nothing
//! and touches nothing. That is the invariant *stale-is-inert*. It brings *home-drop* with it: no
//! waker ever owns a future, so no waker can drop one.
//!
//! ## Who owns whom
//!
//! ```text
//!    JoinHandle --- pins ---> slot 7 of the slab --- owns ---> cell --- owns ---> future,
//!                             serial 42                                           then output
//!                                   ^
//!    Waker, AbortHandle, TaskId . . : . . . name the slot, and own nothing of it
//! ```
//!
//! The slab owns the cell, the cell owns the future, and a handle keeps the slot from a new tenant.
//! A timer, a socket or another thread holds a waker only, so none of them keeps a task alive, and
//! none can reach freed memory.
//!
//! ## How it goes wrong
//!
//! The serial has 28 bits. Let a waker live through exactly 2^28 spawns of its loop, and let the
//! last of these spawns reuse the slot: the waker then wakes a stranger. That is one spurious poll,
//! and every future must tolerate spurious polls. An operation that must not misfire (abort, join
//! handles, timer keys, I/O tokens) does not rely on this number.
//!
//! ## Why not otherwise
//!
//! - *A pointer and a count*: an atomic operation for each clone and each drop, and the hazards
//!   above.
//! - *A leaked, recycled header for each task* (never freed, so always valid): sound, but its
//!   memory only grows, and it still needs a generation against reuse.
//! - *A 32-bit number*: too short for slot and serial, and the loop's part would need a lookup of
//!   the thread. So this crate wants 64-bit targets, and says so at compile time.
//!
//! *What others do.* tokio, async-task and smol count references atomically. embassy and lilos have
//! static tasks, so their pointers cannot dangle. RFC 2592's sample executor uses an index as its
//! data, without a serial.
//!
//! ## What it costs
//!
//! A clone and a drop are one indirect call each. `cargo bench --bench core waker` shows it, beside
//! a waker with a count.
//!
//! ## Sources
//!
//! `std::task::RawWaker`; RFC 2592, "futures_api", appendix; Strict Provenance,
//! `ptr::without_provenance`.
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Tasks::wake`, do not compare the serial:
//!   `cargo run -p exercises -- 3.1`
//! - In `wake`, forget the inbox: wake on this thread only:
//!   `cargo run -p exercises -- 3.2`
//!
//! ## Next
//!
//! [Chapter 4](crate::scheduler): where the number is queued, and which task is polled next.

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

/// A `static`, not a `const`, because `will_wake` compares its address, which has to be the same in the whole program.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, forget);

/// The waker of the task `id`. It need not be dropped, so the scheduler does not drop the waker that it polls with.
#[inline]
pub(crate) fn of(id: TaskId) -> ManuallyDrop<Waker> {
    // SAFETY: the contract of `RawWaker` asks that the four functions be thread-safe and that they manage the data's
    // resources; the data is a number without provenance that none of them dereferences. Guarded by
    // tests/scheduler/wake.rs::wakers_fired_from_eight_threads_at_a_reused_slot_harm_nobody. Buys clone and drop without
    // atomics: 2.1 ns for both, against 11.4 for tokio's atomic count in the same run of `cargo bench --bench core`.
    ManuallyDrop::new(unsafe { Waker::new(data(id), &VTABLE) })
}

/// The task that a waker wakes, if the waker is this crate's.
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
