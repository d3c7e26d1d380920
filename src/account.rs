//! The account of an observed loop: how often and for how long each task was polled, since when it is ready, and the
//! [`Histograms`].
//!
//! A wake is the hottest path of the loop, so it notes nothing. After each step the loop's observer asks which tasks
//! have entered the ready queue since the step before: these are the last in the queue. So "since when" is the
//! beginning of the step that woke the task: of the poll, or of the look.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::histogram::Histogram;
use crate::task::id::TaskId;

/// The durations of a loop that is [observed](crate::Builder::observe).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Histograms {
    /// The polls.
    pub polls: Histogram,
    /// From the beginning of the poll, or of the look, that woke a task, to the poll of that task.
    pub waits: Histogram,
    /// How late timers fired.
    pub timers: Histogram,
    /// The turns: from the end of one rest to the beginning of the next.
    pub turns: Histogram,
    /// The rests: the loop slept, or looked for work without sleeping.
    pub rests: Histogram,
}

/// The account of one task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    id: TaskId,
    /// How often it was polled.
    pub(crate) polls: u64,
    /// The total time of its polls.
    pub(crate) busy: Duration,
    /// Since when it is in the ready queue, if it is.
    pub(crate) ready_since: Option<Instant>,
}

/// What hears how late timers fire.
pub(crate) trait Lateness {
    fn fired(&self, late: Duration);
}

#[derive(Default)]
pub(crate) struct Account {
    /// By slot.
    entries: RefCell<Vec<Option<Entry>>>,
    histograms: RefCell<Histograms>,
}

impl Account {
    /// The task has been in the ready queue since this moment.
    #[inline]
    pub(crate) fn is_ready(&self, id: TaskId, since: Instant) {
        self.change(id, |entry| entry.ready_since = Some(since));
    }

    /// The poll of the task begins now.
    #[inline]
    pub(crate) fn begins(&self, id: TaskId, now: Instant) {
        let waited = self.change(id, |entry| {
            entry.polls += 1;
            entry.ready_since.take()
        });
        if let Some(since) = waited {
            let waited = now.saturating_duration_since(since);
            self.histograms.borrow_mut().waits.add(waited);
        }
    }

    /// The poll is over.
    #[inline]
    pub(crate) fn ends(&self, id: TaskId, took: Duration) {
        self.change(id, |entry| entry.busy += took);
        self.histograms.borrow_mut().polls.add(took);
    }

    #[inline]
    pub(crate) fn fired(&self, late: Duration) {
        self.histograms.borrow_mut().timers.add(late);
    }

    #[inline]
    pub(crate) fn has_turned(&self, took: Duration) {
        self.histograms.borrow_mut().turns.add(took);
    }

    #[inline]
    pub(crate) fn has_rested(&self, took: Duration) {
        self.histograms.borrow_mut().rests.add(took);
    }

    #[inline]
    pub(crate) fn of(&self, id: TaskId) -> Option<Entry> {
        let entry = *self.entries.borrow().get(id.slot())?;
        entry.filter(|entry| entry.id == id)
    }

    #[inline]
    pub(crate) fn histograms(&self) -> Histograms {
        self.histograms.borrow().clone()
    }

    /// Changes the entry of a task. A task that is new in its slot begins with an empty entry.
    fn change<R>(&self, id: TaskId, change: impl FnOnce(&mut Entry) -> R) -> R {
        let mut entries = self.entries.borrow_mut();
        if id.slot() >= entries.len() {
            entries.resize(id.slot() + 1, None);
        }
        let entry = &mut entries[id.slot()];
        let known = entry.take().filter(|entry| entry.id == id);
        change(entry.insert(known.unwrap_or(Entry {
            id,
            polls: 0,
            busy: Duration::ZERO,
            ready_since: None,
        })))
    }
}
