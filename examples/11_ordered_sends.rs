//! Sends that must stay in order, through an interface that blocks, from a producer that must not.
//!
//! The naive way spawns an `offload` per item: the loop runs on, but the sends overtake each other. Awaiting each `offload`
//! in turn keeps the order, and makes the producer as slow as the sends. A bounded queue between the two does both, and
//! when the sender falls behind, the queue's bound slows the producer down, and nobody else.
//!
//! `cargo run --release --example 11_ordered_sends`

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use roundelay::future::join_all;
use roundelay::sync::Queue;
use roundelay::{interval, offload, spawn};

const ITEMS: u64 = 40;

/// Somebody else's blocking client. Some sends take longer than others.
#[derive(Clone, Default)]
struct SlowApi(Arc<Mutex<Vec<u64>>>);

impl SlowApi {
    fn send(&self, item: u64) {
        thread::sleep(Duration::from_millis(1 + item * 7 % 5));
        self.0.lock().unwrap().push(item);
    }

    fn was_in_order(&self) -> bool {
        self.0.lock().unwrap().is_sorted()
    }
}

fn main() {
    roundelay::run(async {
        let pulse = spawn(async {
            let mut beat = interval(Duration::from_millis(1));
            for pulses in 0_u32.. {
                beat.tick().await;
                PULSES.with(|count| count.set(pulses));
            }
        });

        let start = Instant::now();
        let api = SlowApi::default();
        join_all((0..ITEMS).map(|item| {
            let api = api.clone();
            offload(move || api.send(item))
        }))
        .await;
        report("an offload per item, all at once", &api, start);

        let start = Instant::now();
        let api = SlowApi::default();
        let queue = Rc::new(Queue::bounded(8));
        let sender = spawn(send_all(Rc::clone(&queue), api.clone()));
        for item in 0..ITEMS {
            // The iterator of the source: a file, a generator, a sensor. `put` waits while the queue is full.
            queue.put(item).await.expect("the queue is open");
        }
        println!(
            "  (all items handed over after {:.0?}, {} still in the queue)",
            start.elapsed(),
            queue.len()
        );
        queue.close();
        sender.await.expect("the sender does not panic");
        report("one sender behind a bounded queue", &api, start);
        assert!(api.was_in_order());
        pulse.abort();
    });
}

/// Takes the items in order, and sends each when the one before has been sent.
async fn send_all(queue: Rc<Queue<u64>>, api: SlowApi) {
    while let Some(item) = queue.get().await {
        let api = api.clone();
        offload(move || api.send(item))
            .await
            .expect("the send does not panic");
    }
}

thread_local! {
    static PULSES: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn report(title: &str, api: &SlowApi, start: Instant) {
    let order = if api.was_in_order() {
        "in order"
    } else {
        "OUT OF ORDER"
    };
    println!(
        "{title}: {} sends in {:.0?}, {order}; {} pulses of another task so far",
        api.0.lock().unwrap().len(),
        start.elapsed(),
        PULSES.get(),
    );
}
