//! Tuning: how a worker rests until the next call.
//!
//! The plain form sleeps at once. But the system takes long to wake a thread on an idle processor.
//! So a worker whose last wait was short stays awake for a moment, and the next call finds it
//! awake. The worker yields meanwhile, because on a single processor the loop needs it. To wait
//! about as long as a sleep costs never costs more than twice the best choice (Karlin and others,
//! in the chapter's sources). The [appendix](crate::appendix) has the figures.

use std::time::Duration;

use crate::shim::Instant;
use crate::shim::atomic::AtomicUsize;
use crate::shim::atomic::Ordering::{Acquire, Release};
use crate::shim::thread::{self, Thread};

/// A worker whose last rest was shorter than this stays awake for as long the next time. After one long rest it sleeps
/// at once, so one wait at most is wasted.
const BRIEF: Duration = Duration::from_micros(50);

/// How many calls there have been in a pool.
#[derive(Default)]
pub(super) struct Calls(AtomicUsize);

impl Calls {
    #[inline]
    pub(super) fn call(&self, worker: &Thread) {
        worker.unpark();
        // ORDERING: Release, with the Acquire in `count`: a thread that counts the call finds its worker unparked.
        self.0.fetch_add(1, Release);
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        // ORDERING: Acquire, with the Release in `call`.
        self.0.load(Acquire)
    }

    /// Waits awake for a call to any worker, but not for long.
    #[inline]
    pub(super) fn stay_awake(&self, count: usize) {
        let begin = Instant::now();
        while self.count() == count && begin.elapsed() < BRIEF {
            // On a single processor, the calling thread needs it.
            thread::yield_now();
        }
    }
}

/// The rests of one worker. A rest begins when the worker finds no job, and ends when it has one.
#[derive(Default)]
pub(super) struct Rest {
    since: Option<Instant>,
    pub(super) was_brief: bool,
}

impl Rest {
    /// The worker rests. Returns for how long already.
    #[inline]
    pub(super) fn go_on(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.since.get_or_insert(now))
    }

    /// The worker has a job. Returns `false` if it did not rest before.
    #[inline]
    pub(super) fn end(&mut self, now: Instant) -> bool {
        let Some(since) = self.since.take() else {
            return false;
        };
        self.was_brief = now.saturating_duration_since(since) < BRIEF;
        true
    }
}
