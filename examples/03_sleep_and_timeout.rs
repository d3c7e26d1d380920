//! Sleep, time-out and interval.
//!
//! `cargo run --release --example 03_sleep_and_timeout`

use std::time::{Duration, Instant};

use roundelay::{interval, join, sleep, timeout};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn main() {
    roundelay::run(async {
        // The first sleep of a program is the slowest: its code and its memory are not in the caches yet.
        let start = Instant::now();
        sleep(ms(5)).await;
        println!("to warm up, 5 ms  : {:>9.3?}", start.elapsed());

        // One after the other, the sleeps add up. Together, the longest counts.
        let start = Instant::now();
        sleep(ms(30)).await;
        sleep(ms(20)).await;
        println!("30 ms, then 20 ms : {:>9.3?}", start.elapsed());

        let start = Instant::now();
        join!(sleep(ms(30)), sleep(ms(20)));
        println!("both at once      : {:>9.3?}", start.elapsed());

        // A sleep is never early. How late is it?
        for wait in [Duration::from_micros(50), Duration::from_micros(500), ms(5)] {
            let start = Instant::now();
            sleep(wait).await;
            println!(
                "sleep({wait:>5.0?})      : {:>9.3?}, {:.0?} late",
                start.elapsed(),
                start.elapsed() - wait
            );
        }

        // A time-out drops its future, and with it every value that the future holds.
        let start = Instant::now();
        let guarded = timeout(ms(25), async {
            let _witness = Witness;
            sleep(ms(1_000)).await;
            "too slow"
        });
        let error = guarded.await.unwrap_err();
        println!("timeout(25 ms)    : {:>9.3?}, {error}", start.elapsed());

        // An interval keeps its beat, even if the work between two ticks takes time.
        let mut beat = interval(ms(10));
        let start = beat.tick().await;
        for _ in 0..5 {
            sleep(ms(4)).await;
            let tick = beat.tick().await;
            println!("tick at           : {:>9.3?}", tick - start);
        }
    });
}

struct Witness;

impl Drop for Witness {
    fn drop(&mut self) {
        println!("                    (the guarded future is being dropped)");
    }
}
