//! Producers and consumers around a bounded queue. The end of the work is not the end of the queue.
//!
//! The bound keeps a quick producer from filling the memory: `put` waits while the queue is full. `join` waits until
//! `task_done` has reported each item, which is later than its `get`. Both are as in asyncio's `Queue`. `close` is this
//! crate's: it ends the consumers' loops, where asyncio cancels them.
//!
//! `cargo run --release --example 15_producer_consumer`

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::sync::Queue;
use roundelay::{sleep, spawn};

const CAPACITY: usize = 4;
const PRODUCERS: u64 = 2;
const ITEMS: u64 = 30;
const CONSUMERS: usize = 3;

#[derive(Default)]
struct Timeline {
    start: OnceCell<Instant>,
    waiting: Cell<usize>,
    rows: RefCell<Vec<[usize; 3]>>, // producers waiting, items in the queue, items in work, in each millisecond
}

fn main() {
    roundelay::run(async {
        let start = Instant::now();
        let timeline = Rc::new(Timeline::default());
        let queue = Rc::new(Queue::bounded(CAPACITY));
        let consumers: Vec<_> = (0..CONSUMERS)
            .map(|_| spawn(consume(Rc::clone(&queue), Rc::clone(&timeline))))
            .collect();
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|number| spawn(produce(number, Rc::clone(&queue), Rc::clone(&timeline))))
            .collect();

        for producer in producers {
            producer.await.expect("a producer does not panic");
        }
        let (time, queued, undone) = (start.elapsed(), queue.len(), queue.unfinished());
        println!(
            "{time:>4.0?}  all items are put: {queued} are in the queue, {undone} are not done"
        );
        queue.join().await;
        println!("{:>4.0?}  all items are done", start.elapsed());

        // The consumers wait for more items. There are none: after `close` their `get` returns `None`.
        assert!(consumers.iter().all(|consumer| !consumer.is_finished()));
        queue.close();
        let mut total = 0;
        for (number, consumer) in consumers.into_iter().enumerate() {
            let (items, sum) = consumer.await.expect("a consumer does not panic");
            println!("      consumer {number} has done {items} items");
            total += sum;
        }
        assert_eq!(total, (0..PRODUCERS * ITEMS).sum(), "each item came once");
        timeline.print();
    });
}

impl Timeline {
    fn note(&self, queue: &Queue<u64>) {
        let start = self.start.get_or_init(Instant::now);
        let (queued, now) = (queue.len(), start.elapsed().as_millis() as usize);
        assert!(queued <= CAPACITY);
        let mut rows = self.rows.borrow_mut();
        let last = rows.last().copied().unwrap_or_default();
        rows.resize(now, last); // nothing has changed since
        rows.push([self.waiting.get(), queued, queue.unfinished() - queued]);
    }

    fn print(&self) {
        println!("\nin each millisecond:");
        let titles = ["producers waiting", "items in queue", "items in work"];
        for (at, title) in titles.into_iter().enumerate() {
            let rows = self.rows.borrow();
            let digits: String = rows.iter().map(|row| row[at].to_string()).collect();
            println!("{title:<18}{digits}");
        }
    }
}

async fn produce(number: u64, queue: Rc<Queue<u64>>, timeline: Rc<Timeline>) {
    for item in (0..ITEMS).map(|n| n * PRODUCERS + number) {
        timeline.waiting.set(timeline.waiting.get() + 1);
        timeline.note(&queue);
        queue.put(item).await.expect("the queue is open");
        timeline.waiting.set(timeline.waiting.get() - 1);
        timeline.note(&queue);
    }
}

/// Returns the number of its items, and their sum.
async fn consume(queue: Rc<Queue<u64>>, timeline: Rc<Timeline>) -> (u64, u64) {
    let (mut items, mut sum) = (0, 0);
    while let Some(item) = queue.get().await {
        timeline.note(&queue);
        sleep(Duration::from_millis(1 + item % 5)).await; // some items take longer
        (items, sum) = (items + 1, sum + item);
        queue.task_done().expect("it was put");
        timeline.note(&queue);
    }
    (items, sum)
}
