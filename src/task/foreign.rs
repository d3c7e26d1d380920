//! Wakers that are not ours.
//!
//! A leaf future may be polled by anybody: by a task of this crate, whose waker is a number and cannot panic; but also by
//! a combinator with wakers of its own, by an executor within a task, by a test. To wake such a waker, or to drop it, is to
//! run somebody's code, and its panic would come out where nobody expects it: of the loop itself, or of the
//! `Semaphore::add_permits` of a task that has never heard of the waiter. So one rule holds for the whole crate:
//!
//! **A panic in a waker that is woken or dropped is logged, and goes no further.** Whoever woke it goes on, and those who
//! wait behind it are woken as if nothing had happened.
//!
//! *Not contained:* the clone, and a wake in the poll that brought the waker along (`yield_now`). That panic comes out of
//! the very poll whose waker it is, and there it belongs.
//!
//! A `catch_unwind` that catches nothing costs two instructions, beside the 420 of a timer that is armed and cancelled. So
//! even our own wakers pass through here: to tell them apart would cost as much.
//!
//! Guarded by tests/panic_waker.rs, one test for each kind of waiter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use super::error::{self, Payload};

const TARGET: &str = "roundelay::wake";

/// Wakes somebody. `of` completes "the waker of".
#[inline]
pub(crate) fn wake(waker: Waker, of: &str) {
    contain(of, || waker.wake());
}

/// [`wake`], for a waker that is still needed.
#[inline]
pub(crate) fn wake_by_ref(waker: &Waker, of: &str) {
    contain(of, || waker.wake_by_ref());
}

/// Drops a waker, if there is one.
#[inline]
pub(crate) fn let_go(waker: impl Into<Option<Waker>>, of: &str) {
    if let Some(waker) = waker.into() {
        contain(of, || drop(waker));
    }
}

#[inline]
fn contain(of: &str, use_of_a_waker: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(use_of_a_waker)) {
        complain(of, payload);
    }
}

#[cold]
fn complain(of: &str, payload: Payload) {
    error::tell_and_bury(TARGET, &format_args!("the waker of {of}"), payload);
}
