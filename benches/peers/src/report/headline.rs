//! The head of the page: ten figures that a visitor asks for, as a picture and as a table.

use std::fmt::Write;
use std::path::Path;

use super::about::is_quick;
use super::picture::{NARROW, WIDE};
use super::{TOKIO, US, best, ratio, short};
use crate::results::Results;
use crate::rows::table::{self, Line, Row};

/// Row, figure, and the words for it. All of these are times.
const CHOSEN: [(&str, &str, &str); 10] = [
    ("yield_1", "ns", "a task yields"),
    ("spawn_64", "ns", "spawn a task and join it"),
    ("fan_out_1000", "ns", "wake each of 1,000 tasks"),
    ("timer_100k", "ns", "arm and cancel one of 100,000 timers"),
    ("guard_yield", "ns", "a time-out around a body that yields"),
    ("foreign_awake", "ns", "wake from a thread, the loop awake"),
    ("offload_turn", "ns", "offload a call and await it"),
    ("echo_50", "cpu", "echo, 50 connections\u{a0}*"),
    ("echo_1000", "cpu", "echo, 1,000 connections\u{a0}*"),
    ("hello", "cpu", "HTTP by hyper, 64 connections\u{a0}*"),
];

/// One of the ten, where there is a figure of ours and one of another runtime.
pub struct Answer {
    pub words: &'static str,
    row: &'static Row,
    line: &'static Line,
    pub ours: f64,
    pub best: (&'static str, f64),
    pub tokio: Option<f64>,
}

impl Answer {
    /// From the unit of the figures to nanoseconds.
    pub fn nanoseconds(&self, figure: f64) -> f64 {
        match self.line.unit {
            "µs" => figure * 1_000.0,
            _ => figure,
        }
    }

    /// The runtimes that have a bar: we, the best of the others, and tokio, if the best is another one.
    pub fn bars(&self) -> Vec<(&'static str, f64)> {
        let tokio = self.tokio.filter(|_| !self.best.0.starts_with("tokio"));
        let bars = [Some((US, self.ours)), Some(self.best)];
        let bars = bars.into_iter().chain([tokio.map(|tokio| (TOKIO, tokio))]);
        bars.flatten().collect()
    }

    /// The quartiles of a runtime's processes.
    pub fn quartiles(&self, results: &Results, peer: &str) -> Option<(f64, f64)> {
        results.quartiles_of(self.row.name, peer, self.line.metric)
    }
}

pub fn answers(results: &Results) -> Vec<Answer> {
    let answer = |&(name, metric, words): &(&str, &str, &'static str)| {
        let row = table::find(name)?;
        let line = row.lines.iter().find(|line| line.metric == metric)?;
        let ours = results.median_of(name, US, metric)?;
        Some(Answer {
            words,
            row,
            line,
            ours,
            best: best(results, row, line, ours)?,
            tokio: results.median_of(name, TOKIO, metric),
        })
    };
    CHOSEN.iter().filter_map(answer).collect()
}

/// A time in the unit that keeps it short.
pub fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 999.5 => format!("{} ns", short(ns)),
        ns if ns < 999_500.0 => format!("{} µs", short(ns / 1_000.0)),
        ns => format!("{} ms", short(ns / 1_000_000.0)),
    }
}

const QUESTION: &str = "\
# Benchmarks

Is a loop that is written to be read also fast enough to be used? Ten answers, from one machine:
";

const STARS: &str = "
The ratio is to the best of the others: more than ×1 and we are ahead, less and we lose. \\* The server's processor time for one
request.
";

pub fn text(results: &Results, folder: &Path) -> String {
    let mut text = String::from(QUESTION);
    if is_quick(results) {
        text += "**This was a quick run**: each row once, and with fewer of everything than its label says.\n";
    }
    let answers = answers(results);
    if answers.is_empty() {
        return text;
    }
    text += &shown(folder);
    text += "\n| | roundelay | best of the others | tokio | ratio |\n|---|---:|---:|---:|---:|\n";
    for answer in answers {
        let told = |figure| time(answer.nanoseconds(figure));
        let (peer, theirs) = answer.best;
        let _ = writeln!(
            text,
            "| {} | **{}** | {} {peer} | {} | ×{:.2} |",
            answer.words.replace('*', "\\*"),
            told(answer.ours),
            told(theirs),
            answer.tokio.map_or("–".into(), told),
            ratio(answer.line, answer.ours, theirs),
        );
    }
    text + STARS
}

/// The picture as a page shows it: a screen that is narrow gets a narrow one.
pub fn shown(folder: &Path) -> String {
    let (wide, narrow) = (folder.join(WIDE), folder.join(NARROW));
    format!(
        "\n<picture>\n  <source media=\"(max-width: 640px)\" srcset=\"{}\">\n  <img src=\"{}\" alt=\"Ten times, as bars on a logarithmic \
         axis: roundelay, the best of the other runtimes, and tokio. BENCHMARKS.md has the figures.\">\n</picture>\n",
        narrow.display(),
        wide.display(),
    )
}
