//! What does the core cost, beside the runtime that most programs would use instead?
//!
//! *The rival*: tokio's `LocalRuntime`, all its drivers enabled, as its documentation recommends for a program on one
//! thread. Both loops run in this process, one row after the other. For sockets, a bare mio loop that only echoes runs beside
//! them, as the limit.
//!
//! *The same for both*: a task does the work, not the main future. Where a row says so, a silent socket is registered and a
//! timer of one hour is armed. A real program has such things, and a loop pays for a look at its drivers only then. An
//! iteration is 1,000 operations, so read microseconds as nanoseconds for one.
//!
//! *What would prove us wrong*: a row in which `Tokio` is faster than `Roundelay`; more than 128 bytes for a parked task
//! with a future of 72; an echo that takes more of the server's time than tokio's, or one per cent more than the bare
//! loop's.
//!
//! `cargo bench --bench core`, and `cargo bench --bench core spawn` for one row. The rows beside all other runtimes are in
//! `cargo bench --bench compare`.

mod echo;
// The allocator of `benches/peers`, which counts the calls too.
#[allow(dead_code)]
#[path = "../../peers/src/memory.rs"]
mod counting;
mod memory;
mod rivals;
mod watch;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use divan::Bencher;
use rivals::{Rival, Roundelay, Tokio};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const OPERATIONS: usize = 1_000;
const HOUR: Duration = Duration::from_secs(3_600);

fn main() {
    divan::main();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_whole = arguments == ["--bench"];
    if is_whole {
        memory::report();
        echo::report();
    }
}

/// Clones the waker of a task that waits, and drops the clone.
#[divan::bench(types = [Roundelay, Tokio])]
fn waker<R: Rival>(bencher: Bencher) {
    let mut rival = R::new();
    let waker = rival.run(async {
        let slot = Rc::new(Cell::new(None));
        let to = Rc::clone(&slot);
        drop(R::spawn(poll_fn(move |cx: &mut Context<'_>| {
            to.set(Some(cx.waker().clone()));
            Poll::<()>::Pending
        })));
        loop {
            R::yield_now().await;
            if let Some(waker) = slot.take() {
                return waker;
            }
        }
    });
    bencher.bench_local(|| {
        for _ in 0..OPERATIONS {
            drop(black_box(waker.clone()));
        }
    });
}

/// One task spawns another and awaits it, a thousand times.
#[divan::bench(types = [Roundelay, Tokio])]
fn spawn<R: Rival>(bencher: Bencher) {
    let mut rival = R::new();
    bencher.bench_local(|| {
        rival.task(async {
            for number in 0..OPERATIONS {
                black_box(R::spawn(async move { number }).await);
            }
        });
    });
}

/// One task spawns a thousand, and then awaits them.
#[divan::bench(types = [Roundelay, Tokio])]
fn spawn_batch<R: Rival>(bencher: Bencher) {
    let mut rival = R::new();
    bencher.bench_local(|| {
        rival.task(async {
            let handles: Vec<_> = (0..OPERATIONS)
                .map(|n| R::spawn(async move { n }))
                .collect();
            for handle in handles {
                black_box(handle.await);
            }
        });
    });
}

/// The only task yields, beside an idle socket and a timer of an hour.
#[divan::bench(name = "yield", types = [Roundelay, Tokio])]
fn yield_alone<R: Rival>(bencher: Bencher) {
    let mut rival = R::new();
    rival.idle();
    bencher.bench_local(|| {
        rival.task(async {
            for _ in 0..OPERATIONS {
                R::yield_now().await;
            }
        });
    });
}

/// A thousand tasks yield in turn, one hundred times each; the figure is for a hundred thousand yields. Beside them are
/// an idle socket and a timer of an hour.
#[divan::bench(types = [Roundelay, Tokio])]
fn yield_among_1000<R: Rival>(bencher: Bencher) {
    let mut rival = R::new();
    rival.idle();
    bencher.bench_local(|| {
        rival.task(async {
            let handles: Vec<_> = (0..1_000)
                .map(|_| {
                    R::spawn(async {
                        for _ in 0..100 {
                            R::yield_now().await;
                        }
                    })
                })
                .collect();
            for handle in handles {
                handle.await;
            }
        });
    });
}

/// Two tasks wake each other, beside an idle socket and a timer of an hour. One leg is a store, a wake and a poll.
#[divan::bench(types = [Roundelay, Tokio])]
fn ping_pong<R: Rival>(bencher: Bencher) {
    let mut rival = R::new();
    rival.idle();
    bencher.bench_local(|| {
        rival.task(async {
            let table = Rc::new(Table::default());
            let other = R::spawn(rally(Rc::clone(&table), 1));
            rally(table, 0).await;
            other.await;
        });
    });
}

#[derive(Default)]
struct Table {
    legs: Cell<usize>,
    waiting: Cell<Option<Waker>>,
}

async fn rally(table: Rc<Table>, side: usize) {
    while table.legs.get() < OPERATIONS {
        poll_fn(|cx| {
            let legs = table.legs.get();
            if legs % 2 != side && legs < OPERATIONS {
                table.waiting.set(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            table.legs.set(legs + 1);
            if let Some(waker) = table.waiting.take() {
                waker.wake();
            }
            Poll::Ready(())
        })
        .await;
    }
}

/// Makes a timer, polls it and drops it, a thousand times, while 100,000 timers of an hour are armed.
#[divan::bench(types = [Roundelay, Tokio])]
fn timer_among_100k<R: Rival>(bencher: Bencher) {
    let mut rival = R::new();
    rival.run(async {
        for number in 0..100_000 {
            drop(R::spawn(R::sleep(HOUR + Duration::from_millis(number))));
        }
        R::yield_now().await;
    });
    bencher.bench_local(|| {
        rival.task(poll_fn(|cx| {
            for number in 0..OPERATIONS as u64 {
                let sleep = pin!(R::sleep(HOUR + Duration::from_millis(number)));
                assert!(sleep.poll(cx).is_pending());
            }
            Poll::Ready(())
        }));
    });
}

/// 100,000 timers are armed, and all are dropped before one fires. The figure is for all of them: milliseconds times ten are
/// nanoseconds for one. A timer of an hour is due before all of them, as in most programs. Without it, tokio would make a system
/// call again and again, to tell its driver which of them is first.
#[divan::bench(types = [Roundelay, Tokio], sample_count = 20)]
fn timers_100k<R: Rival>(bencher: Bencher) {
    let mut rival = R::new();
    rival.idle();
    bencher.bench_local(|| {
        rival.task(poll_fn(|cx| {
            let mut sleeps: Vec<_> = (0..100_000)
                .map(|number| Box::pin(R::sleep(HOUR + Duration::from_millis(number))))
                .collect();
            for sleep in &mut sleeps {
                assert!(sleep.as_mut().poll(cx).is_pending());
            }
            drop(sleeps);
            Poll::Ready(())
        }));
    });
}
