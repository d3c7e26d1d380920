//! A small picture of a recording, for a document. It shows which task had the thread and which tasks were ready, and
//! when.
//!
//! The sixteen busiest tasks have a lane each. Bars with less than a tenth of a unit between them are joined, so the
//! picture of a million events is as small as that of a hundred.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use super::findings::LONG;
use super::history::{Doing, History};
use super::json::html;
use super::recording::Recording;
use super::words::Span;

/// Sizes are in units of the picture. The document scales the picture to the width of its text.
const WIDTH: f64 = 720.0;
const LABELS: f64 = 150.0;
const LANE: f64 = 20.0;
const BAR: f64 = 13.0;
const AXIS: f64 = 18.0;
/// The width of the narrowest bar.
const NARROWEST: f64 = 0.6;
const LANES: usize = 16;
/// The longest label, in characters.
const LETTERS: usize = 22;

// The colours of Okabe and Ito: people with any kind of colour vision can distinguish them. They differ in grey too.
const RUNS: &str = "#0072b2";
const HOLDS: &str = "#d55e00";
const READY: &str = "#e69f00";
const SLEEPS: &str = "#888";

/// Bars of one colour in one lane.
struct Bars {
    lane: usize,
    colour: &'static str,
    /// The begin and the end of each bar, in units.
    bars: Vec<(f64, f64)>,
}

impl Recording {
    /// A small picture, as SVG: a lane for the thread, and one for each of the sixteen busiest tasks.
    ///
    /// ```
    /// let picture = roundelay::record::Recording::default().to_svg();
    /// assert!(picture.starts_with("<svg"));
    /// ```
    pub fn to_svg(&self) -> String {
        Picture::of(self).draw()
    }
}

struct Picture<'a> {
    recording: &'a Recording,
    history: History,
    /// The tasks that have a lane.
    tasks: Vec<u32>,
}

impl<'a> Picture<'a> {
    fn of(recording: &'a Recording) -> Self {
        let history = History::of(recording);
        let mut tasks: Vec<_> = history.lives.keys().copied().collect();
        tasks.sort_by_key(|task| {
            let life = &history.lives[task];
            (Reverse(life.polling + life.readying), *task)
        });
        tasks.truncate(LANES);
        tasks.sort_unstable();
        Self {
            recording,
            history,
            tasks,
        }
    }

