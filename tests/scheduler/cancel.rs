//! To cancel a task is to drop its future, once and no other. It is dropped at the task's own turn, on the loop's own stack.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::marker::PhantomPinned;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::{
    Counter, Gate, Ledger, PATIENCE, Trace, counted, on_drop, poll_once, watchdog,
};
use roundelay::task::AbortHandle;
use roundelay::{EventLoop, JoinHandle, TaskId, run, spawn, task, yield_now};

fn new_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

fn turns_until_idle(event_loop: &mut EventLoop) {
    while event_loop.turn(Some(Duration::ZERO)).expect("a turn").ready > 0 {}
}

/// A future that remembers where it was polled, and records whether it is dropped there. It is not `Unpin`, like a future that
/// borrows from itself.
struct Rooted {
    address: Cell<usize>,
    is_ready: Gate,
    drops: Trace<bool>,
    _pin: PhantomPinned,
}

impl Rooted {
    fn new(is_ready: &Gate, drops: &Trace<bool>) -> Self {
        Self {
            address: Cell::new(0),
            is_ready: is_ready.clone(),
            drops: drops.clone(),
            _pin: PhantomPinned,
        }
    }
}

impl Future for Rooted {
    type Output = [u64; 4];

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<[u64; 4]> {
        let here = std::ptr::from_ref(&*self).addr();
        let was = self.address.replace(here);
        assert!(was == 0 || was == here, "moved between two polls");
        pin!(self.is_ready.wait()).poll(cx).map(|()| [7; 4])
    }
}

impl Drop for Rooted {
    fn drop(&mut self) {
        let here = std::ptr::from_ref(self).addr();
        self.drops.push(self.address.get() == here);
    }
}

#[test]
fn a_pinned_future_is_dropped_where_it_was_polled() {
    watchdog(PATIENCE, || {
        let drops = Trace::new();
        // The task finishes by itself.
        let gate = Gate::new();
        run(async {
            let handle = spawn(Rooted::new(&gate, &drops));
            yield_now().await;
            gate.open();
            assert_eq!(handle.await.expect("it ends well"), [7; 4]);
            assert_eq!(
                drops.take(),
                [true],
                "the future was moved before it was dropped"
            );
        });
        // The task is aborted.
        run(async {
            let handle = spawn(Rooted::new(&Gate::new(), &drops));
            yield_now().await;
            assert!(handle.cancel().await.expect_err("cancelled").is_cancelled());
            assert_eq!(
                drops.take(),
                [true],
                "the future was moved before it was dropped"
            );
        });
        // The task is dropped with its loop.
        let mut event_loop = new_loop();
        drop(event_loop.spawn(Rooted::new(&Gate::new(), &drops)));
        turns_until_idle(&mut event_loop);
        drop(event_loop);
        assert_eq!(
            drops.take(),
            [true],
            "the future was moved before it was dropped"
        );
    });
}

#[test]
fn a_task_aborted_before_its_first_poll_is_never_polled() {
    watchdog(PATIENCE, || {
        let polls = Counter::default();
        let ledger = Ledger::new();
        run(async {
            let token = ledger.token("the future's");
            let handle = spawn(counted(&polls, async move { drop(token) }));
            handle.abort();
            assert_eq!(ledger.alive(), 1, "`abort` itself must drop nothing");
            assert!(!handle.is_finished());
            let error = handle.await.expect_err("it was aborted");
            assert!(error.is_cancelled() && !error.is_panic());
        });
        assert_eq!(polls.get(), 0);
        ledger.assert_settled_here();
    });
}

#[test]
fn a_task_aborted_while_it_is_queued_is_not_polled_again() {
    watchdog(PATIENCE, || {
        let polls = Counter::default();
        run(async {
            let handle = spawn(counted(&polls, async {
                loop {
                    yield_now().await;
                }
            }));
            yield_now().await;
            assert_eq!(polls.get(), 1);
            handle.abort();
            assert!(
                handle
                    .await
                    .map(|(): ()| ())
                    .expect_err("aborted")
                    .is_cancelled()
            );
        });
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn a_task_aborted_while_it_is_parked_is_dropped_at_its_turn_without_a_poll() {
    watchdog(PATIENCE, || {
        let polls = Counter::default();
        let ledger = Ledger::new();
        run(async {
            let token = ledger.token("the future's");
            let handle = spawn(counted(&polls, async move {
                let _token = token;
                pending::<()>().await;
            }));
            yield_now().await;
            handle.abort();
            assert_eq!(ledger.alive(), 1);
            yield_now().await;
            assert!(handle.is_finished());
            ledger.assert_settled_here();
            assert!(handle.await.expect_err("it was aborted").is_cancelled());
        });
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn a_task_that_aborts_itself_goes_no_further_than_its_next_await() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        run(async {
            let own: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
            let handle = spawn({
                let (own, trace) = (Rc::clone(&own), trace.clone());
                async move {
                    let mark = trace.clone();
                    let _mark = on_drop(move || mark.push("dropped"));
                    own.borrow().as_ref().expect("its own handle").abort();
                    trace.push("still here");
                    yield_now().await;
                    trace.push("never");
                }
            });
            own.replace(Some(handle.abort_handle()));
            let mark = trace.clone();
            drop(spawn(async move { mark.push("its neighbour's turn") }));
            assert!(handle.await.expect_err("it was aborted").is_cancelled());
            trace.push("main goes on");
        });
        let expected = [
            "still here",
            "dropped",
            "its neighbour's turn",
            "main goes on",
        ];
        assert_eq!(
            trace.take(),
            expected,
            "an aborted task was not dropped when its poll returned"
        );
    });
}

#[test]
fn a_task_that_aborts_itself_in_its_last_poll_has_finished() {
    watchdog(PATIENCE, || {
        run(async {
            let own: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
            let mine = Rc::clone(&own);
            let handle = spawn(async move {
                mine.borrow().as_ref().expect("its own handle").abort();
                "an output"
            });
            own.replace(Some(handle.abort_handle()));
            assert_eq!(handle.await.expect("it ends well"), "an output");
        });
    });
}

#[test]
fn a_finished_task_cannot_be_aborted_and_keeps_its_output() {
    watchdog(PATIENCE, || {
        run(async {
            let handle = spawn(async { "an output" });
            yield_now().await;
            handle.abort();
            handle.abort_handle().abort();
            assert_eq!(handle.cancel().await.expect("it had finished"), "an output");
        });
    });
}

#[test]
fn aborting_twice_is_aborting_once() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let polls = run(async {
            let token = ledger.token("the future's");
            let handle = spawn(async move {
                let _token = token;
                pending::<()>().await;
            });
            let abort = handle.abort_handle();
            yield_now().await;
            for _ in 0..3 {
                handle.abort();
                abort.abort();
            }
            let error = handle.await.expect_err("it was aborted");
            abort.abort();
            assert!(abort.is_finished());
            error.is_cancelled()
        });
        assert!(polls);
        ledger.assert_settled_here();
    });
}

