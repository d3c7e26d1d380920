//! A set polls the children that were woken. A wake during a poll is not lost.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::support::combinators::{Parent, poll};
use roundelay::future::as_completed;

/// In its first poll the child is in no list, so a wake there shows little. Its second poll is caused by a wake.
#[test]
fn a_child_that_a_wake_has_brought_and_that_is_woken_while_it_is_polled_is_polled_again() {
    let _watched = crate::support::watch();
    let (parent, waker) = Parent::new();
    let (polls, kept) = (Cell::new(0), Cell::new(None));
    let mut set = as_completed([poll_fn(|cx| {
        polls.set(polls.get() + 1);
        match polls.get() {
            1 => kept.set(Some(cx.waker().clone())),
            2 => cx.waker().wake_by_ref(),
            _ => return Poll::Ready("done"),
        }
        Poll::Pending
    })]);
    let mut next = pin!(set.next());
    assert!(poll(&mut next, &waker).is_pending());
    kept.take().unwrap().wake();
    assert_eq!(parent.wakes(), 1);
    assert!(poll(&mut next, &waker).is_pending());
    let seen = (polls.get(), parent.wakes());
    assert_eq!(seen, (2, 2), "the wake of a child during its poll was lost");
    assert_eq!(poll(&mut next, &waker), Poll::Ready(Some("done")));
    assert_eq!(polls.get(), 3);
}
