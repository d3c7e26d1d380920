//! The pool: one mutex, one line of jobs, one stack of idle workers.
//!
//! # The chain of calls
//!
//! The loop's thread brings a job, and a worker must come for it. To call a worker costs a system
//! call, so a thousand jobs must not mean a thousand calls. The rule is a chain: **a thread that
//! sees a waiting job and no coming worker calls one worker, and a worker that takes a job calls
//! the next.**
//!
//! ```text
//!   the loop:  submit 1, submit 2 .. submit 1000
//!                 |  calls A for job 1; while A is coming, submit calls no other
//!                 v
//!   worker A:       takes 1, calls B ---> runs 1 ---> takes 4 ---> runs 4 ..
//!                              |
//!   worker B:                  '--> takes 2, calls C ---> runs 2 ---> takes 5 ..
//!                                           |
//!   worker C:                               '--> takes 3, calls D ---> runs 3 ..
//! ```
//!
//! The loop pays for one call, and the workers pay for the rest. The chain ends when no job
//! waits.
//!
//! Invariant *somebody-comes*: while jobs wait, a worker is coming, or every worker that can be had
//! is busy and will look when it is done. All known hangs of pools break this rule: a worker that
//! was counted as idle was about to leave, or the operating system refused a worker that was
//! counted as coming. Only `State::call` restores the invariant, and asserts it.

use std::panic::Location;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::awaited::{Awaited, JobState};
use super::job::Job;
use super::line::{Ticket, Waiting};
use super::shared::{Idle, PoolConfig, Running, Shared};
use super::worker;
use crate::foreign::{self, Level};
use crate::record::{JobLog, Probe};
use crate::task::error::JoinError;

/// A loop's handle to its workers. Dropping it closes the pool.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    awaited: Awaited,
    probe: Probe,
}

impl Pool {
    /// Starts no thread: the first job does. `probe` records the jobs that are handed in, and `log` the threads that have
    /// done them.
    #[inline]
    pub(crate) fn new(config: PoolConfig, probe: Probe, log: JobLog) -> Pool {
        Pool {
            shared: Arc::new(Shared::new(config, log)),
            awaited: Awaited::default(),
            probe,
        }
    }

    /// The jobs that are done.
    #[cfg(feature = "record")]
    #[inline]
    pub(crate) fn job_log(&self) -> JobLog {
        self.shared.lock().log.clone()
    }

    /// Puts a job into the line. A pool that is closed, or that has no thread and gets none, fails the job at once.
    #[inline]
    pub(crate) fn submit(&self, job: Arc<dyn Job>, at: &'static Location<'static>) -> Ticket {
        foreign::tell(
            Level::Trace,
            foreign::OFFLOAD,
            format_args!("job offloaded at {at}"),
        );
        let mut state = self.shared.lock();
        if state.is_closed {
            let ticket = state.line.draw();
            drop(state);
            job.fail(JoinError::cancelled());
            return ticket;
        }
        let ticket = state.line.join(Waiting { job, at });
        let call = state.call(self.shared.config.threads);
        drop(state);
        self.probe.submitted(ticket.number());
        worker::perform(&self.shared, call);
        ticket
    }

    /// Whether a further job would be within the bound.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        let bound = self
            .shared
            .config
            .threads
            .saturating_add(self.shared.config.queue);
        let state = self.shared.lock();
        state.line.len() + state.busy < bound
    }

    /// Takes a job out of the line, if it is still there. The jobs behind it move up.
    #[inline]
    pub(crate) fn leave(&self, ticket: Ticket) {
        let left = self.shared.lock().line.leave(ticket);
        drop(left);
    }

    /// Records that the polled task begins to wait for the job.
    #[inline]
    pub(super) fn tell_of_the_wait(&self, ticket: Ticket) {
        self.probe.awaits_job(ticket.number());
    }

    /// The table of the tasks that await a job.
    #[inline]
    pub(super) fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// Shows each task that awaits a job, by its number: the line that offloaded the job, and the job's state. `visit`
    /// runs under the lock.
    pub(crate) fn each_waiter(
        &self,
        mut visit: impl FnMut(u64, &'static Location<'static>, JobState),
    ) {
        let state = self.shared.lock();
        self.awaited
            .each(|ticket, at, number| visit(number, at, state.of_job(ticket)));
    }

    /// Ends the pool without waiting. Jobs that wait are dropped at once, and their futures return `cancelled`. Jobs
    /// that run go on, and their threads end after them. A second call does nothing.
    #[inline]
    pub(crate) fn close(&self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        let mut waiting = state.line.dismiss();
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        for Idle { thread, .. } in idle {
            self.shared.calls.call(&thread);
        }
        while let Some((_, Waiting { job, .. })) = waiting.serve() {
            job.fail(JoinError::cancelled());
        }
    }

    /// Closes the pool, and waits until all its threads are done, but at most for `grace`. Returns the jobs that still
    /// run.
    #[inline]
    pub(crate) fn join(&self, grace: Duration) -> Vec<Running> {
        self.close();
        let shared = &*self.shared;
        let (state, _) = shared
            .empty
            .wait_timeout_while(shared.lock(), grace, |state| !state.workers.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        shared.running(&state)
    }
}

#[cfg(all(test, not(loom)))]
impl Pool {
    /// How many workers have nothing to do.
    #[inline]
    pub(super) fn idle_count(&self) -> usize {
        self.shared.lock().idle.len()
    }

    /// How many workers are counted.
    #[inline]
    pub(super) fn worker_count(&self) -> usize {
        self.shared.lock().workers.len()
    }
}

impl Drop for Pool {
    #[inline]
    fn drop(&mut self) {
        self.close();
    }
}
