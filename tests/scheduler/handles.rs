//! The things that a handle of a task keeps alive, and the things that it does not.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::support::{Counter, Gate, PATIENCE, counted, watchdog};
use roundelay::{EventLoop, JoinHandle, run, spawn, yield_now};

fn new_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

fn turns_until_idle(event_loop: &mut EventLoop) {
    while event_loop.turn(Some(Duration::ZERO)).expect("a turn").ready > 0 {}
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
fn an_old_abort_handle_never_hits_the_new_tenant_of_a_slot() {
    watchdog(PATIENCE, || {
        run(async {
            let mut old = Vec::new();
            for _ in 0..100 {
                let handle = spawn(async {});
                old.push(handle.abort_handle());
                handle.await.expect("it ends well");
            }
            // The old handles pin their slots, so these tasks get other slots.
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
                tenant.await.expect("the tenant was not aborted");
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
        let (first, first_wakes) = crate::support::counting_waker();
        let (second, second_wakes) = crate::support::counting_waker();
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

/// The handles of a task pin its slot, but its identifier does not. So a loop needs no more slots than it has tasks.
#[test]
fn slots_are_reused_when_the_last_handle_is_gone() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let mut highest = 0;
        for round in 0..if cfg!(miri) { 20 } else { 1_000 } {
            let handle = event_loop.spawn(async {});
            let abort = handle.abort_handle();
            let clone = abort.clone();
            let text = format!("{:?}", handle.id());
            let slot = text.trim_end_matches(')').rsplit(' ').next();
            let slot: usize = slot.and_then(|slot| slot.parse().ok()).expect("a slot");
            highest = highest.max(slot);
            // The handles are dropped in any order.
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

/// A slot counts its handles in two bytes. If there are more handles, the slot is never reused, but the task goes on.
#[test]
fn more_handles_than_a_slot_can_count_do_no_harm() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let handle = event_loop.spawn(pending::<()>());
        let crowd: Vec<_> = (0..70_000).map(|_| handle.abort_handle()).collect();
        let last = crowd.last().expect("a crowd").clone();
        drop(crowd);
        let others: Vec<_> = (0..10)
            .map(|n| event_loop.spawn(async move { n }))
            .collect();
        last.abort();
        let error = event_loop.run(handle).expect_err("it was aborted");
        assert!(error.is_cancelled() && last.is_finished());
        for (n, other) in others.into_iter().enumerate() {
            assert_eq!(event_loop.run(other).expect("it ends well"), n);
        }
    });
}
