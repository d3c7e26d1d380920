//! Whatever other threads send to a loop arrives, once and in order, and costs next to nothing; and when the loop is gone,
//! every door says so.

mod support;

#[cfg(target_os = "linux")]
#[path = "support/kernel.rs"]
mod kernel;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use roundelay::{EventLoop, Remote, RemoteHandle, run, spawn, yield_now};
use support::{
    Counter, Gate, Ledger, PATIENCE, counting_waker, listen, on_drop, own_waker, watchdog,
};

const THREADS: usize = 8;

// Nothing is lost.

/// A task that adds up what it finds in `inbox` whenever it is polled, until it has found `total`.
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

/// Each wake counts here: the thread leaves something for its task, wakes it, and goes on only when the task has seen it.
/// A wake that is lost is never made good by the next one.
#[test]
fn eight_threads_wake_post_and_spawn_a_million_times_and_nothing_is_lost() {
    const EACH: usize = 1_000_000 / THREADS;
    watchdog(PATIENCE, || {
        run(async {
            let posts = Rc::new(Cell::new(0));
            let spawns = Rc::new(Cell::new(0));
            thread_local!(static BOOKS: RefCell<Option<[Rc<Cell<usize>>; 2]>> = const { RefCell::new(None) });
            BOOKS.set(Some([posts.clone(), spawns.clone()]));
            fn note(book: usize) {
                BOOKS.with_borrow(|books| {
                    let book = &books.as_ref().expect("on the loop's thread")[book];
                    book.set(book.get() + 1);
                });
            }

            let (wake_count, post_count, spawn_count) = (EACH / 2, EACH / 4, EACH / 4);
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
            // All that was sent is in the inbox now; this goes behind it.
            Remote::current().spawn(yield_now).await.unwrap();
            assert_eq!(posts.get(), THREADS * post_count);
            assert_eq!(spawns.get(), THREADS * spawn_count);
        });
    });
}

