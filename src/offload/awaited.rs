//! Which task awaits which job: for the list of tasks.
//!
//! The job owns its waker, and the thread that runs a job owns the job. So the future of a job
//! enters its task's number in this table when it has to wait, and removes it when it is ready or
//! dropped. Both happen on the loop's thread, without a lock. The pool's own tables have the state
//! of the job, and since when it runs.

use std::cell::RefCell;
use std::panic::Location;
use std::time::Duration;

use slab::Slab;

use super::line::Ticket;

/// The state of an offloaded job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// The job waits for a thread.
    Queued,
    /// The job has been running for this long.
    Running(Duration),
    /// The job is done, and the task has not been polled since.
    Done,
}

/// A future that waits.
struct Entry {
    ticket: Ticket,
    at: &'static Location<'static>,
    /// The number of its task.
    number: u64,
}

#[derive(Default)]
pub(super) struct Awaited(RefCell<Slab<Entry>>);

/// The place of one future in the table.
pub(super) type Key = u32;

impl Awaited {
    /// The task with this number awaits the job.
    #[inline]
    pub(super) fn enter(&self, ticket: Ticket, at: &'static Location<'static>, number: u64) -> Key {
        let entry = Entry { ticket, at, number };
        self.0.borrow_mut().insert(entry) as Key
    }

    /// Another task awaits the job now.
    #[inline]
    pub(super) fn change(&self, key: Key, number: u64) {
        self.0.borrow_mut()[key as usize].number = number;
    }

    #[inline]
    pub(super) fn leave(&self, key: Key) {
        self.0.borrow_mut().remove(key as usize);
    }

    /// Shows each future that waits: its job, the line that offloaded the job, and its task's number.
    pub(super) fn each(&self, mut visit: impl FnMut(Ticket, &'static Location<'static>, u64)) {
        for (_, entry) in &*self.0.borrow() {
            visit(entry.ticket, entry.at, entry.number);
        }
    }
}
