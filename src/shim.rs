//! The types of `std` that the inbox and the pool use, and their replacements when all interleavings are tried.
//!
//! A race that needs a thread to be interrupted between two instructions may take a million runs to show, and an
//! ordering that is too weak never shows on an x86. [loom](https://docs.rs/loom) runs a test once for each order of its
//! threads' steps, and for each value that the memory model lets a load see. For that, locks, atomics and threads must
//! be loom's own. So the two modules in which threads meet, `inbox/` and `offload/`, take them from this file. An
//! ordinary build gets `std`, and the command
//!
//! ```text
//! RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 \
//!     cargo test --lib --target-dir target/loom interleavings
//! ```
//!
//! gets `shim/explored.rs`, and runs `inbox/interleavings.rs` and `offload/interleavings.rs` over the lines that ship.
//! `tests/loom_mutations.rs` breaks one of those lines after the other, and demands that a test fails.
//!
//! `Arc` is `std`'s in both builds: the reference count is not under test.

#[cfg(loom)]
mod explored;

#[cfg(all(test, loom))]
pub(crate) use explored::explore;
#[cfg(loom)]
pub(crate) use explored::{Bell, Condvar, Instant, Mutex, MutexGuard, atomic, statics, thread};
#[cfg(not(loom))]
pub(crate) use {
    mio::Waker as Bell,
    std::sync::{Condvar, Mutex, MutexGuard, atomic},
    std::thread,
    std::time::Instant,
};

/// Declares statics. loom makes them anew for each order that it tries.
#[cfg(not(loom))]
macro_rules! statics {
    ($($declaration:item)*) => { $($declaration)* };
}
#[cfg(not(loom))]
pub(crate) use statics;

/// Locks a mutex of this crate. The mutex is never poisoned: no user code runs while it is held.
// Out of line, so that a program contains it once for each kind of mutex.
#[inline(never)]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    lock_in_place(mutex)
}

/// [`lock`] inlined by force: this saves five of 346 instructions of each wake in a burst.
#[inline(always)]
pub(crate) fn lock_in_place<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
