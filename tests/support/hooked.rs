//! A waker that runs the test's code when it is cloned, woken, or dropped.
//!
//! `std::task::Wake` has no method for the clone, so this waker is made by hand.

use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// A use of a [`hooked_waker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Clone,
    Wake,
    Drop,
}

type Hook = dyn Fn(Use) + Send + Sync;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_one);

/// A waker that calls `hook` at each use.
pub(crate) fn hooked_waker(hook: impl Fn(Use) + Send + Sync + 'static) -> Waker {
    let hook: Arc<Box<Hook>> = Arc::new(Box::new(hook));
    // SAFETY: the data is one count of an `Arc` whose value is `Send` and `Sync`. `clone` takes another count, `wake` and
    // `drop_one` give their count back, and `wake_by_ref` borrows.
    unsafe { Waker::new(Arc::into_raw(hook).cast(), &VTABLE) }
}

fn clone(data: *const ()) -> RawWaker {
    borrow(data)(Use::Clone);
    // SAFETY: the waker that is cloned has a count of its own.
    unsafe { Arc::increment_strong_count(data.cast::<Box<Hook>>()) };
    RawWaker::new(data, &VTABLE)
}

fn wake(data: *const ()) {
    // SAFETY: takes over the count of the waker, which is gone after this.
    let hook = unsafe { Arc::from_raw(data.cast::<Box<Hook>>()) };
    hook(Use::Wake);
}

fn wake_by_ref(data: *const ()) {
    borrow(data)(Use::Wake);
}

fn drop_one(data: *const ()) {
    // SAFETY: takes over the count of the waker, which is gone after this.
    let hook = unsafe { Arc::from_raw(data.cast::<Box<Hook>>()) };
    hook(Use::Drop);
}

fn borrow<'a>(data: *const ()) -> &'a Hook {
    // SAFETY: the data is that of a waker that is alive for as long as the call lasts.
    unsafe { &**data.cast::<Box<Hook>>() }
}
