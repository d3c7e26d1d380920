//! What does it cost one task to wake another, or a thread to wake a task?

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::thread;

use futures::task::AtomicWaker;

use super::*;
use crate::fail;

pub fn run<P: Peer>(name: &str, effort: Effort) -> Option<Metrics> {
    let ns = match name {
        "ping_pong" => P::block_on_task(ping_pong::<P>(effort)),
        "fan_out_1000" => P::block_on_task(fan_out::<P>(effort, 1_000)),
        "fan_out_1m" => P::block_on_task(fan_out::<P>(
            effort,
            if effort.is_quick { 100_000 } else { 1_000_000 },
        )),
        "scale_wake" => P::block_on_task(fan_out::<P>(effort, effort.alive)),
        "foreign_parked" => {
            return Some(P::block_on(foreign::<P>(
                effort,
                Duration::from_micros(100),
            )));
        }
        "foreign_spins" => return Some(P::block_on(foreign::<P>(effort, Duration::ZERO))),
        "foreign_awake" => {
            return Some(P::block_on(async move {
                P::detach(async {
                    loop {
                        P::yield_now().await;
                    }
                });
                foreign::<P>(effort, Duration::ZERO).await
            }));
        }
        _ => return None,
    };
    Some(vec![("ns", ns)])
}

const LEGS: usize = 1_000;

async fn ping_pong<P: Peer>(effort: Effort) -> f64 {
    P::idle().await;
    sample(effort, LEGS, async || {
        let table = Rc::new(Table::default());
        let other = P::spawn(rally(Rc::clone(&table), 1));
        rally(table, 0).await;
        other.await;
    })
    .await
}

#[derive(Default)]
struct Table {
    legs: Cell<usize>,
    waiting: Cell<Option<Waker>>,
}

async fn rally(table: Rc<Table>, side: usize) {
    while table.legs.get() < LEGS {
        poll_fn(|cx| {
            let legs = table.legs.get();
            if legs % 2 != side && legs < LEGS {
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

/// One task wakes many waiting tasks, and waits until each has been polled.
async fn fan_out<P: Peer>(effort: Effort, tasks: usize) -> f64 {
    P::idle().await;
    let crowd = Rc::new(Crowd::default());
    crowd.missing.set(tasks);
    for _ in 0..tasks {
        P::detach(Idle {
            crowd: Rc::clone(&crowd),
            has_come: false,
        });
    }
    crowd.all().await;
    let wakers = crowd.wakers.take();
    let rounds = (1_000 / tasks).max(1);
    sample(effort, tasks * rounds, async || {
        for _ in 0..rounds {
            crowd.missing.set(tasks);
            wakers.iter().for_each(Waker::wake_by_ref);
            crowd.all().await;
        }
    })
    .await
}

#[derive(Default)]
struct Crowd {
    wakers: RefCell<Vec<Waker>>,
    missing: Cell<usize>,
    waiting: Cell<Option<Waker>>,
}

impl Crowd {
    async fn all(&self) {
        poll_fn(|cx| {
            if self.missing.get() == 0 {
                return Poll::Ready(());
            }
            self.waiting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

struct Idle {
    crowd: Rc<Crowd>,
    has_come: bool,
}

impl Future for Idle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_come {
            self.has_come = true;
            self.crowd.wakers.borrow_mut().push(cx.waker().clone());
        }
        let missing = self.crowd.missing.get() - 1;
        self.crowd.missing.set(missing);
        if missing == 0 {
            if let Some(waker) = self.crowd.waiting.take() {
                waker.wake();
            }
        }
        Poll::Pending
    }
}

/// A thread wakes a task, and watches for the answer without sleeping. The figure is the wake and the poll. After the pause the thread
/// wakes the task again. After a long pause the loop sleeps, and without a pause the next wake follows the answer at once.
async fn foreign<P: Peer>(effort: Effort, pause: Duration) -> Metrics {
    let shared = Arc::new(Shared::default());
    let caller = thread::spawn({
        let shared = Arc::clone(&shared);
        move || shared.call(effort.time.max(Duration::from_millis(50)), pause)
    });
    P::spawn(async move {
        while !shared.is_over.load(SeqCst) {
            shared.answer().await;
        }
    })
    .await;
    let mut trips = caller.join().expect("no panic");
    trips.sort_by(f64::total_cmp);
    vec![
        ("ns", quantile(&trips, 0.5)),
        ("p99", quantile(&trips, 0.99)),
    ]
}

#[derive(Default)]
struct Shared {
    waker: AtomicWaker,
    asked: AtomicU64,
    answered: AtomicU64,
    is_over: AtomicBool,
}

impl Shared {
    async fn answer(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            let asked = self.asked.load(SeqCst);
            if self.answered.load(SeqCst) == asked {
                return Poll::Pending;
            }
            self.answered.store(asked, SeqCst);
            Poll::Ready(())
        })
        .await;
    }

    fn call(&self, time: Duration, pause: Duration) -> Vec<f64> {
        let (begin, mut trips) = (Instant::now(), Vec::new());
        thread::sleep(Duration::from_millis(5));
        while begin.elapsed() < time {
            let start = Instant::now();
            while start.elapsed() < pause {
                std::hint::spin_loop();
            }
            let start = Instant::now();
            let number = self.asked.fetch_add(1, SeqCst) + 1;
            self.waker.wake();
            while self.answered.load(SeqCst) < number {
                std::hint::spin_loop();
                if start.elapsed() > Duration::from_secs(2) {
                    fail("has not answered another thread's wake within 2 s");
                }
            }
            trips.push(start.elapsed().as_nanos() as f64);
        }
        self.is_over.store(true, SeqCst);
        self.asked.fetch_add(1, SeqCst);
        self.waker.wake();
        trips
    }
}
