//! The timeline page: one file with everything in it, which opens from disk.
//!
//! The events are embedded as one array of numbers. Each event has the nanoseconds since the event before it, a code,
//! and as many numbers as the code needs. A hundred thousand events are about a megabyte. The scripts in `page/*.js`,
//! in the order of [`SCRIPTS`], draw the page. The findings are computed in Rust, so the page and the text have the same
//! sentences.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::finding::{Finding, FindingKind};
use super::history::{Doing, History};
use super::json::{html, string, string_or_null};
use super::recording::{Awaited, Cause, End, Event, Recording, What};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// The parts of the script, in the order in which they are joined.
const SCRIPTS: &[&str] = &[
    include_str!("page/events.js"),
    include_str!("page/words.js"),
    include_str!("page/model.js"),
    include_str!("page/sentence.js"),
    include_str!("page/view.js"),
    include_str!("page/draw.js"),
    include_str!("page/marks.js"),
    include_str!("page/overlay.js"),
    include_str!("page/minimap.js"),
    include_str!("page/panel.js"),
    include_str!("page/search.js"),
    include_str!("page/input.js"),
    include_str!("page/main.js"),
];

impl Recording {
    /// The timeline page: one HTML file, which opens from disk and needs no network.
    ///
    /// ```
    /// let page = roundelay::record::Recording::default().to_html();
    /// assert!(page.starts_with("<!doctype html>"));
    /// ```
    pub fn to_html(&self) -> String {
        let title = match &*self.name {
            "" => "A loop, step by step".to_owned(),
            name => format!("{name}, step by step"),
        };
        let (title, script, data) = (html(&title), SCRIPTS.concat(), self.data());
        let mut page = String::with_capacity(PAGE.len() + script.len() + data.len() + STYLE.len());
        // The template is split first, so braces in an inserted part stay as they are.
        for (place, part) in PAGE.split("{{").enumerate() {
            let (name, rest) = part.split_once("}}").unwrap_or(("", part));
            page.push_str(match name {
                "title" => &title,
                "style" => STYLE,
                "data" => &data,
                "script" => &script,
                _ => "",
            });
            page.push_str(if place == 0 { part } else { rest });
        }
        page
    }

    /// Writes [`to_html`](Self::to_html) into a file.
    ///
    /// # Errors
    ///
    /// The errors of [`std::fs::write`].
    pub fn write_html(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, self.to_html())
    }

    /// The JSON that the page embeds.
    fn data(&self) -> String {
        let history = History::of(self);
        let mut out = String::with_capacity(self.events.len() * 14 + 1024);
        out.push_str("{\"name\":");
        string(&mut out, &self.name);
        let _ = write!(
            out,
            ",\"lost\":{},\"count\":{}",
            self.lost,
            self.events.len()
        );
        out.push_str(",\"tasks\":[");
        separated(&mut out, &self.tasks, |out, task| {
            let _ = write!(out, "[{},", task.number);
            string_or_null(out, task.name.as_deref());
            out.push(',');
            string_or_null(
                out,
                task.location
                    .map(|at| format!("{}:{}", at.file(), at.line()))
                    .as_deref(),
            );
            let _ = match task.parent {
                Some(parent) => write!(out, ",{parent}]"),
                None => write!(out, ",null]"),
            };
        });
        out.push_str("],\"findings\":[");
        separated(&mut out, &self.findings_in(&history), put_finding);
        out.push_str("],\"long\":[");
        separated(
            &mut out,
            history.long_polls().filter_map(|poll| poll.event),
            |out, event| {
                let _ = write!(out, "{event}");
            },
        );
        out.push_str("],\"totals\":[");
        put_totals(&mut out, &history);
        out.push_str("],\"events\":[");
        put_events(&mut out, &self.events);
        out.push_str("]}");
        out
    }
}

fn separated<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    put: impl Fn(&mut String, T),
) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        put(out, item);
    }
}

/// The sums of the replay in Rust. The replay in the page must find the same sums.
fn put_totals(out: &mut String, history: &History) {
    let totals = [
        history.spent(|doing| matches!(doing, Doing::Polling(_))),
        history.spent(|doing| doing == Doing::Looking),
        history.spent(|doing| doing == Doing::Sleeping),
        history.lives.values().map(|life| life.readying).sum(),
        history
            .lives
            .values()
            .map(|life| life.longest)
            .max()
            .unwrap_or_default(),
        history
            .lives
            .values()
            .map(|life| life.slowest)
            .max()
            .unwrap_or_default(),
    ];
    let _ = write!(out, "{}", history.polls.len());
    for total in totals {
        let _ = write!(out, ",{}", total.as_nanos());
    }
}

