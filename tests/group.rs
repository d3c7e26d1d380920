//! A task group ends as a whole: when each child has ended, with every failure there was.

mod support;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::group::Failure;
use roundelay::{EventLoop, GroupError, TaskGroup, run, timeout, timeout_at, yield_now};
use support::{Gate, Ledger, PATIENCE, Trace, on_drop, poll_once, watchdog};

type Outcome<T = ()> = Result<T, GroupError<&'static str>>;

/// Runs to the end, and no task is left behind.
fn run_alone<T>(main: impl Future<Output = T>) -> T {
    let mut event_loop = EventLoop::new().unwrap();
    let output = event_loop.run(main);
    assert_eq!(event_loop.tasks().len(), 0, "a task outlives its group");
    output
}

/// `error`, or `panic: ..`, in their order.
fn told(error: &GroupError<&'static str>) -> Vec<String> {
    let tell = |failure: &Failure<&str>| match failure {
        Failure::Error(error) => (*error).to_owned(),
        Failure::Panic(error) => {
            let text = error.to_string();
            format!("panic: {}", text.rsplit(": ").next().unwrap())
        }
    };
    error.failures().iter().map(tell).collect()
}

#[test]
fn the_body_may_borrow_and_its_value_is_the_scopes() {
    let words = [String::from("one"), String::from("two")];
    let count: Outcome<usize> = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Ok(()) });
        Ok(words.len())
    }));
    assert_eq!(count.unwrap(), 2);
}

#[test]
fn a_group_without_children_ends_with_its_body() {
    let outcome: Outcome = run_alone(TaskGroup::scope(async |_| Ok(())));
    assert!(outcome.is_ok());
}

#[test]
fn the_scope_ends_only_when_every_child_has_ended() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let outcome: Outcome = run_alone(async {
            let outcome = TaskGroup::scope(async |group| {
                for turns in 0..10 {
                    let token = ledger.token("child");
                    group.spawn(async move {
                        for _ in 0..turns {
                            yield_now().await;
                        }
                        drop(token);
                        Ok(())
                    });
                }
                Ok(())
            })
            .await;
            ledger.assert_settled();
            outcome
        });
        assert!(outcome.is_ok());
    });
}

#[test]
fn the_first_error_cancels_the_siblings_and_the_bodys_own_wait() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
            for _ in 0..3 {
                let token = ledger.token("sibling");
                group.spawn(async move {
                    let _token = token;
                    pending::<Result<(), _>>().await
                });
            }
            let _token = ledger.token("body");
            group.spawn(async { Err::<(), _>("first") });
            pending().await
        }));
        assert_eq!(told(&outcome.unwrap_err()), ["first"]);
        ledger.assert_settled_here();
    });
}

#[test]
fn children_that_fail_in_the_same_turn_are_all_reported() {
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        for error in ["first", "second", "third"] {
            group.spawn(async move { Err::<(), _>(error) });
        }
        Ok(())
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["first", "second", "third"]);
}

#[test]
fn whoever_would_fail_a_turn_later_is_polled_no_more() {
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("first") });
        group.spawn(async move {
            counted.set(counted.get() + 1);
            yield_now().await;
            counted.set(counted.get() + 1);
            Err::<(), _>("too late")
        });
        Ok(())
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["first"]);
    assert_eq!(polls.get(), 1);
}

#[test]
fn a_child_and_the_body_that_fail_in_the_same_turn_are_both_reported() {
    // The child runs before the body in their turn.
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("child") });
        yield_now().await;
        Err("body")
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["child", "body"]);

    // The body runs before the child; its own failure comes last all the same.
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("child") });
        Err("body")
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["child", "body"]);
}

#[test]
fn the_bodys_error_cancels_the_children() {
    watchdog(PATIENCE, || {
        let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
            group.spawn(pending::<Result<(), _>>());
            Err("body")
        }));
        assert_eq!(told(&outcome.unwrap_err()), ["body"]);
    });
}

