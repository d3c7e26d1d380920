//! Which task awaits which job, for those who ask.
//!
//! The waker of a job lies in the job, and a job that runs lies in the hands of its thread. So the future of a job enters its
//! task's number here when it has to wait, and takes it out when it is ready or dropped. That is on the loop's thread, and needs
//! no lock. How the job stands, and since when it runs, the pool's own tables know.

use std::cell::RefCell;
use std::panic::Location;
use std::time::Duration;

use slab::Slab;

use super::line::Ticket;
use super::pool::Pool;
use crate::shim::Instant;

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
}

impl Pool {
    /// Shows each task that awaits a job, by its number: the line that offloaded the job, and how that stands.
    pub(crate) fn each_waiter(
        &self,
        mut visit: impl FnMut(u64, &'static Location<'static>, JobState),
    ) {
        let awaited = self.awaited().0.borrow();
        if awaited.is_empty() {
            return;
        }
        let mut jobs = self.jobs();
        jobs.sort_unstable_by_key(|job| job.0);
        for (_, entry) in &*awaited {
            let state = match jobs.binary_search_by_key(&entry.ticket, |job| job.0) {
                Ok(place) => jobs[place].1,
                Err(_) => JobState::Done,
            };
            visit(entry.number, entry.at, state);
        }
    }

    /// All jobs that wait or run.
    fn jobs(&self) -> Vec<(Ticket, JobState)> {
        let now = Instant::now();
        let state = self.lock();
        let waiting = state
            .line
            .iter()
            .map(|(ticket, _)| (ticket, JobState::Queued));
        let running = state.workers.iter().filter_map(|(_, worker)| worker.job);
        let running = running.map(|(ticket, _, since)| {
            let elapsed = now.saturating_duration_since(since);
            (ticket, JobState::Running(elapsed))
        });
        waiting.chain(running).collect()
    }
}
