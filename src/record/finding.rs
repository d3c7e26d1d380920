//! A finding: before it is put into words, and after.

use std::time::Duration;

use super::history::Poll;

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A task has panicked.
    Panic,
    /// A poll held the thread long: 10 ms, or 3 ms while another task was ready.
    LongPoll,
    /// A timer fired 1 ms late or more.
    LateTimer,
    /// A task was ready for 5 ms or more before its poll.
    LongWait,
    /// A task was often woken for nothing: at least 20 of its polls, and at least half of all, returned within a
    /// microsecond and did nothing that is recorded.
    InVain,
    /// Nothing woke a task in the last 100 ms or more, and in the last quarter of the recording or longer.
    Silent,
}

/// A striking part of a recording: [`Recording::findings`](super::Recording::findings).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of the finding.
    pub kind: FindingKind,
    /// The task of the finding. A late timer has none.
    pub task: Option<u32>,
    /// When it begins.
    pub at: Duration,
    /// When it ends.
    pub until: Duration,
    /// How many findings of this kind the same task has; this is the worst. Of polls in vain: how many polls.
    pub count: usize,
    /// A sentence.
    pub title: String,
    /// What was in the way, or which tasks were held up. May be empty.
    pub detail: String,
}

impl Finding {
    /// Whether `count` counts findings like this one. Of polls in vain it counts the polls.
    pub(super) fn is_worst_of_its_kind(&self) -> bool {
        self.kind != FindingKind::InVain
    }
}

/// A finding, before it is put into words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) kind: FindingKind,
    pub(super) task: Option<u32>,
    pub(super) at: Duration,
    pub(super) until: Duration,
    pub(super) count: usize,
    /// The poll of the finding, if there is one.
    pub(super) poll: Option<Poll>,
}

impl Found {
    pub(super) fn new(kind: FindingKind, task: u32, at: Duration, until: Duration) -> Self {
        Self {
            kind,
            task: Some(task),
            at,
            until,
            count: 1,
            poll: None,
        }
    }

    pub(super) fn of_poll(
        kind: FindingKind,
        (poll, count): (Poll, usize),
        at: Duration,
        until: Duration,
    ) -> Self {
        Self {
            count,
            poll: Some(poll),
            ..Self::new(kind, poll.task, at, until)
        }
    }

    pub(super) fn lasts(&self) -> Duration {
        self.until.saturating_sub(self.at)
    }
}
