//! The smallest program: one loop, one main future, one task beside it. Then two waits, of 30 ms and of 20 ms, in three ways.
//!
//! `cargo run --example 01_hello`

use std::time::{Duration, Instant};

use roundelay::{join, sleep, spawn};

fn main() {
    // `run` makes a loop, polls this future until it has finished, and drops the loop.
    let letters = roundelay::run(async {
        println!("main: hello");

        // `spawn` starts a task. The task runs whenever this one waits.
        let world = spawn(async {
            println!("task: runs while main waits");
            sleep(Duration::from_millis(20)).await;
            println!("task: done");
            "world"
        });

        println!("main: the task has not begun, because main has not awaited anything");
        let word = world
            .await
            .expect("the task neither panics nor is cancelled");
        println!("main: the task returned '{word}'");

        println!("two waits, of 30 ms and of 20 ms:");
        let start = Instant::now();
        let (long, short) = (wait(30), wait(20)); // nothing runs yet: a future does nothing until it is awaited
        long.await;
        short.await;
        tell("await, then await: the waits add up", start);

        let start = Instant::now();
        let (long, short) = (spawn(wait(30)), spawn(wait(20))); // both run from the next await on
        long.await.expect("the task does not panic");
        short.await.expect("the task does not panic");
        tell("spawn both, then await both: the longer counts", start);

        let start = Instant::now();
        join!(wait(30), wait(20)); // both run within this task
        tell("join! of both: the longer counts", start);

        word.len()
    });
    println!("run returned {letters}");
}

async fn wait(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds)).await;
}

fn tell(way: &str, start: Instant) {
    println!("{:>6.0?}  {way}", start.elapsed());
}
