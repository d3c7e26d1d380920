//! A task's panic ends the task, is told to somebody, and takes nothing else along.

mod support;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, panic_any};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use roundelay::task::Builder;
use roundelay::{EventLoop, JoinError, JoinHandle, OnPanic, Remote, run, spawn, yield_now};
use support::{
    Counter, Ledger, Line, PATIENCE, Token, listen, on_drop, watchdog, watchdog_on_stack,
};

fn new_loop(on_panic: OnPanic) -> EventLoop {
    let builder = EventLoop::builder().on_panic(on_panic);
    builder.build().expect("a loop")
}

fn turn(event_loop: &mut EventLoop) -> usize {
    event_loop.turn(Some(Duration::ZERO)).expect("a turn").polls
}

/// What `body` panics with, as text.
fn panic_of<R>(body: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => panic!("it should have panicked"),
        Err(payload) => text_of(payload.as_ref()),
    }
}

fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    let word = payload.downcast_ref::<&str>().map(|text| text.to_string());
    word.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".to_owned())
}

/// Panics with `text` in its destructor.
fn bomb(text: &'static str) -> impl Sized {
    on_drop(move || panic!("{text}"))
}

/// A future whose parts are dropped when the *scheduler* drops it: an `async` block would drop them in its last poll.
struct Manual<P, G> {
    poll: P,
    _guard: G,
}

fn manual<T, P, G>(poll: P, guard: G) -> Manual<P, G>
where
    P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
    G: Unpin,
{
    Manual {
        poll,
        _guard: guard,
    }
}

impl<T, P, G> Future for Manual<P, G>
where
    P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
    G: Unpin,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        (self.poll)(cx)
    }
}

/// The payload of a panic, whose destructor panics in turn, with a payload of the same sort.
struct Hydra {
    heads: u32,
    ledger: Ledger,
    _token: Token,
}

impl Hydra {
    fn new(ledger: &Ledger, heads: u32) -> Self {
        Self {
            heads,
            ledger: ledger.clone(),
            _token: ledger.token(format!("a payload with {heads} heads")),
        }
    }
}

impl Drop for Hydra {
    fn drop(&mut self) {
        if self.heads > 0 {
            panic_any(Hydra::new(&self.ledger, self.heads - 1));
        }
    }
}

fn errors(lines: &[Line]) -> Vec<&str> {
    lines
        .iter()
        .filter(|line| line.level == log::Level::Error && line.target == "roundelay::task")
        .map(|line| line.text.as_str())
        .collect()
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
            lines[0].contains(" panicked: dry; nobody awaits"),
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
        assert_eq!(errors(&lines), [""; 0], "somebody read it");
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
                let call = move || says.send("after").expect("somebody hears");
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
                assert_eq!(event_loop.tasks().len(), 1, "so is its task");
                let said = event_loop.run(neighbour).expect("the neighbour goes on");
                assert_eq!(said, "the neighbour");
            });
            assert_eq!(errors(&lines), [""; 0], "run has told it: {on_panic:?}");
            ledger.assert_settled();
        }
    });
}

/// Counts what is done to a future that has panicked. Pinned on the stack of `run`: touched later, it is freed memory.
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

/// A panic of a task ends the run while the main future waits: its task must go, because the future does.
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
        assert_eq!(event_loop.tasks().len(), 0);
        while turn(&mut event_loop) > 0 {}
        event_loop.run(yield_now());
        assert_eq!(polls.get(), polled);
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
        let unread = lines.iter().filter(|line| line.contains("nobody awaits"));
        assert_eq!(unread.count(), 2, "{lines:?}");
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

/// What `spawn` needs of the stack, measured in futures: the one that its caller made, and in a release build nothing more.
/// Without optimisation each function on the way moves it through frames of its own: eight with a plain `spawn`, ten with
/// a name.
#[test]
fn a_future_of_three_megabytes_is_spawned_without_a_stack_to_match() {
    const SIZE: usize = 3 << 20;
    const ROOM: usize = match cfg!(debug_assertions) {
        true => 11 * SIZE,
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
