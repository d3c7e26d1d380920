//! Loops inside loops, loops beside loops, and many loops at once.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{Gate, Ledger, PATIENCE, Trace, on_drop, own_waker, watchdog};
use roundelay::{EventLoop, Remote, run, spawn, yield_now};

// A loop inside a task of another.

#[test]
fn a_task_may_run_a_loop_of_its_own() {
    let _watched = crate::support::watch();
    let answer = run(async {
        yield_now().await;
        let inner = run(async {
            yield_now().await;
            spawn(async { 40 }).await.unwrap()
        });
        inner + spawn(async { 2 }).await.unwrap()
    });
    assert_eq!(answer, 42);
}

#[test]
fn the_inner_loop_is_current_until_it_ends_and_then_the_outer_one_again() {
    let _watched = crate::support::watch();
    let here = || format!("{:?}", Remote::current());
    run(async {
        let outer = here();
        let task = roundelay::task::current();
        run(async {
            let inner = here();
            assert_ne!(inner, outer);
            assert_ne!(roundelay::task::current(), task);
            run(async { assert!(here() != inner && here() != outer) });
            assert_eq!(here(), inner);
        });
        assert_eq!(here(), outer);
        assert_eq!(roundelay::task::current(), task);
    });
    assert!(Remote::try_current().is_none());
}

#[test]
fn the_outer_loop_is_current_again_though_the_inner_one_panicked() {
    let _watched = crate::support::watch();
    run(async {
        let outer = format!("{:?}", Remote::current());
        let inner = std::panic::catch_unwind(|| run(async { panic!("inside") }));
        assert!(inner.is_err());
        assert_eq!(format!("{:?}", Remote::current()), outer);
        spawn(async {}).await.unwrap();
    });
}

#[test]
fn loops_nest_a_hundred_deep() {
    fn deeper(depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        run(async {
            yield_now().await;
            1 + spawn(async move { deeper(depth - 1) }).await.unwrap()
        })
    }
    let depth = crate::support::watchdog_on_stack(64 << 20, || deeper(100));
    assert_eq!(depth, 100);
}

#[test]
fn the_tasks_of_the_outer_loop_stand_still_while_the_inner_one_runs() {
    let _watched = crate::support::watch();
    let trace = Trace::new();
    run(async {
        let outer = trace.clone();
        let neighbour = spawn(async move {
            outer.push("outer");
            yield_now().await;
            outer.push("outer");
        });
        run(async {
            for _ in 0..100 {
                yield_now().await;
            }
            trace.push("inner");
        });
        neighbour.await.unwrap();
    });
    assert_eq!(trace.take(), ["inner", "outer", "outer"]);
}

// Wakes across loops on one thread.

#[test]
fn a_task_of_the_inner_loop_wakes_one_of_the_outer_loop() {
    watchdog(PATIENCE, || {
        run(async {
            let gate = Gate::new();
            let outside = gate.clone();
            let waits = spawn(async move { outside.wait().await });
            yield_now().await;
            run(async move {
                yield_now().await;
                gate.open();
            });
            waits.await.unwrap();
        });
    });
}

#[test]
fn a_task_of_the_outer_loop_wakes_one_of_a_loop_that_rests() {
    watchdog(PATIENCE, || {
        let gate = Gate::new();
        let mut resting = EventLoop::new().unwrap();
        let waits = resting.spawn({
            let gate = gate.clone();
            async move { gate.wait().await }
        });
        resting.turn(Some(Duration::ZERO)).unwrap();
        run(async move { gate.open() });
        // This would wait for ever if the wake had gone to the loop that was current.
        while !waits.is_finished() {
            resting.turn(None).unwrap();
        }
    });
}

