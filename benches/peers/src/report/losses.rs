//! What we lose: a line for each reason, and, folded, each figure.

use std::fmt::Write;

use super::{BARE, DRAW, US, best, lines, ratio, short};
use crate::results::Results;
use crate::rows::table::{Line, Row};
use crate::why::why;

/// A figure in which another one is ahead by more than a draw.
struct Loss {
    row: &'static Row,
    line: &'static Line,
    ours: f64,
    peer: &'static str,
    theirs: f64,
}

impl Loss {
    fn ratio(&self) -> f64 {
        ratio(self.line, self.ours, self.theirs)
    }

    /// Is it smaller than the spread of our processes, or of theirs?
    fn is_within_the_spread(&self, results: &Results) -> bool {
        let spread = |peer| results.spread_of(self.row.name, peer, self.line.metric);
        let missing = 1.0 / self.ratio() - 1.0;
        let mut spreads = [spread(US), spread(self.peer)].into_iter().flatten();
        spreads.any(|spread| missing < spread)
    }

    fn told(&self) -> String {
        let peer = match self.peer {
            // The head of its column says it.
            BARE => String::new(),
            peer => format!("{peer} "),
        };
        format!("{} {peer}(×{:.2})", short(self.theirs), self.ratio())
    }
}

/// All losses to the best of the other runtimes, and all to the bare loop.
fn losses(results: &Results) -> (Vec<Loss>, Vec<Loss>) {
    let (mut to_runtimes, mut to_the_bare_loop) = (Vec::new(), Vec::new());
    for (row, line, ours) in lines(results) {
        let bare = results.median_of(row.name, BARE, line.metric);
        let rivals = [
            (&mut to_runtimes, best(results, row, line, ours)),
            (&mut to_the_bare_loop, bare.map(|theirs| (BARE, theirs))),
        ];
        for (losses, rival) in rivals {
            let Some((peer, theirs)) = rival else {
                continue;
            };
            let loss = Loss {
                row,
                line,
                ours,
                peer,
                theirs,
            };
            if loss.ratio() < 1.0 / DRAW {
                losses.push(loss);
            }
        }
    }
    (to_runtimes, to_the_bare_loop)
}

/// Losses that are told together: a topic, and the reason, where one is known.
struct Topic {
    name: &'static str,
    reason: Option<String>,
    losses: Vec<Loss>,
}

impl Topic {
    fn told(&self, results: &Results) -> String {
        let losses = self.losses.iter();
        let worst = losses.min_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let worst = worst.map_or(String::new(), |loss| match loss.peer {
            // The topic says it.
            BARE => format!("×{:.2}", loss.ratio()),
            peer => format!("×{:.2}, {peer}", loss.ratio()),
        });
        let figures = match self.losses.len() {
            1 => String::from("1 figure,"),
            number => format!("{number} figures, at worst"),
        };
        let is_small = |loss: &Loss| loss.is_within_the_spread(results);
        let spread = match self.losses.iter().all(is_small) {
            true => ", less than the spread",
            false => "",
        };
        let reason = self.reason.as_deref().unwrap_or_default();
        let text = format!("- **{}** ({figures} {worst}{spread}). {reason}", self.name);
        text.trim_end().to_string() + "\n"
    }
}

/// In the order of the table; what has no reason comes last.
fn topics(losses: Vec<Loss>) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for loss in losses {
        let why = why(loss.row.name, loss.line.metric, loss.peer);
        let name = why.as_ref().map_or(loss.row.group, |why| why.topic);
        let reason = why.map(|why| why.to_string());
        let is_same = |topic: &&mut Topic| topic.name == name && topic.reason == reason;
        match topics.iter_mut().find(is_same) {
            Some(topic) => topic.losses.push(loss),
            None => topics.push(Topic {
                name,
                reason,
                losses: vec![loss],
            }),
        }
    }
    topics.sort_by_key(|topic| topic.reason.is_none());
    topics
}

pub fn short_list(results: &Results) -> String {
    let all = lines(results)
        .filter(|&(row, line, ours)| best(results, row, line, ours).is_some())
        .count();
    if all == 0 {
        return String::new();
    }
    let (to_runtimes, to_the_bare_loop) = losses(results);
    let mut text = format!(
        "\n## What we lose\n\nOf {all} figures, another runtime is ahead in {} by more than two per cent. The ratios are to the best of the \
         others: ×0.50 is half as good.\n\n",
        to_runtimes.len()
    );
    let (known, unknown): (Vec<_>, Vec<_>) = topics(to_runtimes)
        .into_iter()
        .partition(|topic| topic.reason.is_some());
    text.extend(known.iter().map(|topic| topic.told(results)));
    text.extend(
        topics(to_the_bare_loop)
            .iter()
            .map(|topic| topic.told(results)),
    );
    if !unknown.is_empty() {
        text += "\nHere no reason is known:\n\n";
        text.extend(unknown.iter().map(|topic| topic.told(results)));
    }
    text
}

pub fn folded(results: &Results) -> String {
    let (to_runtimes, to_the_bare_loop) = losses(results);
    let mut text = String::from(
        "By more than two per cent, to the best of the other runtimes and to the bare loop (`mio, optimal`). The bare loop has no tasks, \
         and is the limit: what lies between is the price of a task and of its wakes.\n\n\
         | | ours | the best of the others | the bare loop |\n|---|---:|---:|---:|\n",
    );
    let mut number = 0;
    for (row, line, ours) in lines(results) {
        let of = |losses: &[Loss]| {
            let mut losses = losses.iter();
            let loss =
                losses.find(|loss| loss.row.name == row.name && loss.line.metric == line.metric);
            loss.map(Loss::told)
        };
        let (runtime, bare) = (of(&to_runtimes), of(&to_the_bare_loop));
        if runtime.is_none() && bare.is_none() {
            continue;
        }
        number += 1;
        let told = |loss: Option<String>| loss.unwrap_or("–".into());
        let _ = writeln!(
            text,
            "| {} | {} {} | {} | {} |",
            line.label,
            short(ours),
            line.unit,
            told(runtime),
            told(bare)
        );
    }
    let summary = format!("Each figure that we lose: {number}");
    match number {
        0 => String::new(),
        _ => super::folded(&summary, &text, ""),
    }
}
