//! An endless generator that spawns tasks, with and without a yield.
//!
//! Spawning only queues. A generator that never awaits spawns for ever, and none of its tasks is ever polled; the
//! example stops it after a while. With one `yield_now` per item, each task runs before the next is made. With a bound
//! on the live tasks, even slow tasks do not pile up.
//!
//! `cargo run --release --example 12_task_generator`

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::sync::Semaphore;
use roundelay::{sleep, spawn, timeout, yield_now};

const MANY: u64 = 50_000;

#[derive(Default)]
struct Tally {
    alive: Cell<u64>,
    most_alive: Cell<u64>,
    finished: Cell<u64>,
}

impl Tally {
    fn start(self: &Rc<Self>) -> Alive {
        self.alive.set(self.alive.get() + 1);
        self.most_alive
            .set(self.most_alive.get().max(self.alive.get()));
        Alive(Rc::clone(self))
    }

    fn print(&self, title: &str, spawned: u64) {
        println!(
            "{title:<42}{spawned:>8} spawned {:>8} finished {:>8} alive at most",
            self.finished.get(),
            self.most_alive.get()
        );
    }
}

/// Counts a task for as long as its future exists.
struct Alive(Rc<Tally>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.set(self.0.alive.get() - 1);
        self.0.finished.set(self.0.finished.get() + 1);
    }
}

fn main() {
    roundelay::run(async {
        let tally = Rc::new(Tally::default());
        for _item in endless().take(MANY as usize) {
            let alive = tally.start();
            drop(spawn(async move { drop(alive) }));
        }
        tally.print("a generator that never awaits:", MANY);
        yield_now().await;
        tally.print("  the same, after one await:", MANY);

        let tally = Rc::new(Tally::default());
        let mut spawned = 0;
        let generator = async {
            for _item in endless() {
                let alive = tally.start();
                drop(spawn(async move { drop(alive) }));
                spawned += 1;
                yield_now().await;
            }
        };
        // The generator is endless, but it yields, so a time-out can end it.
        timeout(Duration::from_millis(50), generator)
            .await
            .unwrap_err();
        tally.print("a generator that yields each time, 50 ms:", spawned);

        let tally = Rc::new(Tally::default());
        let room = Rc::new(Semaphore::new(100));
        let mut spawned = 0;
        let generator = async {
            for _item in endless() {
                let permit = room
                    .clone()
                    .acquire_owned()
                    .await
                    .expect("it is not closed");
                let alive = tally.start();
                drop(spawn(async move {
                    sleep(Duration::from_millis(1)).await; // the work is slow
                    drop((alive, permit));
                }));
                spawned += 1;
            }
        };
        timeout(Duration::from_millis(50), generator)
            .await
            .unwrap_err();
        tally.print("slow tasks, 100 at a time, for 50 ms:", spawned);
        assert!(tally.most_alive.get() <= 100);
    });
}

fn endless() -> impl Iterator<Item = u64> {
    0..
}
