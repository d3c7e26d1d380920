//! The figures behind the curves: the cost of one while many others are alive.

use std::fmt::Write;

use crate::PEERS;
use crate::report::short;
use crate::results::Results;
use crate::rows::table::{ALIVE, Line, Row, SCALES};

pub fn table(results: &Results) -> String {
    let mut text = String::from("\n| | unit | |");
    for alive in ALIVE {
        let _ = write!(text, " {} |", short(alive as f64));
    }
    let _ = writeln!(text, "\n|---|---|---|{}", "---:|".repeat(ALIVE.len()));
    for row in SCALES {
        for line in row.lines {
            for peer in PEERS {
                text += &curve(results, row, line, peer).unwrap_or_default();
            }
        }
    }
    text
}

fn curve(results: &Results, row: &Row, line: &Line, peer: &str) -> Option<String> {
    let curve = results.scales.get(row.name)?.get(peer)?;
    let mut text = match peer == PEERS[0] {
        true => format!("| {} | {} | **{peer}** |", line.label, line.unit),
        false => format!("| | | {peer} |"),
    };
    for alive in ALIVE {
        let figure = curve
            .get(&alive)
            .and_then(|figures| figures.get(line.metric)?.first());
        let figure = figure.map_or("–".into(), |&figure| short(figure));
        let _ = write!(text, " {figure} |");
    }
    Some(text + "\n")
}
