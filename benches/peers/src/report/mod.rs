//! The page: a picture and a table for a visitor with a minute, what we lose, and every figure behind them, folded.

use std::path::Path;

use crate::plot::Plot;
use crate::results::Results;
use crate::rows::table::{Line, ROWS, Row};
use crate::{PEERS, growth};

pub use about::about;

mod about;
mod headline;
mod losses;
pub mod picture;
mod reach;
mod tables;
#[cfg(test)]
mod tests;

pub const US: &str = PEERS[0];
const TOKIO: &str = PEERS[1];
const BARE: &str = "mio, optimal";
/// Less than this is a draw.
const DRAW: f64 = 1.02;

const RUN_IT: &str = "
## Run it yourself

```console
$ cargo bench --bench core                 # the core beside tokio, in one process; ten seconds
$ cargo bench --bench compare -- --quick   # once, with fewer of everything; a hundred seconds
$ cargo bench --bench compare              # everything; about an hour
```

The first run builds the other runtimes: on two processors a minute for `core`, four minutes for `compare`. `compare`
prints how many of its processes have ended and about how long the rest takes. Each row's work is in `benches/peers/src/rows`, and the
set-up of each runtime in `benches/peers/src/peer`.

## All of it
";

const HOW_TO_READ: &str = "
A figure is the median of several processes; each process is one runtime and one row, and the runtimes take turns. Behind a figure
stands its spread: half the distance between the quartiles, in per cent. Our figure is the first. Behind another runtime's figure
stands the ratio to ours: more than ×1 and we are ahead, less and we lose. *fails* and – are explained under \"What is not offered\".
For sockets, the server is pinned to one processor and the client to another; the client is one mio loop, the same for all.
A socket's wait is the time from a client's write to the server's read, while something in the loop or beside it leaves the loop no
rest; `benches/peers/src/rows/waits.rs` says what.
";

/// The page. `home` is its folder, and `pictures` is the folder of the pictures.
pub fn page(results: &Results, plots: &[Plot], home: &Path, pictures: &Path) -> String {
    let folder = pictures.strip_prefix(home).unwrap_or(pictures);
    let link = |plot: &Plot| {
        let place = folder.join(&plot.file);
        format!("\n![{}]({})\n", plot.title, place.display())
    };
    let links = |wanted: &dyn Fn(&Plot) -> bool| -> String {
        plots.iter().filter(|plot| wanted(plot)).map(link).collect()
    };
    let mut text = headline::text(results, folder);
    text += &losses::short_list(results);
    text += RUN_IT;
    text += &folded("How to read the tables", HOW_TO_READ, "");
    text += &reach::folded(results);
    text += &losses::folded(results);
    let mut groups: Vec<_> = ROWS.iter().map(|row| row.group).collect();
    groups.dedup();
    for group in groups {
        let table = tables::of_group(results, group);
        text += &folded(group, &table, &links(&|plot| plot.title == group));
    }
    let curves = links(&|plot| plot.file.starts_with("scale"));
    if !curves.is_empty() {
        let table = growth::table(results);
        let intro =
            "What one costs while so many are there; one process each. Flat is the claim.\n";
        text += &folded("How it grows", &format!("{intro}{table}"), &curves);
    }
    text += &folded("What it costs to have it", &tables::builds(results), "");
    text += &folded(
        "What is not offered, and what fails",
        &tables::missing(results),
        "",
    );
    text + &folded("How it was recorded", &about::recorded(results), "")
}

/// A part of the page that opens on a click; nothing, if there is nothing in it.
fn folded(summary: &str, body: &str, pictures: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    let body = body.trim_matches('\n');
    format!("\n<details>\n<summary>{summary}</summary>\n\n{body}\n{pictures}\n</details>\n")
}

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
