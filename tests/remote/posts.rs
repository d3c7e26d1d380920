//! Everything that other threads send to a loop arrives once, and in order.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{catch_unwind, panic_any};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::support::{Counter, PATIENCE, listen, on_drop, own_waker, rounds, watchdog};
use roundelay::{EventLoop, Remote, run, spawn, yield_now};

const THREADS: usize = 8;

// Nothing is lost.

/// Adds up what it finds in `inbox` at each poll, until it has found `total`.
async fn collect(inbox: Arc<AtomicUsize>, found: Arc<AtomicUsize>, total: usize) {
    poll_fn(|_| {
        let sum = found.load(SeqCst) + inbox.swap(0, SeqCst);
        found.store(sum, SeqCst);
        if sum == total {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Each wake counts here. A thread leaves something for its task, wakes it, and goes on only when the task has seen it.
/// So a lost wake is not hidden by the next one.
#[test]
fn eight_threads_wake_post_and_spawn_a_million_times_and_nothing_is_lost() {
    // A debug build does only a part of it.
    let each = match cfg!(miri) {
        true => 4,
        false => rounds(64_000, 1_000_000) / THREADS,
    };
    watchdog(PATIENCE, move || {
        run(async {
            let posts = Rc::new(Cell::new(0));
            let spawns = Rc::new(Cell::new(0));
            thread_local!(static BOOKS: RefCell<Option<[Rc<Cell<usize>>; 2]>> = const { RefCell::new(None) });
            BOOKS.set(Some([posts.clone(), spawns.clone()]));
            fn note(book: usize) {
                BOOKS.with_borrow(|books| {
                    let book = &books.as_ref().expect("a call runs on the loop's thread")[book];
                    book.set(book.get() + 1);
                });
            }

            let (wake_count, post_count, spawn_count) = (each / 2, each / 4, each / 4);
            let mut collectors = Vec::new();
            let mut threads = Vec::new();
            for _ in 0..THREADS {
                let (inbox, found) = (Arc::default(), Arc::default());
                let (waker_out, waker_in) = mpsc::channel();
                collectors.push(spawn({
                    let (inbox, found) = (Arc::clone(&inbox), Arc::clone(&found));
                    async move {
                        waker_out.send(own_waker().await).unwrap();
                        collect(inbox, found, wake_count).await;
                    }
                }));
                let remote = Remote::current();
                threads.push(thread::spawn(move || {
                    let waker = waker_in.recv().unwrap();
                    for n in 0..wake_count {
                        inbox.fetch_add(1, SeqCst);
                        waker.wake_by_ref();
                        if n % 2 == 0 {
                            remote.post(|| note(0)).unwrap();
                        } else {
                            drop(remote.spawn(|| async { note(1) }));
                        }
                        while n % 8 == 0 && found.load(SeqCst) <= n {
                            thread::yield_now();
                        }
                    }
                    assert_eq!(wake_count, post_count + spawn_count);
                }));
            }
            for collector in collectors {
                collector.await.unwrap();
            }
            for thread in threads {
                thread.join().unwrap();
            }
            // Everything that was sent is in the inbox now, and this task comes behind it.
            Remote::current().spawn(yield_now).await.unwrap();
            assert_eq!(posts.get(), THREADS * post_count);
            assert_eq!(spawns.get(), THREADS * spawn_count);
        });
    });
}

/// At each question the loop is asleep, or about to sleep. The thread waits for the answer before it goes on.
#[test]
fn a_question_and_its_answer_never_miss_each_other() {
    const ROUNDS: usize = if cfg!(miri) { 10 } else { 100_000 };
    watchdog(PATIENCE, || {
        run(async {
            let answered = Arc::new(AtomicUsize::new(0));
            let questions = Arc::new(AtomicUsize::new(0));
            let waker = own_waker().await;
            let thread = thread::spawn({
                let (answered, questions) = (answered.clone(), questions.clone());
                move || {
                    for n in 1..=ROUNDS {
                        questions.store(n, SeqCst);
                        waker.wake_by_ref();
                        while answered.load(SeqCst) != n {
                            std::hint::spin_loop();
                            thread::yield_now();
                        }
                    }
                }
            });
            poll_fn(|_| {
                let n = questions.load(SeqCst);
                answered.store(n, SeqCst);
                if n == ROUNDS {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            thread.join().unwrap();
        });
    });
}

/// Answers each question once. The thread asks by writing a number and waking this task.
async fn answer(question: Arc<AtomicUsize>, answer: Arc<AtomicUsize>, rounds: usize) {
    poll_fn(|_| {
        let n = question.load(SeqCst);
        answer.store(n, SeqCst);
        if n == rounds {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// The first wake makes the loop empty its inbox. The second comes a little later, and sometimes just while the loop empties
/// the inbox. If that wake were lost, no third one would follow.
#[test]
fn a_wake_that_comes_while_the_inbox_is_emptied_is_not_lost() {
    let rounds = match cfg!(miri) {
        true => 5,
        false => rounds(2_000, 20_000),
    };
    for spin in [Duration::ZERO, Duration::from_micros(100)] {
        watchdog(PATIENCE, move || {
            let mut event_loop = EventLoop::builder().spin(spin).build().unwrap();
            event_loop.run(async {
                let questions: [Arc<AtomicUsize>; 2] = Default::default();
                let answers: [Arc<AtomicUsize>; 2] = Default::default();
                let (waker_out, wakers) = mpsc::channel();
                let tasks = [0, 1].map(|n| {
                    let (question, answered) = (questions[n].clone(), answers[n].clone());
                    let waker_out = waker_out.clone();
                    spawn(async move {
                        waker_out.send(own_waker().await).unwrap();
                        answer(question, answered, rounds).await;
                    })
                });
                let thread = thread::spawn(move || {
                    let wakers = [wakers.recv().unwrap(), wakers.recv().unwrap()];
                    for round in 1..=rounds {
                        for n in [0, 1] {
                            questions[n].store(round, SeqCst);
                            wakers[n].wake_by_ref();
                            for _ in 0..round % 200 {
                                std::hint::spin_loop();
                            }
                        }
                        while answers.iter().any(|answer| answer.load(SeqCst) < round) {
                            thread::yield_now();
                        }
                    }
                });
                for task in tasks {
                    task.await.unwrap();
                }
                thread.join().unwrap();
            });
        });
    }
}

#[test]
fn each_call_is_run_or_dropped_or_given_back_when_the_loop_ends_meanwhile() {
    for round in 0..50 {
        watchdog(PATIENCE, move || {
            let [ran, dropped, returned] =
                [Counter::default(), Counter::default(), Counter::default()];
            let mut event_loop = EventLoop::new().unwrap();
            let has_started = Arc::new(Barrier::new(THREADS + 1));
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let remote = event_loop.remote();
                    let (ran, dropped, returned) = (ran.clone(), dropped.clone(), returned.clone());
                    let has_started = has_started.clone();
                    thread::spawn(move || {
                        has_started.wait();
                        for _ in 0..200 {
                            let guard = on_drop({
                                let dropped = dropped.clone();
                                move || dropped.add()
                            });
                            let ran = ran.clone();
                            let sent = remote.post(move || {
                                ran.add();
                                drop(guard);
                            });
                            if let Err(closed) = sent {
                                returned.add();
                                drop(closed.into_call());
                                assert!(remote.is_closed());
                            }
                        }
                    })
                })
                .collect();
            has_started.wait();
            for _ in 0..round {
                event_loop.turn(Some(Duration::ZERO)).unwrap();
            }
            drop(event_loop);
            let dropped_by_loop_or_run = dropped.get();
            assert!(ran.get() <= dropped_by_loop_or_run);
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(
                dropped.get(),
                THREADS * 200,
                "each call must be dropped once"
            );
            assert!(ran.get() + returned.get() <= THREADS * 200);
        });
    }
}

#[test]
fn each_handle_gets_an_answer_when_the_loop_ends_meanwhile() {
    for round in 0..50 {
        watchdog(PATIENCE, move || {
            let mut event_loop = EventLoop::new().unwrap();
            let has_started = Arc::new(Barrier::new(THREADS + 1));
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let remote = event_loop.remote();
                    let has_started = has_started.clone();
                    thread::spawn(move || {
                        has_started.wait();
                        (0..50)
                            .map(|n| remote.spawn(move || async move { n }))
                            .enumerate()
                            .map(|(n, handle)| match handle.wait() {
                                Ok(output) => assert_eq!(output, n),
                                Err(error) => assert!(error.is_cancelled()),
                            })
                            .count()
                    })
                })
                .collect();
            has_started.wait();
            for _ in 0..round {
                event_loop.turn(Some(Duration::ZERO)).unwrap();
            }
            drop(event_loop);
            let answers: usize = threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum();
            assert_eq!(answers, THREADS * 50);
        });
    }
}

// The order.

#[test]
fn calls_run_in_the_order_in_which_each_thread_sent_them() {
    const EACH: usize = if cfg!(miri) { 2 } else { 10_000 };
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let arrived: Arc<[AtomicUsize; 4]> = Arc::default();
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (remote, arrived) = (event_loop.remote(), arrived.clone());
                thread::spawn(move || {
                    for n in 0..EACH {
                        let arrived = arrived.clone();
                        remote
                            .post(move || assert_eq!(arrived[thread].swap(n + 1, SeqCst), n))
                            .unwrap();
                    }
                })
            })
            .collect();
        let (_, lines) = listen(|| {
            while arrived.iter().any(|count| count.load(SeqCst) < EACH) {
                event_loop.turn(None).unwrap();
            }
        });
        assert_eq!(lines, [], "a call has run out of order");
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn tasks_start_in_the_order_in_which_they_were_sent_and_after_the_calls_before_them() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (trace, traced) = mpsc::channel();
    let remote = event_loop.remote();
    for n in 0..100 {
        let (call, task) = (trace.clone(), trace.clone());
        remote
            .post(move || call.send(("call", n)).unwrap())
            .unwrap();
        drop(remote.spawn(move || async move { task.send(("task", n)).unwrap() }));
    }
    while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    let traced: Vec<_> = traced.try_iter().collect();
    assert_eq!(traced.len(), 200);
    // One look delivers a part of the calls, and then tasks run. So calls and tasks alternate.
    for what in ["call", "task"] {
        let numbers = traced.iter().filter(|(kind, _)| *kind == what);
        assert!(numbers.map(|(_, n)| *n).eq(0..100), "{traced:?}");
    }
    for n in 0..100 {
        let at = |what| traced.iter().position(|event| *event == (what, n));
        assert!(at("call") < at("task"), "{traced:?}");
    }
}

// The current loop.

#[test]
fn a_thread_without_a_loop_has_no_door_and_says_what_to_do() {
    let _watched = crate::support::watch();
    assert!(Remote::try_current().is_none());
    let payload = catch_unwind(Remote::current).expect_err("no loop is running");
    let text = payload.downcast_ref::<String>().expect("a sentence");
    for part in [
        "`Remote::current`",
        "no event loop is running on this thread",
        "roundelay::run",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_call_runs_with_its_loop_current_and_may_use_all_of_it() {
    watchdog(PATIENCE, || {
        run(async {
            let (done, is_done) = mpsc::channel();
            let remote = Remote::current();
            let inner = remote.clone();
            remote
                .post(move || {
                    assert!(Remote::try_current().is_some());
                    assert_eq!(
                        roundelay::task::current(),
                        None,
                        "inside a call no task is current"
                    );
                    inner
                        .post(move || drop(spawn(async move { done.send(()).unwrap() })))
                        .unwrap();
                })
                .unwrap();
            while is_done.try_recv().is_err() {
                yield_now().await;
            }
        });
    });
}

// Calls that panic.

#[test]
fn a_call_that_panics_is_logged_and_the_loop_goes_on() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    let after = Counter::default();
    remote.post(|| panic!("a call that went wrong")).unwrap();
    remote.post(|| panic_any(7_u8)).unwrap();
    remote
        .post({
            let after = after.clone();
            move || after.add()
        })
        .unwrap();
    let (turn, lines) = listen(|| event_loop.turn(Some(Duration::ZERO)).unwrap());
    assert_eq!((turn.notes, after.get()), (3, 1));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.target == "roundelay::task"));
    assert!(
        lines[0].text.contains("a call that went wrong"),
        "{lines:?}"
    );
}

// Spinning instead of sleeping.

#[test]
fn a_loop_that_spins_for_ever_still_keeps_to_its_time_out_and_hears_every_thread() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::builder().spin(Duration::MAX).build().unwrap();
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        event_loop.turn(Some(Duration::from_millis(1))).unwrap();
        let remote = event_loop.remote();
        let thread = thread::spawn(move || {
            for n in 0..if cfg!(miri) { 5 } else { 1_000 } {
                assert_eq!(remote.spawn(move || async move { n }).wait().unwrap(), n);
            }
            drop(remote.spawn(|| async {}));
        });
        while !thread.is_finished() {
            event_loop.turn(Some(Duration::from_millis(1))).unwrap();
        }
        thread.join().unwrap();
    });
}
