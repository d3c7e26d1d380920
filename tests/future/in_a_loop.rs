//! Sets of futures inside a loop. They are fair to the other tasks, keep to the budget, and can be woken
//! by any thread.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use roundelay::future::{as_completed, join_all, race_all};
use roundelay::task::consume_budget;
use roundelay::{run, spawn, yield_now};

/// Fails a test that hangs.
fn within_a_minute(test: impl FnOnce() + Send + 'static) {
    let (done, over) = channel();
    let body = std::thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    if over.recv_timeout(Duration::from_secs(60)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    {
        panic!("the test hangs");
    }
    body.join().unwrap();
}

#[test]
fn a_large_set_leaves_the_other_tasks_their_turns() {
    let _watched = crate::support::watch();
    run(async {
        let neighbour = spawn(async {
            let mut turns = 0;
            while turns < 500 {
                turns += 1;
                yield_now().await;
            }
        });
        let seen = Cell::new(None);
        let polled = Cell::new(0);
        let children = (0..100_000).map(|_| {
            poll_fn(|_| {
                polled.set(polled.get() + 1);
                if neighbour.is_finished() && seen.get().is_none() {
                    seen.set(Some(polled.get()));
                }
                Poll::Ready(())
            })
        });
        assert_eq!(join_all(children).await.len(), 100_000);
        let waited = seen.get().expect("the neighbour has had its 500 turns");
        assert!(
            waited <= 502 * 128,
            "the neighbour's 500 turns took {waited} polls of children"
        );
    });
}

#[test]
fn a_set_whose_children_spend_the_budget_neither_stops_nor_polls_in_vain() {
    let _watched = crate::support::watch();
    within_a_minute(|| {
        run(async {
            let polls = Cell::new(0_u32);
            let children = (0..300).map(|_| async {
                let mut work = pin!(async {
                    for _ in 0..100 {
                        consume_budget().await;
                    }
                });
                poll_fn(|cx| {
                    polls.set(polls.get() + 1);
                    work.as_mut().poll(cx)
                })
                .await
            });
            join_all(children).await;
            assert!(
                polls.get() <= 2 * 300,
                "{} polls, although 30,000 operations need only about 540",
                polls.get()
            );
        });
    });
}

#[test]
fn a_loop_over_a_set_of_ready_futures_is_interrupted_by_the_budget() {
    let _watched = crate::support::watch();
    run(async {
        let neighbour = spawn(async { 1 });
        let mut set = as_completed((0..10_000).map(std::future::ready));
        let mut taken = 0;
        while !neighbour.is_finished() {
            assert!(set.next().await.is_some());
            taken += 1;
        }
        assert!(
            taken <= 129,
            "the neighbour ran only after {taken} operations"
        );
    });
}

/// A counter that other threads increase and one child awaits.
#[derive(Default)]
struct Signals(Mutex<(u32, Option<Waker>)>);

impl Signals {
    fn send(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 += 1;
            state.1.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn all(&self, expected: u32, polls: &Cell<u32>) -> u32 {
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            let mut state = self.0.lock().unwrap();
            let stale = state.1.replace(cx.waker().clone());
            let outcome = if state.0 == expected {
                Poll::Ready(state.0)
            } else {
                Poll::Pending
            };
            drop(state);
            drop(stale);
            outcome
        })
        .await
    }
}

#[test]
fn no_wake_of_another_thread_is_lost() {
    let _watched = crate::support::watch();
    const CHILDREN: usize = 500;
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 200;
    within_a_minute(|| {
        let signals: Arc<Vec<Signals>> =
            Arc::new((0..CHILDREN).map(|_| Signals::default()).collect());
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let signals = Arc::clone(&signals);
                std::thread::spawn(move || {
                    for round in 0..ROUNDS {
                        for step in 0..CHILDREN {
                            signals[(step * 7 + (thread * 131 + round) as usize) % CHILDREN].send();
                        }
                    }
                })
            })
            .collect();
        let polls = Cell::new(0);
        let totals = run(join_all(
            signals
                .iter()
                .map(|signal| signal.all(THREADS * ROUNDS, &polls)),
        ));
        assert_eq!(totals, vec![THREADS * ROUNDS; CHILDREN]);
        assert!(polls.get() <= CHILDREN as u32 * (1 + THREADS * ROUNDS));
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn wakers_of_children_may_outlive_the_set_and_the_loop_on_other_threads() {
    let _watched = crate::support::watch();
    within_a_minute(|| {
        let signals: Arc<Vec<Signals>> = Arc::new((0..100).map(|_| Signals::default()).collect());
        let late = Arc::clone(&signals);
        let (go, gone) = channel();
        let thread = std::thread::spawn(move || {
            for step in 0..if cfg!(miri) { 600 } else { 100_000 } {
                late[step % 100].send();
                if step == 500 {
                    go.send(()).unwrap();
                }
            }
        });
        let polls = Cell::new(0);
        run(async {
            let never = race_all(signals.iter().map(|signal| signal.all(u32::MAX, &polls)));
            roundelay::race!(async { assert_eq!(never.await, None) }, async {
                while gone.try_recv().is_err() {
                    yield_now().await;
                }
            });
        });
        thread.join().unwrap();
    });
}

#[test]
fn handles_can_be_joined_and_a_dropped_handle_shields_its_task() {
    let _watched = crate::support::watch();
    run(async {
        let handles = (0..50).map(|number| {
            spawn(async move {
                yield_now().await;
                number * 2
            })
        });
        let doubled = join_all(handles.collect::<Vec<_>>()).await;
        assert_eq!(
            doubled.into_iter().flatten().sum::<i32>(),
            2 * (0..50).sum::<i32>()
        );

        let finished = std::rc::Rc::new(Cell::new(false));
        let task = spawn({
            let finished = finished.clone();
            async move {
                yield_now().await;
                yield_now().await;
                finished.set(true);
            }
        });
        roundelay::race!(async { drop(task.await) }, async {});
        while !finished.get() {
            yield_now().await;
        }
    });
}