#[test]
fn the_bodys_value_is_dropped_if_a_child_fails_after_it() {
    let ledger = Ledger::new();
    let outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("child") });
        Ok(ledger.token("value"))
    }));
    assert_eq!(told(&outcome.err().unwrap()), ["child"]);
    ledger.assert_settled();
}

#[test]
fn a_panic_is_a_failure_like_any_other_and_its_payload_is_kept() {
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("error") });
        group.spawn::<(), _>(async { std::panic::panic_any(404_u32) });
        pending().await
    }));
    let mut failures = outcome.unwrap_err().into_failures();
    let Some(Failure::Panic(panic)) = failures.pop() else {
        panic!("the panic comes second: {failures:?}");
    };
    assert!(panic.to_string().contains("tests/group.rs"), "{panic}");
    assert_eq!(panic.into_panic().downcast_ref(), Some(&404_u32));
    assert!(matches!(failures[..], [Failure::Error("error")]));
}

#[test]
fn a_panic_of_the_body_ends_the_children_and_is_reported_last() {
    watchdog(PATIENCE, || {
        let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
            group.spawn(async {
                let _fails = on_drop(|| panic!("destructor"));
                pending::<Result<(), _>>().await
            });
            yield_now().await;
            panic!("body")
        }));
        assert_eq!(
            told(&outcome.unwrap_err()),
            ["panic: destructor", "panic: body"]
        );
    });
}

#[test]
fn a_panic_can_be_gone_on_with() {
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn::<(), _>(async { std::panic::panic_any(7_u8) });
        Ok(())
    }));
    let error = outcome.unwrap_err();
    let resumed = catch_unwind(AssertUnwindSafe(|| error.resume_panic()));
    assert_eq!(resumed.unwrap_err().downcast_ref(), Some(&7_u8));

    let outcome: Outcome = run_alone(TaskGroup::scope(async |_| Err("no panic")));
    assert_eq!(told(&outcome.unwrap_err().resume_panic()), ["no panic"]);
}

#[test]
fn a_value_whose_destructor_panics_fails_the_group() {
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Ok(on_drop(|| panic!("value"))) });
        Ok(())
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["panic: value"]);
}

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
fn children_may_spawn_while_the_group_is_ending_as_long_as_one_lives() {
    let trace = Trace::new();
    let log = trace.clone();
    let outlived = run_alone(async {
        let mut outlived = None;
        let outcome: Outcome = TaskGroup::scope(async |group| {
            outlived = Some(group.clone());
            let inner = group.clone();
            group.spawn(async move {
                yield_now().await; // the body is done
                log.push("child");
                inner.spawn(async move {
                    log.push("grandchild");
                    Ok(())
                });
                Ok(())
            });
            Ok(())
        })
        .await;
        assert!(outcome.is_ok());
        outlived.unwrap()
    });
    assert_eq!(trace.take(), ["child", "grandchild"]);
    assert!(!outlived.is_open());
    assert!(
        outlived.spawn(async { Ok(()) }).is_none(),
        "the group is over"
    );
}

#[test]
fn a_group_is_over_as_soon_as_its_last_child_has_left() {
    // Between the last child's end and the scope's own poll nobody slips in.
    let outcome: Outcome = run_alone(async {
        let handle = Rc::new(RefCell::new(None));
        let outside = Rc::clone(&handle);
        let gate = Gate::new();
        let wait = gate.clone();
        let mut scope = Box::pin(TaskGroup::scope(async move |group| {
            *handle.borrow_mut() = Some(group.clone());
            group.spawn(async move {
                wait.wait().await;
                Ok(())
            });
            Ok(())
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        gate.open();
        yield_now().await;
        let group = outside.borrow_mut().take().unwrap();
        assert!(group.is_empty() && !group.is_open());
        assert!(group.spawn(async { Err::<(), _>("slipped in") }).is_none());
        scope.await
    });
    assert!(outcome.is_ok());
}

#[test]
fn an_aborting_group_refuses_and_drops_the_newcomer_at_once() {
    let ledger = Ledger::new();
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("first") });
        yield_now().await;
        let token = ledger.token("newcomer");
        let newcomer = group.spawn(async move {
            let _token = token;
            Ok(())
        });
        assert!(newcomer.is_none());
        ledger.assert_settled();
        Ok(())
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["first"]);
}

