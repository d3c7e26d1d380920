//! How many bytes does a waiting task take?
//!
//! The allocator counts the bytes that were asked for and the bytes that it handed out. It hands out more, because it rounds
//! up. The figure is everything that the loop holds for 100,000 tasks, its tables included, divided by their number. The
//! future has 72 bytes, and its handle is dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::counting;
use crate::rivals::{Rival, Roundelay, Tokio};

const TASKS: usize = 100_000;

struct Parked([u64; 9]);

impl Future for Parked {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        if self.0[0] == 0 {
            Poll::Pending
        } else {
            Poll::Ready(self.0[8])
        }
    }
}

pub(crate) fn report() {
    println!(
        "\nbytes per parked task, {TASKS} of them, with a future of {}",
        size_of::<Parked>()
    );
    println!("{:<12}{:>12}{:>12}", "", "requested", "usable");
    row::<Roundelay>("roundelay");
    row::<Tokio>("tokio");
}

fn row<R: Rival>(name: &str) {
    let mut rival = R::new();
    let count = rival.run(async {
        R::yield_now().await;
        counting::start();
        for _ in 0..TASKS {
            drop(R::spawn(Parked([0; 9])));
        }
        R::yield_now().await;
        counting::stop()
    });
    let each = |bytes: usize| bytes as f64 / TASKS as f64;
    println!(
        "{name:<12}{:>12.1}{:>12.1}",
        each(count.requested),
        each(count.usable)
    );
}
