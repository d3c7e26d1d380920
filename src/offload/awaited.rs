//! Which task awaits which job: for the list of tasks.
//!
//! The waker of a job lies in the job, and a job that runs lies in the hands of its thread. So the
//! future of a job enters its task's number here when it has to wait, and takes it out when it is
//! ready or dropped. That is on the loop's thread, and needs no lock. How the job stands, and since
//! when it runs, the pool's own tables know.

use std::cell::RefCell;
use std::panic::Location;
use std::time::Duration;

use slab::Slab;

use super::line::Ticket;

/// How an offloaded job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// It waits for a thread.
    Queued,
    /// It has been running for so long.
    Running(Duration),
    /// It is done, and the task has not been polled since.
    Done,
}

/// A future that waits.
struct Entry {
    ticket: Ticket,
    at: &'static Location<'static>,
    /// Its task's.
    number: u64,
}

#[derive(Default)]
pub(super) struct Awaited(RefCell<Slab<Entry>>);

/// Where one future stands among them.
pub(super) type Key = u32;

impl Awaited {
    /// The task with this number awaits the job.
    pub(super) fn enter(&self, ticket: Ticket, at: &'static Location<'static>, number: u64) -> Key {
        let entry = Entry { ticket, at, number };
        self.0.borrow_mut().insert(entry) as Key
    }

    /// Another task awaits it now.
    pub(super) fn change(&self, key: Key, number: u64) {
        self.0.borrow_mut()[key as usize].number = number;
    }

    pub(super) fn leave(&self, key: Key) {
        self.0.borrow_mut().remove(key as usize);
    }

    /// Shows each future that waits: its task's number, the line that offloaded the job, and how that stands. `jobs` are those
    /// that are not done.
    pub(super) fn each(
        &self,
        mut jobs: Vec<(Ticket, JobState)>,
        mut visit: impl FnMut(u64, &'static Location<'static>, JobState),
    ) {
        jobs.sort_unstable_by_key(|job| job.0);
        for (_, entry) in &*self.0.borrow() {
            let state = match jobs.binary_search_by_key(&entry.ticket, |job| job.0) {
                Ok(place) => jobs[place].1,
                Err(_) => JobState::Done,
            };
            visit(entry.number, entry.at, state);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}
