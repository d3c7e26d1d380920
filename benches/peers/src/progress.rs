//! How far a run has come, and how long it will go on.
//!
//! The rows differ by seconds, so the rest of a run is not estimated from the mean of all processes alone. A runtime is expected to
//! take the time that it took for the row before. Before its first turn in a row, it is expected to take the mean of the others in
//! that row. A row that has not begun is expected to take the mean of all processes.

use std::collections::BTreeMap;
use std::time::Duration;

/// A row, and how many are alive in it.
pub type Task = (&'static str, usize);

/// The processes of one runtime in one row.
#[derive(Default)]
struct Turns {
    left: usize,
    last: Option<Duration>,
}

#[derive(Default)]
pub struct Progress {
    turns: BTreeMap<Task, BTreeMap<&'static str, Turns>>,
    done: usize,
}

impl Progress {
    /// Adds processes that are still to come.
    pub fn plan(&mut self, task: Task, peer: &'static str, processes: usize) {
        let peers = self.turns.entry(task).or_default();
        peers.entry(peer).or_default().left += processes;
    }

    /// Notes that a process has ended.
    pub fn note(&mut self, task: Task, peer: &'static str, took: Duration) {
        self.done += 1;
        let peers = self.turns.entry(task).or_default();
        let turns = peers.entry(peer).or_default();
        turns.left = turns.left.saturating_sub(1);
        turns.last = Some(took);
    }

    /// Plans no more processes of this runtime in this row, because it cannot do the row.
    pub fn give_up(&mut self, task: Task, peer: &'static str) {
        let peers = self.turns.entry(task).or_default();
        peers.insert(peer, Turns::default());
    }

    /// The time that is left. `None` before the first process has ended.
    fn rest(&self) -> Option<Duration> {
        let of_all = mean(self.turns.values().flat_map(BTreeMap::values))?;
        let rests = self.turns.values().flat_map(|peers| {
            let usual = mean(peers.values()).unwrap_or(of_all);
            let rest = move |turns: &Turns| turns.last.unwrap_or(usual) * turns.left as u32;
            peers.values().map(rest)
        });
        Some(rests.sum())
    }

    /// A line with the processes that are done, the time that they took, and the time that is left.
    pub fn line(&self, elapsed: Duration) -> String {
        let turns = self.turns.values().flat_map(BTreeMap::values);
        let all = self.done + turns.map(|turns| turns.left).sum::<usize>();
        let rest = self.rest().map_or("time left unknown".into(), |rest| {
            format!("about {} left", words(rest))
        });
        let (done, elapsed) = (self.done, words(elapsed));
        format!("{done:>4} of {all} processes, {elapsed:>6}, {rest}")
    }
}

fn mean<'a>(turns: impl Iterator<Item = &'a Turns>) -> Option<Duration> {
    let times: Vec<_> = turns.filter_map(|turns| turns.last).collect();
    let sum: Duration = times.iter().sum();
    sum.checked_div(times.len() as u32)
}

fn words(duration: Duration) -> String {
    match duration.as_secs_f64().round() {
        seconds if seconds < 100.0 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds / 60.0).round()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Task = ("yield_1", 0);
    const LONG: Task = ("fire_1m", 0);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_time_left_is_not_known_before_the_first_process_has_ended() {
        let mut progress = Progress::default();
        progress.plan(QUICK, "smol", 3);
        let line = progress.line(Duration::ZERO);
        assert_eq!(line, "   0 of 3 processes,    0 s, time left unknown");
    }

    #[test]
    fn a_runtime_takes_for_a_row_what_it_took_before() {
        let mut progress = Progress::default();
        for (task, took) in [(QUICK, 1), (LONG, 20)] {
            progress.plan(task, "smol", 4);
            progress.note(task, "smol", seconds(took));
        }
        assert_eq!(progress.rest(), Some(seconds(3 + 60)));
        let line = progress.line(seconds(110));
        assert_eq!(line, "   2 of 8 processes,  2 min, about 63 s left");
    }

    #[test]
    fn what_has_not_begun_takes_the_mean_of_its_row_or_of_all() {
        let mut progress = Progress::default();
        for peer in ["smol", "glommio", "compio"] {
            progress.plan(QUICK, peer, 1);
        }
        progress.plan(LONG, "smol", 10);
        progress.note(QUICK, "smol", seconds(2));
        progress.note(QUICK, "glommio", seconds(4));
        assert_eq!(progress.rest(), Some(seconds(3 + 10 * 3)));
    }

    #[test]
    fn a_runtime_that_cannot_do_a_row_has_no_more_processes_in_it() {
        let mut progress = Progress::default();
        progress.plan(QUICK, "smol", 5);
        progress.plan(LONG, "smol", 5);
        progress.note(QUICK, "smol", seconds(7));
        progress.note(LONG, "smol", seconds(1));
        progress.give_up(LONG, "smol");
        assert_eq!(progress.rest(), Some(seconds(28)));
        assert!(progress.line(seconds(8)).contains("2 of 6 processes"));
    }
}
