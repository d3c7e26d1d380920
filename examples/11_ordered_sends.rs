//! Sends that must stay in order, through an interface that blocks, from a producer that must not block.
//!
//! The naive way spawns an `offload` per item: the loop runs on, but the sends overtake each other. Awaiting each
//! `offload` in turn keeps the order, but the producer waits for each send. A bounded queue keeps the order without
//! that wait. When the sender falls behind, the queue's bound slows down the producer only.
//!
//! `cargo run --release --example 11_ordered_sends`

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use roundelay::future::try_join_all;
use roundelay::sync::Queue;
use roundelay::{interval, offload, sleep, spawn};

const ITEMS: usize = 40;

/// A client library that blocks. Each fifth send takes longer than the others.
#[derive(Clone, Default)]
struct SlowApi(Arc<Mutex<Vec<usize>>>);

impl SlowApi {
    async fn send(self, item: usize) {
        let blocks = move || {
            thread::sleep(Duration::from_millis(if item % 5 == 0 { 7 } else { 2 }));
            self.0.lock().unwrap().push(item);
        };
        offload(blocks).await.expect("the send does not panic");
    }
}

/// A file, a generator, a sensor: returns an item every 2 ms, and notes the millisecond.
struct Source(Instant, Vec<u128>);

impl Source {
    async fn next(&mut self) -> Option<usize> {
        sleep(Duration::from_millis(2)).await;
        let item = Some(self.1.len()).filter(|item| *item < ITEMS)?;
        self.1.push(self.0.elapsed().as_millis());
        Some(item)
    }
}

async fn at_once(source: &mut Source, api: &SlowApi) {
    let mut sends = Vec::new();
    while let Some(item) = source.next().await {
        sends.push(spawn(api.clone().send(item)));
    }
    try_join_all(sends).await.expect("no send panics");
}

async fn in_turn(source: &mut Source, api: &SlowApi) {
    while let Some(item) = source.next().await {
        api.clone().send(item).await;
    }
}

async fn by_queue(source: &mut Source, api: &SlowApi) {
    let queue = Rc::new(Queue::bounded(8));
    let (items, wire) = (Rc::clone(&queue), api.clone());
    let sender = spawn(async move {
        while let Some(item) = items.get().await {
            wire.clone().send(item).await; // the next when this one has been sent
        }
    });
    while let Some(item) = source.next().await {
        queue.put(item).await.expect("the queue is open"); // waits while it is full
    }
    queue.close();
    sender.await.expect("the sender does not panic");
    assert!(api.0.lock().unwrap().is_sorted());
}

/// Prints a row of the table, and returns a line of the time-line.
async fn measure(title: &str, way: impl AsyncFnOnce(&mut Source, &SlowApi)) -> String {
    let pulses = Rc::new(Cell::new(0));
    let count = Rc::clone(&pulses);
    let pulse = spawn(async move {
        let mut beat = interval(Duration::from_millis(1));
        loop {
            beat.tick().await;
            count.set(count.get() + 1);
        }
    });
    let (mut source, api) = (Source(Instant::now(), Vec::new()), SlowApi::default());
    way(&mut source, &api).await;
    let (time, sent) = (source.0.elapsed().as_millis(), api.0.lock().unwrap());
    pulse.abort();
    let (given, pulses, in_order) = (source.1[ITEMS - 1], pulses.get(), sent.is_sorted());
    println!("{title:<30}{given:>7} ms{time:>7} ms{pulses:>8}  {in_order}");
    let given_in = |slot: u128| source.1.iter().filter(|ms| **ms / 5 == slot).count();
    let counts = (0..=given / 5).map(|slot| given_in(slot).to_string());
    format!("{title:<30}{}", counts.collect::<String>())
}

fn main() {
    roundelay::run(async {
        println!("{ITEMS} sends beside a task that wants to run every millisecond:\n");
        println!("{:<30} all given  all sent  pulses  in order", "");
        let lines = [
            measure("an offload per item, at once", at_once).await,
            measure("each offload in turn", in_turn).await,
            measure("one sender behind a queue", by_queue).await,
        ];
        println!("\nthe number of items from the source, in each 5 ms:");
        println!("{}", lines.join("\n"));
    });
}
