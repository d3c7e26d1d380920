//! A group keeps the values that it must keep, and no more children live than its limit.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;

use crate::support::{Gate, Ledger, PATIENCE, Trace, on_drop, poll_once, watchdog};
use roundelay::future::race_all;
use roundelay::group::Failure;
use roundelay::{GroupError, TaskGroup, run, spawn, yield_now};

type Outcome<T = ()> = Result<T, GroupError<&'static str>>;
type Group = TaskGroup<&'static str>;

fn scope<T>(body: impl AsyncFnOnce(Group) -> T) -> T {
    let outcome: Outcome<T> = run(TaskGroup::scope(async |group| Ok(body(group).await)));
    outcome.unwrap()
}

async fn turns<T>(count: usize, value: T) -> Result<T, &'static str> {
    for _ in 0..count {
        yield_now().await;
    }
    Ok(value)
}

#[test]
fn values_come_in_the_order_in_which_the_children_finish() {
    watchdog(PATIENCE, || {
        let values = scope(async |group| {
            let group = group.with_outputs();
            for (turn, name) in [(3, "last"), (0, "first"), (1, "second"), (1, "third")] {
                group.spawn(turns(turn, name));
            }
            let mut values = Vec::new();
            while let Some(value) = group.next().await {
                values.push(value);
            }
            values
        });
        let order = ["first", "second", "third", "last"];
        assert_eq!(values, order, "the outputs of the children were lost");
    });
}

#[test]
fn values_are_dropped_as_they_come_if_nobody_asked_for_them() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    scope(async |group| {
        let tokens: Vec<_> = (0..10).map(|_| ledger.token("value")).collect();
        for token in tokens {
            group.spawn(turns(0, token));
        }
        group.spawn(turns(0, "of another type"));
        yield_now().await;
        ledger.assert_settled();
        assert_eq!(group.len(), 0);
    });
}

#[test]
fn values_of_children_that_were_spawned_elsewhere_in_the_group_are_not_among_them() {
    watchdog(PATIENCE, || {
        scope(async |group| {
            let ours = group.with_outputs();
            let theirs = group.with_outputs();
            group.spawn(pending::<Result<u8, _>>());
            theirs.spawn(turns(0, "theirs"));
            ours.spawn(turns(0, 1));
            assert_eq!(ours.next().await, Some(1));
            // The endless child does not belong to this handle, so there is nothing to wait for.
            assert_eq!(ours.next().await, None);
            assert_eq!(theirs.next().await, Some("theirs"));
            group.cancel();
        });
    });
}

#[test]
fn next_waits_for_children_and_goes_without_a_value_when_the_last_one_is_aborted() {
    watchdog(PATIENCE, || {
        scope(async |group| {
            let group = group.with_outputs::<u8>();
            assert_eq!(group.next().await, None);
            let child = group.spawn(pending()).unwrap();
            let waiting = {
                let group = group.clone();
                spawn(async move { group.next().await })
            };
            yield_now().await;
            assert!(!waiting.is_finished());
            child.abort();
            assert_eq!(waiting.await.unwrap(), None);
            // A younger child has a value again.
            group.spawn(turns(0, 7));
            assert_eq!(group.next().await, Some(7));
        });
    });
}

#[test]
fn a_value_given_to_a_waiter_that_was_dropped_goes_to_the_next() {
    watchdog(PATIENCE, || {
        scope(async |group| {
            let group = group.with_outputs();
            let gates = [Gate::new(), Gate::new()];
            for (gate, name) in gates.iter().cloned().zip(["first", "second"]) {
                group.spawn(async move {
                    gate.wait().await;
                    Ok(name)
                });
            }
            yield_now().await;
            let mut early = Box::pin(group.next());
            let mut late = Box::pin(group.next());
            assert!(poll_once(early.as_mut()).is_pending());
            assert!(poll_once(late.as_mut()).is_pending());
            gates[0].open();
            yield_now().await;
            drop(early); // it had been given "first"
            assert_eq!(late.await, Some("first"));
            gates[1].open();
            assert_eq!(group.next().await, Some("second"));
            assert_eq!(group.try_next(), None);
        });
    });
}

