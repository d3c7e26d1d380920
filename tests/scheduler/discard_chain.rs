//! An output may hold the handle of another finished task, and so on. However long the chain, its drop needs little stack.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use crate::support::{Ledger, PATIENCE, Token, Trace, on_drop, watchdog, watchdog_on_stack};
use roundelay::task::AbortHandle;
use roundelay::{EventLoop, JoinHandle, run, spawn, yield_now};

const LINKS: usize = if cfg!(miri) { 50 } else { 100_000 };
const SMALL_STACK: usize = 128 << 10;

/// An output that owns the task before it.
struct Link {
    _token: Token,
    _before: Option<JoinHandle<Link>>,
}

/// Makes a chain of finished tasks, and gives the handle of the last.
async fn chain(links: usize, ledger: &Ledger) -> JoinHandle<Link> {
    let mut before = None;
    for number in 0..links {
        let token = ledger.token(number.to_string());
        let handle = spawn(async move {
            Link {
                _token: token,
                _before: before,
            }
        });
        while !handle.is_finished() {
            yield_now().await;
        }
        before = Some(handle);
    }
    before.expect("a link at least")
}

#[test]
fn a_hundred_thousand_outputs_that_hold_each_other_are_dropped_on_a_small_stack() {
    watchdog_on_stack(SMALL_STACK, || {
        run(async {
            let ledger = Ledger::new();
            let last = chain(LINKS, &ledger).await;
            assert_eq!(ledger.alive(), LINKS);
            drop(last);
            assert_eq!(
                ledger.alive(),
                0,
                "all outputs must be dropped before the drop returns"
            );
            ledger.assert_settled_here();
        });
    });
}

#[test]
fn a_chain_is_dropped_on_a_small_stack_by_whoever_lets_go_of_it() {
    watchdog_on_stack(SMALL_STACK, || {
        let ledger = Ledger::new();
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async {
            // A detached task ends, and its output holds the chain.
            let last = chain(LINKS / 10, &ledger).await;
            drop(spawn(async move { Some(last) }));
            yield_now().await;
            yield_now().await;
            assert_eq!(ledger.alive(), 0, "the output of a detached task");
            // A future holds the chain and is cancelled.
            let last = chain(LINKS / 10, &ledger).await;
            let holder = spawn(async move {
                pending::<()>().await;
                drop(last);
            });
            assert!(holder.cancel().await.unwrap_err().is_cancelled());
            assert_eq!(ledger.alive(), 0, "a future that was cancelled");
            // The awaiting task gets the output and drops it.
            let last = chain(LINKS / 10, &ledger).await;
            drop(last.await);
            assert_eq!(ledger.alive(), 0, "an output that was awaited");
        });
        // The end of the loop drops a future that holds the chain.
        event_loop.run(async {
            let last = chain(LINKS / 10, &ledger).await;
            drop(spawn(async move {
                pending::<()>().await;
                drop(last);
            }));
            yield_now().await;
        });
        drop(event_loop);
        assert_eq!(ledger.alive(), 0, "a future that the loop dropped");
        // The handle outlives its loop.
        let last = run(chain(LINKS / 10, &ledger));
        drop(last);
        assert_eq!(ledger.alive(), 0, "a handle without a loop");
        ledger.assert_settled();
    });
}

#[test]
fn an_output_in_an_output_is_dropped_after_the_destructor_that_let_go_of_it() {
    watchdog(PATIENCE, || {
        run(async {
            let trace = Trace::new();
            let note = |what: &'static str| {
                let trace = trace.clone();
                on_drop(move || trace.push(what))
            };
            let inner = |name: &'static str| {
                let note = note(name);
                spawn(async move { note })
            };
            let (first, second) = (inner("first"), inner("second"));
            yield_now().await;
            let outer = spawn({
                let trace = trace.clone();
                async move {
                    on_drop(move || {
                        drop(first);
                        trace.push("between");
                        drop(second);
                        trace.push("outer");
                    })
                }
            });
            while !outer.is_finished() {
                yield_now().await;
            }
            drop(outer);
            assert_eq!(trace.take(), ["between", "outer", "first", "second"]);
        });
    });
}

/// Outside of another output's destructor, no drop is put off.
#[test]
fn an_output_is_dropped_before_the_drop_of_its_handle_returns() {
    watchdog(PATIENCE, || {
        run(async {
            let trace = Trace::new();
            for _ in 0..2 {
                let noted = trace.clone();
                let handle = spawn(async move { on_drop(move || noted.push("output")) });
                yield_now().await;
                trace.push("before");
                drop(handle);
                trace.push("after");
                assert_eq!(trace.take(), ["before", "output", "after"]);
            }
        });
    });
}

#[test]
fn a_destructor_that_panics_in_a_chain_stops_nobody_behind_it() {
    watchdog(PATIENCE, || {
        run(async {
            let ledger = Ledger::new();
            let last = chain(10, &ledger).await;
            let panics = spawn(async move {
                on_drop(move || {
                    drop(last);
                    panic!("in the destructor of an output");
                })
            });
            while !panics.is_finished() {
                yield_now().await;
            }
            drop(panics);
            assert_eq!(ledger.alive(), 0);
            // The next drop must not be put off for ever.
            drop(chain(10, &ledger).await);
            assert_eq!(ledger.alive(), 0);
            ledger.assert_settled_here();
        });
    });
}

/// While the drop of an output is put off, the output keeps its slot. A new task gets another slot.
#[test]
fn the_slot_of_an_output_that_waits_to_be_dropped_is_not_given_away() {
    watchdog(PATIENCE, || {
        run(async {
            let ledger = Ledger::new();
            let spawned: Rc<RefCell<Vec<AbortHandle>>> = Rc::default();
            let inner = chain(1, &ledger).await;
            let kept = inner.abort_handle();
            let outer = spawn({
                let spawned = Rc::clone(&spawned);
                async move {
                    on_drop(move || {
                        drop(inner);
                        for _ in 0..20 {
                            spawned
                                .borrow_mut()
                                .push(spawn(pending::<()>()).abort_handle());
                        }
                    })
                }
            });
            while !outer.is_finished() {
                yield_now().await;
            }
            drop(outer);
            assert_eq!(ledger.alive(), 0);
            assert!(kept.is_finished());
            assert!(spawned.borrow().iter().all(|task| !task.is_finished()));
            for task in spawned.take() {
                assert_ne!(task.id(), kept.id());
                task.abort();
            }
            ledger.assert_settled_here();
        });
    });
}