    fn draw(&self) -> String {
        let height = AXIS + LANE * (self.tasks.len() + 1) as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             font-family=\"sans-serif\" font-size=\"11\" fill=\"currentColor\">\n<title>{}</title>\n",
            html(&self.title())
        );
        self.draw_axis(&mut svg, height);
        self.draw_labels(&mut svg);
        for bars in self.bars() {
            draw_bars(&mut svg, bars);
        }
        svg + "</svg>\n"
    }

    fn title(&self) -> String {
        let length = self.history.end - self.history.begin;
        let polling = self
            .history
            .spent(|doing| matches!(doing, Doing::Polling(_)));
        format!(
            "{}: {} tasks in {}, of which {} in polls",
            self.recording.name,
            self.history.lives.len(),
            Span(length),
            Span(polling)
        )
    }

    fn x(&self, at: Duration) -> f64 {
        let length = (self.history.end - self.history.begin)
            .as_secs_f64()
            .max(1e-9);
        let share = at.saturating_sub(self.history.begin).as_secs_f64() / length;
        LABELS + share.min(1.0) * (WIDTH - LABELS - 1.0)
    }

    fn draw_axis(&self, svg: &mut String, height: f64) {
        let length = self.history.end - self.history.begin;
        let step = round_step(length / 4);
        let mut at = Duration::ZERO;
        while at <= length && !step.is_zero() {
            let x = self.x(self.history.begin + at);
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {AXIS}V{height}\" stroke=\"{SLEEPS}\" stroke-opacity=\".35\" stroke-width=\".6\"/>"
            );
            if x < WIDTH - 45.0 {
                let label = if at.is_zero() {
                    "0".to_owned()
                } else {
                    Span(at).to_string()
                };
                let _ = writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"11\" opacity=\".75\">{label}</text>",
                    x + 2.0
                );
            }
            at += step;
        }
    }

    fn draw_labels(&self, svg: &mut String) {
        let tasks = self.tasks.iter().map(|task| self.label(*task));
        for (lane, label) in ["the thread".to_owned()]
            .into_iter()
            .chain(tasks)
            .enumerate()
        {
            let label = cut(&label);
            let y = AXIS + LANE * lane as f64 + BAR;
            let _ = writeln!(svg, "<text x=\"2\" y=\"{y:.1}\">{}</text>", html(&label));
        }
    }

    /// The name of a task, or the line that spawned the task.
    fn label(&self, number: u32) -> String {
        let task = self.recording.task(number);
        let name = task.and_then(|task| task.name.clone());
        let location = task.and_then(|task| task.location).map(|location| {
            let file = location.file().rsplit('/').next().unwrap_or_default();
            format!("{file}:{}", location.line())
        });
        name.or(location)
            .unwrap_or_else(|| format!("task {number}"))
    }

    /// The bars of the thread's lane, and of the tasks' lanes.
    fn bars(&self) -> Vec<Bars> {
        let mut found: HashMap<(usize, &'static str), Vec<(f64, f64)>> = HashMap::new();
        let mut add = |lane: usize, colour, begin, end| {
            let bar = (self.x(begin), self.x(end).max(self.x(begin) + NARROWEST));
            found.entry((lane, colour)).or_default().push(bar);
        };
        for step in &self.history.steps {
            if step.what == Doing::Sleeping {
                add(0, SLEEPS, step.begin, step.end);
            }
        }
        for (lane, task) in self.tasks.iter().enumerate() {
            let mut polls = self.history.polls.iter().filter(|poll| poll.task == *task);
            let begin = polls.next().map(|poll| poll.ready.unwrap_or(poll.begin));
            let ended = self.history.lives[task].ended;
            let end = ended.map_or(self.history.end, |(at, _)| at);
            add(lane + 1, SLEEPS, begin.unwrap_or(end), end);
        }
        for poll in &self.history.polls {
            let colour = if poll.end - poll.begin >= LONG {
                HOLDS
            } else {
                RUNS
            };
            add(0, colour, poll.begin, poll.end);
            let Ok(place) = self.tasks.binary_search(&poll.task) else {
                continue;
            };
            add(place + 1, colour, poll.begin, poll.end);
            if let Some(ready) = poll.ready {
                add(place + 1, READY, ready, poll.begin);
            }
        }
        let mut all: Vec<_> = found
            .into_iter()
            .map(|((lane, colour), bars)| Bars {
                lane,
                colour,
                bars: run_together(bars),
            })
            .collect();
        // Ready bars are drawn below running bars.
        let over = |colour| {
            [SLEEPS, READY, RUNS, HOLDS]
                .iter()
                .position(|it| *it == colour)
        };
        all.sort_by_key(|bars| (bars.lane, over(bars.colour)));
        all
    }
}

/// Shortens a label that is too long. Its end is kept, because it has the number of the line.
fn cut(label: &str) -> String {
    match label.chars().count().checked_sub(LETTERS) {
        None | Some(0) => label.to_owned(),
        Some(surplus) => ['…']
            .into_iter()
            .chain(label.chars().skip(surplus + 1))
            .collect(),
    }
}

/// Joins bars whose gap is too narrow to see.
fn run_together(bars: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (begin, end) in bars {
        match merged.last_mut() {
            Some(last) if begin - last.1 < 0.1 => last.1 = last.1.max(end),
            _ => merged.push((begin, end)),
        }
    }
    merged
}

fn draw_bars(svg: &mut String, Bars { lane, colour, bars }: Bars) {
    let y = AXIS + LANE * lane as f64 + (LANE - BAR) / 2.0;
    // A sleep of the thread and a wait of a task are thin lines, and a ready task has a lower bar. So they differ without
    // colours too.
    let (y, height) = match colour {
        SLEEPS => (y + BAR / 2.0 - 0.5, 1.0),
        READY => (y + BAR / 3.0, BAR / 3.0),
        _ => (y, BAR),
    };
    let _ = write!(svg, "<path fill=\"{colour}\" d=\"");
    for (begin, end) in bars {
        let _ = write!(
            svg,
            "M{begin:.1} {y:.1}h{:.1}v{height:.1}H{begin:.1}z",
            end - begin
        );
    }
    svg.push_str("\"/>\n");
}

/// The next longer step of 1, 2 or 5 units of a power of ten.
fn round_step(least: Duration) -> Duration {
    let mut step: u64 = 1;
    while u128::from(step) < least.as_nanos() && step < u64::MAX / 10 {
        step = match step.to_string().as_bytes()[0] {
            b'2' => step / 2 * 5,
            _ => step * 2,
        };
    }
    Duration::from_nanos(step)
}
