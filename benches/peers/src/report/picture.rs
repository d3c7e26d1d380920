//! The picture at the head of the page: ten times as bars, on a logarithmic axis. Ours has the one strong colour; the name and the
//! figure stand at the end of each bar, and so does the spread.
//!
//! A page that is narrow shows a picture of its own, with the words above the bars: scaled down, the wide one could not be read.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use super::headline::{Answer, answers, time};
use super::{TOKIO, US};
use crate::results::Results;

pub const WIDE: &str = "headline.svg";
pub const NARROW: &str = "headline-narrow.svg";

struct Layout {
    width: f64,
    /// Where the words of a row stand: beside the bars, or above them, so much.
    words_above: f64,
    bars_at: f64,
    /// What the longest bar leaves free for its name and figure.
    room: f64,
    lines: &'static [&'static str],
}

const LAYOUTS: [(&str, Layout); 2] = [
    (
        WIDE,
        Layout {
            width: 840.0,
            words_above: 0.0,
            bars_at: 292.0,
            room: 150.0,
            lines: &[
                "Shorter is better. The axis is logarithmic: each line is ten times the line before it.",
                "Medians; the stroke at the end of a bar is the spread of its processes.",
                "* the server's processor time for a request",
            ],
        },
    ),
    (
        NARROW,
        Layout {
            width: 360.0,
            words_above: 18.0,
            bars_at: 10.0,
            room: 148.0,
            lines: &[
                "Shorter is better. The axis is logarithmic:",
                "each line is ten times the line before it.",
                "Medians; the stroke at the end of a bar",
                "is the spread of its processes.",
                "* the server's processor time for a request",
            ],
        },
    ),
];

const TITLE: &str = "How long does it take?";
const HEAD: f64 = 34.0;
const LINE: f64 = 16.0;
const BAR: f64 = 12.0;
const PITCH: f64 = 15.0;
const GAP: f64 = 13.0;

/// Okabe and Ito's vermilion and orange for ours. In grey, ours is dark among light bars, or light among dark ones.
const STYLE: &str = "\
.page{fill:#fff}
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#1f2328}
.title{font-size:17px;font-weight:600}
.mine{font-weight:600}
.tick{font-size:11px}
.quiet,.tick{fill:#59636e}
.mark{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.ours{fill:#d55e00}
.other{fill:#c4c9cf}
.grid{stroke:#d1d9e0;fill:none}
.spread{stroke:#1f2328;stroke-width:1.5;fill:none}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}
text{fill:#f0f6fc}
.quiet,.tick{fill:#9198a1}
.mark{stroke:#0d1117}
.ours{fill:#e69f00}
.other{fill:#4a525c}
.grid{stroke:#30363d}
.spread{stroke:#f0f6fc}
}
";

/// Writes the pictures; none, if there is nothing to show.
pub fn draw(results: &Results, folder: &Path) -> io::Result<()> {
    if answers(results).is_empty() {
        return Ok(());
    }
    for (file, layout) in &LAYOUTS {
        fs::write(folder.join(file), layout.svg(results))?;
    }
    Ok(())
}

/// From nanoseconds to a place on the picture.
struct Axis {
    begin: f64,
    decade: f64,
    decades: f64,
}

impl Axis {
    /// From one nanosecond to the longest of all bars.
    fn new(layout: &Layout, answers: &[Answer]) -> Self {
        let bars = answers.iter().flat_map(|answer| {
            let bars = answer.bars().into_iter();
            bars.map(|(_, figure)| answer.nanoseconds(figure).log10())
        });
        let decades = bars.fold(1.0, f64::max);
        Self {
            begin: layout.bars_at,
            decade: (layout.width - layout.room - layout.bars_at) / decades,
            decades,
        }
    }

    fn place(&self, nanoseconds: f64) -> f64 {
        self.begin + self.decade * nanoseconds.max(1.0).log10()
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (0..=self.decades.ceil() as i32).map(|exponent| 10f64.powi(exponent))
    }
}

impl Layout {
    fn svg(&self, results: &Results) -> String {
        let answers = answers(results);
        let axis = Axis::new(self, &answers);
        let top = HEAD + LINE * self.lines.len() as f64 + 26.0;
        let mut rows = String::new();
        let mut y = top + GAP / 2.0;
        for answer in &answers {
            y = self.row(&mut rows, results, &axis, answer, y);
        }
        let height = y + 4.0;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{TITLE}\">\n<style>\n{STYLE}</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n\
             <text class=\"title\" x=\"10\" y=\"25\">{TITLE}</text>\n",
            width = self.width,
        );
        for (index, line) in self.lines.iter().enumerate() {
            let y = HEAD + 10.0 + LINE * index as f64;
            let _ = writeln!(
                text,
                "<text class=\"quiet\" x=\"10\" y=\"{y}\">{line}</text>"
            );
        }
        for tick in axis.ticks() {
            let x = axis.place(tick);
            let anchor = if tick > 1.0 { "middle" } else { "start" };
            let _ = writeln!(
                text,
                "<path class=\"grid\" d=\"M{x:.1} {top}V{y}\"/>\n\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                top - 6.0,
                tick_label(tick),
            );
        }
        text + &rows + "</svg>\n"
    }

    /// The words of a row, and its bars. Returns where the next row begins.
    fn row(
        &self,
        text: &mut String,
        results: &Results,
        axis: &Axis,
        answer: &Answer,
        y: f64,
    ) -> f64 {
        let is_above = self.words_above > 0.0;
        let (x, base, anchor) = match is_above {
            true => (self.bars_at, 13.0, "start"),
            false => (self.bars_at - 8.0, 10.5, "end"),
        };
        let _ = writeln!(
            text,
            "<text class=\"mark\" x=\"{x}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            y + base,
            answer.words
        );
        let mut y = y + self.words_above;
        for (peer, figure) in answer.bars() {
            let end = axis.place(answer.nanoseconds(figure));
            let quartiles = answer.quartiles(results, peer).unwrap_or((figure, figure));
            let at = |figure| axis.place(answer.nanoseconds(figure));
            let (low, high) = (at(quartiles.0), at(quartiles.1));
            let (kind, name) = match peer {
                US => ("ours", "mark mine"),
                _ => ("other", "mark"),
            };
            let _ = writeln!(
                text,
                "<rect class=\"{kind}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\"/>\n\
                 <path class=\"spread\" d=\"M{low:.1} {:.1}v6m0-3H{high:.1}m0-3v6\"/>\n\
                 <text class=\"{name}\" x=\"{:.1}\" y=\"{:.1}\">{} {}</text>",
                axis.begin,
                end - axis.begin,
                y + BAR / 2.0 - 3.0,
                end.max(high) + 6.0,
                y + 10.5,
                called(peer),
                time(answer.nanoseconds(figure)),
            );
            y += PITCH;
        }
        y + GAP
    }
}

/// What a bar calls a runtime: tokio's usual one needs no second word.
fn called(peer: &str) -> &str {
    if peer == TOKIO { "tokio" } else { peer }
}

fn tick_label(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns} ns"),
        ns if ns < 1e6 => format!("{} µs", ns / 1e3),
        ns => format!("{} ms", ns / 1e6),
    }
}