#[test]
fn several_who_wait_are_served_in_their_order() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        let log = trace.clone();
        scope(async move |group| {
            let values = group.with_outputs();
            let gate = Gate::new();
            let wait = gate.clone();
            values.spawn(async move {
                wait.wait().await;
                Ok("value")
            });
            for name in ["one", "two"] {
                let (values, log) = (values.clone(), log.clone());
                group.spawn(async move {
                    let got = values.next().await.unwrap_or("nothing");
                    log.push((name, got));
                    Ok(())
                });
            }
            yield_now().await;
            gate.open();
        });
        assert_eq!(trace.take(), [("one", "value"), ("two", "nothing")]);
    });
}

#[test]
fn values_that_nobody_took_are_dropped_with_the_group() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    scope(async |group| {
        let group = group.with_outputs();
        let token = ledger.token("value");
        group.spawn(turns(0, token));
    });
    ledger.assert_settled();
}

#[test]
fn a_body_that_waits_for_the_next_value_is_cut_off_by_an_error() {
    watchdog(PATIENCE, || {
        let outcome: Outcome = run(TaskGroup::scope(async |group| {
            let group = group.with_outputs();
            group.spawn(turns(0, ()));
            group.spawn(async { Err("no value") });
            group.spawn(pending());
            while group.next().await.is_some() {}
            unreachable!("`next` has said that no child failed")
        }));
        let error = outcome.unwrap_err();
        assert_eq!(error.errors().collect::<Vec<_>>(), [&"no value"]);
        assert_eq!(error.failures().len(), 1);
    });
}

/// Counts the visitors that are inside, and remembers the highest count.
#[derive(Clone, Default)]
struct Crowd(Rc<(Cell<usize>, Cell<usize>)>);

impl Crowd {
    async fn visit(self, length: usize) -> Result<(), &'static str> {
        let (now, most) = &*self.0;
        now.set(now.get() + 1);
        most.set(most.get().max(now.get()));
        turns(length, ()).await?;
        now.set(now.get() - 1);
        Ok(())
    }

    fn most(&self) -> usize {
        self.0.1.get()
    }
}

#[test]
fn never_more_children_live_than_the_limit() {
    watchdog(PATIENCE, || {
        for limit in [0, 1, 3, 50] {
            let crowd = Crowd::default();
            scope(async |group| {
                let limited = group.with_limit(limit);
                for n in 0..100 {
                    limited.spawn(crowd.clone().visit(1 + n % 7)).await;
                    assert!(group.len() <= limit.max(1));
                }
            });
            assert_eq!(
                crowd.most(),
                limit.clamp(1, 100).min(crowd.most().max(limit))
            );
            assert!(crowd.most() <= limit.max(1));
        }
    });
}

#[test]
fn those_who_wait_for_room_come_in_first_come_first_served() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        let log = trace.clone();
        scope(async move |group| {
            let limited = group.with_limit(1);
            for name in ["one", "two", "three"] {
                let (limited, log) = (limited.clone(), log.clone());
                group.spawn(async move {
                    let visitor = async move {
                        log.push(name);
                        turns(2, ()).await
                    };
                    limited.spawn(visitor).await;
                    Ok(())
                });
            }
        });
        assert_eq!(trace.take(), ["one", "two", "three"]);
    });
}

#[test]
fn a_wait_for_room_that_is_dropped_loses_nobody_elses_turn() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        scope(async |group| {
            let limited = group.with_limit(1);
            let gate = Gate::new();
            let wait = gate.clone();
            limited
                .spawn(async move {
                    wait.wait().await;
                    Ok(())
                })
                .await;
            yield_now().await;
            let token = ledger.token("newcomer");
            let mut first = Box::pin(limited.spawn(turns(0, token)));
            let mut second = Box::pin(limited.reserve());
            assert!(poll_once(first.as_mut()).is_pending());
            assert!(poll_once(second.as_mut()).is_pending());
            assert!(limited.try_reserve().is_none());
            gate.open();
            yield_now().await;
            drop(first); // it had been given the room
            ledger.assert_settled();
            assert!(second.await.unwrap().spawn(turns(0, ())).is_some());
        });
    });
}

