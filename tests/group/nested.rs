//! Groups within groups whose children fail in the same turn: every failure is reported or logged.

use std::cell::Cell;
use std::future::{Future, pending};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;

use crate::support::{Line, PATIENCE, listen, on_drop, poll_once, watchdog};
use roundelay::group::Failure;
use roundelay::{EventLoop, GroupError, TaskGroup, spawn, yield_now};

/// An error that has neither `Debug` nor `Display`.
enum Fault {
    Plain(u32),
    Nested(GroupError<Fault>),
}

type Group = TaskGroup<Fault>;
type Outcome = Result<(), GroupError<Fault>>;
type Scope = Pin<Box<dyn Future<Output = Outcome>>>;

/// The failures in their order: `1` for a plain one, `[2 3]` for a nested group.
fn told(error: &GroupError<Fault>) -> String {
    let tell = |failure: &Failure<Fault>| match failure {
        Failure::Error(Fault::Plain(number)) => number.to_string(),
        Failure::Error(Fault::Nested(error)) => told(error),
        Failure::Panic(_) => "panic".to_owned(),
    };
    let failures: Vec<String> = error.failures().iter().map(tell).collect();
    format!("[{}]", failures.join(" "))
}

async fn fail(number: u32) -> Result<(), Fault> {
    Err(Fault::Plain(number))
}

