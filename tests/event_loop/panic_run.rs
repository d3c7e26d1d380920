//! A panic that ends the run, of the main future or of another task: it comes out of `run` once, and the loop can run again.

use std::future::{IntoFuture, pending, poll_fn};
use std::panic::panic_any;
use std::task::Poll;
use std::time::Duration;

use crate::support::panics::{Hydra, bomb, errors, manual, panic_of};
use crate::support::{Counter, Ledger, PATIENCE, listen, on_drop, watchdog};
use roundelay::net::{TcpListener, TcpStream, serve};
use roundelay::{EventLoop, JoinHandle, OnPanic, spawn, yield_now};

fn new_loop(on_panic: OnPanic) -> EventLoop {
    let builder = EventLoop::builder().on_panic(on_panic);
    builder.build().expect("a loop")
}

fn turn(event_loop: &mut EventLoop) -> usize {
    event_loop.turn(Some(Duration::ZERO)).expect("a turn").polls
}

#[test]
fn a_panic_of_the_main_future_comes_out_of_run_and_the_loop_can_run_again() {
    watchdog(PATIENCE, || {
        for on_panic in [OnPanic::Continue, OnPanic::EndRun] {
            let ledger = Ledger::new();
            let ((), lines) = listen(|| {
                let mut event_loop = new_loop(on_panic);
                let neighbour = event_loop.spawn(async {
                    for _ in 0..5 {
                        yield_now().await;
                    }
                    "the neighbour"
                });
                let token = ledger.token("main's");
                let text = panic_of(|| {
                    event_loop.run(async {
                        let _token = token;
                        yield_now().await;
                        panic!("main");
                    })
                });
                assert_eq!(text, "main");
                assert_eq!(
                    ledger.alive(),
                    0,
                    "the main future is gone when run has ended"
                );
                assert_eq!(
                    event_loop.tasks().len(),
                    1,
                    "the task of the main future is left"
                );
                let said = event_loop.run(neighbour).expect("the neighbour goes on");
                assert_eq!(said, "the neighbour");
            });
            assert_eq!(errors(&lines), [""; 0], "run has told it: {on_panic:?}");
            ledger.assert_settled();
        }
    });
}

/// A panic of another task ends the run while the main future waits. The main task must go, because its future goes.
#[test]
fn a_main_future_whose_run_is_ended_by_another_task_is_not_touched_again() {
    watchdog(PATIENCE, || {
        let polls = Counter::default();
        let mut event_loop = new_loop(OnPanic::EndRun);
        let bad = event_loop.spawn(async {
            yield_now().await;
            panic!("a task");
        });
        let ledger = Ledger::new();
        let token = ledger.token("main's");
        let counts = polls.clone();
        let text = panic_of(|| {
            event_loop.run(async move {
                let _token = token;
                poll_fn(|cx| {
                    counts.add();
                    cx.waker().wake_by_ref();
                    Poll::<()>::Pending
                })
                .await;
            });
        });
        assert_eq!(text, "a task");
        ledger.assert_settled_here();
        let polled = polls.get();
        let tasks_left = event_loop.tasks().len();
        while turn(&mut event_loop) > 0 {}
        event_loop.run(yield_now());
        assert_eq!(polls.get(), polled);
        assert_eq!(tasks_left, 0);
        drop::<JoinHandle<()>>(bad);
    });
}

#[test]
fn a_main_future_that_panics_in_its_poll_and_in_its_destructor_does_not_abort_the_process() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let mut event_loop = new_loop(OnPanic::Continue);
        let token = ledger.token("main's");
        let main = manual(
            |_| -> Poll<()> { panic!("in its poll") },
            (token, bomb("in its destructor")),
        );
        let text = panic_of(|| event_loop.run(main));
        assert!(text.starts_with("in its "), "{text}");
        ledger.assert_settled_here();
        assert_eq!(event_loop.run(async { "again" }), "again");
    });
}

