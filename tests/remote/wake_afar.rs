//! Wakes from another thread, or from another loop, while the loop is parking, working or ending.

use std::future::poll_fn;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{Counter, Gate, Ledger, PATIENCE, counted, own_waker, watchdog};
use roundelay::{EventLoop, run, spawn, yield_now};

const NOT_AT_ALL: Option<Duration> = Some(Duration::ZERO);

fn new_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

fn turns_until_idle(event_loop: &mut EventLoop) -> usize {
    let mut polls = 0;
    loop {
        let turn = event_loop.turn(NOT_AT_ALL).expect("a turn");
        polls += turn.polls;
        if turn.polls == 0 && turn.ready == 0 {
            return polls;
        }
    }
}

/// The thread answers each number with a wake. At that moment the loop is about to sleep, sleeps, or has just woken.
// *inbox-before-park*: the loop does not sleep on, whatever the moment of the wake.
#[test]
fn a_wake_from_another_thread_finds_the_loop_parked_or_about_to_park() {
    const ROUNDS: u32 = if cfg!(miri) { 2 } else { 20_000 };

    watchdog(PATIENCE, || {
        let answer = Arc::new(Mutex::new(0_u32));
        let (ask, asked) = mpsc::channel::<(u32, Waker)>();
        let thread = thread::spawn({
            let answer = Arc::clone(&answer);
            move || {
                for (number, waker) in asked {
                    *answer.lock().expect("the answer") = number;
                    waker.wake();
                }
            }
        });
        let polls = Counter::default();
        run(counted(&polls, async {
            for number in 1..=ROUNDS {
                let mut is_asked = false;
                poll_fn(|cx| {
                    if !std::mem::replace(&mut is_asked, true) {
                        ask.send((number, cx.waker().clone()))
                            .expect("the thread listens");
                        return Poll::Pending;
                    }
                    assert_eq!(*answer.lock().expect("the answer"), number);
                    Poll::Ready(())
                })
                .await;
            }
        }));
        drop(ask);
        thread.join().expect("the thread ends well");
        assert_eq!(
            polls.get(),
            ROUNDS as usize + 1,
            "there is one poll for each wake"
        );
    });
}

#[test]
fn a_wake_from_another_thread_reaches_a_loop_that_never_rests() {
    watchdog(PATIENCE, || {
        let is_awake = Arc::new(AtomicBool::new(false));
        run(async {
            let waker = own_waker().await;
            let thread = thread::spawn({
                let is_awake = Arc::clone(&is_awake);
                move || {
                    is_awake.store(true, SeqCst);
                    waker.wake();
                }
            });
            let busy = spawn(async {
                loop {
                    yield_now().await;
                }
            });
            poll_fn(|_| match is_awake.load(SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            thread.join().expect("the thread ends well");
            busy.abort();
        });
    });
}

#[test]
fn a_wake_crosses_between_nested_loops_both_ways() {
    watchdog(PATIENCE, || {
        let outer = Gate::new();
        let inner = Gate::new();
        let mut inner_loop = new_loop();
        let waiting = inner_loop.spawn({
            let inner = inner.clone();
            async move { inner.wait().await }
        });
        turns_until_idle(&mut inner_loop);
        run(async {
            let opened = spawn({
                let outer = outer.clone();
                async move { outer.wait().await }
            });
            yield_now().await;
            // The outer loop is current, so this wake goes to a loop that rests.
            inner.open();
            inner_loop.run(async {
                waiting.await.expect("the inner task was woken");
                // The inner loop is current, so this wake goes to the loop around it.
                outer.open();
            });
            opened.await.expect("the outer task was woken");
        });
    });
}

/// async-executor#163: a waker that fires while the loop is being dropped.
#[test]
fn wakers_may_fire_from_other_threads_while_the_loop_is_dropped() {
    watchdog(PATIENCE, || {
        let is_over = Arc::new(AtomicBool::new(false));
        let (send, receive) = mpsc::channel::<Waker>();
        let firing = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut wakers: Vec<Waker> = Vec::new();
            while !firing.load(SeqCst) {
                wakers.extend(receive.try_iter());
                wakers.iter().for_each(Waker::wake_by_ref);
                if wakers.len() > 64 {
                    wakers.clear();
                }
            }
        });
        let ledger = Ledger::new();
        for _ in 0..500 {
            let mut event_loop = new_loop();
            for _ in 0..4 {
                let (send, token) = (send.clone(), ledger.token("a task's"));
                drop(event_loop.spawn(async move {
                    let _token = token;
                    poll_fn(|cx| {
                        send.send(cx.waker().clone()).expect("the thread listens");
                        Poll::<()>::Pending
                    })
                    .await;
                }));
            }
            // One turn polls all four. The loop is never idle: the thread wakes them again and again.
            let turn = event_loop.turn(NOT_AT_ALL).expect("it turns");
            assert!(turn.polls >= 4, "{turn}");
            drop(event_loop);
        }
        is_over.store(true, SeqCst);
        thread.join().expect("the thread ends well");
        ledger.assert_settled_here();
    });
}
