//! How many bytes does something take that waits?
//!
//! There are two counts: the bytes that the allocator has handed out, tables included, and the growth of the process. The
//! growth shows what alignment wastes. Both are divided by the number of waiters.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::*;
use crate::{clock, memory};

pub fn run<P: Peer>(name: &str, effort: Effort) -> Option<Metrics> {
    let tasks = if effort.is_quick { 20_000 } else { 100_000 };
    match name {
        "bytes_task" => Some(P::block_on(weigh::<P>(tasks, |_| {
            P::detach(Parked::default())
        }))),
        "bytes_sleeper" => Some(P::block_on(weigh::<P>(tasks, |number| {
            P::detach(P::sleep(HOUR + Duration::from_millis(number)));
        }))),
        _ => None,
    }
}

/// A future of 72 bytes that is never ready. It keeps its waker, like a future that waits, because some runtimes drop a task
/// without a waker.
#[derive(Default)]
struct Parked {
    waker: Option<Waker>,
    rest: [u64; 7],
}

const _: () = assert!(size_of::<Parked>() == 72);

impl Future for Parked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waker = Some(cx.waker().clone());
        match black_box(&self.rest)[6] {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }
}

async fn weigh<P: Peer>(count: usize, mut begin: impl FnMut(u64)) -> Metrics {
    P::yield_now().await;
    let before = clock::resident();
    memory::start();
    (0..count as u64).for_each(&mut begin);
    settle::<P>().await;
    let held = memory::stop();
    let grown = clock::resident() - before;
    let each = |bytes: usize| bytes as f64 / count as f64;
    vec![
        ("usable", each(held.usable)),
        ("requested", each(held.requested)),
        ("resident", each(grown)),
        ("calls", each(held.calls)),
    ]
}
