//! What does it cost to step back and be polled again?

use std::future::poll_fn;
use std::hint::black_box;
use std::task::Poll;

use super::*;

const BATCH: usize = 1_000;

pub fn run<P: Peer>(name: &str, effort: Effort) -> Option<Metrics> {
    let ns = match name {
        "waker" => P::block_on_task(clone_and_drop(effort)),
        "self_wake" => P::block_on_task(self_wake::<P>(effort)),
        "yield_1" => P::block_on_task(alone::<P>(effort, 0)),
        "yield_1_sleepers" => P::block_on_task(alone::<P>(effort, 100_000)),
        "yield_1000" => P::block_on_task(among::<P>(effort, 1_000, 20)),
        "yield_100k" => P::block_on_task(among::<P>(effort, 100_000, 5)),
        "loop" => create_and_drop::<P>(effort),
        _ => return None,
    };
    Some(vec![("ns", ns)])
}

async fn clone_and_drop(effort: Effort) -> f64 {
    let waker = waker().await;
    sample(effort, BATCH, async || {
        for _ in 0..BATCH {
            drop(black_box(waker.clone()));
        }
    })
    .await
}

async fn self_wake<P: Peer>(effort: Effort) -> f64 {
    P::idle().await;
    sample(effort, BATCH, async || {
        let mut left = BATCH;
        poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    })
    .await
}

async fn alone<P: Peer>(effort: Effort, sleepers: u64) -> f64 {
    P::idle().await;
    for number in 0..sleepers {
        P::detach(P::sleep(HOUR + Duration::from_millis(number)));
    }
    settle::<P>().await;
    sample(effort, BATCH, async || {
        for _ in 0..BATCH {
            P::yield_now().await;
        }
    })
    .await
}

async fn among<P: Peer>(effort: Effort, tasks: usize, yields: usize) -> f64 {
    P::idle().await;
    sample(effort, tasks * yields, async || {
        let task = async move || {
            for _ in 0..yields {
                P::yield_now().await;
            }
        };
        let handles: Vec<_> = (0..tasks)
            .map(|_| P::spawn(async move { task().await }))
            .collect();
        for handle in handles {
            handle.await;
        }
    })
    .await
}

fn create_and_drop<P: Peer>(effort: Effort) -> f64 {
    let (begin, mut times) = (Instant::now(), Vec::new());
    while effort.has_time(begin, times.len()) {
        let start = Instant::now();
        P::block_on(async {});
        times.push(start.elapsed().as_nanos() as f64);
    }
    median(&mut times)
}
