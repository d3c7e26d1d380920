//! Combinators poll in place, in a stated order, no more often than they must, and leave nothing
//! behind.

use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::support::combinators::{Child, Ledger, Parent, poll};
use roundelay::future::{as_completed, join_all, race_all, reseed, try_join_all};

// `join_all`.

#[test]
fn results_come_in_the_order_of_the_arguments_whatever_the_order_of_completion() {
    let _watched = crate::support::watch();
    for size in [3, 100] {
        let (_, waker) = Parent::new();
        let ledger = Ledger::with(size);
        let mut all = join_all(ledger.children());
        assert!(poll(&mut all, &waker).is_pending());
        for number in (0..size).rev() {
            ledger.finish(number);
            let outcome = poll(&mut all, &waker);
            if number > 0 {
                assert!(outcome.is_pending());
                continue;
            }
            assert_eq!(outcome, Poll::Ready((0..size).collect()));
        }
        assert_eq!(
            ledger.drops(),
            (0..size).rev().collect::<Vec<_>>(),
            "each child is dropped when it finishes"
        );
    }
}

#[test]
fn a_set_of_none_is_ready_at_once() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    assert_eq!(
        poll(&mut join_all(Vec::<Child>::new()), &waker),
        Poll::Ready(vec![])
    );
    assert_eq!(
        poll(
            &mut try_join_all(Vec::<std::future::Ready<Result<u8, u8>>>::new()),
            &waker
        ),
        Poll::Ready(Ok(vec![]))
    );
    assert_eq!(
        poll(&mut race_all(Vec::<Child>::new()), &waker),
        Poll::Ready(None)
    );
    let mut set = as_completed(Vec::<Child>::new());
    assert!(set.is_empty());
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(None));
    assert_eq!(
        poll(&mut pin!(set.until(|_| true)), &waker),
        Poll::Ready(vec![])
    );
    assert_eq!(parent.wakes(), 0);
}

#[test]
fn futures_may_borrow_from_the_stack() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let words = [String::from("loop"), String::from("wheel")];
    let seen = Cell::new(0);
    let mut lengths = join_all(words.iter().map(|word| async {
        seen.set(seen.get() + 1);
        word.len()
    }));
    assert_eq!(poll(&mut lengths, &waker), Poll::Ready(vec![4, 5]));
    assert_eq!(seen.get(), 2);
}

#[test]
fn each_of_100_000_futures_is_polled_once_and_once_for_each_wake() {
    let _watched = crate::support::watch();
    const MANY: usize = if cfg!(miri) { 1_000 } else { 100_000 };
    let (_, waker) = Parent::new();
    let ledger = Ledger::with(MANY);
    let mut all = join_all(ledger.children());
    assert!(poll(&mut all, &waker).is_pending());
    assert_eq!(
        ledger.polls(),
        (0..MANY).collect::<Vec<_>>(),
        "the first polls are in the order of the arguments"
    );
    let mut wakes = Vec::new();
    for round in 0..MANY / 100 {
        let number = round * 7919 % MANY;
        ledger.wake(number);
        wakes.push(number);
        assert!(poll(&mut all, &waker).is_pending());
    }
    assert_eq!(
        ledger.polls(),
        wakes,
        "a wake causes one poll among 100,000 children"
    );
    (0..MANY).rev().for_each(|number| ledger.finish(number));
    assert!(poll(&mut all, &waker).is_ready());
    assert_eq!(
        ledger.polls(),
        (0..MANY).rev().collect::<Vec<_>>(),
        "the polls are in the order of the wakes"
    );
    assert_eq!(ledger.drops().len(), MANY);
}

#[test]
fn few_futures_are_scanned_each_pass_beginning_with_the_next_one() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let ledger = Ledger::with(3);
    let mut all = join_all(ledger.children());
    for _ in 0..4 {
        assert!(poll(&mut all, &waker).is_pending());
    }
    assert_eq!(ledger.polls(), [0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]);
}

