//! The findings of a recording, computed once, for the page and for the text.
//!
//! Each kind has one criterion, which its constant or its function states. If a task has several findings of one kind,
//! only the worst is listed, with their number.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use super::finding::{Finding, FindingKind, Found};
use super::history::{History, Poll};
use super::recording::{End, Recording};
use super::telling::Teller;

/// A poll that lasts this long is long.
pub(super) const LONG: Duration = Duration::from_millis(10);
/// A poll that lasts this long is long if another task was ready before its end.
const LONG_FOR_OTHERS: Duration = Duration::from_millis(3);
/// A task that is in the ready queue for this long waits long.
const QUEUED_LONG: Duration = Duration::from_millis(5);
/// A timer that fires this late is late. The loop itself delays a timer by less.
const LATE: Duration = Duration::from_millis(1);
/// A poll is in vain if it does nothing that is recorded, and returns within this time. A read from a socket takes
/// longer.
const VAIN: Duration = Duration::from_micros(1);
/// The polls in vain of a task are listed if there are this many, and if they are half of its polls.
const VAIN_MANY: usize = 20;
/// A task is silent if nothing wakes it for this long, and for a quarter of the recording.
const SILENT: Duration = Duration::from_millis(100);
/// No more findings of each kind are listed.
const MOST: usize = 10;

impl Recording {
    /// The findings: long polls, long waits in the ready queue, late timers, polls in vain, tasks that nothing wakes,
    /// panics. The most serious kind comes first, and in each kind the longest. Each kind has ten at most.
    ///
    /// ```
    /// assert!(roundelay::record::Recording::default().findings().is_empty());
    /// ```
    pub fn findings(&self) -> Vec<Finding> {
        self.findings_in(&History::of(self))
    }

    pub(super) fn findings_in(&self, history: &History) -> Vec<Finding> {
        let mut found = history.panics();
        found.extend(history.worst_long_polls());
        found.extend(history.latest_timer());
        found.extend(history.long_waits());
        found.extend(history.in_vain());
        found.extend(history.silent());
        found.sort_by_key(|found| (found.kind, Reverse(found.lasts()), found.task));
        let mut listed: HashMap<FindingKind, usize> = HashMap::new();
        found.retain(|found| {
            let count = listed.entry(found.kind).or_default();
            *count += 1;
            *count <= MOST
        });
        // Only the listed findings get sentences.
        let teller = Teller::new(self, history);
        found.iter().map(|found| teller.tell(found)).collect()
    }
}

impl History {
    /// The long polls.
    pub(super) fn long_polls(&self) -> impl Iterator<Item = &Poll> {
        let held_up = self.held_up_another();
        let is_long = move |(place, poll): &(usize, &Poll)| {
            let took = poll.end - poll.begin;
            took >= LONG || (took >= LONG_FOR_OTHERS && held_up[*place])
        };
        self.polls
            .iter()
            .enumerate()
            .filter(is_long)
            .map(|(_, poll)| poll)
    }

    /// Says for each poll whether another task was ready while it ran. Such a task is polled later, and was ready before
    /// the end of this poll.
    fn held_up_another(&self) -> Vec<bool> {
        let mut earliest = Duration::MAX;
        let mut held_up = vec![false; self.polls.len()];
        for (poll, held_up) in self.polls.iter().zip(&mut held_up).rev() {
            *held_up = earliest < poll.end;
            earliest = earliest.min(poll.ready.unwrap_or(Duration::MAX));
        }
        held_up
    }

    fn panics(&self) -> Vec<Found> {
        let ends = self
            .lives
            .iter()
            .filter_map(|(&task, life)| Some((task, life.ended?)));
        let panics = ends.filter(|(_, (_, end))| *end == End::Panic);
        panics
            .map(|(task, (at, _))| Found::new(FindingKind::Panic, task, at, at))
            .collect()
    }

    fn worst_long_polls(&self) -> Vec<Found> {
        let worst = worst_of(self.long_polls(), |poll| poll.end - poll.begin);
        let found = |worst: (Poll, usize)| {
            Found::of_poll(FindingKind::LongPoll, worst, worst.0.begin, worst.0.end)
        };
        worst.into_values().map(found).collect()
    }

    fn long_waits(&self) -> Vec<Found> {
        let long = self
            .polls
            .iter()
            .filter(|poll| poll.rested() >= QUEUED_LONG);
        let found = |worst: (Poll, usize)| {
            let since = worst.0.ready.unwrap_or(worst.0.begin);
            Found::of_poll(FindingKind::LongWait, worst, since, worst.0.begin)
        };
        worst_of(long, Poll::rested)
            .into_values()
            .map(found)
            .collect()
    }

    /// The latest timer.
    fn latest_timer(&self) -> Option<Found> {
        let is_late = |(_, late): &&(Duration, Duration)| *late >= LATE;
        let late = || self.fires.iter().filter(is_late);
        let (at, lateness) = *late().max_by_key(|(_, late)| *late)?;
        Some(Found {
            kind: FindingKind::LateTimer,
            task: None,
            at: at.saturating_sub(lateness),
            until: at,
            count: late().count(),
            poll: None,
        })
    }

    fn in_vain(&self) -> Vec<Found> {
        // For each task: its first poll in vain, its last one, and their number.
        let mut vain: HashMap<u32, (Poll, Poll, usize)> = HashMap::new();
        for poll in self.polls.iter().filter(|poll| poll.is_in_vain()) {
            let (_, last, count) = vain.entry(poll.task).or_insert((*poll, *poll, 0));
            (*last, *count) = (*poll, *count + 1);
        }
        let is_told = |(first, _, count): &(Poll, Poll, usize)| {
            let half = usize::try_from(self.lives[&first.task].polls / 2).unwrap_or(usize::MAX);
            *count >= VAIN_MANY && *count >= half
        };
        let found = |(first, last, count): (Poll, Poll, usize)| {
            Found::of_poll(FindingKind::InVain, (first, count), first.begin, last.end)
        };
        vain.into_values().filter(is_told).map(found).collect()
    }

    /// The tasks that nothing wakes any more. A wake may be missing, or the task may only be idle.
    fn silent(&self) -> Vec<Found> {
        let least = SILENT.max((self.end - self.begin) / 4);
        let mut found = Vec::new();
        for (&task, life) in &self.lives {
            let (since, until) = match (life.waits_since, life.ended_out_of_wait, life.ended) {
                (Some(since), ..) => (since, self.end),
                (None, Some(since), Some((at, _))) => (since, at),
                _ => continue,
            };
            if until.saturating_sub(since) >= least {
                found.push(Found::new(FindingKind::Silent, task, since, until));
            }
        }
        found
    }
}

impl Poll {
    /// How long the task was ready before this poll.
    pub(super) fn rested(&self) -> Duration {
        self.begin.saturating_sub(self.ready.unwrap_or(self.begin))
    }

    pub(super) fn is_in_vain(&self) -> bool {
        self.waits && self.deeds == 0 && self.end - self.begin <= VAIN
    }
}

/// For each task the worst poll by `measure`, and the number of such polls.
fn worst_of<'a>(
    polls: impl Iterator<Item = &'a Poll>,
    measure: impl Fn(&Poll) -> Duration,
) -> HashMap<u32, (Poll, usize)> {
    let mut worst: HashMap<u32, (Poll, usize)> = HashMap::new();
    for poll in polls {
        let (known, count) = worst.entry(poll.task).or_insert((*poll, 0));
        *count += 1;
        if measure(poll) > measure(known) {
            *known = *poll;
        }
    }
    worst
}
