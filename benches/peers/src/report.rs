//! The page: what was measured where, what we set out to reach, where we lose, and every figure.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::plot::Plot;
use crate::results::{Results, root};
use crate::rows::table::{Line, Needs, ROWS, Reach, Row};
use crate::why::why;
use crate::{NOT_OFFERED, PEERS, growth};

pub const US: &str = PEERS[0];
const TOKIO: &str = PEERS[1];
const BARE: &str = "mio, optimal";
/// Less than this is a draw.
const DRAW: f64 = 1.02;

pub fn about(arguments: &[String]) -> BTreeMap<String, String> {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(root())
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split(':').nth(1)?.trim().to_string())
    };
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let entries = [
        ("date", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        (
            "command",
            Some(match arguments {
                [] => "cargo bench --bench compare".to_string(),
                words => format!("cargo bench --bench compare -- {}", words.join(" ")),
            }),
        ),
        ("commit", said("git", &["rev-parse", "--short", "HEAD"])),
        (
            "processor",
            field("/proc/cpuinfo", "model name").map(|name| format!("{name}, {processors} in use")),
        ),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", said("uname", &["-sr"])),
        ("compiler", said("rustc", &["--version"])),
        ("versions", Some(versions())),
    ];
    entries
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_string(), value?)))
        .collect()
}

fn versions() -> String {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
    let version = |name: &str| {
        // Where the tree has several, the newest is the one that we use ourselves.
        let named = |package: &&str| package.contains(&format!("name = \"{name}\"\n"));
        let package = lock.split("[[package]]").filter(named).last()?;
        let version = package
            .lines()
            .find_map(|line| line.strip_prefix("version = "))?;
        Some(format!("{name} {}", version.trim_matches('"')))
    };
    let names = [
        "tokio",
        "smol",
        "async-executor",
        "async-io",
        "monoio",
        "glommio",
        "compio",
        "futures",
        "mio",
    ];
    names
        .into_iter()
        .filter_map(version)
        .collect::<Vec<_>>()
        .join(", ")
}

pub fn page(results: &Results, plots: &[Plot], page: &Path, folder: &Path) -> String {
    let mut text = String::from(INTRODUCTION);
    text += "\n| | |\n|---|---|\n";
    for name in [
        "date",
        "command",
        "commit",
        "processor",
        "memory",
        "kernel",
        "compiler",
        "versions",
        "steadiness",
        "again",
    ] {
        if let Some(value) = results.about.get(name) {
            let _ = writeln!(text, "| {name} | {value} |");
        }
    }
    if results
        .about
        .get("command")
        .is_some_and(|command| command.contains("--quick"))
    {
        text += "\n**Quick**: everything once, and with fewer sleepers, tasks and connections than the rows say.\n";
    }
    text += &reaches(results);
    text += &losses(results);
    text += HOW_TO_READ;
    let mut groups: Vec<_> = ROWS.iter().map(|row| row.group).collect();
    groups.dedup();
    let folder = folder
        .strip_prefix(page)
        .unwrap_or(folder)
        .display()
        .to_string();
    let link = |plot: &Plot| {
        let place = if folder.is_empty() {
            plot.file.clone()
        } else {
            format!("{folder}/{}", plot.file)
        };
        format!("\n![{}]({place})\n", plot.title)
    };
    for group in groups {
        text += &table(results, group);
        text += &plots
            .iter()
            .filter(|plot| plot.title == group)
            .map(link)
            .collect::<String>();
    }
    let curves: String = plots
        .iter()
        .filter(|plot| plot.file.starts_with("scale"))
        .map(link)
        .collect();
    if !curves.is_empty() {
        let _ = write!(
            text,
            "\n## How it grows\n\nWhat one costs while so many are there; one process each. Flat is the claim.\n{}{curves}",
            growth::table(results)
        );
    }
    text += &builds(results);
    text += &missing(results);
    text
}

const INTRODUCTION: &str = "\
# Benchmarks

Is a loop that is written to be read also fast enough to be used? Here it is beside the others, in one run, on one machine.
Every figure is the median of several processes; each process is one runtime and one row, and the runtimes take turns.
What they do is in `benches/peers/src/rows`, how each is set up in `benches/peers/src/peer`. Run it yourself:

```console
$ cargo bench --bench core                 # the core beside tokio, in one process; ten seconds
$ cargo bench --bench compare -- --quick   # once, with fewer of everything; a hundred seconds
$ cargo bench --bench compare              # everything; about an hour
```

The first time they build what they compare: on two processors a minute for `core`, four minutes for `compare`.
";

