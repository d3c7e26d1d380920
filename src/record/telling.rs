//! The words of a finding: a sentence, and what was in the way.

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
        let who = found
            .task
            .map_or(String::new(), |task| capital(&self.recording.named(task)));
        let length = Span(found.lasts());
        match (found.kind, &found.poll) {
            (FindingKind::Panic, _) => (format!("{who} panicked"), String::new()),
            (FindingKind::LongPoll, Some(poll)) => (
                format!("{who} held the thread for {length}"),
                self.held_up(poll),
            ),
            (FindingKind::LongWait, Some(poll)) => (
                format!("{who} was ready for {length} before its poll"),
                self.in_the_way(poll, found.at),
            ),
            (FindingKind::InVain, Some(poll)) => self.in_vain(&who, poll.task, found.count),
            (FindingKind::LateTimer, _) => (
                format!("A timer fired {length} late"),
                self.why_late(found.at, found.until),
            ),
            _ => self.silent(&who, found),
        }
    }

    /// What had to wait while this poll ran.
    fn held_up(&self, poll: &Poll) -> String {
        let mut sentences = Vec::new();
        sentences.extend(self.ready_meanwhile(poll));
        sentences.extend(self.unseen_meanwhile(poll));
        match sentences[..] {
            [] => "Nobody was ready meanwhile, and nothing came.".to_owned(),
            _ => sentences.join(" "),
        }
    }

    /// The tasks that were ready while this poll ran: the next poll of each begins after this poll.
    fn ready_meanwhile(&self, poll: &Poll) -> Option<String> {
        let polls = &self.history.polls;
        let next = polls.partition_point(|other| other.begin < poll.end);
        let mut waited: HashMap<u32, Duration> = HashMap::new();
        // A batch hardly has more.
        for other in polls[next..].iter().take(10_000) {
            if let Some(ready) = other.ready.filter(|ready| *ready < poll.end) {
                waited.insert(other.task, poll.end - ready.max(poll.begin));
            }
        }
        waited.remove(&poll.task);
        let (first, longest) = waited
            .iter()
            .max_by_key(|(task, waited)| (**waited, **task))?;
        let who = match waited.len() {
            1 => capital(&self.recording.named(*first)),
            count => counted(count, "other task"),
        };
        let verb = if waited.len() == 1 { "was" } else { "were" };
        Some(format!(
            "{who} {verb} ready meanwhile, for up to {}.",
            Span(*longest)
        ))
    }

    /// What the next look found, and the loop could not know earlier.
    fn unseen_meanwhile(&self, poll: &Poll) -> Option<String> {
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
            (_, 0) => Some(format!("{} came due meanwhile.", counted(timers, "timer"))),
            (0, _) => Some(format!(
                "The look after it found {} ready.",
                counted(sockets, "socket")
            )),
            _ => Some(format!(
                "{} came due meanwhile, and the look after it found {} ready.",
                counted(timers, "timer"),
                counted(sockets, "socket")
            )),
        }
    }

    /// The tasks that had the thread while the task of this poll was ready.
    fn in_the_way(&self, poll: &Poll, since: Duration) -> String {
        let woken = poll.cause.map_or(String::new(), |cause| {
            format!("Woken by {}, it", self.recording.cause(cause, poll.task))
        });
        let it = if woken.is_empty() { "It" } else { &woken };
        let polls = self.history.polls_between(since, poll.begin);
        let inside = |poll_before: &Poll| {
            poll_before
                .end
                .min(poll.begin)
                .saturating_sub(poll_before.begin.max(since))
        };
        let Some(longest) = polls.iter().max_by_key(|poll| inside(poll)) else {
            return format!("{it} waited for the loop.");
        };
        let name = self.recording.named(longest.task);
        match polls.len() {
            1 => format!("{it} waited behind {name}."),
            count => format!(
                "{it} waited behind {count} polls, the longest of them {} by {name}.",
                Span(inside(longest))
            ),
        }
    }

    fn why_late(&self, deadline: Duration, at: Duration) -> String {
        if deadline < self.history.begin {
            return "Its deadline was before the recording begins.".to_owned();
        }
        match self.history.at(deadline).map(|step| step.what) {
            Some(Doing::Polling(place)) if self.held_most(place, deadline, at) => {
                let poll = &self.history.polls[place];
                let (name, rest) = (self.recording.named(poll.task), Span(poll.end - deadline));
                format!("At its deadline {name} held the thread, for {rest} more.")
            }
            Some(Doing::Sleeping) => {
                "At its deadline the loop slept: the system woke it late.".to_owned()
            }
            _ => self.polls_before(deadline, at),
        }
    }

    /// Whether this poll took most of the time.
    fn held_most(&self, poll: usize, deadline: Duration, at: Duration) -> bool {
        let rest = self.history.polls[poll].end.saturating_sub(deadline);
        rest >= at.saturating_sub(deadline) / 2
    }

    fn polls_before(&self, deadline: Duration, at: Duration) -> String {
        let polls = self.history.polls_between(deadline, at);
        let Some(longest) = polls.iter().max_by_key(|poll| poll.end - poll.begin) else {
            return "Nobody was polled between its deadline and the look that found it.".to_owned();
        };
        format!(
            "Between its deadline and the look that found it: {}, the longest {} by {}.",
            counted(polls.len(), "poll"),
            Span(longest.end - longest.begin),
            self.recording.named(longest.task)
        )
    }

    fn in_vain(&self, who: &str, task: u32, count: usize) -> (String, String) {
        let mut causes: HashMap<Cause, usize> = HashMap::new();
        let of_task = self.history.polls.iter().filter(|poll| poll.task == task);
        let vain = of_task.filter(|poll| poll.is_in_vain());
        for cause in vain.filter_map(|poll| poll.cause) {
            *causes.entry(cause).or_default() += 1;
        }
        let usual = causes.into_iter().max_by_key(|(_, count)| *count);
        let detail = usual.map_or(String::new(), |(cause, _)| {
            format!("Mostly woken by {}.", self.recording.cause(cause, task))
        });
        let all = self.history.lives[&task].polls;
        (
            format!("{who} was polled for nothing, {count} times of {all}"),
            detail,
        )
    }

    fn silent(&self, who: &str, found: &Found) -> (String, String) {
        let life = found.task.and_then(|task| self.history.lives.get(&task));
        let has_ended = life.is_some_and(|life| life.ended.is_some());
        let title = match has_ended {
            true => format!(
                "{who} ended after nothing had woken it for {}",
                Span(found.lasts())
            ),
            false => format!(
                "Nothing has woken {} for {}",
                uncapital(who),
                Span(found.lasts())
            ),
        };
        let detail = match life.and_then(|life| life.awaits) {
            None => "Is a wake missing, or is it only idle?".to_owned(),
            Some(awaited) => format!(
                "It waits for {}, or did so last.",
                self.recording.awaited(awaited)
            ),
        };
        (title, detail)
    }
}

fn capital(text: &dyn Display) -> String {
    let text = text.to_string();
    text.replacen("task ", "Task ", usize::from(text.starts_with("task ")))
}

fn uncapital(text: &str) -> String {
    text.replacen("Task ", "task ", usize::from(text.starts_with("Task ")))
}
