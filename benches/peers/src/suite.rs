//! Runs each row on each peer. Each repetition of a row on a peer has a process of its own.
//!
//! One repetition is all rows. In a row the peers follow each other, and each repetition begins with the next peer. So
//! another program or a warmer processor affects all peers alike.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use serde_json::Value;

use crate::progress::Progress;
use crate::results::{Results, root};
use crate::rows::table::{ALIVE, Needs, ROWS, Row, SCALES};
use crate::{NOT_OFFERED, PEERS, builds, plot, report};

const HELP: &str = "\
cargo bench --bench compare -- [OPTIONS]

  --quick          once, with fewer of everything: a hundred seconds; writes to target/compare
  --rows A,B,..    these rows only            --peers A,B,..   these peers only
  --reps N         so many repetitions        --ms N           milliseconds of samples for each process
  --no-scales      without the curves         --no-builds      without compile times and sizes
  --out FOLDER     writes to this folder instead of BENCHMARKS.md and benches/results
  --keep           keeps the figures of the last run where this one has none
  --report         measures nothing, writes the report again";

struct Options {
    is_quick: bool,
    rows: Option<Vec<String>>,
    peers: Option<Vec<String>>,
    repetitions: usize,
    milliseconds: u64,
    has_scales: bool,
    has_builds: bool,
    is_keeping: bool,
    is_measuring: bool,
    out: Option<PathBuf>,
    help: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;
        let mut options = Options {
            is_quick: arguments.iter().any(|argument| argument == "--quick"),
            rows: None,
            peers: None,
            repetitions: 5,
            milliseconds: 60,
            has_scales: true,
            has_builds: true,
            is_keeping: false,
            is_measuring: true,
            out: None,
            help: false,
        };
        if options.is_quick {
            (options.repetitions, options.milliseconds) = (1, 20);
            (options.has_scales, options.has_builds) = (false, false);
        }
        let list = |words: String| Some(words.split(',').map(str::to_string).collect());
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("quick") => {}
                Long("rows") => options.rows = list(parser.value()?.string()?),
                Long("peers") => options.peers = list(parser.value()?.string()?),
                Long("reps") => options.repetitions = parser.value()?.parse()?,
                Long("ms") => options.milliseconds = parser.value()?.parse()?,
                Long("no-scales") => options.has_scales = false,
                Long("no-builds") => options.has_builds = false,
                Long("keep") => options.is_keeping = true,
                Long("report") => (options.is_measuring, options.is_keeping) = (false, true),
                Long("out") => options.out = Some(parser.value()?.into()),
                Long("help") => options.help = true,
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }

    fn has_row(&self, name: &str) -> bool {
        self.rows
            .as_ref()
            .is_none_or(|rows| rows.iter().any(|row| row == name))
    }

    /// The rows that have curves, and how many are alive at each point.
    fn curves(&self) -> io::Result<Vec<(&'static Row, usize)>> {
        // A connection takes a descriptor at each end, and some kilobytes in the kernel.
        let descriptors = rlimit::Resource::NOFILE.get_soft()?;
        let connections = descriptors.saturating_sub(SPARE_DESCRIPTORS).min(100_000) as usize;
        let most = |row: &Row| match row.needs {
            Needs::Sockets => connections,
            _ => usize::MAX,
        };
        let rows = SCALES
            .iter()
            .filter(|row| self.has_scales && self.has_row(row.name));
        let points = rows.flat_map(|row| ALIVE.map(|alive| (row, alive)));
        Ok(points.filter(|&(row, alive)| alive <= most(row)).collect())
    }

    fn peers(&self) -> Vec<&'static str> {
        let is_wanted = |peer: &&str| {
            self.peers
                .as_ref()
                .is_none_or(|peers| peers.iter().any(|name| peer.starts_with(name.as_str())))
        };
        PEERS.iter().copied().filter(is_wanted).collect()
    }
}

pub fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let options = Options::parse(arguments)?;
    if options.help {
        println!("{HELP}");
        return Ok(());
    }
    let (page, folder) = match &options.out {
        Some(folder) => (folder.join("BENCHMARKS.md"), folder.clone()),
        None if options.is_quick => (
            root().join("target/compare/BENCHMARKS.md"),
            root().join("target/compare"),
        ),
        None => (root().join("BENCHMARKS.md"), root().join("benches/results")),
    };
    fs::create_dir_all(&folder)?;
    let file = folder.join("compare.json");
    let mut results = Results::default();
    if options.is_keeping {
        results = Results::from_json(&serde_json::from_str(&fs::read_to_string(&file)?)?);
    }
    if options.is_measuring {
        let mut about = report::about(arguments);
        if options.is_keeping {
            let earlier = results.about.get("again").map(|again| format!("{again}; "));
            let earlier = earlier.unwrap_or_default();
            let again = format!("{earlier}{}, on {}", about["command"], about["date"]);
            about = BTreeMap::from([("again".to_string(), again)]);
        }
        results.about.extend(about);
        results.measure(&options, &file)?;
    }
    let plots = plot::draw(&results, &folder)?;
    report::picture::draw(&results, &folder)?;
    fs::write(
        &page,
        report::page(
            &results,
            &plots,
            page.parent().unwrap_or(Path::new("")),
            &folder,
        ),
    )?;
    println!(
        "{}\n{}",
        page.canonicalize()?.display(),
        file.canonicalize()?.display()
    );
    match results.failed_rows(report::US) {
        rows if rows.is_empty() => Ok(()),
        rows => Err(format!("roundelay fails at {}", rows.join(", ")).into()),
    }
}