#[test]
fn two_loops_on_one_thread_play_ping_pong() {
    const ROUNDS: usize = if cfg!(miri) { 10 } else { 1_000 };
    watchdog(PATIENCE, || {
        let ball = Rc::new(Cell::new(0));
        let wakers: Rc<[RefCell<Option<Waker>>; 2]> = Rc::default();
        let player = |side: usize| {
            let (ball, wakers) = (ball.clone(), wakers.clone());
            poll_fn(move |cx| {
                *wakers[side].borrow_mut() = Some(cx.waker().clone());
                if ball.get() % 2 == side && ball.get() < ROUNDS {
                    ball.set(ball.get() + 1);
                }
                let other = wakers[1 - side].borrow().clone();
                if let Some(other) = other {
                    other.wake();
                }
                if ball.get() >= ROUNDS {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
        };
        let mut loops = [EventLoop::new().unwrap(), EventLoop::new().unwrap()];
        let players = [loops[0].spawn(player(0)), loops[1].spawn(player(1))];
        while !players.iter().all(|player| player.is_finished()) {
            for event_loop in &mut loops {
                event_loop.turn(Some(Duration::ZERO)).unwrap();
            }
        }
        assert_eq!(ball.get(), ROUNDS);
    });
}

#[test]
fn a_handle_is_awaited_on_another_loop_of_the_same_thread() {
    let _watched = crate::support::watch();
    let mut first = EventLoop::new().unwrap();
    let mut second = EventLoop::new().unwrap();
    let answer = first.spawn(async {
        yield_now().await;
        42
    });
    let waits = second.spawn(answer);
    second.turn(Some(Duration::ZERO)).unwrap();
    while first.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    assert!(second.next_deadline().is_some(), "the wake has come across");
    second.turn(None).unwrap();
    assert!(waits.is_finished());
    assert_eq!(second.run(waits).unwrap().unwrap(), 42);
}

#[test]
fn a_handle_outlives_its_loop_and_still_answers() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let finished = event_loop.spawn(async { 42 });
    let never = event_loop.spawn(pending::<()>());
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    drop(event_loop);
    assert_eq!(run(finished).unwrap(), 42);
    assert!(never.is_finished());
    never.abort();
    assert!(run(never).unwrap_err().is_cancelled());
}

// The end of a loop in unusual places.

#[test]
fn a_loop_is_dropped_inside_a_task_of_another() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    run(async {
        let outer = format!("{:?}", Remote::current());
        let inner = EventLoop::new().unwrap();
        for n in 0..3 {
            let token = ledger.token(format!("task {n}"));
            let nested = ledger.token(format!("spawned by the destructor of task {n}"));
            let guard = on_drop(move || {
                // The loop that is ending is current, and takes no more tasks.
                drop(spawn(async move { drop(nested) }));
            });
            drop(inner.spawn(async move {
                let _held = (token, guard);
                pending::<()>().await;
            }));
        }
        drop(inner);
        ledger.assert_settled_here();
        assert_eq!(format!("{:?}", Remote::current()), outer);
        yield_now().await;
    });
}

#[test]
fn a_loop_is_dropped_inside_a_destructor_of_another_that_ends() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let outer = EventLoop::new().unwrap();
    let inner = EventLoop::new().unwrap();
    let token = ledger.token("on the inner loop");
    drop(inner.spawn(async move {
        let _token = token;
        pending::<()>().await;
    }));
    drop(outer.spawn(async move {
        let _inner = inner;
        pending::<()>().await;
    }));
    drop(outer);
    ledger.assert_settled_here();
}

#[test]
fn a_loop_is_dropped_while_its_thread_unwinds() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let thread = thread::spawn({
        let ledger = ledger.clone();
        move || {
            let event_loop = EventLoop::new().unwrap();
            let token = ledger.token("in a task");
            let bomb = on_drop(|| panic!("a destructor, while unwinding"));
            drop(event_loop.spawn(async move {
                let _held = (token, bomb);
                pending::<()>().await;
            }));
            panic!("with a loop on the stack");
        }
    });
    let payload = thread.join().unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"with a loop on the stack"));
    ledger.assert_settled();
}

thread_local! {
    static IN_THREAD: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
}

