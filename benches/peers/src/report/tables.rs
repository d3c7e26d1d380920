//! The tables: every row of a group, what a program costs to build, and what is missing.

use std::fmt::Write;

use super::{US, lines, ratio, short};
use crate::results::{Results, median};
use crate::rows::table::{Line, Needs, ROWS, Row};
use crate::{NOT_OFFERED, PEERS, builds};

pub fn of_group(results: &Results, group: &str) -> String {
    let rows: Vec<_> = lines(results)
        .filter(|(row, ..)| row.group == group)
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let has_any = |peer: &&&str| {
        rows.iter()
            .any(|(row, line, _)| results.median_of(row.name, peer, line.metric).is_some())
    };
    let peers: Vec<_> = PEERS.iter().filter(has_any).collect();
    let mut text = String::from("| | unit |");
    for peer in &peers {
        let _ = write!(text, " {peer} |");
    }
    text += "\n|---|---|";
    text += &"---:|".repeat(peers.len());
    for (row, line, ours) in rows {
        let _ = write!(text, "\n| {} | {} |", line.label, line.unit);
        for peer in &peers {
            let _ = write!(text, " {} |", cell(results, row, line, peer, ours));
        }
    }
    text + "\n"
}

fn cell(results: &Results, row: &Row, line: &Line, peer: &str, ours: f64) -> String {
    let spread = results.spread_of(row.name, peer, line.metric);
    let spread = spread.map_or(String::new(), |spread| format!(" ±{:.0} %", spread * 100.0));
    match results.median_of(row.name, peer, line.metric) {
        Some(ours) if peer == US => format!("**{}**{spread}", short(ours)),
        Some(theirs) => format!(
            "{}{spread}, ×{:.2}",
            short(theirs),
            ratio(line, ours, theirs)
        ),
        None if is_failure(results, row, peer) => "*fails*".into(),
        None => "–".into(),
    }
}

fn is_failure(results: &Results, row: &Row, peer: &str) -> bool {
    results.failed_rows(peer).contains(&row.name)
}

pub fn missing(results: &Results) -> String {
    let mut text = String::new();
    for (needs, what) in [
        (Needs::Timers, "timers"),
        (Needs::Sockets, "sockets"),
        (Needs::Threads, "threads for blocking calls"),
        (
            Needs::Posts,
            "calls from other threads, which is what the rows of a socket's longest wait ask for",
        ),
        (Needs::Servers, "server in `benches/peers/src/rows/servers`"),
        (Needs::Tasks, "tasks, wakers and spawning"),
    ] {
        let rows: Vec<_> = ROWS
            .iter()
            .filter(|row| row.needs == needs && results.rows.contains_key(row.name))
            .collect();
        let has_none = |peer: &&&str| {
            !rows.is_empty()
                && rows.iter().all(|row| {
                    results
                        .errors
                        .get(row.name)
                        .and_then(|peers| peers.get(**peer))
                        .is_some_and(|reason| reason == NOT_OFFERED)
                })
        };
        let peers: Vec<_> = PEERS.iter().filter(has_none).copied().collect();
        if !peers.is_empty() {
            let _ = writeln!(text, "- No {what}: {}.", peers.join("; "));
        }
    }
    for row in ROWS {
        for (peer, reason) in results.errors.get(row.name).into_iter().flatten() {
            if is_failure(results, row, peer) {
                let _ = writeln!(text, "- {peer} fails at `{}`: {reason}", row.name);
            }
        }
    }
    text + "- A bare loop has no tasks that could yield, so it has no row with a task that yields for ever.\n"
}

pub fn builds(results: &Results) -> String {
    if results.builds.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "A program that says hello from a task, in release mode and stripped, built from nothing, all crates.\n\n\
         | | crates in the tree | seconds to compile | bytes |\n|---|---:|---:|---:|\n",
    );
    for peer in PEERS.iter().chain([&builds::NONE]) {
        if let Some(figures) = results.builds.get(*peer) {
            let figure = |name: &str| {
                figures
                    .get(name)
                    .map_or(f64::NAN, |values| median(&mut values.clone()))
            };
            let (crates, seconds, bytes) = (figure("crates"), figure("seconds"), figure("bytes"));
            let name = match *peer {
                builds::NONE => "without a runtime: a program that only prints",
                runtime => runtime,
            };
            let _ = writeln!(
                text,
                "| {name} | {crates} | {seconds:.1} | {} |",
                short(bytes)
            );
        }
    }
    text + &parts(results) + &settings(results)
}

/// The parts of our smallest program with fewer bytes than this are told together.
const SMALL_PART: f64 = 1_000.0;

/// What our smallest program has more than one that only prints.
fn parts(results: &Results) -> String {
    let figures = results.builds.get(US).into_iter().flatten();
    let parts =
        figures.filter_map(|(name, values)| Some((name.strip_prefix(builds::PART)?, values[0])));
    let (small, mut parts): (Vec<_>, Vec<_>) = parts.partition(|(_, bytes)| *bytes < SMALL_PART);
    if parts.is_empty() {
        return String::new();
    }
    parts.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    parts.push(("other parts", small.iter().map(|(_, bytes)| bytes).sum()));
    let mut text = String::from(
        "\nWhat roundelay's program has more than the one that only prints (code by the folder or file of `src`):\n\n\
         | | bytes |\n|---|---:|\n",
    );
    for (name, bytes) in parts {
        let _ = writeln!(text, "| {name} | {} |", short(bytes));
    }
    text
}

/// How large our smallest program is with a setting of its own manifest.
fn settings(results: &Results) -> String {
    let figures = results.builds.get(US).into_iter().flatten();
    let sizes =
        figures.filter_map(|(name, values)| Some((name.strip_prefix(builds::SETTING)?, values[0])));
    let mut text = String::new();
    for (name, bytes) in sizes {
        let _ = writeln!(text, "| `{name}` | {} |", short(bytes));
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\nThe same program with one more line in the `[profile.release]` of its manifest:\n\n| | bytes |\n|---|---:|\n{text}"
    )
}
