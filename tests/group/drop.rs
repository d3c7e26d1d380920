//! When the `drop` of a scope returns, all its children have been dropped, whatever their
//! destructors do.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;

use crate::support::{
    Gate, Ledger, PATIENCE, Trace, listen, on_drop, poll_once, watchdog, watchdog_on_stack,
};
use roundelay::group::Failure;
use roundelay::{EventLoop, GroupError, TaskGroup, run, spawn, yield_now};

type Outcome<T = ()> = Result<T, GroupError<&'static str>>;
type Scope = Pin<Box<dyn Future<Output = Outcome>>>;
type Group = TaskGroup<&'static str>;

/// Waits for ever, and runs `last` when it is dropped.
async fn until_dropped(last: impl FnOnce()) -> Result<(), &'static str> {
    let _last = on_drop(last);
    pending().await
}

/// A scope that has been polled, whose children have been polled, and that waits.
async fn started(body: impl AsyncFnOnce(Group) -> Result<(), &'static str> + 'static) -> Scope {
    let mut scope: Scope = Box::pin(TaskGroup::scope(body));
    assert!(poll_once(scope.as_mut()).is_pending());
    yield_now().await;
    scope
}

#[test]
fn the_body_goes_first_then_the_children_in_the_order_of_their_spawning() {
    let _watched = crate::support::watch();
    let trace = Trace::new();
    let log = trace.clone();
    run(async move {
        let writer = log.clone();
        let mut scope = started(async move |group| {
            let say = |what| {
                let log = writer.clone();
                move || log.push(what)
            };
            group.spawn(async { Ok(()) }); // a younger child gets its key
            group.spawn(until_dropped(say("first")));
            yield_now().await;
            group.spawn(until_dropped(say("second")));
            group.spawn(until_dropped(say("third")));
            until_dropped(say("body")).await
        })
        .await;
        assert!(poll_once(scope.as_mut()).is_pending());
        yield_now().await;
        drop(scope);
        log.push("dropped");
    });
    assert_eq!(
        trace.take(),
        ["body", "first", "second", "third", "dropped"]
    );
}

#[test]
fn all_children_have_been_dropped_when_drop_returns_polled_or_not() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    run(async {
        let tokens: Vec<_> = (0..100).map(|_| ledger.token("child")).collect();
        let mut scope = Box::pin(TaskGroup::scope(async |group| {
            for token in tokens {
                group.spawn(until_dropped(move || drop(token)));
            }
            pending::<Result<(), &str>>().await
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        drop(scope);
        ledger.assert_settled();
    });
}

#[test]
fn a_child_that_spawns_from_its_destructor_during_teardown_is_refused() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let token = ledger.token("newcomer");
    let was_refused = Rc::new(Cell::new(false));
    let refused = Rc::clone(&was_refused);
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(async move {
        let scope = started(async move |group| {
            let late = group.clone();
            group.spawn(until_dropped(move || {
                let newcomer = late.spawn(until_dropped(move || drop(token)));
                refused.set(newcomer.is_none());
            }));
            Ok(())
        })
        .await;
        drop(scope);
    });
    assert!(
        was_refused.get(),
        "a group took a child in while it was torn down, and the child outlives the scope"
    );
    ledger.assert_settled();
    assert!(event_loop.tasks().is_empty());
}

#[test]
fn a_body_that_spawns_from_its_destructor_leaves_nobody_behind() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let token = ledger.token("newcomer");
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(async move {
        let scope = started(async move |group| {
            let late = group.clone();
            until_dropped(move || {
                late.spawn(until_dropped(move || drop(token)));
            })
            .await
        })
        .await;
        drop(scope);
    });
    ledger.assert_settled();
    assert!(event_loop.tasks().is_empty());
}

#[test]
fn a_destructor_that_panics_during_teardown_is_logged_and_stops_nobody() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let token = ledger.token("second");
    let ((), lines) = listen(|| {
        run(async move {
            let scope = started(async move |group| {
                group.spawn(until_dropped(|| panic!("a fight")));
                group.spawn(until_dropped(move || drop(token)));
                Ok(())
            })
            .await;
            drop(scope);
        });
    });
    ledger.assert_settled();
    let told = |line: &crate::support::Line| line.text.contains("panicked: a fight");
    assert_eq!(lines.iter().filter(|line| told(line)).count(), 1);
}

