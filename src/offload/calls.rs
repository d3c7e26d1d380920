//! Tuning: how a worker rests until the next call.
//!
//! The plain form sleeps at once. But the system takes long to wake a thread whose processor has
//! nothing to do. So a worker stays awake for a moment if its last wait was that short, and the
//! next call finds it there. It yields meanwhile, for on a single processor the loop is the thread
//! that it waits for. To wait about as long as a sleep would cost never costs more than twice the
//! best choice (Karlin and others, in the chapter's sources). The [appendix](crate::appendix) has
//! the figures.

use std::time::Duration;

use crate::shim::Instant;
use crate::shim::atomic::AtomicUsize;
use crate::shim::atomic::Ordering::{Acquire, Release};
use crate::shim::thread::{self, Thread};

/// A worker whose last rest was shorter than this stays awake for as long the next time. One long rest ends the habit, so
/// no more than this is wasted on it.
const BRIEF: Duration = Duration::from_micros(50);

/// How many calls there have been in a pool.
#[derive(Default)]
pub(super) struct Calls(AtomicUsize);

impl Calls {
    pub(super) fn call(&self, worker: &Thread) {
        worker.unpark();
        // ORDERING: Release, with the Acquire in `count`: whoever sees the call finds its thread unparked.
        self.0.fetch_add(1, Release);
    }

    pub(super) fn count(&self) -> usize {
        // ORDERING: Acquire, with the Release in `call`.
        self.0.load(Acquire)
    }

    /// Waits for a call, whomever it is for, without going to sleep; though not for long.
    pub(super) fn stay_awake(&self, count: usize) {
        let begin = Instant::now();
        while self.count() == count && begin.elapsed() < BRIEF {
            // On a single processor, whoever is to call needs it.
            thread::yield_now();
        }
    }
}

/// The rests of one worker, each from the moment at which it finds nothing to do until it finds a job.
#[derive(Default)]
pub(super) struct Rest {
    since: Option<Instant>,
    pub(super) was_brief: bool,
}

impl Rest {
    /// It rests. For how long already?
    pub(super) fn go_on(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.since.get_or_insert(now))
    }

    /// It has a job. `false` if it did not rest before.
    pub(super) fn end(&mut self, now: Instant) -> bool {
        let Some(since) = self.since.take() else {
            return false;
        };
        self.was_brief = now.saturating_duration_since(since) < BRIEF;
        true
    }
}
