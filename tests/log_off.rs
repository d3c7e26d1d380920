//! In a program without a logger the loop writes no line of the log, and formats none. This test is
//! alone in its process, because a process has one logger.

#[path = "support/watch.rs"]
mod watch;

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use roundelay::{Remote, offload, run, sleep, task, yield_now};

struct Silent;

static QUESTIONS: AtomicUsize = AtomicUsize::new(0);
static LINES: AtomicUsize = AtomicUsize::new(0);

impl log::Log for Silent {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        QUESTIONS.fetch_add(1, SeqCst);
        false
    }

    fn log(&self, _: &log::Record<'_>) {
        LINES.fetch_add(1, SeqCst);
    }

    fn flush(&self) {}
}

async fn everything() {
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            task::Builder::new().name("one of many").spawn(async {
                for _ in 0..10 {
                    yield_now().await;
                }
                sleep(Duration::from_micros(50)).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    offload(|| ()).await.unwrap();
    Remote::current().spawn(|| async {}).await.unwrap();
}

/// Both cases are in one test, because the level belongs to the whole process.
#[test]
fn without_a_listener_nobody_is_asked_and_one_that_declines_is_asked_little() {
    let _watched = watch::watch();
    log::set_logger(&Silent).unwrap();

    // Below `trace` the loop only compares the level. It does not even ask the listener.
    log::set_max_level(log::LevelFilter::Info);
    run(everything());
    assert_eq!((QUESTIONS.load(SeqCst), LINES.load(SeqCst)), (0, 0));

    // At `trace` the loop asks the listener once for each slice of polls, not for each poll and wake.
    log::set_max_level(log::LevelFilter::Trace);
    let questions = QUESTIONS.load(SeqCst);
    let polls = run(async {
        let polls = Cell::new(0);
        let counted = counted(&polls, async {
            for _ in 0..10_000 {
                yield_now().await;
            }
        });
        counted.await;
        polls.get()
    });
    let questions = QUESTIONS.load(SeqCst) - questions;
    assert_eq!(polls, 10_001);
    assert!(questions < 1_000, "{questions} questions for {polls} polls");
}

async fn counted<F: Future>(polls: &Cell<usize>, future: F) -> F::Output {
    struct Counted<'a, F>(&'a Cell<usize>, Pin<&'a mut F>);
    impl<F: Future> Future for Counted<'_, F> {
        type Output = F::Output;
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
            self.0.set(self.0.get() + 1);
            self.1.as_mut().poll(cx)
        }
    }
    Counted(polls, pin!(future)).await
}
