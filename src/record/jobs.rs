//! The jobs that the threads of a pool have done. The pool keeps this list under its own lock, because the ring belongs
//! to the loop's thread.

use std::collections::VecDeque;
use std::time::Instant;

use super::recording::{Event, What};

/// Empty in a loop that is not recorded.
#[derive(Clone, Default)]
pub(crate) struct JobLog {
    room: usize,
    jobs: VecDeque<Done>,
}

#[derive(Clone, Copy)]
struct Done {
    job: u64,
    worker: usize,
    begun: Instant,
    done: Instant,
}

impl JobLog {
    /// Has room for as many jobs as take a quarter of the ring's bytes.
    pub(crate) fn recording(bytes: usize) -> Self {
        Self {
            room: bytes / 4 / size_of::<Done>(),
            jobs: VecDeque::new(),
        }
    }

    /// A thread has been running a job since `begun`, and has ended it now.
    pub(crate) fn is_done(&mut self, job: u64, worker: usize, begun: Instant, done: Instant) {
        if self.room == 0 {
            return;
        }
        if self.jobs.len() == self.room {
            self.jobs.pop_front();
        }
        self.jobs.push_back(Done {
            job,
            worker,
            begun,
            done,
        });
    }

    pub(super) fn events(&self, origin: Instant) -> impl Iterator<Item = Event> {
        self.jobs.iter().flat_map(move |it| {
            let at = |instant: Instant| instant.saturating_duration_since(origin);
            let begins = What::JobBegins(it.job as u32, it.worker as u32);
            let ends = What::JobEnds(it.job as u32);
            [(at(it.begun), begins), (at(it.done), ends)].map(|(at, what)| Event { at, what })
        })
    }
}