#[test]
fn a_destructor_may_abort_its_own_task_its_neighbours_and_a_finished_one() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        run(async {
            let aborts: Rc<RefCell<Vec<AbortHandle>>> = Rc::default();
            let parked = |name: &str| {
                let (token, all) = (ledger.token(name), Rc::clone(&aborts));
                spawn(async move {
                    let _token = token;
                    let _abort_all = on_drop(move || {
                        let all = all.borrow().clone();
                        all.iter().for_each(AbortHandle::abort);
                    });
                    pending::<()>().await;
                })
            };
            let handles = [parked("first"), parked("second"), parked("third")];
            let finished = spawn(async {});
            yield_now().await;
            let mut all: Vec<_> = handles.iter().map(JoinHandle::abort_handle).collect();
            all.push(finished.abort_handle());
            aborts.replace(all);
            // This aborts one task, and its destructor aborts the rest.
            handles[1].abort();
            for handle in handles {
                assert!(handle.await.expect_err("it was aborted").is_cancelled());
            }
            finished.await.expect("it had finished");
            // The handles in the list hold no future.
            ledger.assert_settled_here();
        });
    });
}

#[test]
fn cancel_resolves_only_after_the_future_is_dropped() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        run(async {
            let mark = trace.clone();
            let handle = spawn(async move {
                let _mark = on_drop(move || mark.push("the future is dropped"));
                pending::<()>().await;
            });
            yield_now().await;
            let mut cancel = pin!(handle.cancel());
            assert!(poll_once(cancel.as_mut()).is_pending());
            assert_eq!(trace.take(), [""; 0]);
            assert!(cancel.await.expect_err("cancelled").is_cancelled());
            trace.push("cancel resolves");
        });
        assert_eq!(trace.take(), ["the future is dropped", "cancel resolves"]);
    });
}

#[test]
fn cancel_resolves_although_its_task_is_busy_and_never_parks() {
    watchdog(PATIENCE, || {
        run(async {
            let busy = spawn(async {
                loop {
                    yield_now().await;
                }
            });
            for _ in 0..10 {
                yield_now().await;
            }
            let ended = busy.cancel().await.map(|(): ()| ());
            assert!(ended.expect_err("cancelled").is_cancelled());
        });
    });
}

#[test]
fn a_cancel_that_is_dropped_unawaited_aborts_all_the_same() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        run(async {
            let token = ledger.token("the future's");
            let handle = spawn(async move {
                let _token = token;
                pending::<()>().await;
            });
            drop(handle.cancel());
            yield_now().await;
            ledger.assert_settled_here();
        });
    });
}

#[test]
fn a_task_is_current_while_it_is_polled_and_while_its_future_is_dropped() {
    watchdog(PATIENCE, || {
        let seen: Trace<Option<TaskId>> = Trace::new();
        let look = || {
            let seen = seen.clone();
            on_drop(move || seen.push(task::current()))
        };
        let mut event_loop = new_loop();
        let manual = |is_ready: bool| {
            let mark = look();
            poll_fn(move |_| {
                let _ = &mark;
                if is_ready {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
        };
        let finishes = event_loop.spawn(manual(true));
        let aborted = event_loop.spawn(manual(false));
        let unborn = event_loop.spawn(manual(false));
        unborn.abort();
        let own: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
        let suicide = event_loop.spawn({
            let (own, mark) = (Rc::clone(&own), look());
            async move {
                let _mark = mark;
                own.borrow().as_ref().expect("its own handle").abort();
                pending::<()>().await;
            }
        });
        own.replace(Some(suicide.abort_handle()));
        let left = event_loop.spawn(manual(false));
        let names = [&finishes, &unborn, &suicide, &aborted, &left].map(|h| Some(h.id()));
        turns_until_idle(&mut event_loop);
        aborted.abort();
        turns_until_idle(&mut event_loop);
        drop(event_loop);
        assert_eq!(seen.take(), names);
        assert_eq!(task::current(), None);
    });
}