#[test]
fn a_burst_of_wakes_wakes_the_parent_once() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    let ledger = Ledger::with(100);
    let mut all = join_all(ledger.children());
    assert!(poll(&mut all, &waker).is_pending());
    ledger.polls();
    for number in [5, 9, 5, 2, 9] {
        ledger.wake(number);
    }
    assert_eq!(parent.wakes(), 1);
    assert!(poll(&mut all, &waker).is_pending());
    assert_eq!(
        ledger.polls(),
        [5, 9, 2],
        "two wakes are one poll, in the order of the first wakes"
    );
    ledger.wake(7);
    assert_eq!(parent.wakes(), 2);
}

#[test]
fn a_child_woken_while_it_is_polled_is_polled_again() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    let polls = Cell::new(0);
    let mut all = join_all((0..20).map(|number| {
        poll_fn({
            let polls = &polls;
            move |cx| {
                polls.set(polls.get() + 1);
                if number == 3 && polls.get() <= 20 {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            }
        })
    }));
    assert!(
        poll(&mut all, &waker).is_pending(),
        "a child that is woken in a batch is polled in the next one"
    );
    assert_eq!((polls.get(), parent.wakes()), (20, 1));
    assert!(poll(&mut all, &waker).is_ready());
    assert_eq!(polls.get(), 21);
}

#[test]
fn a_finished_child_is_deaf() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    let ledger = Ledger::with(40);
    let mut all = join_all(ledger.children());
    assert!(poll(&mut all, &waker).is_pending());
    ledger.finish(11);
    assert!(poll(&mut all, &waker).is_pending());
    assert_eq!(parent.wakes(), 1);
    (0..10).for_each(|_| ledger.wake(11));
    assert_eq!(parent.wakes(), 1);
    drop(all);
    (0..40).for_each(|number| ledger.wake(number));
    assert_eq!(
        parent.wakes(),
        1,
        "a child of a dropped set has woken the task"
    );
    ledger.wakers.take();
    assert_eq!(
        Arc::strong_count(&parent),
        2,
        "the set has left a waker: there should be one here and one in `waker`"
    );
}

#[test]
fn a_set_that_moves_to_another_task_wakes_that_one() {
    let _watched = crate::support::watch();
    let ((old, old_waker), (new, new_waker)) = (Parent::new(), Parent::new());
    let ledger = Ledger::with(40);
    let mut all = join_all(ledger.children());
    assert!(poll(&mut all, &old_waker).is_pending());
    assert!(poll(&mut all, &new_waker).is_pending());
    for wakes in 1..=3 {
        ledger.wake(8);
        assert_eq!((old.wakes(), new.wakes()), (0, wakes));
        assert!(poll(&mut all, &new_waker).is_pending());
    }
    assert!(poll(&mut all, &old_waker).is_pending());
    ledger.wake(8);
    assert_eq!((old.wakes(), new.wakes()), (1, 3));
}

// `try_join_all`.

#[test]
fn after_the_first_error_the_rest_is_dropped_before_it_returns() {
    let _watched = crate::support::watch();
    for size in [4, 50] {
        let (_, waker) = Parent::new();
        let ledger = Ledger::with(size);
        let fails_at_two = |number| if number == 2 { Err(number) } else { Ok(number) };
        let mut all = try_join_all(
            ledger
                .children()
                .into_iter()
                .map(|child| async move { fails_at_two(child.await) }),
        );
        assert!(poll(&mut all, &waker).is_pending());
        ledger.finish(0);
        ledger.finish(2);
        assert_eq!(poll(&mut all, &waker), Poll::Ready(Err(2)));
        let mut dropped = ledger.drops();
        dropped.sort_unstable();
        assert_eq!(dropped, (0..size).collect::<Vec<_>>());
    }
}

#[test]
fn without_an_error_all_outputs_come_in_order() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let mut all = try_join_all([3, 1, 2].map(|number| ready(Ok::<_, ()>(number))));
    assert_eq!(poll(&mut all, &waker), Poll::Ready(Ok(vec![3, 1, 2])));
}

// `race_all`.

#[test]
fn losers_are_dropped_before_the_winner_is_seen() {
    let _watched = crate::support::watch();
    for size in [3, 50] {
        let (_, waker) = Parent::new();
        let ledger = Ledger::with(size);
        let mut race = race_all(ledger.children());
        assert!(poll(&mut race, &waker).is_pending());
        ledger.finish(1);
        assert_eq!(poll(&mut race, &waker), Poll::Ready(Some(1)));
        assert_eq!(ledger.drops().len(), size);
    }
}

