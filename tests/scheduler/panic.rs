//! A task's panic ends only this task. It is reported to the handle or to the log.

use std::cell::Cell;
use std::future::{Future, pending};
use std::panic::{Location, panic_any};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::panics::{Hydra, bomb, errors, manual, panic_of, text_of};
use crate::support::{Counter, Ledger, PATIENCE, listen, on_drop, watchdog, watchdog_on_stack};
use roundelay::task::Builder;
use roundelay::{EventLoop, JoinError, JoinHandle, OnPanic, Remote, run, spawn, yield_now};

fn new_loop(on_panic: OnPanic) -> EventLoop {
    let builder = EventLoop::builder().on_panic(on_panic);
    builder.build().expect("a loop")
}

fn turn(event_loop: &mut EventLoop) -> usize {
    event_loop.turn(Some(Duration::ZERO)).expect("a turn").polls
}

#[test]
fn a_panic_in_a_task_is_caught_and_its_handle_yields_the_payload() {
    watchdog(PATIENCE, || {
        run(async {
            let error = spawn(async { panic_any(7_u8) }).await.map(|(): ()| ());
            let error = error.expect_err("it panicked");
            assert!(error.is_panic() && !error.is_cancelled());
            assert_eq!(error.into_panic().downcast_ref(), Some(&7_u8));
            let text = spawn(async { panic!("{}", "boom") }).await.map(|(): ()| ());
            assert_eq!(
                text_of(text.expect_err("it panicked").into_panic().as_ref()),
                "boom"
            );
        });
    });
}

#[test]
fn after_a_panic_the_other_tasks_go_on() {
    watchdog(PATIENCE, || {
        let polls = Counter::default();
        run(async {
            let counts = polls.clone();
            let neighbour = spawn(async move {
                for _ in 0..10 {
                    counts.add();
                    yield_now().await;
                }
            });
            let bad = spawn(async {
                yield_now().await;
                panic!("in its second poll");
            });
            assert!(
                bad.await
                    .map(|(): ()| ())
                    .expect_err("it panicked")
                    .is_panic()
            );
            neighbour.await.expect("the neighbour ends well");
        });
        assert_eq!(polls.get(), 10);
    });
}

#[test]
fn an_error_names_the_task_and_the_line_that_spawned_it() {
    watchdog(PATIENCE, || {
        run(async {
            let line = Location::caller().line() + 1;
            let handle = Builder::new().name("pump").spawn(async { panic!("dry") });
            let error = handle.await.map(|(): ()| ()).expect_err("it panicked");
            let start = format!("task 'pump' spawned at {}:{line}:", file!());
            let text = error.to_string();
            assert!(
                text.starts_with(&start) && text.ends_with(" panicked: dry"),
                "{text}"
            );
        });
    });
}

#[test]
fn a_panic_that_nobody_awaits_is_logged_with_the_name_and_the_line() {
    watchdog(PATIENCE, || {
        let line = Location::caller().line() + 3;
        let ((), lines) = listen(|| {
            run(async {
                drop(Builder::new().name("pump").spawn(async { panic!("dry") }));
                yield_now().await;
            });
        });
        let lines = errors(&lines);
        let start = format!("task 'pump' spawned at {}:{line}:", file!());
        assert!(
            lines.len() == 1 && lines[0].starts_with(&start),
            "{lines:?}"
        );
        assert!(
            lines[0].contains(" panicked: dry; no task awaits"),
            "{lines:?}"
        );
    });
}

#[test]
fn a_panic_is_logged_when_its_handle_is_dropped_unread() {
    watchdog(PATIENCE, || {
        let ((), lines) = listen(|| {
            run(async {
                let handle = spawn(async { panic!("dry") });
                yield_now().await;
                assert!(handle.is_finished());
                drop(handle);
            });
        });
        let lines = errors(&lines);
        assert!(lines.len() == 1 && lines[0].contains("dry"), "{lines:?}");
    });
}

