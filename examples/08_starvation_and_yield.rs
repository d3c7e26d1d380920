//! A task that does not yield stops all others. One line repairs that, at a price that is measured.
//!
//! `cargo run --release --example 08_starvation_and_yield`

use std::cell::RefCell;
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
    let lines = [
        ("the computation never yields", Manners::Selfish),
        ("yield_now().await every 10,000 steps", Manners::YieldNow),
        (
            "consume_budget().await each 100 steps",
            Manners::ConsumeBudget,
        ),
        ("offload(..).await", Manners::Offloaded),
    ]
    .map(|(title, manners)| roundelay::run(measure(title, manners)));
    println!("\na sign for each 2 ms of the computation, | if the pulse ran in it, . if not:");
    println!("{}", lines.join("\n"));
    println!("\nThe tasks of a loop share one thread: no task may hold it for long.");
}

async fn measure(title: &str, manners: Manners) -> String {
    let ticks = Rc::new(RefCell::default());
    let pulse = spawn(pulse(Rc::clone(&ticks)));
    yield_now().await; // the pulse starts

    let start = Instant::now();
    black_box(compute(manners).await);
    let elapsed = start.elapsed();
    yield_now().await; // the pulse notes how long it waited
    roundelay::sleep(Duration::from_millis(1)).await;
    pulse.abort();

    let ticks: Vec<Instant> = ticks.take();
    let wanted = elapsed.as_millis().max(1);
    let kept = 100 * (ticks.len() as u128 - 1).min(wanted) / wanted;
    let stalls = ticks.windows(2).map(|pair| pair[1] - pair[0]);
    let longest = stalls.max().unwrap_or_default();
    println!("{title:<37}{elapsed:>11.1?}{kept:>14} %{longest:>16.2?}");

    // A line of the time-line.
    let during = ticks.iter().filter(|tick| **tick >= start);
    let slots: Vec<_> = during.map(|tick| (*tick - start).as_millis() / 2).collect();
    let signs = (0..wanted / 2).map(|slot| if slots.contains(&slot) { '|' } else { '.' });
    format!("{title:<38}{}", signs.collect::<String>())
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

async fn pulse(ticks: Rc<RefCell<Vec<Instant>>>) {
    let mut beat = interval(Duration::from_millis(1));
    loop {
        beat.tick().await;
        ticks.borrow_mut().push(Instant::now());
    }
}
