//! A finding, without its sentences ([`Found`]) and with them ([`Finding`]).

use std::time::Duration;

use super::history::Poll;

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A task has panicked.
    Panic,
    /// A poll held the thread for 10 ms or more, or for 3 ms or more while another task was ready.
    LongPoll,
    /// A timer fired 1 ms late or more.
    LateTimer,
    /// A task was ready for 5 ms or more before its poll.
    LongWait,
    /// A task was often polled for nothing: at least 20 of its polls, and at least half of them, returned within a
    /// microsecond and did nothing that is recorded.
    InVain,
    /// Nothing woke a task in the last 100 ms or more, and in the last quarter of the recording or longer.
    Silent,
}

/// Something in a recording that a reader should look at: [`Recording::findings`](super::Recording::findings).
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
    /// The number of findings of this kind that the same task has. Only the worst of them is listed. For polls in
    /// vain: the number of these polls.
    pub count: usize,
    /// One sentence that says what was found.
    pub title: String,
    /// The cause, or the tasks that had to wait. May be empty.
    pub detail: String,
}

impl Finding {
    /// Whether `count` counts findings. For polls in vain it counts the polls.
    pub(super) fn is_worst_of_its_kind(&self) -> bool {
        self.kind != FindingKind::InVain
    }
}

/// A finding without its sentences.
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
