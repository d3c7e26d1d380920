//! A group that is cancelled ends, and hides no other cancellation.

use std::future::pending;
use std::time::{Duration, Instant};

use crate::run_alone::{Outcome, run_alone, told};
use crate::support::{Gate, Ledger, PATIENCE, poll_once, watchdog};
use roundelay::{TaskGroup, run, timeout, timeout_at, yield_now};

#[test]
fn a_child_that_is_aborted_alone_is_no_failure() {
    watchdog(PATIENCE, || {
        let outcome: Outcome<&str> = run_alone(TaskGroup::scope(async |group| {
            let child = group.spawn(pending::<Result<(), _>>()).unwrap();
            let other = Gate::new();
            let gate = other.clone();
            group.spawn(async move {
                gate.wait().await;
                Ok(())
            });
            yield_now().await;
            child.abort();
            yield_now().await;
            assert!(child.is_finished());
            assert_eq!((group.len(), group.is_open()), (1, true));
            other.open();
            Ok("value")
        }));
        assert_eq!(outcome.unwrap(), "value");
    });
}

#[test]
fn cancel_ends_the_group_without_an_error() {
    watchdog(PATIENCE, || {
        // The body returns its value before the cancel.
        let outcome: Outcome<&str> = run_alone(TaskGroup::scope(async |group| {
            group.spawn(pending::<Result<(), _>>());
            let stop = group.clone();
            group.spawn(async move {
                stop.cancel();
                Ok(())
            });
            Ok("value")
        }));
        assert_eq!(outcome.unwrap(), "value");

        // The body cancels and returns in the same poll.
        let outcome: Outcome<&str> = run_alone(TaskGroup::scope(async |group| {
            group.spawn(pending::<Result<(), _>>());
            group.cancel();
            Ok("value")
        }));
        assert_eq!(outcome.unwrap(), "value");

        // The body is cut off where it waits, and has no value.
        let ledger = Ledger::new();
        let cut_off = async |group: TaskGroup<&'static str>| {
            let _token = ledger.token("body");
            group.cancel();
            pending::<Result<(), _>>().await
        };
        let outcome: Outcome = run_alone(TaskGroup::scope(cut_off));
        assert!(outcome.unwrap_err().is_cancelled());
        let outcome = run_alone(TaskGroup::scope_until_cancelled(cut_off));
        assert_eq!(outcome.unwrap(), None);
        ledger.assert_settled();
    });
}

#[test]
fn a_child_that_cancels_the_group_before_it_first_suspends_does_not_hang_it() {
    watchdog(PATIENCE, || {
        let outcome: Outcome<Option<()>> =
            run_alone(TaskGroup::scope_until_cancelled(async |group| {
                for _ in 0..3 {
                    let stop = group.clone();
                    group.spawn(async move {
                        stop.cancel();
                        pending::<Result<(), _>>().await
                    });
                }
                pending().await
            }));
        assert_eq!(outcome.unwrap(), None);
    });
}

#[test]
fn what_fails_in_the_turn_of_a_cancel_is_a_failure() {
    let _watched = crate::support::watch();
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("real") });
        group.cancel();
        Ok(())
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["real"]);
}

#[test]
fn siblings_are_cancelled_although_nobody_polls_the_scope() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    run_alone(async {
        let mut scope = Box::pin(TaskGroup::scope(async |group| {
            let token = ledger.token("sibling");
            group.spawn(async move {
                let _token = token;
                pending::<Result<(), _>>().await
            });
            group.spawn(async { Err::<(), _>("first") });
            Ok(())
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        for _ in 0..3 {
            yield_now().await;
        }
        ledger.assert_settled();
        assert_eq!(told(&scope.await.unwrap_err()), ["first"]);
    });
}

#[test]
fn an_outer_time_out_is_not_swallowed_by_a_group_that_was_cancelled() {
    watchdog(PATIENCE, || {
        let second = run_alone(async {
            timeout(Duration::from_millis(1), async {
                let inner = TaskGroup::scope_until_cancelled(async |group| {
                    group.cancel();
                    pending::<Result<(), &str>>().await
                });
                assert_eq!(inner.await.unwrap(), None);
                pending::<()>().await
            })
            .await
        });
        assert!(second.is_err());
    });
}

#[test]
fn time_outs_of_zero_in_the_past_and_with_equal_deadlines_end_the_scope() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let scope = || {
            let token = ledger.token("child");
            TaskGroup::scope(async |group| {
                group.spawn(async move {
                    let _token = token;
                    pending::<Result<(), &str>>().await
                });
                pending::<Result<(), _>>().await
            })
        };
        run_alone(async {
            assert!(timeout(Duration::ZERO, scope()).await.is_err());
            ledger.assert_settled();
            let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
            assert!(timeout_at(past, scope()).await.is_err());
            ledger.assert_settled();
            let deadline = Instant::now() + Duration::from_millis(2);
            let inner = async { timeout_at(deadline, scope()).await.is_err() };
            // The inner time-out has seen its deadline too, and its value counts.
            assert_eq!(timeout_at(deadline, inner).await, Ok(true));
            ledger.assert_settled();
        });
    });
}

#[test]
fn a_group_that_ends_in_time_beats_a_time_out_of_zero() {
    let _watched = crate::support::watch();
    let outcome = run(timeout(
        Duration::ZERO,
        TaskGroup::scope(async |_| Ok::<_, &str>("at once")),
    ));
    assert_eq!(outcome.unwrap().unwrap(), "at once");
}
