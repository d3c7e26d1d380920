//! What does it cost to let another thread do a job?

use std::future::{Future, poll_fn};
use std::task::Poll;

use super::*;
use crate::clock;

const BURST: usize = 100;

pub fn run<P: Peer>(name: &str, effort: Effort) -> Option<Metrics> {
    let ns = match name {
        "offload_turn" => {
            P::block_on_with_threads(async move { P::as_task(in_turn::<P>(effort)).await })
        }
        "offload_pinned" => {
            clock::pin_to(0);
            P::block_on_with_threads(async move { P::as_task(in_turn::<P>(effort)).await })
        }
        "offload_burst" => {
            P::block_on_with_threads(async move { P::as_task(burst::<P>(effort)).await })
        }
        _ => return None,
    };
    Some(vec![("ns", ns)])
}

async fn in_turn<P: Peer>(effort: Effort) -> f64 {
    sample(effort, BURST, async || {
        for number in 0..BURST {
            assert_eq!(P::offload(move || number).await, number);
        }
    })
    .await
}

/// Begins a hundred jobs, and then awaits them.
async fn burst<P: Peer>(effort: Effort) -> f64 {
    sample(effort, BURST, async || {
        let mut jobs: Vec<_> = (0..BURST)
            .map(|number| Box::pin(P::offload(move || number)))
            .collect();
        let mut done = vec![false; BURST];
        poll_fn(|cx| {
            for (job, is_done) in jobs.iter_mut().zip(&mut done) {
                *is_done = job.as_mut().poll(cx).is_ready();
            }
            Poll::Ready(())
        })
        .await;
        for (job, is_done) in jobs.into_iter().zip(done) {
            if !is_done {
                job.await;
            }
        }
    })
    .await
}
