//! Outputs come one by one in the order of completion, and no output is lost between two polls.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::support::combinators::{Ledger, Parent, poll};
use roundelay::future::as_completed;

#[test]
fn outputs_come_in_the_order_of_completion_with_their_numbers() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let ledger = Ledger::with(5);
    let mut set = as_completed(ledger.children());
    assert!(poll(&mut pin!(set.next()), &waker).is_pending());
    for number in [3, 0, 4] {
        ledger.finish(number);
    }
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(Some(3)));
    assert_eq!(
        poll(&mut pin!(set.next_numbered()), &waker),
        Poll::Ready(Some((0, 0)))
    );
    assert_eq!(set.len(), 3);
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(Some(4)));
    assert!(poll(&mut pin!(set.next()), &waker).is_pending());
    assert_eq!(ledger.drops(), [3, 0, 4]);
    drop(set);
    assert_eq!(ledger.drops(), [1, 2]);
}

#[test]
fn a_child_woken_between_two_polls_is_not_forgotten_behind_the_rest_of_a_batch() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    let ledger = Ledger::with(3);
    let mut set = as_completed(ledger.children());
    assert!(poll(&mut pin!(set.next()), &waker).is_pending());
    ledger.finish(0);
    ledger.wake(1);
    assert_eq!(
        poll(&mut pin!(set.next()), &waker),
        Poll::Ready(Some(0)),
        "the output of 0 comes first, and 1 is left in the batch"
    );
    ledger.finish(2);
    let told = parent.wakes();
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(Some(2)));
    assert_eq!(parent.wakes(), told);
}

#[test]
fn futures_may_be_added_and_take_the_places_of_the_finished() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    const MANY: usize = if cfg!(miri) { 60 } else { 1_000 };
    let ledger = Ledger::with(MANY);
    let mut set = as_completed((0..20).map(|number| ledger.child(number)));
    assert!(poll(&mut pin!(set.next()), &waker).is_pending());
    for number in 20..MANY {
        let leaver = number - 20;
        ledger.finish(leaver);
        if leaver % 3 == 0 {
            set.push(ledger.child(number));
        }
        assert_eq!(
            poll(&mut pin!(set.next_numbered()), &waker),
            Poll::Ready(Some((leaver, leaver)))
        );
        ledger.wake(leaver);
        if leaver % 3 != 0 {
            set.push(ledger.child(number));
        }
        assert!(poll(&mut pin!(set.next()), &waker).is_pending());
    }
    assert_eq!(ledger.polls().len(), 2 * (MANY - 20) + 20);
    assert_eq!(set.len(), 20);
}

#[test]
fn a_place_whose_number_is_still_in_the_list_is_not_given_away() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let ledger = Ledger::with(3);
    let quick = |number| {
        let child = ledger.child(number);
        async move {
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::Ready(())
            })
            .await;
            child.ledger.polls.borrow_mut().push(child.number);
            child.number
        }
    };
    let mut set = as_completed([quick(0)]);
    assert_eq!(
        poll(&mut pin!(set.next()), &waker),
        Poll::Ready(Some(0)),
        "0 has finished, and its number is in the list"
    );
    set.push(quick(1));
    set.push(quick(2));
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(Some(1)));
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(Some(2)));
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(None));
    assert_eq!(
        (ledger.polls(), ledger.drops()),
        (vec![0, 1, 2], vec![0, 1, 2])
    );
}

#[test]
fn until_gives_the_finished_and_keeps_the_others() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let ledger = Ledger::with(4);
    let mut set = as_completed(ledger.children());
    ledger.finish_unasked(2);
    ledger.finish_unasked(3);
    let first = poll(&mut pin!(set.until(|_| true)), &waker);
    assert_eq!((first, set.len()), (Poll::Ready(vec![(2, 2)]), 3));
    assert!(
        poll(&mut pin!(set.until(|output| *output == 0)), &waker).is_pending(),
        "the output of 3 is kept, and 0 has not come yet"
    );
    assert_eq!(set.len(), 3);
    assert_eq!(
        poll(&mut pin!(set.until(|_| true)), &waker),
        Poll::Ready(vec![(3, 3)]),
        "a cancelled `until` has lost an output"
    );
    ledger.finish(1);
    ledger.finish(0);
    assert_eq!(
        poll(&mut pin!(set.until(|_| false)), &waker),
        Poll::Ready(vec![(1, 1), (0, 0)])
    );
    assert!(set.is_empty());
}

#[test]
fn a_try_gives_what_has_finished_and_nothing_else() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let ledger = Ledger::with(3);
    let mut set = as_completed(ledger.children());
    assert_eq!(set.try_next(), None);
    ledger.finish(2);
    ledger.finish(0);
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(Some(2)));
    assert_eq!((set.try_next(), set.try_next()), (Some(0), None));
    assert_eq!(set.len(), 1);
}

#[test]
fn what_a_try_missed_is_met_by_the_next_wait() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    let ledger = Ledger::with(1);
    let mut set = as_completed(ledger.children());
    let before = parent.wakes();
    // The child's wake wakes no task, because `try_next` was the last to poll the set.
    assert_eq!(set.try_next(), None);
    ledger.finish(0);
    assert_eq!(parent.wakes(), before);
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(Some(0)));
}

#[test]
fn a_newcomer_waits_for_the_rest_of_the_batch() {
    let _watched = crate::support::watch();
    let (_, waker) = Parent::new();
    let mut set = as_completed((0..3).map(std::future::ready));
    assert_eq!(poll(&mut pin!(set.next()), &waker), Poll::Ready(Some(0)));
    set.push(std::future::ready(3));
    for number in 1..4 {
        let next = poll(&mut pin!(set.next()), &waker);
        assert_eq!(next, Poll::Ready(Some(number)));
    }
}
