//! What does a task cost from its spawn to its end?

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::*;

const BATCH: usize = 1_000;

pub fn run<P: Peer>(name: &str, effort: Effort) -> Option<Metrics> {
    let ns = match name {
        "spawn_64" => P::block_on_task(in_turn::<P, 64>(effort)),
        "spawn_1k" => P::block_on_task(in_turn::<P, 1_024>(effort)),
        "spawn_16k" => P::block_on_task(in_turn::<P, 16_384>(effort)),
        "spawn_batch" => P::block_on_task(batch::<P, 64>(effort, BATCH)),
        "spawn_batch_1k" => P::block_on_task(batch::<P, 1_024>(effort, BATCH)),
        "spawn_batch_16k" => P::block_on_task(batch::<P, 16_384>(effort, BATCH)),
        "scale_spawn" => P::block_on_task(batch::<P, 64>(effort, effort.alive)),
        "spawn_chain" => P::block_on_task(chain::<P, 64>(effort)),
        "spawn_chain_1k" => P::block_on_task(chain::<P, 1_024>(effort)),
        "spawn_chain_16k" => P::block_on_task(chain::<P, 16_384>(effort)),
        _ => return None,
    };
    Some(vec![("ns", ns)])
}

/// A future of `N` bytes that is ready at its first poll.
struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Future for Bytes<N> {
    type Output = u8;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
        Poll::Ready(black_box(&self.0)[N - 1])
    }
}

async fn in_turn<P: Peer, const N: usize>(effort: Effort) -> f64 {
    sample(effort, BATCH, async || {
        for number in 0..BATCH {
            black_box(P::spawn(Bytes([number as u8; N])).await);
        }
    })
    .await
}

async fn batch<P: Peer, const N: usize>(effort: Effort, tasks: usize) -> f64 {
    let rounds = (1_000 / tasks).max(1);
    sample(effort, tasks * rounds, async || {
        for _ in 0..rounds {
            let handles: Vec<_> = (0..tasks)
                .map(|number| P::spawn(Bytes([number as u8; N])))
                .collect();
            for handle in handles {
                black_box(handle.await);
            }
        }
    })
    .await
}

/// Each task spawns the next, and ends.
async fn chain<P: Peer, const N: usize>(effort: Effort) -> f64 {
    sample(effort, BATCH, async || {
        let end = Rc::new(End::default());
        P::detach(Link::<P, N> {
            left: BATCH,
            end: Rc::clone(&end),
            ballast: Bytes([0; N]),
            peer: PhantomData,
        });
        poll_fn(|cx| {
            if end.is_reached.get() {
                return Poll::Ready(());
            }
            end.waiting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    })
    .await
}

#[derive(Default)]
struct End {
    is_reached: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

struct Link<P, const N: usize> {
    left: usize,
    end: Rc<End>,
    ballast: Bytes<N>,
    peer: PhantomData<fn() -> P>,
}

impl<P: Peer, const N: usize> Future for Link<P, N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.left > 1 {
            P::detach(Link::<P, N> {
                left: self.left - 1,
                end: Rc::clone(&self.end),
                ballast: Bytes([black_box(&self.ballast).0[N - 1]; N]),
                peer: PhantomData,
            });
            return Poll::Ready(());
        }
        self.end.is_reached.set(true);
        if let Some(waker) = self.end.waiting.take() {
            waker.wake();
        }
        Poll::Ready(())
    }
}
