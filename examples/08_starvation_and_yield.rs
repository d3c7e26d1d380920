//! A task that forgets to yield freezes all others. One line mends it, and its price is measured.
//!
//! `cargo run --release --example 08_starvation_and_yield`

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::task::consume_budget;
use roundelay::{interval, offload, spawn, yield_now};

const STEPS: u64 = 20_000_000;

#[derive(Clone, Copy)]
enum Manners {
    Selfish,
    YieldNow,
    ConsumeBudget,
    Offloaded,
}

fn main() {
    println!("a computation of {STEPS} steps beside a task that wants to run every millisecond:\n");
    println!(
        "{:<36}{:>12}{:>16}{:>16}",
        "", "computation", "pulses kept", "longest stall"
    );
    for (title, manners) in [
        ("it never yields", Manners::Selfish),
        ("yield_now().await every 10,000 steps", Manners::YieldNow),
        (
            "consume_budget().await each 100 steps",
            Manners::ConsumeBudget,
        ),
        ("offload(..).await", Manners::Offloaded),
    ] {
        roundelay::run(measure(title, manners));
    }
    println!("\nAn event loop is a promise among its tasks: nobody holds the thread for long.");
}

async fn measure(title: &str, manners: Manners) {
    let pulses = Rc::new(Cell::new(0_u128));
    let longest = Rc::new(Cell::new(Duration::ZERO));
    let pulse = spawn(pulse(Rc::clone(&pulses), Rc::clone(&longest)));
    yield_now().await; // the pulse starts

    let start = Instant::now();
    black_box(compute(manners).await);
    let elapsed = start.elapsed();
    yield_now().await; // whoever had to wait may say so
    roundelay::sleep(Duration::from_millis(1)).await;

    let wanted = elapsed.as_millis().max(1);
    let kept = 100 * pulses.get().min(wanted) / wanted;
    println!(
        "{title:<37}{elapsed:>11.1?}{kept:>14} %{:>16.2?}",
        longest.get()
    );
    pulse.abort();
}

async fn compute(manners: Manners) -> u64 {
    let mut x = 1_u64;
    match manners {
        Manners::Selfish => x = (0..STEPS).fold(x, step),
        Manners::Offloaded => {
            x = offload(|| (0..STEPS).fold(1, step))
                .await
                .expect("it returns")
        }
        Manners::YieldNow => {
            for part in 0..STEPS / 10_000 {
                x = (0..10_000).fold(x ^ part, step);
                yield_now().await;
            }
        }
        Manners::ConsumeBudget => {
            for part in 0..STEPS / 100 {
                x = (0..100).fold(x ^ part, step);
                consume_budget().await; // steps back once in 128 times
            }
        }
    }
    x
}

fn step(x: u64, n: u64) -> u64 {
    black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n) ^ (x >> 29))
}

async fn pulse(pulses: Rc<Cell<u128>>, longest: Rc<Cell<Duration>>) {
    let mut beat = interval(Duration::from_millis(1));
    let mut last = beat.tick().await;
    loop {
        beat.tick().await;
        pulses.set(pulses.get() + 1);
        longest.set(longest.get().max(last.elapsed()));
        last = Instant::now();
    }
}