#[test]
fn failures_that_nobody_can_be_told_any_more_are_logged_if_they_are_panics() {
    let _watched = crate::support::watch();
    let ((), lines) = listen(|| {
        run(async {
            let scope = started(async |group| {
                group.spawn::<(), _>(async { panic!("unheard") });
                group.spawn(async { Err::<(), _>("unheard error") });
                Ok(())
            })
            .await;
            drop(scope);
        });
    });
    let told = |line: &crate::support::Line| line.text.contains("unheard");
    assert_eq!(lines.iter().filter(|line| told(line)).count(), 1);
}

#[test]
fn a_destructor_that_fails_while_the_group_aborts_is_reported() {
    watchdog(PATIENCE, || {
        let outcome: Outcome = run(TaskGroup::scope(async |group| {
            group.spawn(until_dropped(|| panic!("second")));
            group.spawn(async { Err::<(), _>("first") });
            Ok(())
        }));
        let failures = outcome.unwrap_err().into_failures();
        let [Failure::Error("first"), Failure::Panic(second)] = &failures[..] else {
            panic!("{failures:?}");
        };
        assert!(second.to_string().ends_with("panicked: second"));
        assert!(second.to_string().contains("tests/group/drop.rs"));
    });
}

#[test]
fn a_destructor_that_cancels_or_drops_other_scopes_does_no_harm() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let book = ledger.clone();
    run(async move {
        let other_token = book.token("other's child");
        let other = started(async move |group| {
            group.spawn(until_dropped(move || drop(other_token)));
            Ok(())
        })
        .await;
        let token = book.token("sibling");
        let scope = started(async move |group| {
            let cancel = group.clone();
            group.spawn(until_dropped(move || {
                cancel.cancel();
                drop(other);
            }));
            group.spawn(until_dropped(move || drop(token)));
            Ok(())
        })
        .await;
        drop(scope);
        book.assert_settled();
    });
}

#[test]
fn a_child_that_drops_the_scope_from_its_own_poll_is_dropped_when_that_poll_returns() {
    let _watched = crate::support::watch();
    let trace = Trace::new();
    let log = trace.clone();
    run(async move {
        let place: Rc<RefCell<Option<Scope>>> = Rc::default();
        let own = Rc::clone(&place);
        let gate = Gate::new();
        let wait = gate.clone();
        let writer = log.clone();
        let scope = started(async move |group| {
            let (a, b, c) = (writer.clone(), writer.clone(), writer.clone());
            group.spawn(async move {
                let _last = on_drop(move || a.push("the child that dropped it"));
                wait.wait().await;
                drop(own.take());
                b.push("drop has returned");
                pending::<Result<(), _>>().await
            });
            group.spawn(until_dropped(move || c.push("sibling")));
            Ok(())
        })
        .await;
        *place.borrow_mut() = Some(scope);
        gate.open();
        yield_now().await;
        log.push("the next turn");
    });
    let expected = [
        "sibling",
        "drop has returned",
        "the child that dropped it",
        "the next turn",
    ];
    assert_eq!(trace.take(), expected);
}

#[test]
fn a_parent_that_is_aborted_while_it_waits_at_the_scopes_end_takes_the_children_along() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let token = ledger.token("child");
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async move {
            let parent = spawn(TaskGroup::scope(async move |group| {
                group.spawn(until_dropped(move || drop(token)));
                Ok(())
            }));
            yield_now().await;
            yield_now().await;
            assert!(parent.cancel().await.unwrap_err().is_cancelled());
        });
        ledger.assert_settled();
        assert!(event_loop.tasks().is_empty());
    });
}

#[test]
fn a_parent_that_is_aborted_while_its_group_aborts_is_not_held_up() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async {
            let parent = spawn(TaskGroup::scope(async |group| {
                group.spawn(async { Err::<(), _>("first") });
                group.spawn(pending::<Result<(), _>>());
                Ok(())
            }));
            yield_now().await;
            assert!(parent.cancel().await.unwrap_err().is_cancelled());
        });
        assert!(event_loop.tasks().is_empty());
    });
}

#[test]
fn a_scope_may_be_dropped_when_its_loop_does_not_run_or_is_gone() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let scope = |ledger: &Ledger| {
        let token = ledger.token("child");
        TaskGroup::scope(async move |group: Group| {
            // The destructor finds its loop, although no loop is running.
            group.spawn(until_dropped(move || {
                drop(spawn(async {}));
                drop(token);
            }));
            Ok(())
        })
    };
    let mut event_loop = EventLoop::new().unwrap();
    let mut first: Scope = Box::pin(scope(&ledger));
    let mut second: Scope = Box::pin(scope(&ledger));
    event_loop.run(async {
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
    });
    drop(first);
    assert_eq!(ledger.alive(), 1);
    drop(event_loop);
    ledger.assert_settled();
    drop(second);
}

