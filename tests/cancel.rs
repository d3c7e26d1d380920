//! Cancelling is dropping: at the task's own turn, on the loop's own stack, once, and nobody else's future.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::marker::PhantomPinned;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use roundelay::task::{self, AbortHandle};
use roundelay::{EventLoop, JoinHandle, TaskId, run, spawn, yield_now};
use support::{
    Counter, Gate, Ledger, PATIENCE, Trace, counted, on_drop, poll_once, watchdog,
    watchdog_on_stack,
};

fn new_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

fn turns_until_idle(event_loop: &mut EventLoop) {
    while event_loop.turn(Some(Duration::ZERO)).expect("a turn").ready > 0 {}
}

/// A future that remembers where it was polled, and says so if it is dropped anywhere else. Not `Unpin`, as futures that
/// borrow from themselves are not.
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
        // Finished by itself.
        let gate = Gate::new();
        run(async {
            let handle = spawn(Rooted::new(&gate, &drops));
            yield_now().await;
            gate.open();
            assert_eq!(handle.await.expect("it ends well"), [7; 4]);
            assert_eq!(drops.take(), [true]);
        });
        // Aborted.
        run(async {
            let handle = spawn(Rooted::new(&Gate::new(), &drops));
            yield_now().await;
            assert!(handle.cancel().await.expect_err("cancelled").is_cancelled());
            assert_eq!(drops.take(), [true]);
        });
        // Dropped with its loop.
        let mut event_loop = new_loop();
        drop(event_loop.spawn(Rooted::new(&Gate::new(), &drops)));
        turns_until_idle(&mut event_loop);
        drop(event_loop);
        assert_eq!(drops.take(), [true]);
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
            assert_eq!(ledger.alive(), 1, "abort asks, and drops nothing itself");
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
        assert_eq!(trace.take(), expected);
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
            // One abort, and its destructor does the rest.
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
fn a_dropped_handle_detaches_and_its_task_runs_on() {
    watchdog(PATIENCE, || {
        let polls = Counter::default();
        run(async {
            drop(spawn(counted(&polls, async {
                for _ in 0..5 {
                    yield_now().await;
                }
            })));
            for _ in 0..10 {
                yield_now().await;
            }
        });
        assert_eq!(polls.get(), 6);
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

#[test]
fn an_old_abort_handle_never_hits_the_new_tenant_of_a_slot() {
    watchdog(PATIENCE, || {
        run(async {
            let mut old = Vec::new();
            for _ in 0..100 {
                let handle = spawn(async {});
                old.push(handle.abort_handle());
                handle.await.expect("it ends well");
            }
            // The old handles pin their slots, so that these get others.
            let gates: Vec<Gate> = (0..200).map(|_| Gate::new()).collect();
            let wait = |gate: Gate| async move { gate.wait().await };
            let tenants: Vec<_> = gates
                .iter()
                .cloned()
                .map(|gate| spawn(wait(gate)))
                .collect();
            yield_now().await;
            for abort in &old {
                abort.abort();
                assert!(abort.is_finished());
            }
            drop(old);
            yield_now().await;
            assert!(!tenants.iter().any(JoinHandle::is_finished));
            gates.iter().for_each(Gate::open);
            for tenant in tenants {
                tenant.await.expect("nobody aborted it");
            }
        });
    });
}

#[test]
fn an_abort_handle_outlives_the_loop_of_its_task() {
    watchdog(PATIENCE, || {
        let event_loop = new_loop();
        let handle = event_loop.spawn(pending::<()>());
        let abort = handle.abort_handle();
        drop(handle);
        drop(event_loop);
        assert!(abort.is_finished());
        abort.abort();
        let same = abort.clone();
        run(async { same.abort() });
        assert_eq!(same.id(), abort.id());
    });
}

/// Links that await each other. Whether the chain completes or is aborted at either end, no step of it nests in another:
/// the stack is many times smaller than a frame of a hundred bytes for each link would need.
const LINKS: usize = 10_000;
const SMALL_STACK: usize = match cfg!(debug_assertions) {
    true => 256 << 10,
    false => 64 << 10,
};

/// Spawns the links; the last one awaits `end`. Handles of all but the first are inside the links before them.
fn chain(end: Gate, ledger: &Ledger) -> JoinHandle<usize> {
    let token = ledger.token("the last link");
    let mut first = spawn(async move {
        let _token = token;
        end.wait().await;
        1
    });
    for link in 1..LINKS {
        let (next, token) = (first, ledger.token(format!("link {link}")));
        first = spawn(async move {
            let _token = token;
            1 + next.await.unwrap_or(0)
        });
    }
    first
}

#[test]
fn a_chain_of_ten_thousand_tasks_completes_on_a_small_stack() {
    watchdog_on_stack(SMALL_STACK, || {
        let ledger = Ledger::new();
        let length = run(async {
            let end = Gate::new();
            let first = chain(end.clone(), &ledger);
            yield_now().await;
            end.open();
            first.await.expect("it ends well")
        });
        assert_eq!(length, LINKS);
        ledger.assert_settled_here();
    });
}

#[test]
fn a_chain_of_ten_thousand_tasks_is_aborted_link_by_link_on_a_small_stack() {
    watchdog_on_stack(SMALL_STACK, || {
        let ledger = Ledger::new();
        run(async {
            // Each link aborts the next one in its destructor.
            let mut next: Option<AbortHandle> = None;
            let mut last = None;
            for link in 0..LINKS {
                let (token, after) = (ledger.token(format!("link {link}")), next.take());
                let handle = spawn(async move {
                    let _token = token;
                    let _abort = on_drop(move || {
                        if let Some(after) = after {
                            after.abort();
                        }
                    });
                    pending::<()>().await;
                });
                next = Some(handle.abort_handle());
                last = Some(handle);
            }
            yield_now().await;
            let last = last.expect("ten thousand links");
            assert!(last.cancel().await.expect_err("cancelled").is_cancelled());
            while ledger.alive() > 0 {
                yield_now().await;
            }
        });
        ledger.assert_settled_here();
    });
}

#[test]
fn a_chain_of_ten_thousand_tasks_is_dropped_with_its_loop_on_a_small_stack() {
    for is_handle_kept in [false, true] {
        watchdog_on_stack(SMALL_STACK, move || {
            let ledger = Ledger::new();
            let mut event_loop = new_loop();
            let first = event_loop.run(poll_fn(|_| Poll::Ready(chain(Gate::new(), &ledger))));
            let kept = is_handle_kept.then_some(first);
            turns_until_idle(&mut event_loop);
            drop(event_loop);
            ledger.assert_settled_here();
            if let Some(kept) = kept {
                let ended = run(kept).expect_err("its loop is gone");
                assert!(ended.is_cancelled());
            }
        });
    }
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    watchdog(PATIENCE, || {
        run(async {
            let gate = Gate::new();
            let opens = gate.clone();
            let mut handle = spawn(async move {
                gate.wait().await;
                "an output"
            });
            for _ in 0..3 {
                let mut wait = pin!(&mut handle);
                poll_fn(|cx| {
                    assert!(wait.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                yield_now().await;
            }
            opens.open();
            assert_eq!(handle.await.expect("it ends well"), "an output");
        });
    });
}

#[test]
fn a_handle_wakes_the_waker_of_its_last_poll_only_and_keeps_none_once_it_is_dropped() {
    watchdog(PATIENCE, || {
        let (first, first_wakes) = support::counting_waker();
        let (second, second_wakes) = support::counting_waker();
        let registered = |wakes| std::sync::Arc::strong_count(wakes) - 2;
        run(async {
            let mut handle = spawn(async {});
            let mut poll = |waker: &Waker| {
                let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(waker));
                assert!(polled.is_pending());
            };
            poll(&first);
            assert_eq!(
                (registered(&first_wakes), registered(&second_wakes)),
                (1, 0)
            );
            poll(&second);
            assert_eq!(
                (registered(&first_wakes), registered(&second_wakes)),
                (0, 1)
            );
            yield_now().await;
            assert_eq!((first_wakes.get(), second_wakes.get()), (0, 1));
            assert_eq!(
                (registered(&first_wakes), registered(&second_wakes)),
                (0, 0)
            );
            handle.await.expect("it ends well");

            let mut dropped = spawn(pending::<()>());
            let polled = Pin::new(&mut dropped).poll(&mut Context::from_waker(&first));
            assert!(polled.is_pending());
            assert_eq!(registered(&first_wakes), 1);
            drop(dropped);
            assert_eq!(registered(&first_wakes), 0);
        });
    });
}

/// A task's identifier pins nothing; its handles do. So a loop that spawns for ever needs no more slots than it has tasks.
#[test]
fn slots_are_reused_when_the_last_handle_is_gone() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let mut highest = 0;
        for round in 0..1_000 {
            let handle = event_loop.spawn(async {});
            let abort = handle.abort_handle();
            let clone = abort.clone();
            let text = format!("{:?}", handle.id());
            let slot = text.trim_end_matches(')').rsplit(' ').next();
            let slot: usize = slot.and_then(|slot| slot.parse().ok()).expect("a slot");
            highest = highest.max(slot);
            // In any order.
            match round % 3 {
                0 => drop((handle, abort, clone)),
                1 => drop((clone, abort, handle)),
                _ => drop((abort, handle, clone)),
            }
            turns_until_idle(&mut event_loop);
        }
        assert_eq!(highest, 0);
    });
}