fn put_finding(out: &mut String, finding: &Finding) {
    let (kind, label) = match finding.kind {
        FindingKind::Panic => ("panic", "A panic"),
        FindingKind::LongPoll => ("long", "A long poll"),
        FindingKind::LateTimer => ("late", "A late timer"),
        FindingKind::LongWait => ("queue", "A long wait in the ready queue"),
        FindingKind::InVain => ("vain", "Polls for nothing"),
        FindingKind::Silent => ("silent", "No wakes"),
    };
    let task = finding
        .task
        .map_or("null".to_owned(), |task| task.to_string());
    let _ = write!(
        out,
        "{{\"kind\":\"{kind}\",\"label\":\"{label}\",\"task\":{task},\"at\":{},\"until\":{},\"count\":{},\"title\":",
        finding.at.as_nanos(),
        finding.until.as_nanos(),
        finding.count
    );
    string(out, &finding.title);
    out.push_str(",\"detail\":");
    string(out, &finding.detail);
    out.push('}');
}

fn put_events(out: &mut String, events: &[Event]) {
    let mut before = 0;
    for (place, event) in events.iter().enumerate() {
        let at = event.at.as_nanos() as i128;
        let (code, numbers) = coded(event.what);
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{},{code}", at - before);
        for number in numbers.into_iter().flatten() {
            let _ = write!(out, ",{number}");
        }
        before = at;
    }
}

/// The code of an event, and its numbers. `CODES` and `ARGUMENTS` in `page/events.js` list them.
fn coded(what: What) -> (u8, [Option<i128>; 3]) {
    let one = |number: u32| [Some(i128::from(number)), None, None];
    let two = |first: u32, second: i128| [Some(i128::from(first)), Some(second), None];
    let time = |time: Duration| [Some(time.as_nanos() as i128), None, None];
    match what {
        What::Park(limit) => (0, limit.map_or([Some(-1), None, None], time)),
        What::Unpark => (1, [None; 3]),
        What::Look => (2, [None; 3]),
        What::LookEnds => (3, [None; 3]),
        What::Spawn(task, by) => (4, two(task, by.map_or(-1, i128::from))),
        What::Wake(task, cause) => {
            let (code, number) = cause_coded(cause);
            (
                5,
                [Some(i128::from(task)), Some(code), Some(i128::from(number))],
            )
        }
        What::Poll(task) => (6, one(task)),
        What::Waits(task) => (7, one(task)),
        What::Finish(task, end) => (8, two(task, end_coded(end))),
        What::Abort(task) => (9, one(task)),
        What::Arm(length) => (10, time(length)),
        What::Fire(late) => (11, time(late)),
        What::Disarm => (12, [None; 3]),
        What::Ready(source, ready) => {
            let bits = i128::from(ready.readable) | (i128::from(ready.writable) << 1);
            (13, two(source, bits))
        }
        What::Submit(job) => (14, one(job)),
        What::JobBegins(job, thread) => (15, two(job, i128::from(thread))),
        What::JobEnds(job) => (16, one(job)),
        What::Mail => (17, [None; 3]),
        What::BudgetSpent(task) => (18, one(task)),
        What::Awaits(awaited) => {
            let (code, number) = awaited_coded(awaited);
            (19, two(code, i128::from(number)))
        }
        What::Slow(task) => (20, [Some(task.map_or(-1, i128::from)), None, None]),
    }
}

fn cause_coded(cause: Cause) -> (i128, u32) {
    match cause {
        Cause::Task(task) => (0, task),
        Cause::Timer => (1, 0),
        Cause::Source(source) => (2, source),
        Cause::Thread => (3, 0),
        Cause::Job(job) => (4, job),
        Cause::Outside => (5, 0),
    }
}

/// What a task waits for has the same code as the cause that ends the wait: see `CAUSES` in `page/events.js`.
fn awaited_coded(awaited: Awaited) -> (u32, u32) {
    match awaited {
        Awaited::Task(task) => (0, task),
        Awaited::Source(source) => (2, source),
        Awaited::Job(job) => (4, job),
    }
}

fn end_coded(end: End) -> i128 {
    match end {
        End::Value => 0,
        End::Error => 1,
        End::Panic => 2,
        End::Cancelled => 3,
    }
}
