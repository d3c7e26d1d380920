//! A task spawned from another thread. Its handle is awaited, waited for, aborted or dropped, and the task may panic.

use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::Context;
use std::thread;
use std::time::Duration;

use crate::support::{Counter, Ledger, PATIENCE, counting_waker, listen, watchdog};
use roundelay::{EventLoop, Remote, RemoteHandle, run, spawn, yield_now};

/// Runs a loop on this thread, and `body` on another.
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
    let _watched = crate::support::watch();
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
    const COUNT: usize = if cfg!(miri) { 3 } else { 1_000 };
    let _watched = crate::support::watch();
    beside_a_loop(|remote| {
        let sum = run(async {
            let handles: Vec<_> = (0..COUNT)
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
        assert_eq!(sum, COUNT * (COUNT - 1) / 2);
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
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let mut handle = event_loop.remote().spawn(|| async { 42 });
    let (waker, wakes) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(&mut handle).poll(&mut cx).is_pending());
    assert_eq!(
        Arc::strong_count(&wakes),
        3,
        "the handle keeps its last waker"
    );
    let (other, other_wakes) = counting_waker();
    assert!(
        pin!(&mut handle)
            .poll(&mut Context::from_waker(&other))
            .is_pending()
    );
    assert_eq!(
        Arc::strong_count(&wakes),
        2,
        "the handle keeps only its last waker"
    );
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
        "a dropped handle has left its waker"
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
        // The loop is not the innermost one here, but it is still on this thread.
        event_loop.run(async { run(async { waits(remote.spawn(|| async {})) }) });
    });
}

#[test]
fn a_task_that_has_finished_may_be_waited_for_anywhere() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.remote().spawn(|| async { 42 });
    assert!(!handle.is_finished());
    while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    assert!(handle.is_finished());
    assert_eq!(handle.wait().unwrap(), 42);
}

#[test]
fn a_handle_that_has_given_its_output_panics_when_it_is_asked_again() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let mut handle = event_loop.remote().spawn(|| async { 42 });
    assert_eq!(event_loop.run(async { (&mut handle).await.unwrap() }), 42);
    let again = AssertUnwindSafe(|| event_loop.run(async { (&mut handle).await }));
    assert!(catch_unwind(again).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| handle.wait())).is_err());
}

#[test]
fn a_panic_comes_back_through_the_handle_with_the_line_that_spawned_it() {
    let _watched = crate::support::watch();
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
    let _watched = crate::support::watch();
    beside_a_loop(|remote| {
        fn make() -> std::future::Ready<()> {
            panic!("no future today")
        }
        assert!(remote.spawn(make).wait().unwrap_err().is_panic());
    });
}

#[test]
fn a_panic_that_nobody_awaits_is_told_whenever_the_handle_goes() {
    let _watched = crate::support::watch();
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
            lines[0].text.ends_with("no task awaits its handle"),
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
                assert_eq!(
                    ledger.alive(),
                    0,
                    "the handle has answered before the future was dropped"
                );
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
    let _watched = crate::support::watch();
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
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.remote().spawn(|| async { 42 });
    while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    handle.abort();
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(handle.wait().unwrap(), 42);
}

#[test]
fn a_dropped_handle_detaches_its_task() {
    let _watched = crate::support::watch();
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