const HOW_TO_READ: &str = "
## All rows

Ours first, with the spread: half the distance between the quartiles, in per cent. Then the others, and how many times ours
that is: more than 1 and they need more than we do, less than 1 and we lose. *fails* and – are explained at the end. For
sockets, the server is pinned to one processor and the client, one mio loop that is the same for all, to another.
A socket's wait is the time from a client's write to the server's read of it, while something in the loop or beside it leaves the
loop no rest; `benches/peers/src/rows/waits.rs` says what.
";

/// Every line of the table that has a figure of ours.
fn lines(results: &Results) -> impl Iterator<Item = (&'static Row, &'static Line, f64)> {
    let lines = ROWS
        .iter()
        .flat_map(|row| row.lines.iter().map(move |line| (row, line)));
    lines.filter_map(|(row, line)| Some((row, line, results.median_of(row.name, US, line.metric)?)))
}

/// How many times ours theirs is; where more is better, the other way round.
fn ratio(line: &Line, ours: f64, theirs: f64) -> f64 {
    if line.is_more_better {
        ours / theirs
    } else {
        theirs / ours
    }
}

/// The best of the others, without the loops that are not runtimes.
fn best(results: &Results, row: &Row, line: &Line, ours: f64) -> Option<(&'static str, f64)> {
    let runtimes = PEERS[1..].iter().filter(|peer| !peer.starts_with("mio"));
    let figures =
        runtimes.filter_map(|peer| Some((*peer, results.median_of(row.name, peer, line.metric)?)));
    figures.min_by(|a, b| ratio(line, ours, a.1).total_cmp(&ratio(line, ours, b.1)))
}

fn reaches(results: &Results) -> String {
    let mut text = String::from(
        "\n## What we set out to reach\n\nA miss by less than the spread is one that is smaller than half the distance between the quartiles, of \
         our processes or of theirs.\n\n| row | reach | ours | theirs | reached | |\n|---|---|---|---|---|---|\n",
    );
    let mut reasons: Vec<(Vec<&str>, String)> = Vec::new();
    for (row, line, ours) in lines(results) {
        let Some(best) = best(results, row, line, ours) else {
            continue;
        };
        let of = |peer: &'static str| {
            results
                .median_of(row.name, peer, line.metric)
                .map(|theirs| (peer, theirs))
        };
        // `missing`: how much better we would have to be.
        let mut tell = |reach: String, other: Option<(&str, f64)>, reached: f64, missing: f64| {
            let theirs = other.map_or("–".into(), |(peer, theirs)| {
                format!("{} ({peer})", short(theirs))
            });
            let spread = |peer| results.spread_of(row.name, peer, line.metric);
            let spreads = [spread(US), other.and_then(|(peer, _)| spread(peer))];
            let verdict = match missing {
                ..=0.0 => "yes",
                _ if spreads.into_iter().flatten().any(|spread| missing < spread) => {
                    "no, by less than the spread"
                }
                _ => "**no**",
            };
            let (label, unit, ours) = (line.label, line.unit, short(ours));
            let reason = other.and_then(|(peer, _)| why(row.name, line.metric, peer));
            if let (true, Some(why)) = (missing > 0.0, reason) {
                let why = why.to_string();
                match reasons.iter_mut().find(|(_, known)| *known == why) {
                    Some((labels, _)) => labels.push(label),
                    None => reasons.push((vec![label], why)),
                }
            }
            let _ = writeln!(
                text,
                "| {label} | {reach} | {ours} {unit} | {theirs} | {reached:.2} | {verdict} |"
            );
        };
        let mut at_most = |share: f64, name: &str, other: (&str, f64)| {
            let reached = 1.0 / ratio(line, ours, other.1);
            tell(
                format!("at most {share} of {name}"),
                Some(other),
                reached,
                reached / share - 1.0,
            );
        };
        match line.reach {
            Reach::None => {}
            Reach::OfBest(share) => at_most(share, "the best", best),
            Reach::OfBestAndTokio(share, of_tokio) => {
                at_most(share, "the best", best);
                if let Some(tokio) = of(TOKIO) {
                    at_most(of_tokio, "tokio", tokio);
                }
            }
            Reach::OfTokio(share) if line.is_more_better => {
                if let Some(tokio) = of(TOKIO) {
                    let reached = ours / tokio.1;
                    tell(
                        format!("at least {share} of tokio"),
                        Some(tokio),
                        reached,
                        share / reached - 1.0,
                    );
                }
            }
            Reach::OfTokio(share) => {
                if let Some(tokio) = of(TOKIO) {
                    at_most(share, "tokio", tokio);
                }
            }
            Reach::OfTokioAnd(of_tokio, peer, share) => {
                if let Some(tokio) = of(TOKIO) {
                    at_most(of_tokio, "tokio", tokio);
                }
                if let Some(other) = of(peer) {
                    at_most(share, peer, other);
                }
            }
            Reach::Of(peer, share) => {
                if let Some(other) = of(peer) {
                    at_most(share, peer, other);
                }
            }
            Reach::OfBareLoop(share) => {
                if let (Some(bare), Some(tokio)) = (of(BARE), of(TOKIO)) {
                    let reached = ours / bare.1;
                    tell(
                        format!("at least {share} of the optimal loop"),
                        Some(bare),
                        reached,
                        share / reached - 1.0,
                    );
                    tell(
                        "more than tokio".into(),
                        Some(tokio),
                        ours / tokio.1,
                        tokio.1 / ours - 1.0,
                    );
                }
            }
            Reach::AtMost(most) => tell(
                format!("at most {most} {}", line.unit),
                None,
                ours / most,
                ours / most - 1.0,
            ),
        }
    }
    if !reasons.is_empty() {
        text += "\nWhat is in the way, where it is known:\n\n";
    }
    for (mut labels, why) in reasons {
        labels.dedup();
        let _ = writeln!(text, "- **{}**: {why}", labels.join("**, **"));
    }
    text
}