#[test]
fn a_loop_that_ends_ends_its_groups() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let token = ledger.token("child");
    let newcomer = ledger.token("newcomer");
    let parent = async move |group: Group| {
        let late = group.clone();
        group.spawn(until_dropped(move || {
            drop(token);
            late.spawn(until_dropped(move || drop(newcomer)));
        }));
        Ok(())
    };
    run(async {
        drop(spawn(TaskGroup::scope(parent)));
        yield_now().await;
        yield_now().await;
    });
    ledger.assert_settled_here();
}

/// A group whose child has a group whose child .. `depth` levels deep. The innermost child waits for `last`.
fn nest(depth: usize, ledger: Ledger, last: Rc<Gate>) -> Scope {
    let token = ledger.token(format!("level {depth}"));
    Box::pin(TaskGroup::scope(async move |group: Group| {
        group.spawn(async move {
            let _token = token;
            if depth > 0 {
                return nest(depth - 1, ledger, last).await.map_err(|_| "below");
            }
            last.wait().await;
            Err("innermost")
        });
        Ok(())
    }))
}

const DEPTH: usize = if cfg!(miri) { 10 } else { 10_000 };
/// A quarter of the default stack of a test's thread.
const SMALL_STACK: usize = 512 * 1024;

fn nested(end: impl AsyncFnOnce(Scope, &Gate) + Send + 'static) {
    watchdog_on_stack(SMALL_STACK, move || {
        let ledger = Ledger::new();
        let book = ledger.clone();
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async move {
            let gate = Rc::new(Gate::new());
            let mut scope = nest(DEPTH, book.clone(), Rc::clone(&gate));
            assert!(poll_once(scope.as_mut()).is_pending());
            while book.made() <= DEPTH {
                yield_now().await;
            }
            yield_now().await;
            end(scope, &gate).await;
            book.assert_settled();
        });
        assert_eq!(ledger.made(), DEPTH + 1);
        assert!(event_loop.tasks().is_empty());
    });
}

#[test]
fn ten_thousand_nested_groups_are_dropped_on_a_small_stack() {
    let _watched = crate::support::watch();
    nested(async |scope, _| drop(scope));
}

#[test]
fn ten_thousand_nested_groups_fail_on_a_small_stack() {
    let _watched = crate::support::watch();
    nested(async |scope, gate| {
        gate.open();
        let error = scope.await.unwrap_err();
        assert_eq!(error.errors().collect::<Vec<_>>(), [&"below"]);
    });
}

#[test]
fn ten_thousand_nested_groups_end_with_their_loop_on_a_small_stack() {
    watchdog_on_stack(SMALL_STACK, || {
        let ledger = Ledger::new();
        run(async {
            drop(spawn(nest(DEPTH, ledger.clone(), Rc::default())));
            while ledger.made() <= DEPTH {
                yield_now().await;
            }
        });
        ledger.assert_settled();
    });
}

#[test]
fn up_to_the_limit_of_depth_each_scope_keeps_the_promise_by_itself() {
    let _watched = crate::support::watch();
    // Each level checks, when its own inner scope has been dropped, that no level below it is alive.
    fn level(depth: usize, alive: Rc<Cell<usize>>) -> Scope {
        Box::pin(TaskGroup::scope(async move |group: Group| {
            group.spawn(async move {
                let counter = Rc::clone(&alive);
                counter.set(counter.get() + 1);
                let _last = on_drop(move || {
                    assert_eq!(
                        counter.get(),
                        depth + 1,
                        "a level was dropped before the levels below it"
                    );
                    counter.set(depth);
                });
                // The inner scope is declared after `_last`, so it is dropped first.
                let mut inner = pin!(level(depth + 1, alive));
                if depth + 1 < roundelay::group::DEPTH_LIMIT {
                    inner.as_mut().await.map_err(|_| "below")?;
                }
                pending::<Result<(), _>>().await
            });
            Ok(())
        }))
    }
    let ((), lines) = listen(|| {
        run(async {
            let alive = Rc::new(Cell::new(0));
            let mut scope = level(0, Rc::clone(&alive));
            assert!(poll_once(scope.as_mut()).is_pending());
            while alive.get() < roundelay::group::DEPTH_LIMIT {
                yield_now().await;
            }
            drop(scope);
            assert_eq!(alive.get(), 0);
        });
    });
    assert!(lines.is_empty(), "a destructor panicked");
}
