//! A task group ends as a whole: it ends when each child has ended, and it reports every failure.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::run_alone::{Outcome, run_alone, told};
use crate::support::{Gate, Ledger, PATIENCE, Trace, on_drop, poll_once, watchdog};
use roundelay::group::Failure;
use roundelay::task::{self, TaskInfo};
use roundelay::{EventLoop, GroupError, OnPanic, TaskGroup, run, yield_now};

#[test]
fn the_body_may_borrow_and_its_value_is_the_scopes() {
    let _watched = crate::support::watch();
    let words = [String::from("one"), String::from("two")];
    let count: Outcome<usize> = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Ok(()) });
        Ok(words.len())
    }));
    assert_eq!(count.unwrap(), 2);
}

#[test]
fn a_group_without_children_ends_with_its_body() {
    let _watched = crate::support::watch();
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
    let _watched = crate::support::watch();
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        for error in ["first", "second", "third"] {
            group.spawn(async move { Err::<(), _>(error) });
        }
        Ok(())
    }));
    let errors = ["first", "second", "third"];
    assert_eq!(
        told(&outcome.unwrap_err()),
        errors,
        "errors of one turn were lost"
    );
}

#[test]
fn whoever_would_fail_a_turn_later_is_polled_no_more() {
    let _watched = crate::support::watch();
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
    let _watched = crate::support::watch();
    // In the turn of the failures the child runs before the body.
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("child") });
        yield_now().await;
        Err("body")
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["child", "body"]);

    // The body runs before the child, but its own failure still comes last.
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
    let _watched = crate::support::watch();
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
    let _watched = crate::support::watch();
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Err::<(), _>("error") });
        group.spawn::<(), _>(async { std::panic::panic_any(404_u32) });
        pending().await
    }));
    let mut failures = outcome.unwrap_err().into_failures();
    let Some(Failure::Panic(panic)) = failures.pop() else {
        panic!("the last failure is not the panic: {failures:?}");
    };
    assert!(
        panic.to_string().contains("tests/group/whole.rs"),
        "{panic}"
    );
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
    let _watched = crate::support::watch();
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
    let _watched = crate::support::watch();
    let outcome: Outcome = run_alone(TaskGroup::scope(async |group| {
        group.spawn(async { Ok(on_drop(|| panic!("value"))) });
        Ok(())
    }));
    assert_eq!(told(&outcome.unwrap_err()), ["panic: value"]);
}

#[test]
fn children_may_spawn_while_the_group_is_ending_as_long_as_one_lives() {
    let _watched = crate::support::watch();
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
    let _watched = crate::support::watch();
    // No child can be spawned between the end of the last child and the scope's own poll.
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
    let _watched = crate::support::watch();
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
fn nested_groups_that_fail_together_are_drawn_as_a_tree() {
    let _watched = crate::support::watch();
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
fn a_child_lives_on_the_loop_of_its_group_wherever_it_was_spawned_from() {
    let _watched = crate::support::watch();
    let outcome: Outcome<&str> = run_alone(TaskGroup::scope(async |group| {
        let group = group.with_outputs();
        // The spawn happens on a second loop, nested in this one. That loop is gone before the child is polled.
        run(async { group.spawn(async { Ok("polled at home") }) });
        assert_eq!(group.len(), 1);
        Ok(group.next().await.unwrap())
    }));
    assert_eq!(outcome.unwrap(), "polled at home");
}

#[test]
fn a_panic_of_a_child_ends_the_run_if_the_loop_was_made_so() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let token = ledger.token("sibling");
    let mut event_loop = EventLoop::builder()
        .on_panic(OnPanic::EndRun)
        .build()
        .unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        event_loop.run(TaskGroup::scope(async |group| {
            group.spawn(async move {
                let _token = token;
                pending::<Result<(), &str>>().await
            });
            group.spawn::<(), _>(async { std::panic::panic_any(9_u8) });
            pending::<Result<(), _>>().await
        }))
    }));
    assert_eq!(ended.err().unwrap().downcast_ref(), Some(&9_u8));
    ledger.assert_settled();
    assert!(event_loop.tasks().is_empty());
}

#[test]
fn a_child_that_has_a_name_shows_it_in_its_error_and_among_the_tasks() {
    let _watched = crate::support::watch();
    let outcome: Result<(), _> = run(TaskGroup::scope(async |group| {
        let two = group.with_limit(2);
        let named = |task: TaskInfo| task.name;
        group.spawn_named("reader", pending::<Result<(), &str>>());
        let room = two.reserve().await.unwrap();
        room.spawn_named("writer", async { panic!("out of ink") as Result<(), _> });
        let names: Vec<_> = task::all().into_iter().filter_map(named).collect();
        assert_eq!(names, ["reader", "writer"]);
        Ok(())
    }));
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("task 'writer' spawned at "), "{text}");
    assert!(text.contains("panicked: out of ink"), "{text}");
    assert!(task::all().is_empty(), "no loop is running here");
}
