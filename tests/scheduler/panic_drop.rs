//! Destructors that panic: those of futures, outputs and calls, during an abort, at the end of a loop, and during another panic.

use std::future::pending;
use std::panic::panic_any;
use std::task::Poll;
use std::thread;

use crate::support::panics::{bomb, errors, manual, text_of};
use crate::support::{Ledger, PATIENCE, Token, listen, on_drop, watchdog};
use roundelay::task::Builder;
use roundelay::{EventLoop, OnPanic, run, spawn, yield_now};

fn new_loop(on_panic: OnPanic) -> EventLoop {
    let builder = EventLoop::builder().on_panic(on_panic);
    builder.build().expect("a loop")
}

#[test]
fn the_error_of_a_panic_in_the_destructor_of_a_future_names_the_task() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let ((), lines) = listen(|| {
            run(async {
                for is_aborted in [false, true] {
                    let token = ledger.token("an output");
                    let mut output = Some(token);
                    let future = manual(
                        move |_| match is_aborted {
                            true => Poll::Pending,
                            false => Poll::Ready(output.take()),
                        },
                        bomb("in the future's destructor"),
                    );
                    let handle = Builder::new().name("pump").spawn(future);
                    yield_now().await;
                    handle.abort();
                    let error = handle.await.map(drop).expect_err("it panicked");
                    assert!(error.is_panic(), "aborted: {is_aborted}");
                    let text = error.to_string();
                    assert!(text.starts_with("task 'pump' spawned at "), "{text}");
                    assert!(text.ends_with("in the future's destructor"), "{text}");
                }
            });
        });
        ledger.assert_settled();
        assert_eq!(
            errors(&lines),
            [""; 0],
            "an error that was read must not be logged"
        );
    });
}

#[test]
fn a_panic_in_the_destructor_of_a_future_that_is_aborted_before_its_first_poll_is_caught() {
    watchdog(PATIENCE, || {
        run(async {
            let handle = spawn(manual(|_| Poll::Ready(()), bomb("never polled")));
            let error = handle.cancel().await.expect_err("it was aborted");
            assert!(
                error.to_string().ends_with("panicked: never polled"),
                "{error}"
            );
        });
    });
}

#[test]
fn of_a_panic_in_the_poll_and_one_in_the_destructor_the_first_is_told() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        run(async {
            let token = ledger.token("the payload");
            let mut payload = Some(token);
            let future = manual(
                move |_| -> Poll<()> { panic_any(payload.take()) },
                bomb("in the destructor"),
            );
            let error = spawn(future).await.expect_err("it panicked twice");
            let payload = error.into_panic();
            assert!(
                payload.is::<Option<Token>>(),
                "the first panic is the cause"
            );
        });
        ledger.assert_settled();
    });
}

#[test]
fn a_panic_in_the_destructor_of_an_output_that_nobody_wants_is_logged_with_the_name() {
    watchdog(PATIENCE, || {
        for is_detached_first in [true, false] {
            let ((), lines) = listen(|| {
                run(async {
                    let future = async { bomb("in the output's destructor") };
                    let handle = Builder::new().name("pump").spawn(future);
                    if !is_detached_first {
                        yield_now().await;
                        assert!(handle.is_finished());
                    }
                    drop(handle);
                    yield_now().await;
                });
            });
            let lines = errors(&lines);
            assert_eq!(lines.len(), 1, "{lines:?}");
            for part in ["'pump' spawned at ", "in the output's destructor"] {
                assert!(lines[0].contains(part), "{lines:?}");
            }
        }
    });
}

#[test]
fn a_panic_in_a_destructor_while_the_loop_is_dropped_spares_the_other_tasks() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let ((), lines) = listen(|| {
            let event_loop = new_loop(OnPanic::Continue);
            for _ in 0..3 {
                let (token, bomb) = (ledger.token("a task's"), bomb("at the end"));
                drop(event_loop.spawn(async move {
                    let _parts = (token, bomb);
                    pending::<()>().await;
                }));
            }
            drop(event_loop);
        });
        ledger.assert_settled_here();
        let lines = errors(&lines);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(
            lines.iter().all(|line| line.contains("spawned at ")),
            "{lines:?}"
        );
    });
}

#[test]
fn panics_in_the_destructors_of_calls_that_a_loop_leaves_behind_are_all_caught() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let ((), lines) = listen(|| {
            let event_loop = new_loop(OnPanic::Continue);
            for _ in 0..3 {
                let (token, bomb) = (ledger.token("a call's"), on_drop(|| panic!("never called")));
                let call = move || drop((token, bomb));
                event_loop.remote().post(call).expect("the loop is there");
            }
            drop(event_loop);
        });
        ledger.assert_settled_here();
        assert_eq!(errors(&lines).len(), 3, "{lines:?}");
    });
}

#[test]
fn a_loop_dropped_while_its_thread_panics_drops_its_tasks_even_if_they_panic_too() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let book = ledger.clone();
        let thread = thread::Builder::new().name("a thread that panics".to_owned());
        let thread = thread.spawn(move || {
            let event_loop = new_loop(OnPanic::Continue);
            for _ in 0..3 {
                let parts = (book.token("a task's"), bomb("in a destructor"));
                drop(event_loop.spawn(async move {
                    let _parts = parts;
                    pending::<()>().await;
                }));
            }
            panic!("the thread");
        });
        let payload = thread
            .expect("a thread")
            .join()
            .map(|(): ()| ())
            .expect_err("it panicked");
        assert_eq!(text_of(payload.as_ref()), "the thread");
        ledger.assert_settled();
    });
}
