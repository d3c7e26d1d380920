//! What must happen at the end of a run, however it ends: by a value, by a panic, by an error.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::foreign;
use crate::scheduler::Scheduler;
use crate::scheduler::inbox::Tenant;
use crate::task::JoinHandle;

/// The loop is at work for as long as this exists. Between two runs it counts as parked, so that a wake from anywhere
/// makes its descriptor readable for the host.
pub(super) struct AtWork<'a>(&'a Tenant);

impl<'a> AtWork<'a> {
    pub(super) fn begin(inbox: &'a Tenant) -> Self {
        inbox.begin();
        Self(inbox)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Polls the main future. When it has finished, or panicked, the scheduler is told to return.
///
/// A future that finished is dropped on the spot, before anything else runs. One that panicked is not dropped while that
/// panic unwinds, because its destructor may panic as well, and then the process would be aborted; see [`bury_main`].
pub(super) fn poll_main<F: Future>(
    mut main: Pin<&mut Option<F>>,
    scheduler: &Scheduler,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let halt = HaltOnDrop(scheduler);
    let main = main.as_mut().as_pin_mut();
    let polled = main.expect("polled until it is ready").poll(cx);
    if polled.is_pending() {
        mem::forget(halt);
    }
    polled
}

struct HaltOnDrop<'a>(&'a Scheduler);

impl Drop for HaltOnDrop<'_> {
    fn drop(&mut self) {
        self.0.halt();
    }
}

/// Drops what is left of the main future when its run has ended by a panic, its own or a task's. If it panics now, the
/// first panic is the one that counts.
pub(super) fn bury_main<F>(mut main: Pin<&mut Option<F>>) {
    let what = "the destructor of the main future";
    foreign::quietly(foreign::TASK, what, || main.set(None));
}

/// The main task does not outlive its `run`, not even when that unwinds.
pub(super) struct DropNow(pub(super) JoinHandle<()>);

impl Drop for DropNow {
    fn drop(&mut self) {
        self.0.drop_now();
    }
}
