//! What does it cost to see the loop? `cargo bench --bench watching --features record`
//!
//! *How*: loops that differ in one setting do the same work (one task that yields). They take turns, so a change of the machine's
//! speed affects all of them. The figures are medians of the differences to the plain loop. A yield is three events of a recording:
//! the poll, the wake, the end of the poll.
//!
//! *What would prove us wrong*: more than 15 ns an event.

use std::future::pending;
use std::time::{Duration, Instant};

use roundelay::{Builder, EventLoop, yield_now};

const YIELDS: u32 = 100_000;
const EVENTS_OF_A_YIELD: f64 = 3.0;
const ROUNDS: usize = 31;
const TASKS: usize = 100_000;

/// Nanoseconds for one yield.
fn yields(builder: &Builder) -> f64 {
    let mut event_loop = builder.clone().build().expect("a loop");
    event_loop.run(async {
        let begin = Instant::now();
        for _ in 0..YIELDS {
            yield_now().await;
        }
        begin.elapsed().as_nanos() as f64 / f64::from(YIELDS)
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn list() -> Duration {
    let event_loop = EventLoop::new().expect("a loop");
    for _ in 0..TASKS {
        drop(event_loop.spawn(pending::<()>()));
    }
    let begin = Instant::now();
    assert_eq!(event_loop.tasks().len(), TASKS);
    begin.elapsed()
}

fn main() {
    let plain = || EventLoop::builder().slow_poll(None);
    let settings = [
        ("plain", plain()),
        ("slow_poll", plain().slow_poll(Duration::from_secs(1))),
        ("watchdog", plain().watchdog(Duration::from_secs(1))),
        ("observe", plain().observe(true)),
        ("record", plain().record(1 << 20)),
    ];
    let mut samples = vec![Vec::new(); settings.len()];
    for _ in 0..ROUNDS {
        for ((_, builder), samples) in settings.iter().zip(&mut samples) {
            samples.push(yields(builder));
        }
    }
    let base = samples[0].clone();
    println!(
        "a yield of a plain loop      {:7.1} ns",
        median(base.clone())
    );
    for ((name, _), samples) in settings.iter().zip(samples).skip(1) {
        let more = samples.iter().zip(&base).map(|(it, base)| it - base);
        let more = median(more.collect());
        print!("with {name:<23} {more:+7.1} ns a poll");
        match *name {
            "record" => println!(", {:.1} ns an event", more / EVENTS_OF_A_YIELD),
            _ => println!(),
        }
    }
    let lists = (0..5).map(|_| list().as_secs_f64() * 1e3);
    println!(
        "tasks() among {TASKS}       {:7.1} ms",
        median(lists.collect())
    );
}
