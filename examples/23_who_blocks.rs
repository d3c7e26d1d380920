//! Who blocks the loop? Three tasks do, each in another way, and delay a fourth task that wants to tick.
//!
//! `slow_poll` logs afterwards which task has held the thread, and for how long. The watchdog, a thread of its own,
//! logs it meanwhile, with what the thread is doing. This program has no logger, so both write to standard error.
//!
//! `cargo run --example 23_who_blocks`

use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use roundelay::{EventLoop, JoinHandle, spawn, task};

const HELD: Duration = Duration::from_millis(400);

/// A call for threads, which blocks all tasks.
async fn sleeps() {
    thread::sleep(HELD);
}

/// A long computation without an `.await` in it.
async fn computes() {
    let begin = Instant::now();
    while begin.elapsed() < HELD {
        black_box(());
    }
}

/// A lock that another thread holds.
async fn locks() {
    static LOCK: Mutex<()> = Mutex::new(());
    let (has_locked, is_locked) = mpsc::channel();
    thread::spawn(move || {
        let _guard = LOCK.lock();
        has_locked.send(()).expect("the task waits for it");
        thread::sleep(HELD);
    });
    is_locked.recv().expect("the thread sends it first");
    drop(LOCK.lock());
}

/// Wants to run every 10 ms, and prints how late it was.
async fn ticks() {
    let mut interval = roundelay::interval(Duration::from_millis(10));
    let mut worst = Duration::ZERO;
    for _ in 0..60 {
        worst = worst.max(interval.tick().await.elapsed());
    }
    println!(
        "the task that ticks every 10 ms was {} ms late once",
        worst.as_millis()
    );
}

/// Each task is spawned in a line of its own, which the report names.
#[track_caller]
fn start(name: &str, future: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    println!("\nthe task '{name}':");
    task::Builder::new().name(name).spawn(future)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut event_loop = EventLoop::builder()
        .name("example")
        .slow_poll(Duration::from_millis(50))
        .watchdog(Duration::from_millis(50))
        .build()?;
    event_loop.run(async {
        let ticks = spawn(ticks());
        start("sleeps", sleeps()).await?;
        start("computes", computes()).await?;
        start("locks", locks()).await?;
        println!();
        Ok(ticks.await?)
    })
}
