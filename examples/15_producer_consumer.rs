//! Producers and consumers around a bounded queue, and the end of the work told from the end of the queue.
//!
//! The bound is what keeps a quick producer from filling the memory: `put` waits while the queue is full. `join` waits
//! until each item has been reported by `task_done`, which is later than when it was taken. All as in asyncio's `Queue`;
//! `close` is ours, and ends the consumers' loops, where asyncio cancels them.
//!
//! `cargo run --release --example 15_producer_consumer`

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::sync::Queue;
use roundelay::{sleep, spawn};

const CAPACITY: usize = 4;
const PRODUCERS: u64 = 2;
const ITEMS: u64 = 30;
const CONSUMERS: usize = 3;

#[derive(Default)]
struct Tally {
    done: Cell<u64>,
    found_full: Cell<u64>,
    most_queued: Cell<usize>,
}

fn main() {
    roundelay::run(async {
        let start = Instant::now();
        let tally = Rc::new(Tally::default());
        let queue = Rc::new(Queue::bounded(CAPACITY));
        let consumers: Vec<_> = (0..CONSUMERS)
            .map(|_| spawn(consume(Rc::clone(&queue), Rc::clone(&tally))))
            .collect();
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|number| spawn(produce(number, Rc::clone(&queue), Rc::clone(&tally))))
            .collect();

        for producer in producers {
            producer.await.expect("a producer does not panic");
        }
        println!(
            "{:>4.0?}  all is put: {} items are in the queue, {} are not done",
            start.elapsed(),
            queue.len(),
            queue.unfinished()
        );
        queue.join().await;
        println!("{:>4.0?}  all is done", start.elapsed());

        // The consumers wait for more. There is no more: their `get` gives `None`.
        assert!(consumers.iter().all(|consumer| !consumer.is_finished()));
        queue.close();
        let mut total = 0;
        for (number, consumer) in consumers.into_iter().enumerate() {
            let (items, sum) = consumer.await.expect("a consumer does not panic");
            println!("      consumer {number} worked off {items} items");
            total += sum;
        }
        println!(
            "      producers found it full {} times; {} items were queued at most",
            tally.found_full.get(),
            tally.most_queued.get()
        );
        let all = PRODUCERS * ITEMS;
        assert_eq!(total, (0..all).sum(), "each item came once");
        assert_eq!(tally.done.get(), all);
        assert!(tally.most_queued.get() <= CAPACITY);
    });
}

async fn produce(number: u64, queue: Rc<Queue<u64>>, tally: Rc<Tally>) {
    for item in (0..ITEMS).map(|n| n * PRODUCERS + number) {
        tally
            .found_full
            .set(tally.found_full.get() + u64::from(queue.is_full()));
        queue
            .put(item)
            .await
            .expect("nobody closes it before we are done");
        tally
            .most_queued
            .set(tally.most_queued.get().max(queue.len()));
    }
}

/// Gives how many items it had, and their sum.
async fn consume(queue: Rc<Queue<u64>>, tally: Rc<Tally>) -> (u64, u64) {
    let (mut items, mut sum) = (0, 0);
    while let Some(item) = queue.get().await {
        sleep(Duration::from_millis(1 + item % 5)).await; // some take longer than others
        (items, sum) = (items + 1, sum + item);
        tally.done.set(tally.done.get() + 1);
        queue.task_done().expect("it was put");
    }
    (items, sum)
}
