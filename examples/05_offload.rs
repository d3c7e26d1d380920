//! Calls that block belong on other threads. The example first prints the effect of such calls on the loop's thread.
//!
//! `cargo run --release --example 05_offload`

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use roundelay::future::join_all;
use roundelay::{interval, offload, sleep, spawn};

const BLOCK: Duration = Duration::from_millis(100);

fn main() {
    roundelay::run(async {
        // A task that wants to run every 5 ms, and notes when it ran.
        let ticks = Rc::new(RefCell::default());
        let pulse = spawn(pulse(Rc::clone(&ticks)));

        let start = Instant::now();
        sleep(Duration::from_millis(1)).await; // the pulse starts
        for _ in 0..4 {
            thread::sleep(BLOCK); // asyncio's `time.sleep` in a coroutine: the loop stands still
            sleep(Duration::from_millis(1)).await; // the pulse gets its turn
        }
        let on_the_loop = report("4 blocking calls on the loop:", start, ticks.take());

        let start = Instant::now();
        let calls = (0..4).map(|_| {
            offload(|| {
                thread::sleep(BLOCK);
                thread::current().name().unwrap_or("a thread").to_owned()
            })
        });
        let names = join_all(calls).await;
        let offloaded = report("4 blocking calls offloaded:", start, ticks.take());
        for name in names {
            println!("  one ran on {}", name.expect("the call returns"));
        }
        println!("\na sign for each 10 ms, | if the pulse ran in it, . if not:");
        println!("{on_the_loop}\n{offloaded}\n");

        // A panic on the other thread comes back as an error, and the loop goes on.
        println!("a job panics; Rust prints that first, on standard error:");
        let error = offload(|| -> u32 { panic!("the disk is on fire") })
            .await
            .unwrap_err();
        println!("  the panic comes back as an error: {error}");

        // A job whose future is dropped does not start. A job that runs goes on, and its result is dropped.
        drop(offload(|| println!("never printed")));
        pulse.abort();
    });
}

/// Prints the duration, and returns a line of the time-line.
fn report(title: &str, start: Instant, ticks: Vec<Instant>) -> String {
    let time = start.elapsed();
    let stops = ticks.windows(2).map(|pair| pair[1] - pair[0]);
    let longest = stops.max().unwrap_or_default();
    println!("{title:<30}{time:>6.0?}, the pulse stopped for {longest:>6.0?}");
    let slot = |tick: &Instant| (*tick - start).as_millis() / 10;
    let signs =
        (0..time.as_millis() / 10).map(|at| match ticks.iter().any(|tick| slot(tick) == at) {
            true => '|',
            false => '.',
        });
    format!("{title:<30}{}", signs.collect::<String>())
}

async fn pulse(ticks: Rc<RefCell<Vec<Instant>>>) {
    let mut beat = interval(Duration::from_millis(5));
    loop {
        beat.tick().await;
        ticks.borrow_mut().push(Instant::now());
    }
}
