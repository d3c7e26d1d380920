//! What must happen at the end of a run, however it ends: by a value, by a panic, by an error.

use std::rc::Rc;

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

/// Part of the main future. It is dropped when that has finished, or panicked, and tells the scheduler to return.
pub(super) struct HaltOnDrop(pub(super) Rc<Scheduler>);

impl Drop for HaltOnDrop {
    fn drop(&mut self) {
        self.0.halt();
    }
}

/// The main task does not outlive its `run`, not even when that unwinds.
pub(super) struct DropNow(pub(super) JoinHandle<()>);

impl Drop for DropNow {
    fn drop(&mut self) {
        self.0.drop_now();
    }
}