#[test]
fn a_panic_that_somebody_reads_is_not_logged() {
    watchdog(PATIENCE, || {
        let ((), lines) = listen(|| {
            run(async { drop(spawn(async { panic!("dry") }).await.map(|(): ()| ())) });
        });
        assert_eq!(errors(&lines), [""; 0]);
    });
}

#[test]
fn a_payload_whose_destructor_panics_harms_nobody() {
    watchdog(PATIENCE, || {
        for heads in [1, 2, 3] {
            let ledger = Ledger::new();
            let polls = Counter::default();
            let ((), _) = listen(|| {
                run(async {
                    let hydra = Hydra::new(&ledger, heads);
                    drop(spawn(async move { panic_any(hydra) }));
                    let hydra = Hydra::new(&ledger, heads);
                    drop(spawn(manual(
                        {
                            let mut hydra = Some(hydra);
                            move |_| -> Poll<()> { panic_any(hydra.take().expect("one poll")) }
                        },
                        bomb("in the destructor"),
                    )));
                    let hydra = Hydra::new(&ledger, heads);
                    let unread = spawn(async move { panic_any(hydra) });
                    let hydra = Hydra::new(&ledger, heads);
                    drop(spawn(async move { on_drop(move || panic_any(hydra)) }));
                    let hydra = Hydra::new(&ledger, heads);
                    drop(spawn(manual(
                        |_| Poll::Ready(()),
                        on_drop(move || panic_any(hydra)),
                    )));
                    let counts = polls.clone();
                    let last = spawn(async move { counts.add() });
                    last.await.expect("it ends well");
                    assert!(unread.is_finished());
                    drop(unread);
                });
            });
            assert_eq!(polls.get(), 1, "heads: {heads}");
            ledger.assert_settled();
        }
    });
}

#[test]
fn a_payload_whose_destructor_panics_comes_to_whoever_reads_the_handle() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        run(async {
            let hydra = Hydra::new(&ledger, 0);
            let error = spawn(async move { panic_any(hydra) })
                .await
                .map(|(): ()| ())
                .expect_err("it panicked");
            assert!(error.into_panic().is::<Hydra>());
        });
        ledger.assert_settled();
    });
}

#[test]
fn a_panic_in_a_posted_call_is_logged_and_the_loop_goes_on() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let ((), lines) = listen(|| {
            run(async {
                let remote = Remote::current();
                let token = ledger.token("what the call owns");
                remote
                    .post(move || {
                        let _token = token;
                        panic!("posted");
                    })
                    .expect("the loop is there");
                let hydra = Hydra::new(&ledger, 2);
                remote
                    .post(move || panic_any(hydra))
                    .expect("the loop is there");
                let (says, hears) = std::sync::mpsc::channel();
                let call = move || says.send("after").expect("the receiver is there");
                remote.post(call).expect("the loop is there");
                while hears.try_recv().is_err() {
                    yield_now().await;
                }
            });
        });
        ledger.assert_settled_here();
        let lines = errors(&lines);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].ends_with("panicked: posted"), "{lines:?}");
    });
}

/// Records the uses of a future that has panicked. It is pinned on the stack of `run`, so a later use would touch freed memory.
#[test]
fn a_main_future_that_panics_is_not_touched_again() {
    watchdog(PATIENCE, || {
        struct Main<'a> {
            log: &'a Cell<Vec<&'static str>>,
            address: usize,
        }
        impl Main<'_> {
            fn note(&self, what: &'static str) {
                let mut log = self.log.take();
                log.push(what);
                self.log.set(log);
            }
        }
        impl Future for Main<'_> {
            type Output = ();
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                self.note("polled");
                self.address = std::ptr::from_ref(&*self).addr();
                cx.waker().wake_by_ref();
                panic!("main");
            }
        }
        impl Drop for Main<'_> {
            fn drop(&mut self) {
                let is_at_home = self.address == std::ptr::from_ref(self).addr();
                self.note(if is_at_home {
                    "dropped"
                } else {
                    "dropped elsewhere"
                });
            }
        }

        let mut event_loop = new_loop(OnPanic::Continue);
        let log = Cell::new(Vec::new());
        let main = Main {
            log: &log,
            address: 0,
        };
        assert_eq!(panic_of(|| event_loop.run(main)), "main");
        assert_eq!(log.take(), ["polled", "dropped"]);
        while turn(&mut event_loop) > 0 {}
        event_loop.run(yield_now());
        drop(event_loop);
        assert_eq!(log.take(), [""; 0]);
    });
}