/// The loop is asleep, or on its way to sleep, at each of these; the thread waits for the answer before it goes on.
#[test]
fn a_question_and_its_answer_never_miss_each_other() {
    watchdog(PATIENCE, || {
        run(async {
            let answered = Arc::new(AtomicUsize::new(0));
            let questions = Arc::new(AtomicUsize::new(0));
            let waker = own_waker().await;
            let thread = thread::spawn({
                let (answered, questions) = (answered.clone(), questions.clone());
                move || {
                    for n in 1..=100_000 {
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
                if n == 100_000 {
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
            assert_eq!(dropped.get(), THREADS * 200, "each call is dropped once");
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

// In order.

#[test]
fn calls_run_in_the_order_in_which_each_thread_sent_them() {
    const EACH: usize = 10_000;
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
        assert_eq!(lines, [], "no call met another in its place");
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn tasks_start_in_the_order_in_which_they_were_sent_and_after_the_calls_before_them() {
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
    let expected: Vec<_> = (0..100)
        .map(|n| ("call", n))
        .chain((0..100).map(|n| ("task", n)))
        .collect();
    assert_eq!(traced, expected);
}

// What it costs: counted by the kernel.

#[cfg(target_os = "linux")]
mod system_calls {
    use super::kernel::Bell;
    use super::*;

    /// Eight threads wake, post and spawn, 125 times each.
    fn burst(remote: &Remote, waker: &Waker) {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..125 {
                        waker.wake_by_ref();
                        remote.post(|| ()).unwrap();
                        drop(remote.spawn(|| async {}));
                    }
                });
            }
        });
    }

    fn waker_of_a_task(event_loop: &mut EventLoop) -> Waker {
        event_loop.run(async {
            let (waker_out, waker_in) = mpsc::channel();
            drop(spawn(async move {
                waker_out.send(own_waker().await).unwrap();
                pending::<()>().await;
            }));
            yield_now().await;
            waker_in.recv().unwrap()
        })
    }

    #[test]
    fn a_burst_at_a_loop_that_is_awake_costs_none() {
        let mut event_loop = EventLoop::new().unwrap();
        let waker = waker_of_a_task(&mut event_loop);
        let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
        event_loop.run(async {
            let before = bell.rings();
            burst(&remote, &waker);
            yield_now().await;
            burst(&remote, &waker);
            assert_eq!(bell.rings() - before, 0);
        });
    }

    #[test]
    fn a_burst_at_a_loop_that_rests_between_two_turns_costs_one() {
        let mut event_loop = EventLoop::new().unwrap();
        let waker = waker_of_a_task(&mut event_loop);
        let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
        for _ in 0..10 {
            let before = bell.rings();
            burst(&remote, &waker);
            burst(&remote, &waker);
            assert_eq!(bell.rings() - before, 1);
            while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
        }
    }

    /// The first of the burst is a call that keeps the loop busy until the burst is over: so the loop is interrupted while
    /// it sleeps, and cannot fall asleep again before the end.
    #[test]
    fn a_burst_at_a_loop_that_sleeps_costs_one() {
        watchdog(PATIENCE, || {
            let mut event_loop = EventLoop::new().unwrap();
            let waker = waker_of_a_task(&mut event_loop);
            let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
            let before = bell.rings();
            let (done, is_done) = mpsc::channel();
            let thread = thread::spawn(move || {
                let (is_over, over) = mpsc::channel::<()>();
                let (has_begun, begun) = mpsc::channel();
                remote
                    .post(move || {
                        has_begun.send(()).unwrap();
                        over.recv().unwrap();
                    })
                    .unwrap();
                begun.recv().unwrap();
                burst(&remote, &waker);
                is_over.send(()).unwrap();
                done.send(()).unwrap();
                drop(remote.spawn(|| async {}));
            });
            let mut polls = 0;
            while is_done.try_recv().is_err() {
                polls += event_loop.turn(None).unwrap().polls;
            }
            thread.join().unwrap();
            assert!(polls <= 1 + THREADS * 125 + 1);
            // One for the burst; one, at most, for the last task, which came after it.
            let rings = bell.rings() - before;
            assert!((1..=3).contains(&rings), "{rings} system calls");
        });
    }

    /// The host has not been told of the mail that came during the turn; after that it has been told once, and that is enough.
    #[test]
    fn mail_that_came_during_a_turn_and_a_burst_after_it_cost_one() {
        let mut event_loop = EventLoop::new().unwrap();
        let waker = waker_of_a_task(&mut event_loop);
        let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
        drop(event_loop.spawn({
            let (remote, waker) = (remote.clone(), waker.clone());
            async move { burst(&remote, &waker) }
        }));
        let before = bell.rings();
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!(bell.rings() - before, 1, "the turn ends with mail");
        burst(&remote, &waker);
        assert_eq!(bell.rings() - before, 1, "the host knows already");
    }

    #[test]
    fn a_wake_on_the_loops_own_thread_costs_none() {
        let mut event_loop = EventLoop::new().unwrap();
        let bell = Bell::of(&event_loop);
        let before = bell.rings();
        event_loop.run(async {
            let gate = Gate::new();
            let tasks: Vec<_> = (0..100)
                .map(|_| {
                    let gate = gate.clone();
                    spawn(async move {
                        for _ in 0..10 {
                            yield_now().await;
                        }
                        gate.open();
                    })
                })
                .collect();
            gate.wait().await;
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(bell.rings() - before, 0);
    }

    #[test]
    fn a_turn_that_does_not_wait_announces_no_sleep() {
        let mut event_loop = EventLoop::new().unwrap();
        let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
        let thread = thread::spawn(move || {
            for _ in 0..100_000 {
                remote.post(|| ()).unwrap();
            }
        });
        let before = bell.rings();
        let (mut notes, mut turns) = (0, 0);
        while notes < 100_000 {
            notes += event_loop.turn(Some(Duration::ZERO)).unwrap().notes;
            turns += 1;
        }
        thread.join().unwrap();
        // At most one at the end of each turn or in the rest after it, however many were sent.
        assert!(bell.rings() - before <= turns + 1);
    }
}

// The loop is gone.

/// A loop on this thread that moved into the inbox which `remote`'s loop has left.
fn next_tenant_after(remote: &Remote) -> EventLoop {
    loop {
        // Other tests of this process make loops too, and one of them may have been quicker.
        let event_loop = EventLoop::new().unwrap();
        if format!("{:?}", event_loop.remote()) == format!("{remote:?}") {
            return event_loop;
        }
        thread::yield_now();
    }
}

fn assert_closed(remote: &Remote) {
    assert!(remote.is_closed());
    let ran = Counter::default();
    let closed = remote
        .post({
            let ran = ran.clone();
            move || ran.add()
        })
        .expect_err("the loop is gone");
    assert_eq!(ran.get(), 0);
    closed.into_call()();
    assert_eq!(ran.get(), 1, "the very call comes back");

    let ledger = Ledger::new();
    let token = ledger.token("what the task would have owned");
    let handle = remote.spawn(move || async move { drop(token) });
    ledger.assert_settled();
    assert!(handle.is_finished());
    handle.abort();
    assert!(handle.wait().unwrap_err().is_cancelled());
    let handle = remote.spawn(|| async {});
    assert!(run(handle).unwrap_err().is_cancelled());
}

#[test]
fn every_door_says_closed_once_the_loop_is_gone() {
    let remote = EventLoop::new().unwrap().remote();
    assert_closed(&remote);
    assert_closed(&remote.clone());
    thread::spawn(move || assert_closed(&remote))
        .join()
        .unwrap();
}

#[test]
fn every_door_says_closed_though_another_loop_has_moved_in() {
    watchdog(PATIENCE, || {
        let mut old = EventLoop::new().unwrap();
        let remote = old.remote();
        let stale = old.run(own_waker());
        drop(old);
        let mut tenant = next_tenant_after(&remote);
        let polls = Counter::default();
        drop(tenant.spawn(support::counted(&polls, pending::<()>())));
        tenant.turn(Some(Duration::ZERO)).unwrap();
        assert_closed(&remote);
        stale.wake_by_ref();
        let turn = tenant.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!((turn.polls, polls.get()), (0, 1), "the stranger is spared");
        assert!(!tenant.remote().is_closed());
    });
}

#[test]
fn a_handle_of_a_loop_that_is_gone_answers_though_another_has_moved_in_here() {
    watchdog(PATIENCE, || {
        let old = EventLoop::new().unwrap();
        let remote = old.remote();
        let handle = remote.spawn(pending::<()>);
        drop(old);
        let mut tenant = next_tenant_after(&remote);
        let result = tenant.run(async { handle.wait() });
        assert!(result.unwrap_err().is_cancelled());
    });
}

#[test]
fn what_is_in_the_inbox_when_the_loop_ends_is_dropped_on_its_thread() {
    let ledger = Ledger::new();
    let event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    let handles: Vec<RemoteHandle<()>> = thread::scope(|scope| {
        scope
            .spawn(|| {
                (0..10)
                    .map(|n| {
                        let call = ledger.token(format!("call {n}"));
                        remote.post(move || drop(call)).unwrap();
                        let task = ledger.token(format!("task {n}"));
                        remote.spawn(move || async move { drop(task) })
                    })
                    .collect()
            })
            .join()
            .unwrap()
    });
    drop(event_loop);
    ledger.assert_settled_here();
    for handle in handles {
        assert!(handle.wait().unwrap_err().is_cancelled());
    }
}

#[test]
fn calls_whose_destructors_panic_do_not_disturb_the_end_of_the_loop() {
    let event_loop = EventLoop::new().unwrap();
    for _ in 0..3 {
        let bomb = on_drop(|| panic!("a destructor"));
        event_loop.remote().post(move || drop(bomb)).unwrap();
    }
    let ((), lines) = listen(|| drop(event_loop));
    assert_eq!(lines.len(), 3, "each is told: {lines:?}");
}

#[test]
fn the_error_fits_every_error_library() {
    fn send(remote: &Remote) -> Result<(), Box<dyn Error + Send + Sync>> {
        remote.post(|| ())?;
        Ok(())
    }
    let event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    send(&remote).unwrap();
    drop(event_loop);
    let error = send(&remote).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the event loop is gone, so nothing can be sent to it"
    );
}

// The current loop.

#[test]
fn a_thread_without_a_loop_has_no_door_and_says_what_to_do() {
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
                    assert_eq!(roundelay::task::current(), None, "a call is no task");
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

// Handles.

/// A loop on a thread of its own; `body` runs beside it.
fn beside_a_loop(body: impl FnOnce(Remote) + Send + 'static) {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let remote = event_loop.remote();
        let thread = thread::spawn(move || body(remote));
        event_loop.run(async {
            while !thread.is_finished() {
                yield_now().await;
            }
        });
        thread.join().unwrap();
    });
}

#[test]
fn the_future_may_hold_what_cannot_leave_its_thread() {
    beside_a_loop(|remote| {
        let handle = remote.spawn(|| async {
            let here = Rc::new(Cell::new(20));
            let there = Rc::clone(&here);
            spawn(async move { there.set(22) }).await.unwrap();
            yield_now().await;
            20 + here.get()
        });
        assert_eq!(handle.wait().unwrap(), 42);
    });
}

#[test]
fn a_handle_is_awaited_from_another_loop_on_another_thread() {
    beside_a_loop(|remote| {
        let sum = run(async {
            let handles: Vec<_> = (0..1_000)
                .map(|n| {
                    remote.spawn(move || async move {
                        yield_now().await;
                        n
                    })
                })
                .collect();
            let mut sum = 0;
            for handle in handles {
                sum += handle.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 499_500);
    });
}

#[test]
fn a_handle_is_awaited_from_its_own_loop() {
    watchdog(PATIENCE, || {
        let answer = run(async { Remote::current().spawn(|| async { 42 }).await });
        assert_eq!(answer.unwrap(), 42);
    });
}

#[test]
fn a_handle_whose_await_was_dropped_has_lost_nothing_and_keeps_no_waker() {
    let mut event_loop = EventLoop::new().unwrap();
    let mut handle = event_loop.remote().spawn(|| async { 42 });
    let (waker, wakes) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(&mut handle).poll(&mut cx).is_pending());
    assert_eq!(
        Arc::strong_count(&wakes),
        3,
        "the handle's last waker is kept"
    );
    let (other, other_wakes) = counting_waker();
    assert!(
        pin!(&mut handle)
            .poll(&mut Context::from_waker(&other))
            .is_pending()
    );
    assert_eq!(Arc::strong_count(&wakes), 2, "only the last");
    while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    assert_eq!((wakes.get(), other_wakes.get()), (0, 1));
    assert_eq!(handle.wait().unwrap(), 42);

    let mut handle = event_loop.remote().spawn(pending::<()>);
    assert!(pin!(&mut handle).poll(&mut cx).is_pending());
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    drop(handle);
    assert_eq!(
        Arc::strong_count(&wakes),
        2,
        "nothing is left of a dropped handle"
    );
    drop(event_loop);
    assert_eq!(wakes.get(), 0);
}

#[test]
fn waiting_on_the_thread_of_the_own_loop_panics_instead_of_hanging() {
    watchdog(PATIENCE, || {
        let waits = |handle: RemoteHandle<()>| {
            let payload = catch_unwind(AssertUnwindSafe(|| handle.wait())).expect_err("a panic");
            let text = payload.downcast_ref::<&str>().expect("a sentence");
            assert!(
                text.contains("on the thread of the task's own loop"),
                "{text}"
            );
        };
        let mut event_loop = EventLoop::new().unwrap();
        let remote = event_loop.remote();
        waits(remote.spawn(|| async {}));
        event_loop.run(async { waits(remote.spawn(|| async {})) });
        // Not the innermost loop, but no less its own.
        event_loop.run(async { run(async { waits(remote.spawn(|| async {})) }) });
    });
}

#[test]
fn a_task_that_has_finished_may_be_waited_for_anywhere() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.remote().spawn(|| async { 42 });
    assert!(!handle.is_finished());
    while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    assert!(handle.is_finished());
    assert_eq!(handle.wait().unwrap(), 42);
}

#[test]
fn a_handle_that_has_given_its_output_panics_when_it_is_asked_again() {
    let mut event_loop = EventLoop::new().unwrap();
    let mut handle = event_loop.remote().spawn(|| async { 42 });
    assert_eq!(event_loop.run(async { (&mut handle).await.unwrap() }), 42);
    let again = AssertUnwindSafe(|| event_loop.run(async { (&mut handle).await }));
    assert!(catch_unwind(again).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| handle.wait())).is_err());
}

#[test]
fn a_panic_comes_back_through_the_handle_with_the_line_that_spawned_it() {
    beside_a_loop(|remote| {
        let (result, lines) = listen(|| {
            let handle = remote.spawn(|| async {
                yield_now().await;
                panic!("on the other thread")
            });
            handle.wait()
        });
        let error: roundelay::JoinError = match result {
            Ok(()) => unreachable!("it panics"),
            Err(error) => error,
        };
        let text = error.to_string();
        assert!(text.contains(file!()), "{text}");
        assert!(text.ends_with("panicked: on the other thread"), "{text}");
        assert_eq!(
            error.into_panic().downcast_ref(),
            Some(&"on the other thread")
        );
        assert_eq!(lines, []);
    });
}

#[test]
fn the_closure_that_makes_the_future_may_panic_too() {
    beside_a_loop(|remote| {
        fn make() -> std::future::Ready<()> {
            panic!("no future today")
        }
        assert!(remote.spawn(make).wait().unwrap_err().is_panic());
    });
}

#[test]
fn a_panic_that_nobody_awaits_is_told_whenever_the_handle_goes() {
    let mut event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    let mut turn = || while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {};

    let ((), before) = listen(|| {
        drop(remote.spawn(|| async { panic!("handle dropped before") }));
        turn();
    });
    let ((), after) = listen(|| {
        let handle = remote.spawn(|| async { panic!("handle dropped after") });
        turn();
        drop(handle);
    });
    for lines in [before, after] {
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0].target, "roundelay::task");
        assert!(lines[0].text.contains(file!()), "{lines:?}");
        assert!(
            lines[0].text.ends_with("nobody awaits its handle"),
            "{lines:?}"
        );
    }
}

#[test]
fn an_abort_from_another_thread_drops_the_future_at_home() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let mut event_loop = EventLoop::new().unwrap();
        let remote = event_loop.remote();
        let (started, has_started) = mpsc::channel();
        let thread = thread::spawn({
            let ledger = ledger.clone();
            move || {
                let token = ledger.token("in the future");
                let handle = remote.spawn(move || async move {
                    let _token = token;
                    let _not_send = Rc::new(());
                    started.send(()).unwrap();
                    pending::<()>().await;
                });
                has_started.recv().unwrap();
                handle.abort();
                handle.abort();
                assert!(handle.wait().unwrap_err().is_cancelled());
                assert_eq!(ledger.alive(), 0, "the handle answers after the drop");
            }
        });
        event_loop.run(async {
            while !thread.is_finished() {
                yield_now().await;
            }
        });
        thread.join().unwrap();
        ledger.assert_settled_here();
    });
}

#[test]
fn an_abort_before_the_start_makes_no_future() {
    let mut event_loop = EventLoop::new().unwrap();
    let made = Counter::default();
    let handle = event_loop.remote().spawn({
        let made = made.clone();
        move || {
            made.add();
            pending::<()>()
        }
    });
    handle.abort();
    while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    assert_eq!(made.get(), 0);
    assert!(handle.wait().unwrap_err().is_cancelled());
}

#[test]
fn an_abort_after_the_end_changes_nothing() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.remote().spawn(|| async { 42 });
    while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    handle.abort();
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(handle.wait().unwrap(), 42);
}

#[test]
fn a_dropped_handle_detaches_its_task() {
    let mut event_loop = EventLoop::new().unwrap();
    let done = Counter::default();
    drop(event_loop.remote().spawn({
        let done = done.clone();
        move || async move {
            yield_now().await;
            done.add();
        }
    }));
    while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    assert_eq!(done.get(), 1);
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
            for n in 0..1_000 {
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