const LOSSES: &str = "
## Where we lose

By more than two per cent: to the best of the others, and to the bare loop. That has no tasks, and is the limit: what lies
between is the price of a task and of its wakes. Where a reason stands behind a row, it is to be seen in the code or in another
row, unless it says that it is only likely.

";

fn losses(results: &Results) -> String {
    let mut text = String::from(LOSSES);
    let mut count = 0;
    for (row, line, ours) in lines(results) {
        let mut rivals: Vec<_> = best(results, row, line, ours).into_iter().collect();
        rivals.extend(
            results
                .median_of(row.name, BARE, line.metric)
                .map(|theirs| (BARE, theirs)),
        );
        rivals.retain(|(_, theirs)| ratio(line, ours, *theirs) < 1.0 / DRAW);
        if rivals.is_empty() {
            continue;
        }
        count += 1;
        let mut others = Vec::new();
        let mut reasons = Vec::new();
        for (peer, theirs) in rivals {
            let ratio = ratio(line, ours, theirs);
            others.push(format!("{peer} {} (×{ratio:.2})", short(theirs)));
            reasons.extend(why(row.name, line.metric, peer).map(|why| format!(" {why}")));
        }
        let (label, unit, ours) = (line.label, line.unit, short(ours));
        let (others, reasons) = (others.join(", "), reasons.concat());
        let _ = writeln!(text, "- **{label}**: {ours} {unit}; {others}.{reasons}");
    }
    if count == 0 {
        text += "Nowhere by more than two per cent.\n";
    }
    text
}

fn table(results: &Results, group: &str) -> String {
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
    let mut text = format!("\n### {group}\n\n| | unit |");
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

/// Three digits.
pub fn short(figure: f64) -> String {
    let digits = match figure.abs() {
        figure if figure >= 100.0 => 0,
        figure if figure >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{figure:.digits$}");
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), ""), |(whole, _)| {
            (whole, &text[whole.len()..])
        });
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0
            && (whole.len() - index) % 3 == 0
            && digit.is_ascii_digit()
            && !grouped.ends_with('-')
        {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

fn is_failure(results: &Results, row: &Row, peer: &str) -> bool {
    results.failed_rows(peer).contains(&row.name)
}

fn missing(results: &Results) -> String {
    let mut text = String::from("\n## What is not offered, and what fails\n\n");
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

fn builds(results: &Results) -> String {
    if results.builds.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## What it costs to have it\n\nA program that says hello from a task, in release mode and stripped, built from \
         nothing, all crates.\n\n| | crates in the tree | seconds to compile | bytes |\n|---|---:|---:|---:|\n",
    );
    for peer in PEERS {
        if let Some(figures) = results.builds.get(*peer) {
            let figure = |name: &str| {
                figures
                    .get(name)
                    .and_then(|values| values.first())
                    .copied()
                    .unwrap_or(f64::NAN)
            };
            let (crates, seconds, bytes) = (figure("crates"), figure("seconds"), figure("bytes"));
            let _ = writeln!(
                text,
                "| {peer} | {crates} | {seconds:.1} | {} |",
                short(bytes)
            );
        }
    }
    text
}
