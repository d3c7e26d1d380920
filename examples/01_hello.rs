//! The smallest program: one loop, one main future, one task beside it.
//!
//! `cargo run --example 01_hello`

use std::time::Duration;

use roundelay::{sleep, spawn};

fn main() {
    // `run` makes a loop, polls this future until it has finished, and drops the loop.
    let letters = roundelay::run(async {
        println!("main: hello");

        // `spawn` starts a task. It runs beside this one, whenever this one awaits something.
        let world = spawn(async {
            println!("task: I run while main waits");
            sleep(Duration::from_millis(20)).await;
            println!("task: done");
            "world"
        });

        println!("main: nothing has happened yet, for I have not awaited anything");
        let word = world
            .await
            .expect("the task neither panics nor is cancelled");
        println!("main: the task returned '{word}'");
        word.len()
    });
    println!("run returned {letters}");
}