#[test]
fn a_main_future_that_panics_in_its_destructor_only_panics_out_of_run() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let mut event_loop = new_loop(OnPanic::Continue);
        let mut output = Some(ledger.token("the output"));
        let main = manual(
            move |_| Poll::Ready(output.take()),
            (ledger.token("main's"), bomb("in its destructor")),
        );
        assert_eq!(panic_of(|| event_loop.run(main)), "in its destructor");
        ledger.assert_settled_here();
        assert_eq!(event_loop.run(async { "again" }), "again");
    });
}

#[test]
fn with_end_run_a_panic_of_a_task_comes_out_of_run_at_once_and_the_others_stay() {
    watchdog(PATIENCE, || {
        let polls = Counter::default();
        let mut event_loop = new_loop(OnPanic::EndRun);
        let bad = event_loop.spawn(async { panic!("the first") });
        let worse = event_loop.spawn(async { panic!("the second") });
        let counts = polls.clone();
        let good = event_loop.spawn(async move { counts.add() });
        assert_eq!(panic_of(|| event_loop.run(pending::<()>())), "the first");
        assert_eq!(polls.get(), 0, "the run ends at once");
        assert!(bad.is_finished() && !worse.is_finished() && !good.is_finished());

        assert_eq!(panic_of(|| turn(&mut event_loop)), "the second");
        event_loop.run(good).expect("it ends well");
        assert_eq!(polls.get(), 1);
        let text = event_loop
            .run(bad)
            .map(|(): ()| ())
            .expect_err("it panicked");
        assert!(text.to_string().ends_with("the first"), "{text}");
        drop::<JoinHandle<()>>(worse);
    });
}

#[test]
fn with_end_run_a_panic_is_not_lost_behind_tasks_that_finish_in_the_same_turn() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop(OnPanic::EndRun);
        drop(event_loop.spawn(async { panic!("a task") }));
        for _ in 0..10 {
            drop(event_loop.spawn(async {}));
        }
        assert_eq!(panic_of(|| turn(&mut event_loop)), "a task");
        assert_eq!(turn(&mut event_loop), 10);
        assert_eq!(turn(&mut event_loop), 0);
    });
}

#[test]
fn with_end_run_a_panic_in_a_connection_ends_the_run_and_the_server_goes_on_in_the_next() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop(OnPanic::EndRun);
        let (server, address) = event_loop.run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let handler = |stream: TcpStream, _peer| async move {
                let mut command = [0];
                stream.read_exact(&mut command).await?;
                assert_eq!(&command, b"+", "a bug");
                stream.write_all(&command).await
            };
            (spawn(serve(listener, handler).into_future()), address)
        });
        let ask = |command: &'static [u8]| async move {
            let client = TcpStream::connect(address).await.unwrap();
            client.write_all(command).await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            answer
        };
        assert!(panic_of(|| event_loop.run(ask(b"-"))).contains("a bug"));
        assert_eq!(event_loop.run(ask(b"+")), b"+");
        assert!(!server.is_finished());
    });
}

#[test]
fn with_end_run_a_panic_of_a_task_whose_handle_is_remote_ends_the_run_and_its_handle_has_the_text()
{
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop(OnPanic::EndRun);
        let handle = event_loop.remote().spawn(|| async { panic!("far away") });
        assert_eq!(panic_of(|| event_loop.run(pending::<()>())), "far away");
        let error = event_loop.run(handle).map(|(): ()| ()).unwrap_err();
        assert!(error.to_string().ends_with("panicked: far away"), "{error}");
    });
}

#[test]
fn with_end_run_a_panic_while_the_loop_is_dropped_is_logged_and_ends_nothing() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let ((), lines) = listen(|| {
            let event_loop = new_loop(OnPanic::EndRun);
            for _ in 0..2 {
                let hydra = Hydra::new(&ledger, 2);
                let bomb = on_drop(move || panic_any(hydra));
                drop(event_loop.spawn(manual(|_| Poll::<()>::Pending, bomb)));
            }
            drop(event_loop);
        });
        ledger.assert_settled_here();
        let lines = errors(&lines);
        let unread = lines.iter().filter(|line| line.contains("no task awaits"));
        assert_eq!(unread.count(), 2, "{lines:?}");
    });
}
