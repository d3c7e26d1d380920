//! `CancelToken`: a tree of tokens, each of which stays cancelled.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::rc::Rc;

use crate::support::sync::{Moment, Probe, at_once, hooked, on_drop, waiting};
use roundelay::sync::{CancelToken, Mutex};

#[test]
fn cancelling_reaches_descendants_and_neither_parents_nor_siblings() {
    let _watched = crate::support::watch();
    let root = CancelToken::new();
    let (child, sibling) = (root.child_token(), root.child_token());
    let grandchild = child.child_token();
    let mut waits = waiting(grandchild.cancelled());
    child.cancel();
    assert_eq!(waits.wakes(), 1);
    waits.ready();
    assert!(child.is_cancelled() && grandchild.is_cancelled());
    assert!(!root.is_cancelled() && !sibling.is_cancelled());
    root.cancel();
    assert!(sibling.is_cancelled());
}

#[test]
fn a_cancelled_token_stays_cancelled_and_so_do_its_new_children() {
    let _watched = crate::support::watch();
    let token = CancelToken::new();
    token.cancel();
    token.cancel();
    at_once(token.cancelled());
    at_once(token.child_token().cancelled_owned());
}

#[test]
fn a_grandchild_is_reached_even_if_the_token_in_between_was_dropped() {
    let _watched = crate::support::watch();
    let root = CancelToken::new();
    let grandchild = root.child_token().child_token();
    root.cancel();
    assert!(grandchild.is_cancelled());
}

#[test]
fn a_dropped_child_is_forgotten_by_its_parent() {
    let _watched = crate::support::watch();
    let root = CancelToken::new();
    for _ in 0..100 {
        drop(root.child_token());
    }
    let child = root.child_token();
    assert_eq!(
        format!("{root:?}"),
        "CancelToken { cancelled: false, children: 1 }"
    );
    drop(child);
    assert_eq!(
        format!("{root:?}"),
        "CancelToken { cancelled: false, children: 0 }"
    );
}

#[test]
fn the_whole_tree_is_cancelled_before_the_first_waiter_is_woken() {
    let _watched = crate::support::watch();
    let root = CancelToken::new();
    let leaf = root.child_token().child_token();
    let seen = Rc::new(Cell::new(false));
    let waker = hooked({
        let (leaf, seen) = (leaf.clone(), Rc::clone(&seen));
        move |moment| {
            if moment == Moment::Wake {
                seen.set(leaf.is_cancelled());
            }
        }
    });
    let mut waits = Probe::new(root.cancelled());
    assert!(waits.poll_with(&waker).is_pending());
    root.cancel();
    assert!(seen.get());
}

#[test]
fn a_woken_task_may_drop_tokens_make_children_and_cancel_again() {
    let _watched = crate::support::watch();
    let root = CancelToken::new();
    let kept = Rc::new(RefCell::new(vec![root.child_token(), root.child_token()]));
    let waker = hooked({
        let (root, kept) = (root.clone(), Rc::clone(&kept));
        move |moment| {
            if moment == Moment::Wake {
                kept.borrow_mut().clear();
                assert!(root.child_token().is_cancelled());
                root.cancel();
            }
        }
    });
    let child = root.child_token();
    let mut waits = [Probe::new(root.cancelled()), Probe::new(child.cancelled())];
    for probe in &mut waits {
        assert!(probe.poll_with(&waker).is_pending());
    }
    root.cancel();
    waits.iter_mut().for_each(Probe::ready);
}

#[test]
fn a_chain_of_a_hundred_thousand_tokens_needs_no_deep_stack() {
    let _watched = crate::support::watch();
    let root = CancelToken::new();
    let mut leaf = root.child_token();
    for _ in 0..if cfg!(miri) { 20 } else { 100_000 } {
        leaf = leaf.child_token(); // only the leaf keeps the tokens in between
    }
    let dropped = root.child_token();
    let mut other = dropped.child_token();
    for _ in 0..if cfg!(miri) { 20 } else { 100_000 } {
        other = other.child_token();
    }
    drop(dropped);
    drop(other);
    root.cancel();
    assert!(leaf.is_cancelled());
}

#[test]
fn a_future_runs_until_its_token_is_cancelled_and_has_been_dropped_by_then() {
    let _watched = crate::support::watch();
    let token = CancelToken::new();
    assert_eq!(at_once(token.run_until_cancelled(ready(1))), Some(1));
    let dropped = Rc::new(Cell::new(false));
    let flag = Rc::clone(&dropped);
    let mut run = waiting(token.run_until_cancelled(async move {
        let _guard = on_drop(move || flag.set(true));
        pending::<()>().await;
    }));
    token.cancel();
    assert_eq!(run.wakes(), 1);
    assert_eq!(run.ready(), None);
    assert!(dropped.get());
}

#[test]
fn a_value_that_is_ready_when_the_token_is_cancelled_is_not_thrown_away() {
    let _watched = crate::support::watch();
    let (token, mutex) = (CancelToken::new(), Mutex::new(4));
    let held = at_once(mutex.lock());
    let mut run = waiting(token.run_until_cancelled(async { *mutex.lock().await }));
    token.cancel();
    drop(held);
    assert_eq!(run.ready(), Some(4));
}

#[test]
fn nothing_is_started_under_a_cancelled_token() {
    let _watched = crate::support::watch();
    let token = CancelToken::new();
    token.cancel();
    let polled = Cell::new(false);
    assert_eq!(
        at_once(token.run_until_cancelled(async { polled.set(true) })),
        None
    );
    assert!(!polled.get());
}

#[test]
fn a_future_that_spends_the_whole_budget_can_be_cancelled() {
    let _watched = crate::support::watch();
    let polls = roundelay::run(async {
        let token = CancelToken::new();
        let (mutex, polls) = (Mutex::new(()), Cell::new(0));
        let greedy = async {
            while !token.is_cancelled() || polls.get() < 100 {
                drop(mutex.lock().await);
            }
        };
        let mut greedy = std::pin::pin!(greedy);
        let counted = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            if polls.get() == 3 {
                token.cancel();
            }
            greedy.as_mut().poll(cx)
        });
        assert_eq!(token.run_until_cancelled(counted).await, None);
        polls.get()
    });
    assert_eq!(polls, 3);
}

#[test]
fn a_guard_cancels_when_it_is_dropped_unless_it_was_disarmed() {
    let _watched = crate::support::watch();
    let token = CancelToken::new();
    drop(token.clone().drop_guard().disarm());
    assert!(!token.is_cancelled());
    drop(token.clone().drop_guard());
    assert!(token.is_cancelled());
}
