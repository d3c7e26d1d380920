//! What stands out in a recording. Found once, for the page and for the text.
//!
//! Each kind has one criterion, which its constant or its function says. Of several findings of one kind about one task only the
//! worst is listed, with how many there were.

use std::collections::HashMap;
use std::time::Duration;

use super::history::{Doing, History, Poll};
use super::recording::{Cause, End, Recording};
use super::words::{Span, counted};

/// A poll is long that lasts so long,
const LONG: Duration = Duration::from_millis(10);
/// or so long while another task was ready.
const LONG_FOR_OTHERS: Duration = Duration::from_millis(1);
/// A task that rests so long in the ready queue waits long.
const QUEUED_LONG: Duration = Duration::from_millis(5);
/// A timer is late by this; the loop itself puts timers off by less.
const LATE: Duration = Duration::from_millis(1);
/// A poll is in vain if it does nothing that is recorded, and its task waits again within this time. A read from a socket takes
/// longer.
const VAIN: Duration = Duration::from_micros(1);
/// So many of them are told, if they are half of the polls of a task.
const VAIN_MANY: usize = 20;
/// A task has been left that nothing wakes for so long, and for a quarter of the recording.
const SILENT: Duration = Duration::from_millis(100);
/// So many findings are listed.
const MOST: usize = 60;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A task has panicked.
    Panic,
    /// A poll held the thread long: 10 ms, or 1 ms while another task was ready.
    LongPoll,
    /// A timer fired 1 ms late or more.
    LateTimer,
    /// A task was ready for 5 ms or more before its poll.
    LongWait,
    /// A task was woken often for nothing: 20 polls of it or more, at least half of all, returned within a microsecond and did
    /// nothing that is recorded.
    InVain,
    /// Nothing woke a task in the last 100 ms or more, and in the last quarter of the recording or longer.
    Silent,
}

/// Something that stands out in a recording: [`Recording::findings`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// The task that it is about. A late timer belongs to none.
    pub task: Option<u32>,
    /// When it begins.
    pub at: Duration,
    /// When it ends.
    pub until: Duration,
    /// How many there are of its kind about the same task; this is the worst.
    pub count: usize,
    /// A sentence.
    pub title: String,
    /// What was in the way, or who was held up; it may be empty.
    pub detail: String,
}

impl Finding {
    fn lasts(&self) -> Duration {
        self.until.saturating_sub(self.at)
    }
}

impl Recording {
    /// What stands out: long polls, long waits in the ready queue, late timers, polls in vain, tasks that nothing wakes, panics.
    /// The gravest kind first, and of each kind what lasted longest.
    ///
    /// ```
    /// assert!(roundelay::record::Recording::default().findings().is_empty());
    /// ```
    pub fn findings(&self) -> Vec<Finding> {
        self.findings_in(&History::of(self))
    }

    pub(super) fn findings_in(&self, history: &History) -> Vec<Finding> {
        let finder = Finder {
            recording: self,
            history,
        };
        let mut findings = finder.panics();
        findings.extend(finder.long_polls());
        findings.extend(finder.late_timer());
        findings.extend(finder.long_waits());
        findings.extend(finder.in_vain());
        findings.extend(finder.silent());
        findings.sort_by_key(|finding| (finding.kind, std::cmp::Reverse(finding.lasts())));
        findings.truncate(MOST);
        findings
    }
}

impl History {
    /// The long polls, with whether somebody was ready meanwhile.
    pub(super) fn long_polls(&self) -> impl Iterator<Item = &Poll> {
        // Who was ready while a poll ran is polled after it, and had been ready before its end.
        let mut earliest_ready = Duration::MAX;
        let mut held_up = vec![false; self.polls.len()];
        for (place, poll) in self.polls.iter().enumerate().rev() {
            held_up[place] = earliest_ready < poll.end;
            earliest_ready = earliest_ready.min(poll.ready.unwrap_or(Duration::MAX));
        }
        let is_long = move |(poll, held_up): &(&Poll, bool)| {
            let took = poll.end - poll.begin;
            took >= LONG || (took >= LONG_FOR_OTHERS && *held_up)
        };
        let polls = self.polls.iter().zip(held_up);
        polls.filter(is_long).map(|(poll, _)| poll)
    }
}