/// Runs to the end and checks that no task is left. Gives the output and the log lines about lost failures.
fn run_alone<F>(main: impl FnOnce() -> F + Send + 'static) -> (String, Vec<Line>)
where
    F: Future<Output = Outcome>,
{
    watchdog(PATIENCE, || {
        let (told, mut lines) = listen(|| {
            let mut event_loop = EventLoop::new().unwrap();
            let outcome = event_loop.run(main());
            assert_eq!(event_loop.tasks().len(), 0, "a task outlives its group");
            outcome.map_or_else(|error| told(&error), |()| "ended".to_owned())
        });
        lines.retain(|line| line.text.contains("its error is lost"));
        (told, lines)
    })
}

#[track_caller]
fn assert_told(lines: &[Line], whose: &[String]) {
    let tail = " failed, and its error is lost: the scope of its group was dropped";
    let expected: Vec<String> = whose.iter().map(|who| format!("{who}{tail}")).collect();
    let lines: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_scope_in_the_body_whose_child_fails_in_the_same_turn_is_reported_too() {
    let _watched = crate::support::watch();
    let (told, lines) = run_alone(|| {
        TaskGroup::scope(async |outer: Group| {
            outer.spawn(fail(1));
            let inner = TaskGroup::scope(async |inner: Group| {
                inner.spawn(fail(2));
                pending().await
            });
            inner.await.map_err(Fault::Nested)
        })
    });
    assert_eq!((&*told, lines.len()), ("[1 [2]]", 0));
}

#[test]
fn a_scope_in_the_body_is_waited_for_while_its_children_are_dropped() {
    let _watched = crate::support::watch();
    let (told, lines) = run_alone(|| {
        TaskGroup::scope(async |outer: Group| {
            outer.spawn(fail(1));
            let inner = TaskGroup::scope(async |inner: Group| {
                inner.spawn(fail(2));
                for _ in 0..3 {
                    inner.spawn(pending::<Result<(), Fault>>());
                }
                inner.spawn(fail(3));
                Ok(())
            });
            inner.await.map_err(Fault::Nested)
        })
    });
    assert_eq!((&*told, lines.len()), ("[1 [2 3]]", 0));
}

#[test]
fn scopes_ten_deep_whose_children_fail_in_the_same_turn_are_all_reported() {
    let _watched = crate::support::watch();
    fn nest(depth: u32) -> Scope {
        Box::pin(TaskGroup::scope(async move |group: Group| {
            group.spawn(pending::<Result<(), Fault>>());
            group.spawn(fail(depth));
            group.spawn(pending::<Result<(), Fault>>());
            match depth {
                1 => pending().await,
                _ => nest(depth - 1).await.map_err(Fault::Nested),
            }
        }))
    }
    let (told, lines) = run_alone(|| nest(10));
    assert_eq!(told, "[10 [9 [8 [7 [6 [5 [4 [3 [2 [1]]]]]]]]]]");
    assert_eq!(lines.len(), 0);
}

#[test]
fn a_body_without_a_failed_scope_in_it_is_not_polled_after_the_cut() {
    let _watched = crate::support::watch();
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let (told, lines) = listen(|| {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(TaskGroup::scope(async move |group: Group| {
            group.spawn(async {
                yield_now().await;
                Err::<(), _>(Fault::Plain(1))
            });
            // This scope has a child, but no failure.
            let inner = TaskGroup::scope::<(), _>(async |inner: Group| {
                inner.spawn(pending::<Result<(), Fault>>());
                loop {
                    counted.set(counted.get() + 1);
                    yield_now().await;
                }
            });
            inner.await.map_err(Fault::Nested)
        }))
    });
    assert_eq!(self::told(&told.unwrap_err()), "[1]");
    // Three polls: its first, one in the turn of the failing child's first poll, one in the turn of its second.
    assert_eq!((polls.get(), lines.len()), (3, 0));
}

#[test]
fn a_scope_that_is_polled_by_nobody_any_more_holds_up_nobody() {
    let _watched = crate::support::watch();
    let (told, lines) = run_alone(|| {
        TaskGroup::scope(async |outer: Group| {
            outer.spawn(fail(1));
            let mut inner = Box::pin(TaskGroup::scope(async |inner: Group| {
                inner.spawn(fail(2));
                pending::<Result<(), Fault>>().await
            }));
            assert!(poll_once(inner.as_mut()).is_pending());
            yield_now().await;
            // The inner scope has ended by now, or is about to end. It is never polled again.
            let _ = poll_once(inner.as_mut()).is_pending();
            pending().await
        })
    });
    assert_eq!(told, "[1]");
    assert_eq!(lines.len(), 1);
}

#[test]
fn a_child_with_a_scope_that_is_cut_off_tells_the_log_what_the_scope_knew() {
    let _watched = crate::support::watch();
    let at = Rc::new(Cell::new(0));
    let mut event_loop = EventLoop::new().unwrap();
    let line = Rc::clone(&at);
    let (outcome, lines) = listen(|| {
        let outer = async move |outer: Group| {
            outer.spawn(async {
                yield_now().await;
                Err::<(), _>(Fault::Plain(1))
            });
            outer.spawn(async move {
                let inner = TaskGroup::scope(async move |inner: Group| {
                    line.set(Location::caller().line());
                    inner.spawn(fail(2));
                    inner.spawn_named("pump", fail(3));
                    Ok(())
                });
                inner.await.map_err(Fault::Nested)
            });
            Ok(())
        };
        event_loop.run(TaskGroup::scope(outer))
    });
    assert_eq!(told(&outcome.unwrap_err()), "[1]");
    let here = |column: u32, below: u32| format!("{}:{}:{column}", file!(), at.get() + below);
    let whose = [
        format!("task spawned at {}", here(27, 1)),
        format!("task 'pump' spawned at {}", here(27, 2)),
    ];
    let lost: Vec<Line> = lines
        .into_iter()
        .filter(|line| line.text.contains("its error is lost"))
        .collect();
    assert!(lost.iter().all(|line| line.level == log::Level::Error));
    assert_told(&lost, &whose);
}

#[test]
fn an_error_of_a_child_whose_scope_was_dropped_is_told_to_the_log() {
    let _watched = crate::support::watch();
    let (_, lines) = run_alone(|| async {
        let slot: Rc<Cell<Option<Scope>>> = Rc::default();
        let own = Rc::clone(&slot);
        let mut scope: Scope = Box::pin(TaskGroup::scope(async move |group: Group| {
            // The child drops its own scope while it is polled, and then fails.
            group.spawn(async move {
                drop(own.take());
                Err::<(), _>(Fault::Plain(1))
            });
            pending().await
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        slot.set(Some(scope));
        for _ in 0..3 {
            yield_now().await;
        }
        Ok(())
    });
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0]
            .text
            .starts_with("task spawned at tests/group/nested.rs:")
    );
}

#[test]
fn an_error_of_the_body_is_not_lost_with_a_scope_that_waits_for_its_children() {
    let _watched = crate::support::watch();
    let (_, lines) = run_alone(|| async {
        let mut scope = Box::pin(TaskGroup::scope(async |group: Group| {
            group.spawn(pending::<Result<(), Fault>>());
            Err::<(), _>(Fault::Plain(1))
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        drop(scope);
        Ok(())
    });
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0]
            .text
            .starts_with("body of a task group entered at tests/group/nested.rs:")
    );
}

#[test]
fn a_failure_whose_destructor_panics_does_not_hide_the_others() {
    struct Bomb(#[allow(dead_code)] Box<dyn std::any::Any>);
    let lines = watchdog(PATIENCE, || {
        listen(|| {
            let mut event_loop = EventLoop::new().unwrap();
            event_loop.run(async {
                let scope = TaskGroup::scope(async |group: TaskGroup<Bomb>| {
                    for _ in 0..3 {
                        let bomb = on_drop(|| panic!("boom"));
                        group.spawn(async move { Err::<(), _>(Bomb(Box::new(bomb))) });
                    }
                    pending::<Result<(), Bomb>>().await
                });
                let task = spawn(scope);
                for _ in 0..2 {
                    yield_now().await;
                }
                task.abort();
            });
        })
        .1
    });
    let count = |what: &str| lines.iter().filter(|line| line.text.contains(what)).count();
    assert_eq!(count("its error is lost"), 3);
    assert_eq!(
        count("the destructor of a task group's failure panicked: boom"),
        3
    );
}