/// The order of the destructors of thread-locals is not fixed, so the end of a loop must not need another thread-local.
#[test]
fn a_loop_in_a_thread_local_ends_with_its_thread() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let remote = thread::spawn({
            let ledger = ledger.clone();
            move || {
                let event_loop = EventLoop::new().unwrap();
                let remote = event_loop.remote();
                let (token, late) = (ledger.token("a task"), ledger.token("spawned too late"));
                let guard = on_drop(move || drop(spawn(async move { drop(late) })));
                drop(event_loop.spawn(async move {
                    let _held = (token, guard);
                    pending::<()>().await;
                }));
                IN_THREAD.set(Some(event_loop));
                IN_THREAD.with_borrow_mut(|event_loop| {
                    let event_loop = event_loop.as_mut().expect("just put there");
                    event_loop.run(async {
                        yield_now().await;
                        roundelay::sleep(Duration::from_millis(1)).await;
                        roundelay::offload(|| ()).await.unwrap();
                    });
                });
                remote
            }
        })
        .join()
        .unwrap();
        ledger.assert_settled();
        assert!(remote.is_closed());
    });
}

#[test]
fn a_waker_that_outlives_its_loop_is_dropped_and_fired_in_a_thread_locals_destructor() {
    thread_local!(static LATE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) });
    watchdog(PATIENCE, || {
        thread::spawn(|| {
            let mut event_loop = EventLoop::new().unwrap();
            let waker = event_loop.run(own_waker());
            let guard = on_drop(move || waker.wake());
            LATE.set(Some(Box::new(move || drop(guard))));
            IN_THREAD.set(Some(event_loop));
        })
        .join()
        .unwrap();
    });
}

// Many loops.

#[test]
fn a_thousand_loops_one_after_the_other() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let before = descriptors();
        for n in 0..1_000_u32 {
            let token = ledger.token(format!("loop {n}"));
            let answer = run(async move {
                drop(spawn(async move {
                    let _token = token;
                    pending::<()>().await;
                }));
                yield_now().await;
                spawn(async move { n }).await.unwrap()
            });
            assert_eq!(answer, n);
        }
        ledger.assert_settled();
        // Other tests run at the same time, so the count is not exact. A thousand leaked loops would still show.
        assert!(descriptors() < before + 1_000, "descriptors leak");
    });
}

#[cfg(target_os = "linux")]
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[cfg(not(target_os = "linux"))]
fn descriptors() -> usize {
    0
}

#[test]
fn two_hundred_loops_at_once_on_one_thread_each_hear_their_own() {
    watchdog(PATIENCE, || {
        // A loop has four descriptors, and 1,024 is a common limit.
        rlimit::increase_nofile_limit(4_096).unwrap();
        let mut loops: Vec<EventLoop> = (0..200).map(|_| EventLoop::new().unwrap()).collect();
        let (sender, heard) = mpsc::channel();
        let handles: Vec<_> = loops
            .iter()
            .enumerate()
            .map(|(n, event_loop)| {
                let (gate, sender) = (Gate::new(), sender.clone());
                let opens = gate.clone();
                let remote = event_loop.remote();
                let handle = event_loop.spawn(async move {
                    let here = format!("{:?}", Remote::current());
                    assert_eq!(here, format!("{remote:?}"));
                    gate.wait().await;
                    sender.send(n).unwrap();
                });
                (handle, opens)
            })
            .collect();
        for event_loop in &mut loops {
            event_loop.turn(Some(Duration::ZERO)).unwrap();
        }
        // Opens the gates backwards, so that the order of waking shows.
        for (_, opens) in handles.iter().rev() {
            opens.open();
        }
        for event_loop in loops.iter_mut().rev() {
            assert_eq!(event_loop.turn(None).unwrap().polls, 1);
        }
        let heard: Vec<usize> = heard.try_iter().collect();
        assert_eq!(heard, (0..200).rev().collect::<Vec<_>>());
        assert!(handles.iter().all(|(handle, _)| handle.is_finished()));
    });
}

#[test]
fn eight_threads_with_loops_of_their_own_do_not_meet() {
    watchdog(PATIENCE, || {
        let threads: Vec<_> = (0..8_usize)
            .map(|thread| {
                thread::spawn(move || {
                    (0..50_usize)
                        .map(|n| {
                            run(async move { spawn(async move { thread * n }).await.unwrap() })
                        })
                        .sum::<usize>()
                })
            })
            .collect();
        for (thread, handle) in threads.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap(), thread * 49 * 50 / 2);
        }
    });
}