/// The name of the processor's speed, which each process reports beside its figures. See `clock::pace`.
pub const PACE: &str = "pace";
/// A processor that is slower than this many times the lower quartile was held up by another program.
const SLOW: f64 = 1.15;
const ATTEMPTS: usize = 3;
/// The descriptors that a server or a client opens beside its connections.
const SPARE_DESCRIPTORS: u64 = 100;

/// How far the run has come, and how fast the processor was while the processes ran.
#[derive(Default)]
struct Pace {
    progress: Progress,
    /// All measured speeds, in order of size.
    seen: Vec<f64>,
    processes: usize,
    attempts: usize,
    slow: usize,
}

impl Pace {
    /// Measures a row, and notes how long that took.
    fn measure(
        &mut self,
        peer: &'static str,
        row: &Row,
        options: &Options,
        alive: usize,
    ) -> io::Result<Outcome> {
        let (begin, task) = (Instant::now(), (row.name, alive));
        let outcome = self.process(peer, row, options, alive)?;
        self.progress.note(task, peer, begin.elapsed());
        if outcome.is_err() {
            self.progress.give_up(task, peer);
        }
        Ok(outcome)
    }

    /// Measures a row in a process. If the processor was slow meanwhile, it measures again, and takes the best process. So all
    /// figures come from one process.
    fn process(
        &mut self,
        peer: &str,
        row: &Row,
        options: &Options,
        alive: usize,
    ) -> io::Result<Outcome> {
        let attempts = match (options.is_quick, row.is_heavy() || alive >= 100_000) {
            (true, _) => 1,
            (_, true) => 2,
            (_, false) => ATTEMPTS,
        };
        let mut kept: Result<(f64, BTreeMap<String, f64>), String> = Err(String::new());
        self.processes += 1;
        for _ in 0..attempts {
            self.attempts += 1;
            let mut figures = match (process(peer, row, options, alive)?, &kept) {
                (Ok(figures), _) => figures,
                (Err(reason), _) if reason == NOT_OFFERED => return Ok(Err(reason)),
                // The machine may have held the process up. A runtime that cannot do the row fails each time.
                (Err(reason), Err(_)) => {
                    kept = Err(reason);
                    continue;
                }
                (Err(_), Ok(_)) => continue,
            };
            // A server ends with its client, in the middle of its work, and reports no speed.
            let Some(pace) = figures.remove(PACE) else {
                return Ok(Ok(figures));
            };
            self.seen
                .insert(self.seen.partition_point(|&seen| seen < pace), pace);
            if kept.as_ref().map_or(true, |(slowest, _)| pace < *slowest) {
                kept = Ok((pace, figures));
            }
            if !self.is_slow(pace) {
                break;
            }
        }
        Ok(kept.map(|(pace, figures)| {
            self.slow += usize::from(self.is_slow(pace));
            figures
        }))
    }

    /// Compares with the lower quartile, because the very best value is luck and does not come back.
    fn is_slow(&self, pace: f64) -> bool {
        pace >= SLOW * self.seen[self.seen.len() / 4]
    }

    fn report(&self) -> String {
        format!(
            "{} processes; {} attempts were repeated because they failed or the processor ran slower than {SLOW} times its \
             lower quartile, and {} processes are in here that did so each time",
            self.processes,
            self.attempts - self.processes,
            self.slow
        )
    }
}