#[test]
fn cancel_ends_the_group_without_an_error() {
    watchdog(PATIENCE, || {
        // The body has its value.
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

        // It cancels and returns in one go.
        let outcome: Outcome<&str> = run_alone(TaskGroup::scope(async |group| {
            group.spawn(pending::<Result<(), _>>());
            group.cancel();
            Ok("value")
        }));
        assert_eq!(outcome.unwrap(), "value");

        // It is cut off where it waits, and has none.
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
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("real") });
        group.cancel();
        Ok(())
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["real"]);
}

#[test]
fn siblings_are_cancelled_although_nobody_polls_the_scope() {
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
fn nested_groups_that_fail_together_are_drawn_as_a_tree() {
    async fn inner(errors: [&'static str; 2]) -> Result<(), Box<dyn Error>> {
        let scope: Outcome = TaskGroup::scope(async |group| {
            for error in errors {
                group.spawn(async move { Err::<(), _>(error) });
            }
            Ok(())
        })
        .await;
        Ok(scope?)
    }
    let outcome: Result<(), GroupError<Box<dyn Error>>> =
        run_alone(TaskGroup::scope(async |group| {
            group.spawn(inner(["one", "two"]));
            group.spawn(inner(["three", "four\nand a half"]));
            Ok(())
        }));
    let error = outcome.unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 failures in a task group\n\
         ├─ 2 failures in a task group\n\
         │  ├─ one\n\
         │  └─ two\n\
         └─ 2 failures in a task group\n\
         \x20  ├─ three\n\
         \x20  └─ four\n\
         \x20     and a half"
    );
    let nested = error.errors().next().unwrap();
    let nested = nested.downcast_ref::<GroupError<&str>>().unwrap();
    assert_eq!(told(nested), ["one", "two"]);
}

#[test]
fn a_failure_of_an_inner_group_cancels_the_outer_one() {
    watchdog(PATIENCE, || {
        let outcome: Result<(), GroupError<GroupError<&str>>> =
            run_alone(TaskGroup::scope(async |outer| {
                outer.spawn(pending::<Result<(), _>>());
                outer.spawn(TaskGroup::scope(async |inner| {
                    inner.spawn(pending::<Result<(), _>>());
                    inner.spawn(async { Err::<(), _>("deep") });
                    pending::<Result<(), _>>().await
                }));
                pending().await
            }));
        let error = outcome.unwrap_err();
        let inner: Vec<_> = error.errors().map(told).collect();
        assert_eq!(inner, [["deep"]]);
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
            // The inner one has seen its deadline too, and its value counts.
            assert_eq!(timeout_at(deadline, inner).await, Ok(true));
            ledger.assert_settled();
        });
    });
}

#[test]
fn a_group_that_ends_in_time_beats_a_time_out_of_zero() {
    let outcome = run(timeout(
        Duration::ZERO,
        TaskGroup::scope(async |_| Ok::<_, &str>("at once")),
    ));
    assert_eq!(outcome.unwrap().unwrap(), "at once");
}

#[test]
fn a_child_lives_on_the_loop_of_its_group_wherever_it_was_spawned_from() {
    let outcome: Outcome<&str> = run_alone(TaskGroup::scope(async |group| {
        let group = group.with_outputs();
        // On a second loop, nested in this one, and gone before the child is polled.
        run(async { group.spawn(async { Ok("polled at home") }) });
        assert_eq!(group.len(), 1);
        Ok(group.next().await.unwrap())
    }));
    assert_eq!(outcome.unwrap(), "polled at home");
}
