//! A hundred thousand tasks on one thread, and the order in which they run.
//!
//! `cargo run --release --example 02_many_tasks`

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use roundelay::{spawn, yield_now};

const TASKS: usize = 100_000;
const ROUNDS: usize = 10;

fn main() {
    // An `Rc` and a `Cell`: tasks of one loop share data without locks and without atomics.
    let polls = Rc::new(Cell::new(0_usize));
    let spread = Rc::new(Cell::new(0_usize));

    let start = Instant::now();
    roundelay::run(async {
        let rounds: Rc<Vec<Cell<usize>>> = Rc::new((0..ROUNDS).map(|_| Cell::new(0)).collect());
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                spawn(walk(
                    Rc::clone(&rounds),
                    Rc::clone(&polls),
                    Rc::clone(&spread),
                ))
            })
            .collect();
        println!("spawned {TASKS} tasks in {:.1?}", start.elapsed());
        for task in tasks {
            task.await.expect("a walk does not panic");
        }
    });

    let elapsed = start.elapsed();
    println!("polled them {} times in {elapsed:.1?}", polls.get());
    println!(
        "that is {:.0} ns a poll, spawning and joining included",
        elapsed.as_nanos() as f64 / polls.get() as f64
    );
    assert_eq!(spread.get(), 0, "the ready queue is first in, first out");
    println!("no task began a round before all other tasks had begun the round before it");
}

/// Takes part in each round, and notes how far the slowest task is behind.
async fn walk(rounds: Rc<Vec<Cell<usize>>>, polls: Rc<Cell<usize>>, spread: Rc<Cell<usize>>) {
    for (number, round) in rounds.iter().enumerate() {
        round.set(round.get() + 1);
        polls.set(polls.get() + 1);
        let slowest = rounds
            .iter()
            .position(|round| round.get() < TASKS)
            .unwrap_or(ROUNDS);
        spread.set(spread.get().max(number.saturating_sub(slowest)));
        yield_now().await;
    }
}