impl Results {
    fn measure(&mut self, options: &Options, file: &Path) -> Result<(), Box<dyn Error>> {
        let (begin, peers) = (Instant::now(), options.peers());
        let rows: Vec<_> = ROWS
            .iter()
            .filter(|row| options.has_row(row.name))
            .collect();
        for row in &rows {
            self.rows.remove(row.name);
            self.errors.remove(row.name);
        }
        let mut pace = Pace::default();
        let most = |row: &Row| row.repetitions(options.repetitions);
        for (row, peer) in pairs(&rows, &peers) {
            pace.progress.plan((row.name, 0), peer, most(row));
        }
        let curves = options.curves()?;
        for ((row, alive), peer) in pairs(&curves, &of_curves(&peers)) {
            pace.progress.plan((row.name, *alive), peer, 1);
        }
        for repetition in 0..rows.iter().map(|row| most(row)).max().unwrap_or_default() {
            for row in rows.iter().filter(|row| repetition < most(row)) {
                eprintln!(
                    "{}: {}, {} of {}",
                    pace.progress.line(begin.elapsed()),
                    row.name,
                    repetition + 1,
                    most(row)
                );
                for turn in 0..peers.len() {
                    let peer = peers[(turn + repetition) % peers.len()];
                    self.row(row, peer, options, &mut pace)?;
                }
            }
            // If the run is stopped from here on, these figures are kept. `--report` makes the page from them.
            fs::write(file, self.to_text()?)?;
        }
        for (row, alive) in curves {
            let line = pace.progress.line(begin.elapsed());
            eprintln!("{line}: {} {alive}", row.name);
            self.curve((row, alive), &of_curves(&peers), options, &mut pace)?;
        }
        eprintln!("{}", pace.progress.line(begin.elapsed()));
        match self.about.get_mut("again") {
            Some(again) if options.is_keeping => *again += &format!(" ({})", pace.report()),
            _ => _ = self.about.insert("steadiness".into(), pace.report()),
        }
        if options.has_builds {
            self.builds.extend(builds::measure(&peers)?);
        }
        fs::write(file, self.to_text()?)?;
        Ok(())
    }

    fn row(
        &mut self,
        row: &Row,
        peer: &'static str,
        options: &Options,
        pace: &mut Pace,
    ) -> io::Result<()> {
        if self
            .errors
            .get(row.name)
            .is_some_and(|errors| errors.contains_key(peer))
        {
            return Ok(());
        }
        match pace.measure(peer, row, options, 0)? {
            Ok(figures) => {
                let all = self
                    .rows
                    .entry(row.name.into())
                    .or_default()
                    .entry(peer.into())
                    .or_default();
                for (name, figure) in figures {
                    all.entry(name).or_default().push(figure);
                }
            }
            Err(reason) => {
                self.errors
                    .entry(row.name.into())
                    .or_default()
                    .insert(peer.into(), reason);
            }
        }
        Ok(())
    }

    /// Measures one point of each curve.
    fn curve(
        &mut self,
        (row, alive): (&Row, usize),
        peers: &[&'static str],
        options: &Options,
        pace: &mut Pace,
    ) -> io::Result<()> {
        // No point of an earlier run is kept.
        if alive == ALIVE[0] {
            self.scales.remove(row.name);
        }
        for &peer in peers {
            if let Ok(figures) = pace.measure(peer, row, options, alive)? {
                let figures = figures
                    .into_iter()
                    .map(|(name, figure)| (name, vec![figure]))
                    .collect();
                let curves = self.scales.entry(row.name.into()).or_default();
                let curve = curves.entry(peer.to_string()).or_default();
                curve.insert(alive, figures);
            }
        }
        Ok(())
    }
}

fn pairs<'a, T>(
    rows: &'a [T],
    peers: &'a [&'static str],
) -> impl Iterator<Item = (&'a T, &'static str)> {
    rows.iter()
        .flat_map(|row| peers.iter().map(move |&peer| (row, peer)))
}

/// The runtimes that have a curve.
fn of_curves(peers: &[&'static str]) -> Vec<&'static str> {
    let mut peers = peers.to_vec();
    peers.retain(|peer| !peer.contains("naive") && !peer.contains("LocalSet"));
    peers
}

type Outcome = Result<BTreeMap<String, f64>, String>;

fn process(peer: &str, row: &Row, options: &Options, alive: usize) -> io::Result<Outcome> {
    let milliseconds = match options.is_quick {
        true => options.milliseconds,
        false => options.milliseconds * row.patience(),
    };
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["run", peer, row.name])
        .args([milliseconds.to_string(), alive.to_string()]);
    if options.is_quick {
        command.arg("--quick");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        if begin.elapsed() > Duration::from_secs(40) {
            child.kill()?;
            child.wait()?;
            return Ok(Err("has not ended within 40 s".into()));
        }
        thread::sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output()?;
    let line = String::from_utf8_lossy(&output.stdout);
    match serde_json::from_str::<Value>(line.trim()) {
        Ok(Value::Object(figures)) => Ok(Ok(figures
            .into_iter()
            .filter_map(|(name, figure)| Some((name, figure.as_f64()?)))
            .collect())),
        _ => Ok(Err(reason(&String::from_utf8_lossy(&output.stderr)))),
    }
}

/// The reason that a process gave before it ended: the message of its panic, or its last line.
fn reason(said: &str) -> String {
    let lines: Vec<_> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let line = match panic {
        Some(at) => lines.get(at + 1),
        None => lines.last(),
    };
    line.map_or("has ended without a word".into(), |line| {
        line.chars().take(120).collect()
    })
}
