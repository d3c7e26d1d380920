//! Calls that block belong on other threads. What happens if they stay on the loop's is printed first.
//!
//! `cargo run --release --example 05_offload`

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use roundelay::future::join_all;
use roundelay::{interval, offload, sleep, spawn};

const BLOCK: Duration = Duration::from_millis(100);

fn main() {
    roundelay::run(async {
        // A task that wants to run every 5 ms, and remembers the longest it had to wait.
        let longest = Rc::new(Cell::new(Duration::ZERO));
        let pulse = spawn(pulse(Rc::clone(&longest)));

        sleep(Duration::from_millis(1)).await;
        let start = Instant::now();
        for _ in 0..4 {
            thread::sleep(BLOCK); // asyncio's `time.sleep` in a coroutine: the loop stands still
            sleep(Duration::from_millis(1)).await; // the pulse gets its turn
        }
        println!(
            "4 blocking calls on the loop:  {:>6.0?}, the pulse stopped for {:>6.0?}",
            start.elapsed(),
            longest.take()
        );

        let start = Instant::now();
        let calls = (0..4).map(|_| {
            offload(|| {
                thread::sleep(BLOCK);
                thread::current().name().unwrap_or("a thread").to_owned()
            })
        });
        let names = join_all(calls).await;
        println!(
            "4 blocking calls offloaded:    {:>6.0?}, the pulse stopped for {:>6.0?}",
            start.elapsed(),
            longest.take()
        );
        for name in names {
            println!("  one ran on {}", name.expect("the call returns"));
        }

        // A panic over there comes back as an error, and the loop goes on.
        println!("a job panics; Rust says so first, on standard error:");
        let error = offload(|| -> u32 { panic!("the disk is on fire") })
            .await
            .unwrap_err();
        println!("  it comes back as an error: {error}");

        // A job that nobody waits for any more does not start. One that runs goes on, and its result is dropped.
        drop(offload(|| println!("never printed")));
        pulse.abort();
    });
}

async fn pulse(longest: Rc<Cell<Duration>>) {
    let mut beat = interval(Duration::from_millis(5));
    let mut last = beat.tick().await;
    loop {
        beat.tick().await;
        longest.set(longest.get().max(last.elapsed()));
        last = Instant::now();
    }
}
