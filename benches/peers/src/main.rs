//! Compares roundelay with the other runtimes. `cargo bench --bench compare` builds and starts this program.
//!
//! The question is whether a loop that is written to be read is also the one to use. What would prove us wrong is a list in the
//! report: each row in which another runtime is faster, smaller or more punctual.
//!
//! Each measurement is a process of its own, started by `suite.rs`: `roundelay-peers run PEER ROW MILLISECONDS ALIVE`
//! prints one line of JSON.

use std::process::ExitCode;
use std::time::Duration;

use rows::{Effort, Metrics};

mod builds;
mod client;
mod clock;
mod growth;
mod json;
mod memory;
mod peer;
mod plot;
mod progress;
mod report;
mod results;
mod rows;
mod suite;
mod why;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn main() -> ExitCode {
    let words = std::env::args().skip(1);
    // Cargo passes this argument to each bench.
    let arguments: Vec<_> = words.filter(|word| word != "--bench").collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    // As many sockets as the system allows: a million if it can be set, or else the limit that is there.
    if rlimit::Resource::NOFILE.set(1_000_000, 1_000_000).is_err() {
        let _ = rlimit::increase_nofile_limit(u64::MAX);
    }
    let result = match words[..] {
        ["run", peer, row, milliseconds, alive, ref rest @ ..] => {
            let effort = Effort {
                time: Duration::from_millis(milliseconds.parse().expect("milliseconds")),
                alive: alive.parse().expect("a number"),
                is_quick: rest.contains(&"--quick"),
            };
            let before = clock::pace();
            match measure(peer, row, effort) {
                Some(mut metrics) => {
                    metrics.push((suite::PACE, before.max(clock::pace())));
                    answer(&metrics)
                }
                None => Err(NOT_OFFERED.into()),
            }
        }
        ["client", ref numbers @ ..] => {
            let numbers: Vec<_> = numbers
                .iter()
                .filter_map(|number| number.parse().ok())
                .collect();
            client::Load::run(&numbers).map_err(Into::into)
        }
        ["stamps", address] => rows::waits::write_stamps(address).map_err(Into::into),
        _ => suite::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The answer of a process whose runtime does not have what the row needs.
const NOT_OFFERED: &str = "not offered";

/// The names of the peers, as in the report's table.
const PEERS: &[&str] = &[
    "roundelay",
    "tokio LocalRuntime",
    "tokio LocalSet",
    "smol",
    "monoio epoll",
    "monoio io_uring",
    "glommio",
    "compio",
    "futures LocalPool",
    "mio, optimal",
    "mio, naive",
    "tokio multi-thread",
    "redis-server",
];

fn measure(peer: &str, row: &str, effort: Effort) -> Option<Metrics> {
    use peer::bare::Manner;
    use rows::{servers, waits};
    if servers::has(row) {
        return servers::run(peer, row, effort);
    }
    if waits::has(row) {
        return match peer {
            "roundelay" => waits::run::<peer::Roundelay>(row, effort),
            "tokio LocalRuntime" => waits::run::<peer::TokioLocalRuntime>(row, effort),
            "tokio LocalSet" => waits::run::<peer::TokioLocalSet>(row, effort),
            _ => None,
        };
    }
    match peer {
        "roundelay" => rows::run::<peer::Roundelay>(row, effort),
        "tokio LocalRuntime" => rows::run::<peer::TokioLocalRuntime>(row, effort),
        "tokio LocalSet" => rows::run::<peer::TokioLocalSet>(row, effort),
        "smol" => rows::run::<peer::Smol>(row, effort),
        "monoio epoll" => rows::run::<peer::MonoioEpoll>(row, effort),
        "monoio io_uring" => rows::run::<peer::MonoioUring>(row, effort),
        "glommio" => rows::run::<peer::Glommio>(row, effort),
        "compio" => rows::run::<peer::Compio>(row, effort),
        "futures LocalPool" => rows::run::<peer::FuturesPool>(row, effort),
        "mio, optimal" => rows::run_bare(Manner::Optimal, row, effort),
        "mio, naive" => rows::run_bare(Manner::Naive, row, effort),
        _ => None,
    }
}

/// Prints the figures, and ends the process.
fn answer(metrics: &Metrics) -> ! {
    println!("{}", json::of_metrics(metrics));
    std::process::exit(0)
}

/// Ends the process: this runtime offers what the row needs, but has failed.
fn fail(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}
