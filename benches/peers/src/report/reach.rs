//! What we set out to reach, what is reached, and what is in the way.

use std::fmt::Write;

use super::{BARE, TOKIO, US, best, lines, ratio, short};
use crate::results::Results;
use crate::rows::table::{Line, Reach, Row};
use crate::why::why;

/// What one line of the table set out to reach.
struct Claim {
    row: &'static Row,
    line: &'static Line,
    ours: f64,
    reach: String,
    other: Option<(&'static str, f64)>,
    reached: f64,
    /// How much better we would have to be; below nothing, the claim is reached.
    missing: f64,
}

impl Claim {
    fn verdict(&self, results: &Results) -> &'static str {
        let spread = |peer| results.spread_of(self.row.name, peer, self.line.metric);
        let spreads = [spread(US), self.other.and_then(|(peer, _)| spread(peer))];
        let is_within = |spread: f64| self.missing < spread;
        match self.missing {
            ..=0.0 => "yes",
            _ if spreads.into_iter().flatten().any(is_within) => "no, by less than the spread",
            _ => "**no**",
        }
    }

    /// Why it is not reached, where that is known.
    fn reason(&self) -> Option<String> {
        let (peer, _) = self.other.filter(|_| self.missing > 0.0)?;
        Some(why(self.row.name, self.line.metric, peer)?.to_string())
    }
}

/// A line of the table with its figures.
struct Figures<'a> {
    results: &'a Results,
    row: &'static Row,
    line: &'static Line,
    ours: f64,
    best: (&'static str, f64),
}

impl Figures<'_> {
    fn of(&self, peer: &'static str) -> Option<(&'static str, f64)> {
        let theirs = self
            .results
            .median_of(self.row.name, peer, self.line.metric)?;
        Some((peer, theirs))
    }

    fn claim(
        &self,
        reach: String,
        other: Option<(&'static str, f64)>,
        reached: f64,
        missing: f64,
    ) -> Claim {
        let (row, line, ours) = (self.row, self.line, self.ours);
        Claim {
            row,
            line,
            ours,
            reach,
            other,
            reached,
            missing,
        }
    }

    fn at_most(&self, share: f64, name: &str, other: (&'static str, f64)) -> Claim {
        let reached = 1.0 / ratio(self.line, self.ours, other.1);
        let reach = format!("at most {share} of {name}");
        self.claim(reach, Some(other), reached, reached / share - 1.0)
    }

    fn at_least(&self, reach: String, share: f64, other: (&'static str, f64)) -> Claim {
        let reached = self.ours / other.1;
        self.claim(reach, Some(other), reached, share / reached - 1.0)
    }

    fn claims(&self) -> Vec<Claim> {
        let best = |share| Some(self.at_most(share, "the best", self.best));
        let below = |share, name, peer| Some(self.at_most(share, name, self.of(peer)?));
        let claims = match self.line.reach {
            Reach::None => [None, None],
            Reach::OfBest(share) => [best(share), None],
            Reach::OfBestAndTokio(share, of_tokio) => {
                [best(share), below(of_tokio, "tokio", TOKIO)]
            }
            Reach::OfTokio(share) if self.line.is_more_better => {
                let reach = format!("at least {share} of tokio");
                let tokio = self.of(TOKIO);
                [tokio.map(|tokio| self.at_least(reach, share, tokio)), None]
            }
            Reach::OfTokio(share) => [below(share, "tokio", TOKIO), None],
            Reach::OfTokioAnd(of_tokio, peer, share) => {
                [below(of_tokio, "tokio", TOKIO), below(share, peer, peer)]
            }
            Reach::Of(peer, share) => [below(share, peer, peer), None],
            Reach::OfBareLoop(share) => {
                let reach = format!("at least {share} of the optimal loop");
                let (bare, tokio) = (self.of(BARE), self.of(TOKIO));
                [
                    bare.map(|bare| self.at_least(reach, share, bare)),
                    tokio.map(|tokio| self.at_least("more than tokio".into(), 1.0, tokio)),
                ]
            }
            Reach::AtMost(most) => {
                let reach = format!("at most {most} {}", self.line.unit);
                let reached = self.ours / most;
                [Some(self.claim(reach, None, reached, reached - 1.0)), None]
            }
        };
        claims.into_iter().flatten().collect()
    }
}

fn claims(results: &Results) -> Vec<Claim> {
    let figures = |(row, line, ours)| {
        Some(Figures {
            results,
            row,
            line,
            ours,
            best: best(results, row, line, ours)?,
        })
    };
    let figures = lines(results).filter_map(figures);
    figures.flat_map(|figures| figures.claims()).collect()
}

pub fn folded(results: &Results) -> String {
    let claims = claims(results);
    if claims.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "A miss by less than the spread is smaller than half the distance between the quartiles, of our processes or of theirs.\n\n\
         | row | reach | ours | theirs | reached | |\n|---|---|---|---|---|---|\n",
    );
    for claim in &claims {
        let theirs = claim.other.map_or("–".into(), |(peer, theirs)| {
            format!("{} ({peer})", short(theirs))
        });
        let _ = writeln!(
            text,
            "| {} | {} | {} {} | {theirs} | {:.2} | {} |",
            claim.line.label,
            claim.reach,
            short(claim.ours),
            claim.line.unit,
            claim.reached,
            claim.verdict(results)
        );
    }
    text += &reasons(&claims);
    let reached = claims.iter().filter(|claim| claim.missing <= 0.0).count();
    let summary = format!(
        "What we set out to reach: {reached} of {} reached",
        claims.len()
    );
    super::folded(&summary, &text, "")
}

/// Each reason once, with all lines that it is the reason for.
fn reasons(claims: &[Claim]) -> String {
    let mut reasons: Vec<(Vec<&str>, String)> = Vec::new();
    for claim in claims {
        let Some(reason) = claim.reason() else {
            continue;
        };
        match reasons.iter_mut().find(|(_, known)| *known == reason) {
            Some((labels, _)) => labels.push(claim.line.label),
            None => reasons.push((vec![claim.line.label], reason)),
        }
    }
    let mut text = String::new();
    if !reasons.is_empty() {
        text += "\nWhat is in the way, where it is known:\n\n";
    }
    for (mut labels, reason) in reasons {
        labels.dedup();
        let _ = writeln!(text, "- **{}**: {reason}", labels.join("**, **"));
    }
    text
}
