//! `join!`, `try_join!`, `race!` and `select!` poll in place and in order, and drop the losers before
//! the winner's arm runs.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use roundelay::future::reseed;
use roundelay::{join, race, run, select, try_join, yield_now};

/// Writes its name into the log when it is dropped.
struct Trace<'a>(&'a RefCell<Vec<&'static str>>, &'static str);

impl Drop for Trace<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

async fn after(yields: usize) -> usize {
    for _ in 0..yields {
        yield_now().await;
    }
    yields
}

// join!

#[test]
fn join_gives_outputs_of_different_types_in_the_order_of_the_arguments() {
    let _watched = crate::support::watch();
    run(async {
        let (number, word, unit) = join!(after(3), async { "word" }, yield_now());
        assert_eq!((number, word, unit), (3, "word", ()));
        assert_eq!(join!(after(1)), (1,));
        assert_eq!(join!(), ());
        let (_, _, _, _, _, _, _, _, _, _, _, last) = join!(
            ready(1),
            ready(2),
            ready(3),
            ready(4),
            ready(5),
            ready(6),
            ready(7),
            ready(8),
            ready(9),
            ready(10),
            ready(11),
            after(2),
        );
        assert_eq!(last, 2);
    });
}

#[test]
fn join_polls_in_turn_and_never_a_future_that_has_finished() {
    let _watched = crate::support::watch();
    let log = RefCell::new(Vec::new());
    let named = |name: &'static str, mut polls: usize| {
        let log = &log;
        poll_fn(move |cx| {
            log.borrow_mut().push(name);
            polls = polls
                .checked_sub(1)
                .expect("a future was polled after it was ready");
            cx.waker().wake_by_ref();
            if polls == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    };
    run(async { join!(named("a", 3), named("b", 1), named("c", 2)) });
    assert_eq!(
        log.take(),
        [
            "a", "b", "c", /* from b on */ "c", "a", /* from c on */ "a"
        ]
    );
}

#[test]
fn join_drops_each_future_when_it_finishes() {
    let _watched = crate::support::watch();
    let log = RefCell::new(Vec::new());
    run(async {
        let early = async {
            let _trace = Trace(&log, "early");
        };
        let late = async {
            while log.borrow().is_empty() {
                yield_now().await;
            }
            log.borrow_mut().push("late has seen it");
        };
        join!(early, late)
    });
    assert_eq!(log.take(), ["early", "late has seen it"]);
}

#[test]
fn futures_in_a_macro_may_borrow_mutably_and_use_the_question_mark() {
    let _watched = crate::support::watch();
    async fn work() -> Result<usize, String> {
        let (mut left, mut right) = (vec![1], vec![2]);
        let grow = async |list: &mut Vec<usize>| {
            yield_now().await;
            list.push(9);
            list.len()
        };
        let (a, b) = join!(grow(&mut left), grow(&mut right));
        let (c, ()) = try_join!(async { parse("5") }, async { Err("no".to_owned()) }).or_else(
            |error: String| {
                if error == "no" {
                    Ok((a + b, ()))
                } else {
                    Err(error)
                }
            },
        )?;
        let (d,) = try_join!(async { parse("x") })?;
        Ok(c + d)
    }
    fn parse(text: &str) -> Result<usize, String> {
        text.parse().map_err(|_| format!("{text} is no number"))
    }
    assert_eq!(run(work()), Err("x is no number".to_owned()));
}

#[test]
fn join_shares_the_budget_of_its_task_so_that_no_part_starves() {
    let _watched = crate::support::watch();
    run(async {
        let consumed = Cell::new(0_u32);
        let enough = Cell::new(false);
        let greedy = async {
            while !enough.get() {
                consumed.set(consumed.get() + 1);
                assert!(consumed.get() < 10_000, "the modest future has starved");
                roundelay::task::consume_budget().await;
            }
        };
        let modest = async {
            roundelay::task::consume_budget().await;
            enough.set(true);
        };
        join!(greedy, modest)
    });
}

// try_join!

#[test]
fn try_join_drops_the_rest_before_it_returns_the_error() {
    let _watched = crate::support::watch();
    let log = RefCell::new(Vec::new());
    let outcome: Result<((), ()), &str> = run(async {
        let outcome = try_join!(
            async {
                let _trace = Trace(&log, "waiting");
                pending::<Result<(), _>>().await
            },
            async {
                after(2).await;
                Err("failed")
            },
        );
        log.borrow_mut().push("returned");
        outcome
    });
    assert_eq!(outcome, Err("failed"));
    assert_eq!(log.take(), ["waiting", "returned"]);
}

// race! and select!

#[test]
fn the_losers_are_dropped_before_the_winners_arm_runs() {
    let _watched = crate::support::watch();
    let log = RefCell::new(Vec::new());
    let slow = async |name| {
        let _trace = Trace(&log, name);
        pending::<()>().await
    };
    run(async {
        select! {
            () = slow("left") => unreachable!(),
            yields = after(2) => log.borrow_mut().push(if yields == 2 { "arm" } else { "?" }),
            () = slow("right") => unreachable!(),
        }
    });
    assert_eq!(
        log.take(),
        ["right", "left", "arm"],
        "the future that is written last is dropped first"
    );
}

#[test]
fn a_lock_that_a_loser_was_given_is_free_in_the_winners_arm() {
    let _watched = crate::support::watch();
    // The deadlock of Oxide's RFD 609: the loser held the lock and was no longer polled, and the arm waited for the lock.
    let lock = Rc::new(Cell::new(true));
    struct Guard(Rc<Cell<bool>>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let acquire = || {
        let lock = Rc::clone(&lock);
        poll_fn(move |_| {
            if lock.replace(false) {
                Poll::Ready(Guard(Rc::clone(&lock)))
            } else {
                Poll::Pending
            }
        })
    };
    run(async {
        let holds_it = async {
            let _guard = acquire().await;
            pending::<()>().await
        };
        select! {
            biased;
            () = holds_it => unreachable!(),
            _ = after(1) => drop(acquire().await),
        }
    });
}

#[test]
fn who_wins_of_those_that_are_ready_is_drawn_unless_the_choice_is_biased() {
    let _watched = crate::support::watch();
    let fair = |seed| {
        reseed(seed);
        run(async {
            let mut wins = [0; 3];
            for _ in 0..300 {
                wins[race!(ready(0), ready(1), ready(2))] += 1;
            }
            wins
        })
    };
    assert_eq!(fair(5), fair(5));
    assert!(
        fair(5).iter().all(|wins| (60..140).contains(wins)),
        "{:?}",
        fair(5)
    );
    run(async {
        for _ in 0..50 {
            assert_eq!(race!(biased; ready(0), ready(1), ready(2)), 0);
            let first = select! { biased; _ = pending::<()>() => 0, _ = ready(()) => 1, _ = ready(()) => 2 };
            assert_eq!(first, 1);
        }
    });
}

#[test]
fn an_arm_may_break_continue_return_and_await() {
    let _watched = crate::support::watch();
    async fn count(limit: usize) -> Result<usize, String> {
        let mut turns = 0;
        'outer: loop {
            loop {
                turns += 1;
                select! {
                    n = after(turns), if turns < limit => {
                        yield_now().await;
                        if n == 2 { continue 'outer; }
                    }
                    _ = after(0), if turns >= limit => break 'outer,
                    else => return Err("neither".into()),
                }
                if turns == 100 {
                    return Ok(0);
                }
            }
        }
        Ok::<_, String>(turns)
    }
    assert_eq!(run(count(5)), Ok(5));
}

#[test]
fn an_arm_whose_condition_is_false_is_not_even_made() {
    let _watched = crate::support::watch();
    let made = Cell::new(0);
    let make = || {
        made.set(made.get() + 1);
        ready(made.get())
    };
    run(async {
        let chosen = select! {
            n = make(), if made.get() > 5 => n,
            n = after(3) => n,
        };
        assert_eq!((chosen, made.get()), (3, 0));
        let chosen = select! {
            n = make(), if made.get() > 5 => n,
            else => 77,
        };
        assert_eq!((chosen, made.get()), (77, 0));
    });
}

#[test]
#[should_panic(expected = "each `if` of a select! was false")]
fn a_choice_among_none_without_else_panics() {
    let _watched = crate::support::watch();
    run(async {
        select! { _ = after(1), if false => () }
    });
}

#[test]
fn a_handle_may_be_lent_and_goes_on_after_it_has_lost() {
    let _watched = crate::support::watch();
    run(async {
        let mut handle = roundelay::spawn(after(5));
        let lost = select! {
            _ = Pin::new(&mut handle) => false,
            _ = after(1) => true,
        };
        assert!(lost);
        assert_eq!(handle.await.unwrap(), 5);
    });
}

#[test]
fn a_panic_in_one_future_drops_the_others_once() {
    let _watched = crate::support::watch();
    let log = RefCell::new(Vec::new());
    let waiting = async |name| {
        let _trace = Trace(&log, name);
        pending::<usize>().await
    };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(async { race!(waiting("a"), async { panic!("b gives up") }, waiting("c")) })
    }));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"b gives up"));
    let mut dropped = log.take();
    dropped.sort_unstable();
    // Only a future that was polled has made a `Trace`, and so only its drop writes a name.
    assert!(dropped.iter().all(|name| ["a", "c"].contains(name)) && dropped.len() <= 2);
}

