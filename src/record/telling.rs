//! The sentences of a finding: what was found, and its cause.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use super::finding::{Finding, FindingKind, Found};
use super::history::{Doing, History, Poll};
use super::recording::{Cause, Recording};
use super::words::{Span, counted};

pub(super) struct Teller<'a> {
    recording: &'a Recording,
    history: &'a History,
}

impl<'a> Teller<'a> {
    pub(super) fn new(recording: &'a Recording, history: &'a History) -> Self {
        Self { recording, history }
    }

    pub(super) fn tell(&self, found: &Found) -> Finding {
        let (title, detail) = self.words(found);
        Finding {
            kind: found.kind,
            task: found.task,
            at: found.at,
            until: found.until,
            count: found.count,
            title,
            detail,
        }
    }

    fn words(&self, found: &Found) -> (String, String) {
        let name = found
            .task
            .map_or(String::new(), |task| capital(&self.recording.named(task)));
        let length = Span(found.lasts());
        match (found.kind, &found.poll) {
            (FindingKind::Panic, _) => (format!("{name} panicked"), String::new()),
            (FindingKind::LongPoll, Some(poll)) => (
                format!("{name} held the thread for {length}"),
                self.held_up(poll),
            ),
            (FindingKind::LongWait, Some(poll)) => (
                format!("{name} was ready for {length} before its poll"),
                self.in_the_way(poll, found.at),
            ),
            (FindingKind::InVain, Some(poll)) => self.in_vain(&name, poll.task, found.count),
            (FindingKind::LateTimer, _) => (
                format!("A timer fired {length} late"),
                self.why_late(found.at, found.until),
            ),
            _ => self.silent(&name, found),
        }
    }

    /// The tasks, timers and sockets that had to wait while this poll ran.
    fn held_up(&self, poll: &Poll) -> String {
        let mut sentences = Vec::new();
        sentences.extend(self.ready_during(poll));
        sentences.extend(self.found_after(poll));
        match sentences[..] {
            [] => {
                "In that time no other task was ready, no timer came due and no socket was ready."
                    .to_owned()
            }
            _ => sentences.join(" "),
        }
    }

    /// The tasks that were ready while this poll ran. The next poll of each begins after this poll.
    fn ready_during(&self, poll: &Poll) -> Option<String> {
        let polls = &self.history.polls;
        let next = polls.partition_point(|other| other.begin < poll.end);
        let mut waited: HashMap<u32, Duration> = HashMap::new();
        // A batch rarely has more polls.
        for other in polls[next..].iter().take(10_000) {
            if let Some(ready) = other.ready.filter(|ready| *ready < poll.end) {
                waited.insert(other.task, poll.end - ready.max(poll.begin));
            }
        }
        waited.remove(&poll.task);
        let (first, longest) = waited
            .iter()
            .max_by_key(|(task, waited)| (**waited, **task))?;
        let longest = Span(*longest);
        Some(match waited.len() {
            1 => {
                let name = capital(&self.recording.named(*first));
                format!("{name} was ready for {longest} of this poll.")
            }
            count => {
                format!("{count} other tasks were ready during this poll, for up to {longest}.")
            }
        })
    }

    /// The timers and the sockets that the look after this poll found.
    fn found_after(&self, poll: &Poll) -> Option<String> {
        let steps = &self.history.steps;
        let next = steps.partition_point(|step| step.begin < poll.end);
        let look = steps[next..]
            .iter()
            .find(|step| step.what == Doing::Looking)?;
        let is_in_look = |at: Duration| at >= look.begin && at <= look.end;
        let due = |(at, late): &&(Duration, Duration)| {
            is_in_look(*at)
                && at.saturating_sub(*late) >= poll.begin
                && at.saturating_sub(*late) < poll.end
        };
        let timers = self.history.fires.iter().filter(due).count();
        let sockets = self
            .history
            .readies
            .iter()
            .filter(|at| is_in_look(**at))
            .count();
        match (timers, sockets) {
            (0, 0) => None,
            (_, 0) => Some(format!(
                "{} came due during this poll.",
                counted(timers, "timer")
            )),
            (0, _) => Some(format!(
                "The look after this poll found {} ready.",
                counted(sockets, "socket")
            )),
            _ => Some(format!(
                "{} came due during this poll, and the look after it found {} ready.",
                counted(timers, "timer"),
                counted(sockets, "socket")
            )),
        }
    }