#[test]
fn a_handle_that_is_read_twice_says_so() {
    watchdog(PATIENCE, || {
        let text = run(async {
            let mut handle = spawn(async {});
            (&mut handle).await.expect("it ends well");
            let again = spawn(async move { (&mut handle).await.expect("never") });
            again.await.expect_err("it panicked").to_string()
        });
        assert!(text.contains("after it had given its output"), "{text}");
    });
}

#[test]
fn a_foreign_waker_that_panics_when_it_is_woken_is_logged_and_the_task_still_finishes() {
    watchdog(PATIENCE, || {
        struct Grumpy;
        impl std::task::Wake for Grumpy {
            fn wake(self: std::sync::Arc<Self>) {
                panic!("leave me alone");
            }
        }
        let ((), lines) = listen(|| {
            run(async {
                let mut handle = spawn(async { 7 });
                let grumpy = std::sync::Arc::new(Grumpy).into();
                let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&grumpy));
                assert!(polled.is_pending());
                yield_now().await;
                assert_eq!(handle.await.expect("it ends well"), 7);
            });
        });
        let lines = errors(&lines);
        assert!(
            lines.len() == 1 && lines[0].contains("leave me alone"),
            "{lines:?}"
        );
    });
}

#[test]
fn a_cancelled_error_has_no_payload() {
    watchdog(PATIENCE, || {
        let error: JoinError = run(async {
            let handle = spawn(pending::<()>());
            handle.cancel().await.expect_err("it was cancelled")
        });
        let error = error.try_into_panic().expect_err("no panic");
        assert!(error.is_cancelled());
        assert!(panic_of(|| error.into_panic()).contains("no panic"));
    });
}

#[test]
fn outside_of_a_loop_spawn_panics_with_one_sentence_that_says_what_to_do() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let token = ledger.token("the future's");
        let text = panic_of(|| drop(spawn(async move { drop(token) })));
        for part in [
            "`spawn`",
            "no event loop is running on this thread",
            "Remote::spawn",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(text.lines().count(), 1);
        ledger.assert_settled_here();
    });
}

/// The stack that `spawn` needs, measured in futures. In a release build it is only the future that the caller made.
/// Without optimisation each function on the way moves the future through frames of its own. There are twelve frames if
/// the task has a name, and fewer otherwise.
#[test]
fn a_future_of_three_megabytes_is_spawned_without_a_stack_to_match() {
    const SIZE: usize = 3 << 20;
    const ROOM: usize = match cfg!(debug_assertions) {
        true => 13 * SIZE,
        false => SIZE + SIZE / 2,
    };

    async fn big() -> u8 {
        let ballast = [1_u8; SIZE];
        yield_now().await;
        ballast[std::hint::black_box(17)]
    }
    #[inline(never)]
    fn is_big() -> bool {
        size_of_val(&big()) >= SIZE
    }
    #[inline(never)]
    fn from_outside(event_loop: &EventLoop) -> JoinHandle<u8> {
        event_loop.spawn(big())
    }
    #[inline(never)]
    fn from_inside() -> JoinHandle<u8> {
        spawn(big())
    }
    #[inline(never)]
    fn with_a_name() -> JoinHandle<u8> {
        Builder::new().name("big").spawn(big())
    }

    let sum = watchdog_on_stack(ROOM, || {
        assert!(is_big());
        let mut event_loop = new_loop(OnPanic::Continue);
        let outside = from_outside(&event_loop);
        event_loop.run(async {
            let handles = [outside, from_inside(), with_a_name()];
            let mut sum = 0;
            for handle in handles {
                sum += handle.await.expect("it ends well");
            }
            sum
        })
    });
    assert_eq!(sum, 3);
}