struct Finder<'a> {
    recording: &'a Recording,
    history: &'a History,
}

impl Finder<'_> {
    fn finding(&self, kind: FindingKind, task: u32, at: Duration, until: Duration) -> Finding {
        Finding {
            kind,
            task: Some(task),
            at,
            until,
            count: 1,
            title: String::new(),
            detail: String::new(),
        }
    }

    fn panics(&self) -> Vec<Finding> {
        let panicked = |(&task, life): (&u32, &super::history::Life)| match life.ended {
            Some((at, End::Panic)) => Some(Finding {
                title: format!("{} panicked", capital(&self.recording.named(task))),
                ..self.finding(FindingKind::Panic, task, at, at)
            }),
            _ => None,
        };
        self.history.lives.iter().filter_map(panicked).collect()
    }

    fn long_polls(&self) -> Vec<Finding> {
        let took = |poll: &Poll| poll.end - poll.begin;
        let worst = worst_of(self.history.long_polls(), took);
        let told = |(task, (poll, count)): (u32, (Poll, usize))| Finding {
            count,
            title: format!(
                "{} held the thread for {}",
                capital(&self.recording.named(task)),
                Span(took(&poll))
            ),
            detail: self.held_up(&poll),
            ..self.finding(FindingKind::LongPoll, task, poll.begin, poll.end)
        };
        worst.into_iter().map(told).collect()
    }

    /// Who was ready while this poll ran: the next poll of each begins after it.
    fn held_up(&self, poll: &Poll) -> String {
        let history = self.history;
        let next = history
            .polls
            .partition_point(|other| other.begin < poll.end);
        let mut tasks: Vec<u32> = Vec::new();
        let mut waited = Duration::ZERO;
        for other in &history.polls[next..] {
            // A batch is over long before.
            if tasks.len() >= 1000 || other.begin > poll.end + LONG * 10 {
                break;
            }
            let Some(ready) = other.ready.filter(|ready| *ready < poll.end) else {
                continue;
            };
            if other.task != poll.task && !tasks.contains(&other.task) {
                tasks.push(other.task);
                waited = waited.max(poll.end - ready.max(poll.begin));
            }
        }
        match tasks[..] {
            [] => "Nobody else was ready meanwhile.".to_owned(),
            [one] => format!(
                "{} was ready meanwhile, and waited {} for it.",
                capital(&self.recording.named(one)),
                Span(waited)
            ),
            _ => format!(
                "{} were ready meanwhile, and waited up to {} for it.",
                capital(&counted(tasks.len(), "other task")),
                Span(waited)
            ),
        }
    }

    fn long_waits(&self) -> Vec<Finding> {
        let rested = |poll: &Poll| poll.begin.saturating_sub(poll.ready.unwrap_or(poll.begin));
        let long = self
            .history
            .polls
            .iter()
            .filter(|poll| rested(poll) >= QUEUED_LONG);
        let told = |(task, (poll, count)): (u32, (Poll, usize))| {
            let woken = poll.cause.map_or(String::new(), |cause| {
                format!(", woken by {}", self.recording.cause(cause, task))
            });
            let since = poll.ready.unwrap_or(poll.begin);
            Finding {
                count,
                title: format!(
                    "{} was ready for {} before its poll",
                    capital(&self.recording.named(task)),
                    Span(rested(&poll))
                ),
                detail: format!("{}{woken}.", self.ahead(since, poll.begin)),
                ..self.finding(FindingKind::LongWait, task, since, poll.begin)
            }
        };
        worst_of(long, rested).into_iter().map(told).collect()
    }

    /// Who had the thread in this time.
    fn ahead(&self, from: Duration, to: Duration) -> String {
        let polls = self.history.polls_between(from, to);
        let inside = |poll: &Poll| poll.end.min(to).saturating_sub(poll.begin.max(from));
        let Some(longest) = polls.iter().max_by_key(|poll| inside(poll)) else {
            return "It waited for the loop".to_owned();
        };
        let name = self.recording.named(longest.task);
        match polls.len() {
            1 => format!("It waited behind {name}"),
            count => format!(
                "It waited behind {count} polls, the longest of them {} by {name}",
                Span(inside(longest))
            ),
        }
    }

    /// The latest timer, and why it was late.
    fn late_timer(&self) -> Option<Finding> {
        let late = |(_, late): &&(Duration, Duration)| *late >= LATE;
        let count = self.history.fires.iter().filter(late).count();
        let (at, late) = *self
            .history
            .fires
            .iter()
            .filter(late)
            .max_by_key(|(_, late)| *late)?;
        let deadline = at.saturating_sub(late);
        Some(Finding {
            kind: FindingKind::LateTimer,
            task: None,
            at: deadline,
            until: at,
            count,
            title: format!("A timer fired {} late", Span(late)),
            detail: self.why_late(deadline, at),
        })
    }

    fn why_late(&self, deadline: Duration, at: Duration) -> String {
        if deadline < self.history.begin {
            return "Its deadline was before the recording begins.".to_owned();
        }
        match self.history.at(deadline).map(|step| step.what) {
            Some(Doing::Polling(place)) => {
                let poll = &self.history.polls[place];
                let name = self.recording.named(poll.task);
                format!(
                    "At its deadline {name} held the thread, for {} more.",
                    Span(poll.end - deadline)
                )
            }
            Some(Doing::Sleeping) => {
                "At its deadline the loop slept: the system woke it late, or several timers were taken together.".to_owned()
            }
            _ => {
                let polls = self.history.polls_between(deadline, at).len();
                format!("Between its deadline and the look that found it were {}.", counted(polls, "poll"))
            }
        }
    }

    fn in_vain(&self) -> Vec<Finding> {
        let is_vain = |poll: &&Poll| poll.waits && poll.deeds == 0 && poll.end - poll.begin <= VAIN;
        let mut vain: HashMap<u32, Vec<&Poll>> = HashMap::new();
        for poll in self.history.polls.iter().filter(is_vain) {
            vain.entry(poll.task).or_default().push(poll);
        }
        let told = |(task, polls): (u32, Vec<&Poll>)| {
            let all = self.history.lives[&task].polls;
            let is_told = polls.len() >= VAIN_MANY && polls.len() as u64 * 2 >= all;
            is_told.then(|| self.tell_in_vain(task, &polls, all))
        };
        vain.into_iter().filter_map(told).collect()
    }

    fn tell_in_vain(&self, task: u32, polls: &[&Poll], all: u64) -> Finding {
        let mut causes: HashMap<Cause, usize> = HashMap::new();
        for cause in polls.iter().filter_map(|poll| poll.cause) {
            *causes.entry(cause).or_default() += 1;
        }
        let usual = causes.into_iter().max_by_key(|(_, count)| *count);
        let detail = usual.map_or(String::new(), |(cause, _)| {
            format!("Mostly woken by {}.", self.recording.cause(cause, task))
        });
        let last = polls[polls.len() - 1];
        Finding {
            title: format!(
                "{} was polled for nothing {} times of {all}",
                capital(&self.recording.named(task)),
                polls.len()
            ),
            detail,
            ..self.finding(FindingKind::InVain, task, polls[0].begin, last.end)
        }
    }

    /// A task that nothing wakes any more: perhaps nobody will, perhaps nobody waits for it.
    fn silent(&self) -> Vec<Finding> {
        let whole = self.history.end - self.history.begin;
        let least = SILENT.max(whole / 4);
        let mut findings = Vec::new();
        for (&task, life) in &self.history.lives {
            let (since, until, how) = match (life.waits_since, life.ended_out_of_wait, life.ended) {
                (Some(since), ..) => (since, self.history.end, "waits, and nothing has woken it"),
                (None, Some(since), Some((at, _))) => {
                    (since, at, "was cancelled after nothing had woken it")
                }
                _ => continue,
            };
            let silence = until.saturating_sub(since);
            if silence >= least {
                findings.push(Finding {
                    title: format!(
                        "{} {how} for {}",
                        capital(&self.recording.named(task)),
                        Span(silence)
                    ),
                    detail: "Is its wake missing, or is it only idle?".to_owned(),
                    ..self.finding(FindingKind::Silent, task, since, until)
                });
            }
        }
        findings
    }
}

/// For each task the poll that is worst by `measure`, and how many there are.
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

fn capital(text: &dyn std::fmt::Display) -> String {
    let text = text.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(letters).collect()
}