#[test]
fn room_comes_back_however_a_child_ends() {
    watchdog(PATIENCE, || {
        scope(async |group| {
            let limited = group.with_limit(1);
            drop(limited.reserve().await.unwrap());
            limited.spawn(turns(0, ())).await;
            let child = limited.spawn(pending::<Result<(), _>>()).await.unwrap();
            assert!(limited.try_reserve().is_none());
            child.abort();
            limited.reserve().await.unwrap().spawn(turns(0, ()));
            yield_now().await;
            assert!(limited.try_reserve().is_some());
        });
    });
}

#[test]
fn a_group_that_aborts_refuses_at_once_also_where_there_is_no_room() {
    watchdog(PATIENCE, || {
        let answers: Rc<RefCell<Vec<bool>>> = Rc::default();
        let noted = Rc::clone(&answers);
        let outcome: Outcome<Option<()>> = run(async {
            let mut outside = None;
            let outcome = TaskGroup::scope_until_cancelled(async |group: Group| {
                let limited = group.with_limit(1);
                limited.spawn(pending::<Result<(), _>>()).await;
                let waits = limited.clone();
                outside = Some(spawn(async move {
                    let newcomer = waits.spawn(turns(0, ())).await;
                    noted.borrow_mut().push(newcomer.is_none());
                }));
                yield_now().await;
                group.cancel();
                let mut late = pin!(limited.spawn(turns(0, ())));
                assert!(matches!(
                    poll_once(late.as_mut()),
                    std::task::Poll::Ready(None)
                ));
                assert!(limited.try_reserve().is_none());
                pending().await
            })
            .await;
            outside.unwrap().await.unwrap();
            outcome
        });
        assert_eq!(outcome.unwrap(), None);
        assert_eq!(*answers.borrow(), [true]);
    });
}

#[test]
fn a_limit_and_kept_values_go_together() {
    watchdog(PATIENCE, || {
        let sum: u32 = scope(async |group| {
            let four = group.with_outputs().with_limit(4);
            let mut sum = 0;
            for n in 1..=100_u32 {
                four.spawn(turns(n as usize % 5, n)).await;
                sum += std::iter::from_fn(|| four.try_next()).sum::<u32>();
            }
            while let Some(n) = four.next().await {
                sum += n;
            }
            sum
        });
        assert_eq!(sum, 5050);
    });
}

#[test]
fn the_first_answer_wins_and_the_losers_are_dropped_before_it_is_used() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let answer = run(async {
            let answer = TaskGroup::scope(async |group| {
                let mirrors = group.with_outputs();
                for (speed, name) in [(9, "slow"), (1, "quick"), (5, "middling")] {
                    let token = ledger.token(name);
                    mirrors.spawn(async move {
                        let _token = token;
                        turns::<&str>(speed, name).await
                    });
                }
                let answer = mirrors.next().await;
                group.cancel();
                Ok(answer.expect("three mirrors were asked"))
            });
            let answer: Outcome<&str> = answer.await;
            ledger.assert_settled();
            answer.unwrap()
        });
        assert_eq!(answer, "quick");
    });
}

#[test]
fn a_scope_that_loses_a_race_leaves_nobody_behind() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let token = ledger.token("child");
        run(async {
            let scope = async {
                let outcome: Outcome = TaskGroup::scope(async move |group| {
                    group.spawn(async move {
                        let _token = token;
                        pending::<Result<(), _>>().await
                    });
                    pending().await
                })
                .await;
                outcome.is_ok()
            };
            let quick: std::pin::Pin<Box<dyn Future<Output = bool>>> =
                Box::pin(async { turns(2, true).await.is_ok() });
            race_all([quick, Box::pin(scope)]).await;
            ledger.assert_settled();
        });
    });
}

#[test]
fn a_kept_value_that_panics_when_the_last_handle_goes_fails_the_group() {
    let _watched = crate::support::watch();
    let outcome: Outcome = run(TaskGroup::scope(async |group| {
        let kept = group.with_outputs();
        kept.spawn(async { Ok(on_drop(|| panic!("a value"))) });
        Ok(()) // the body's handle is dropped here; the child has the last one
    }));
    let failures = outcome.unwrap_err().into_failures();
    assert!(
        matches!(&failures[..], [Failure::Panic(error)] if error.to_string().contains("a value"))
    );
}
