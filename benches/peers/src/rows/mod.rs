//! The rows: their table, and how one row is run in this process.

use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::peer::Peer;
use crate::peer::bare::Manner;
pub use crate::results::Metrics;
use crate::results::{median, quantile};

mod memory;
mod offload;
pub mod servers;
mod sockets;
mod spawn;
pub mod table;
mod timers;
pub mod waits;
mod wakes;
mod yields;

/// How much to do.
#[derive(Clone, Copy)]
pub struct Effort {
    /// How long the samples of one process may take together.
    pub time: Duration,
    pub is_quick: bool,
    /// How many are alive, for the rows that ask how the loop scales.
    pub alive: usize,
}

impl Effort {
    /// At least five samples, and as many as fit the time.
    fn has_time(&self, begin: Instant, samples: usize) -> bool {
        samples < 5 || begin.elapsed() < self.time
    }
}

/// Runs a row. Returns `None` if this runtime does not offer what the row needs.
pub fn run<P: Peer>(name: &str, effort: Effort) -> Option<Metrics> {
    let needs = table::find(name)?.needs;
    let is_offered = match needs {
        table::Needs::Tasks => true,
        table::Needs::Timers => P::HAS_TIMERS,
        table::Needs::Sockets => P::HAS_SOCKETS,
        table::Needs::Threads => P::HAS_OFFLOAD,
        // `waits::run` and `servers::run` run these rows.
        table::Needs::Posts | table::Needs::Servers => false,
    };
    if !is_offered {
        return None;
    }
    yields::run::<P>(name, effort)
        .or_else(|| wakes::run::<P>(name, effort))
        .or_else(|| spawn::run::<P>(name, effort))
        .or_else(|| timers::run::<P>(name, effort))
        .or_else(|| offload::run::<P>(name, effort))
        .or_else(|| memory::run::<P>(name, effort))
        .or_else(|| sockets::run::<P>(name, effort))
}

/// Runs a row on a loop that is not a runtime. It has sockets, and one alarm.
pub fn run_bare(manner: Manner, name: &str, effort: Effort) -> Option<Metrics> {
    match table::find(name)?.needs {
        table::Needs::Sockets => sockets::run_bare(manner, name, effort),
        table::Needs::Timers if manner == Manner::Optimal => timers::run_bare(name, effort),
        _ => None,
    }
}

/// Times `body` at least five times, and takes the median. Returns nanoseconds for each of `operations`.
async fn sample(effort: Effort, operations: usize, mut body: impl AsyncFnMut()) -> f64 {
    body().await;
    let (begin, mut times) = (Instant::now(), Vec::new());
    while effort.has_time(begin, times.len()) {
        let start = Instant::now();
        body().await;
        times.push(start.elapsed().as_nanos() as f64 / operations as f64);
        if begin.elapsed() > 20 * effort.time {
            break;
        }
    }
    median(&mut times)
}

/// Waits until all tasks have been polled.
async fn settle<P: Peer>() {
    if P::HAS_TIMERS {
        P::sleep(Duration::from_millis(300)).await;
    }
    for _ in 0..3 {
        P::yield_now().await;
    }
}

async fn waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

/// The same numbers in the same order for all runtimes.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

const SEED: Random = Random(0x9e37_79b9_7f4a_7c15);
const HOUR: Duration = Duration::from_secs(3_600);