    /// The tasks that had the thread while the task of this poll was ready.
    fn in_the_way(&self, poll: &Poll, since: Duration) -> String {
        let woken = poll.cause.map_or(String::new(), |cause| {
            format!(
                "It was woken by {}. ",
                self.recording.cause(cause, poll.task)
            )
        });
        let polls = self.history.polls_between(since, poll.begin);
        let inside = |poll_before: &Poll| {
            poll_before
                .end
                .min(poll.begin)
                .saturating_sub(poll_before.begin.max(since))
        };
        let Some(longest) = polls.iter().max_by_key(|poll| inside(poll)) else {
            return format!("{woken}It waited for the loop: no task was polled in that time.");
        };
        let name = self.recording.named(longest.task);
        match polls.len() {
            1 => format!("{woken}It waited for a poll of {name} to end."),
            count => format!(
                "{woken}It waited for {count} polls. The longest took {} and was of {name}.",
                Span(inside(longest))
            ),
        }
    }

    fn why_late(&self, deadline: Duration, at: Duration) -> String {
        if deadline < self.history.begin {
            return "Its deadline came before the recording began.".to_owned();
        }
        match self.history.at(deadline).map(|step| step.what) {
            Some(Doing::Polling(place)) if self.held_most(place, deadline, at) => {
                let poll = &self.history.polls[place];
                let (name, rest) = (self.recording.named(poll.task), Span(poll.end - deadline));
                format!("At its deadline {name} held the thread, and kept it for {rest} more.")
            }
            Some(Doing::Sleeping) => {
                "At its deadline the loop slept. The system woke the loop late.".to_owned()
            }
            _ => self.polls_before(deadline, at),
        }
    }

    /// Whether this poll took at least half of the time from the deadline to the firing.
    fn held_most(&self, poll: usize, deadline: Duration, at: Duration) -> bool {
        let rest = self.history.polls[poll].end.saturating_sub(deadline);
        rest >= at.saturating_sub(deadline) / 2
    }

    fn polls_before(&self, deadline: Duration, at: Duration) -> String {
        let polls = self.history.polls_between(deadline, at);
        let Some(longest) = polls.iter().max_by_key(|poll| poll.end - poll.begin) else {
            return "No task was polled between its deadline and the look that found it."
                .to_owned();
        };
        let it = if polls.len() == 1 {
            "It"
        } else {
            "The longest"
        };
        format!(
            "Between its deadline and the look that found it, {} ran. {it} took {} and was of {}.",
            counted(polls.len(), "poll"),
            Span(longest.end - longest.begin),
            self.recording.named(longest.task)
        )
    }

    fn in_vain(&self, name: &str, task: u32, count: usize) -> (String, String) {
        let mut causes: HashMap<Cause, usize> = HashMap::new();
        let of_task = self.history.polls.iter().filter(|poll| poll.task == task);
        let vain = of_task.filter(|poll| poll.is_in_vain());
        for cause in vain.filter_map(|poll| poll.cause) {
            *causes.entry(cause).or_default() += 1;
        }
        let usual = causes.into_iter().max_by_key(|(_, count)| *count);
        let detail = usual.map_or(String::new(), |(cause, _)| {
            format!(
                "It was mostly woken by {}.",
                self.recording.cause(cause, task)
            )
        });
        let all = self.history.lives[&task].polls;
        (
            format!("{name} was polled {all} times, {count} times for nothing"),
            detail,
        )
    }

    fn silent(&self, name: &str, found: &Found) -> (String, String) {
        let life = found.task.and_then(|task| self.history.lives.get(&task));
        let has_ended = life.is_some_and(|life| life.ended.is_some());
        let title = match has_ended {
            true => format!("{name} ended after {} without a wake", Span(found.lasts())),
            false => format!("{name} has not been woken for {}", Span(found.lasts())),
        };
        let detail = match life.and_then(|life| life.awaits) {
            None => "Either a wake is missing, or the task is only idle.".to_owned(),
            Some(awaited) => format!(
                "Its last recorded wait was for {}.",
                self.recording.awaited(awaited)
            ),
        };
        (title, detail)
    }
}

/// The same text, as the beginning of a sentence.
fn capital(text: &dyn Display) -> String {
    let text = text.to_string();
    text.replacen("task ", "Task ", usize::from(text.starts_with("task ")))
}
