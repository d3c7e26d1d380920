//! The recording as text: its size, the findings, the busiest tasks and the last steps.

use std::cmp::Reverse;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::history::{Doing, History};
use super::recording::{Cause, End, Event, Recording, What};
use super::words::{Span, counted};

/// The most tasks that are listed.
const TASKS: usize = 20;
/// The most events that are listed, from the end of the recording.
const LAST: usize = 24;

/// The summary, the findings, the tasks with the longest time in polls, and the last steps.
///
/// ```
/// let recording = roundelay::record::Recording::default();
/// assert!(recording.to_string().contains("0 events"));
/// ```
impl Display for Recording {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let history = History::of(self);
        self.summary(f, &history)?;
        self.findings_text(f, &history)?;
        self.tasks_text(f, &history)?;
        self.last_steps(f, &history)
    }
}

impl Recording {
    fn summary(&self, f: &mut Formatter<'_>, history: &History) -> fmt::Result {
        let whole = history.end - history.begin;
        let part = |is: fn(Doing) -> bool| percent(history.spent(is), whole);
        let name = if self.name.is_empty() {
            "a loop"
        } else {
            &self.name
        };
        writeln!(
            f,
            "{name}: {}, {}, {}, {}",
            Span(whole),
            counted(history.lives.len(), "task"),
            counted(history.polls.len(), "poll"),
            counted(self.events.len(), "event"),
        )?;
        if self.lost > 0 {
            writeln!(
                f,
                "{} earlier events are lost: the ring had no room for them",
                self.lost
            )?;
        }
        writeln!(
            f,
            "{} of the time in polls, {} in looks, {} asleep",
            part(|doing| matches!(doing, Doing::Polling(_))),
            part(|doing| doing == Doing::Looking),
            part(|doing| doing == Doing::Sleeping),
        )
    }

    fn findings_text(&self, f: &mut Formatter<'_>, history: &History) -> fmt::Result {
        let findings = self.findings_in(history);
        if findings.is_empty() {
            return writeln!(f, "\nno findings");
        }
        writeln!(f, "\nfindings")?;
        for finding in &findings {
            write!(
                f,
                "  at {:>8}  {}",
                Span(finding.at).to_string(),
                finding.title
            )?;
            if finding.count > 1 && finding.is_worst_of_its_kind() {
                write!(f, " (the worst of {})", finding.count)?;
            }
            writeln!(f)?;
            if !finding.detail.is_empty() {
                writeln!(f, "               {}", finding.detail)?;
            }
        }
        Ok(())
    }

    fn tasks_text(&self, f: &mut Formatter<'_>, history: &History) -> fmt::Result {
        let mut lives: Vec<_> = history.lives.iter().collect();
        lives.sort_by_key(|(task, life)| (Reverse(life.polling), **task));
        writeln!(
            f,
            "\n{:>8} {:>9} {:>9} {:>9}  task",
            "polls", "in polls", "longest", "max ready"
        )?;
        for (task, life) in lives.iter().take(TASKS) {
            let (ran, longest) = (
                Span(life.polling).to_string(),
                Span(life.longest).to_string(),
            );
            let ready = Span(life.slowest).to_string();
            let name = self.named(**task);
            writeln!(
                f,
                "{:>8} {ran:>9} {longest:>9} {ready:>9}  {name}",
                life.polls
            )?;
        }
        match lives.len().saturating_sub(TASKS) {
            0 => Ok(()),
            more => writeln!(f, "{:>38}  and {more} more", ""),
        }
    }

    fn last_steps(&self, f: &mut Formatter<'_>, history: &History) -> fmt::Result {
        let first = self.events.len().saturating_sub(LAST);
        let Some(last) = self.events.get(first..).filter(|last| !last.is_empty()) else {
            return Ok(());
        };
        writeln!(f, "\nthe last steps, and how long before the end")?;
        for event in last {
            let before = Span(history.end.saturating_sub(event.at)).to_string();
            writeln!(f, "  {before:>9}  {}", self.step(event))?;
        }
        Ok(())
    }

    /// One event, in words.
    fn step(&self, event: &Event) -> String {
        let named = |task| self.named(task);
        match event.what {
            What::Park(None) => "the loop goes to sleep until something happens".to_owned(),
            What::Park(Some(limit)) => {
                format!("the loop goes to sleep for {} at most", Span(limit))
            }
            What::Unpark => "the loop is awake again".to_owned(),
            What::Look => "the loop begins to look".to_owned(),
            What::LookEnds => "the look is over".to_owned(),
            What::Spawn(task, Some(by)) => format!("{} spawns {}", named(by), named(task)),
            What::Spawn(task, None) => format!("{} is spawned", named(task)),
            What::Wake(task, Cause::Task(by)) if by == task => {
                format!("{} wakes itself", named(task))
            }
            What::Wake(task, cause) => format!("{} wakes {}", self.cause(cause, task), named(task)),
            What::Poll(task) => format!("{} is polled", named(task)),
            What::Waits(task) => format!("the poll of {} returns, and the task waits", named(task)),
            What::Finish(task, end) => format!("{} {}", named(task), said(end)),
            What::Abort(task) => format!("an abort of {} is requested", named(task)),
            What::BudgetSpent(task) => {
                format!("{} has spent its budget of operations", named(task))
            }
            What::Awaits(awaited) => {
                format!(
                    "the polled task begins to wait for {}",
                    self.awaited(awaited)
                )
            }
            What::Slow(Some(task)) => {
                format!(
                    "{} held the thread for longer than slow_poll allows",
                    named(task)
                )
            }
            What::Slow(None) => {
                "a look or a call held the thread for longer than slow_poll allows".to_owned()
            }
            _ => outside(event.what),
        }
    }
}

/// An event that belongs neither to a task nor to the loop, in words.
fn outside(what: What) -> String {
    match what {
        What::Arm(length) => format!("a timer is armed for {}", Span(length)),
        What::Fire(late) => format!("a timer fires, {} late", Span(late)),
        What::Disarm => "a timer is removed".to_owned(),
        What::Ready(source, ready) => match (ready.readable, ready.writable) {
            (true, true) => format!("socket {source} is readable and writable"),
            (true, false) => format!("socket {source} is readable"),
            (false, true) => format!("socket {source} is writable"),
            (false, false) => format!("socket {source} is ready"),
        },
        What::Submit(job) => format!("job {job} is handed to the pool"),
        What::JobBegins(job, thread) => format!("pool thread {thread} begins job {job}"),
        What::JobEnds(job) => format!("job {job} is done"),
        _ => "the loop runs a call from another thread".to_owned(),
    }
}

fn said(end: End) -> &'static str {
    match end {
        End::Value => "ends with a value",
        End::Error => "ends with an error",
        End::Panic => "ends by a panic",
        End::Cancelled => "is cancelled",
    }
}

fn percent(part: Duration, whole: Duration) -> String {
    let per_cent = (part.as_nanos() * 100 + whole.as_nanos() / 2).checked_div(whole.as_nanos());
    format!("{} %", per_cent.unwrap_or(0))
}