#[test]
fn who_is_polled_first_in_a_race_is_drawn_and_the_seed_decides() {
    let _watched = crate::support::watch();
    let winners = |seed| {
        reseed(seed);
        let (_, waker) = Parent::new();
        (0..300)
            .map(|_| poll(&mut race_all([0, 1, 2].map(ready)), &waker))
            .collect::<Vec<_>>()
    };
    let first = winners(1);
    assert_eq!(first, winners(1));
    assert_ne!(first, winners(2));
    for number in 0..3 {
        let wins = first
            .iter()
            .filter(|winner| **winner == Poll::Ready(Some(number)))
            .count();
        assert!((60..140).contains(&wins), "{number} won {wins} of 300");
    }
}

// Hard cases.

#[test]
fn sets_within_sets_poll_only_who_was_woken() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    let ledger = Ledger::with(10_000);
    let inner = |row: usize| {
        join_all(
            (0..100)
                .map(|column| ledger.child(row * 100 + column))
                .collect::<Vec<_>>(),
        )
    };
    let mut all = join_all((0..100).map(inner).collect::<Vec<_>>());
    assert!(poll(&mut all, &waker).is_pending());
    assert_eq!(ledger.polls().len(), 10_000);
    ledger.wake(5_005);
    ledger.wake(5_006);
    ledger.wake(77);
    assert_eq!(parent.wakes(), 1);
    assert!(poll(&mut all, &waker).is_pending());
    assert_eq!(ledger.polls(), [5_005, 5_006, 77]);
    (0..10_000).for_each(|number| ledger.finish(number));
    let Poll::Ready(rows) = poll(&mut all, &waker) else {
        panic!("not ready, although all children have finished")
    };
    assert_eq!(rows.concat(), (0..10_000).collect::<Vec<_>>());
}

#[test]
fn a_panic_of_a_child_passes_through_and_the_others_are_dropped_once() {
    let _watched = crate::support::watch();
    for size in [3, 50] {
        let ledger = Ledger::with(size);
        let children = ledger.children().into_iter().map(|child| async move {
            assert!(child.number != 1, "the second child gives up");
            child.await
        });
        let all = join_all(children);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut all = all;
            poll(&mut all, Waker::noop()).is_ready()
        }));
        assert!(outcome.is_err());
        let mut dropped = ledger.drops();
        dropped.sort_unstable();
        assert_eq!(dropped, (0..size).collect::<Vec<_>>());
    }
}

/// Wakes all wakers of its ledger when it is dropped.
struct Alarm(Rc<Ledger>);

impl Drop for Alarm {
    fn drop(&mut self) {
        let wakers: Vec<Waker> = self.0.wakers.borrow().iter().flatten().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[test]
fn a_destructor_may_wake_every_child_of_its_own_set() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let ledger = Ledger::with(60);
    let alarmed = ledger.children().into_iter().map(|child| {
        let alarm = Alarm(Rc::clone(&ledger));
        async move {
            let _alarm = alarm;
            child.await
        }
    });
    let mut set = as_completed(alarmed.collect::<Vec<_>>());
    assert!(poll(&mut pin!(set.next()), &waker).is_pending());
    for number in 0..30 {
        ledger.finish(number);
        assert_eq!(
            poll(&mut pin!(set.next()), &waker),
            Poll::Ready(Some(number))
        );
    }
    drop(set);
    assert_eq!(ledger.drops().len(), 60);
}

#[test]
fn a_race_of_all_kinds_of_futures_that_never_end_stays_pending() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    let mut race = race_all((0..40).map(|_| pending::<()>()));
    for _ in 0..3 {
        assert!(poll(&mut race, &waker).is_pending());
    }
    assert_eq!(parent.wakes(), 0);
}

/// A large race is a set, which polls its children by wake. A small race polls all its children in a row.
#[test]
fn who_is_polled_first_in_a_large_race_is_drawn_too() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let many = 0..100;
    reseed(1);
    let winners: Vec<_> = (0..20)
        .map(|_| poll(&mut race_all(many.clone().map(ready)), &waker))
        .collect();
    assert!(winners.iter().any(|winner| *winner != winners[0]));
}
