//! What does the slack of the timers buy, and what does it cost? `cargo bench --bench slack`
//!
//! *How*: 100,000 tasks sleep, each until a moment of its own within 200 ms, so that one is due every two microseconds; and a
//! million within a second. Loops that differ in [`Builder::timer_slack`] take turns, so a change of the machine's speed
//! affects all of them. The figures are medians: the processor time for each timer, how late timers fire, and the longest
//! time in which none fires.
//!
//! *What would prove the default wrong*: a larger slack that takes much less processor time, or a smaller one that takes no
//! more.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::{Builder, EventLoop, sleep_until, spawn};

const SLACKS: [u64; 7] = [0, 10, 20, 50, 100, 140, 280];
const FIGURES: usize = 4;

/// So many timers in so many milliseconds.
#[derive(Clone, Copy)]
struct Crowd {
    count: u32,
    millis: u32,
    rounds: usize,
}

/// Nanoseconds of processor time for a timer; microseconds of lateness, at the median and at the last hundredth; microseconds
/// of the longest stall.
fn measure(builder: &Builder, crowd: Crowd) -> [f64; FIGURES] {
    let mut event_loop = builder.clone().build().expect("a loop");
    event_loop.run(async {
        let window = u64::from(crowd.millis) * 1_000_000;
        let begin = Instant::now() + Duration::from_millis(u64::from(crowd.millis) * 2);
        let (late, last) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(begin)));
        let stall = Rc::new(Cell::new(Duration::ZERO));
        late.borrow_mut().reserve(crowd.count as usize);
        let mut seed = 1_u64;
        let timers: Vec<_> = (0..crowd.count)
            .map(|_| {
                // Knuth's MMIX generator; the upper bits are the better ones.
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let deadline = begin + Duration::from_nanos((seed >> 20) % window);
                let (late, last, stall) = (Rc::clone(&late), Rc::clone(&last), Rc::clone(&stall));
                spawn(async move {
                    sleep_until(deadline).await;
                    let now = Instant::now();
                    late.borrow_mut().push((now - deadline).as_secs_f64() * 1e6);
                    let since_last = now.saturating_duration_since(last.replace(now));
                    stall.set(stall.get().max(since_last));
                })
            })
            .collect();
        sleep_until(begin).await;
        let before = processor_time();
        for timer in timers {
            timer.await.expect("it only sleeps");
        }
        let spent = (processor_time() - before) / f64::from(crowd.count);
        let mut late = late.take();
        late.sort_by(f64::total_cmp);
        let late_at = |hundredths: usize| late[late.len() * hundredths / 100];
        [
            spent,
            late_at(50),
            late_at(99),
            stall.get().as_secs_f64() * 1e6,
        ]
    })
}

/// The nanoseconds for which this thread has had a processor.
fn processor_time() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let first = times.split_whitespace().next().expect("three numbers");
    first.parse().expect("a number")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let crowds = [(100_000, 200, 15), (1_000_000, 1_000, 5)];
    for (count, millis, rounds) in crowds {
        let crowd = Crowd {
            count,
            millis,
            rounds,
        };
        println!("{count} timers within {millis} ms, medians of {rounds} rounds:");
        println!("    slack   CPU for each    late, median       late, 99 %   longest stall");
        curve(crowd);
    }
}

fn curve(crowd: Crowd) {
    let mut samples = SLACKS.map(|_| [(); FIGURES].map(|()| Vec::new()));
    for _ in 0..crowd.rounds {
        for (slack, samples) in SLACKS.iter().zip(&mut samples) {
            let builder = EventLoop::builder().timer_slack(Duration::from_micros(*slack));
            let figures = measure(&builder, crowd);
            samples
                .iter_mut()
                .zip(figures)
                .for_each(|(all, figure)| all.push(figure));
        }
    }
    for (slack, samples) in SLACKS.iter().zip(samples) {
        let [cpu, median, last, stall] = samples.map(median);
        println!("{slack:6} us {cpu:11.0} ns {median:12.0} us {last:13.0} us {stall:12.0} us");
    }
}