#[test]
fn the_names_in_a_macro_are_not_the_callers() {
    let _watched = crate::support::watch();
    #[allow(dead_code)]
    enum Option {
        Some,
        None,
    }
    #[allow(unused_imports)]
    use Option::{None, Some};
    mod core {}
    mod std {}
    run(async {
        let (outputs, winner, order, output) = (1, 2, 3, 4);
        assert_eq!(join!(ready(outputs), ready(winner)), (1, 2));
        assert_eq!(race!(ready(order)), 3);
        let r: ::core::result::Result<(i32,), ()> = try_join!(ready(Ok(output)));
        assert_eq!(r, Ok((4,)));
        let sum =
            select! { winner = ready(winner), if order == 3 => winner + outputs + order + output };
        assert_eq!(sum, 10);
    });
    let _ = (Some, None);
}

#[test]
fn the_future_of_a_macro_is_hardly_larger_than_its_parts() {
    let _watched = crate::support::watch();
    let part = || async {
        let filler = [1_u8; 10_000];
        yield_now().await;
        filler.len()
    };
    let joined = async { join!(part(), part(), part()) };
    let (parts, whole) = (3 * size_of_val(&part()), size_of_val(&joined));
    assert!(whole < parts + 500, "{whole} bytes for parts of {parts}");
}

#[test]
fn dropping_the_waiting_function_drops_all_parts() {
    let _watched = crate::support::watch();
    let log = RefCell::new(Vec::new());
    let mut waiting = Box::pin(async {
        join!(
            async {
                let _trace = Trace(&log, "a");
                pending::<()>().await
            },
            async {
                let _trace = Trace(&log, "b");
                pending::<()>().await
            },
        )
    });
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    drop(waiting);
    let mut dropped = log.take();
    dropped.sort_unstable();
    assert_eq!(dropped, ["a", "b"]);
}
