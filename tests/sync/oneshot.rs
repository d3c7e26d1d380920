//! `oneshot`: one value, or the error that there will be none.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::sync::{Moment, OnDrop, Probe, at_once, hooked, on_drop, waiting};
use roundelay::sync::oneshot::{self, TryRecvError};

#[test]
fn a_value_sent_before_or_after_the_wait_arrives_with_one_wake() {
    let _watched = crate::support::watch();
    let (sender, receiver) = oneshot::channel();
    sender.send(1).unwrap();
    assert_eq!(at_once(receiver), Ok(1));

    let (sender, receiver) = oneshot::channel();
    let mut receiver = waiting(receiver);
    sender.send(2).unwrap();
    assert_eq!(receiver.wakes(), 1);
    assert_eq!(receiver.ready(), Ok(2));
}

#[test]
fn a_sender_that_is_dropped_wakes_the_receiver_with_an_error() {
    let _watched = crate::support::watch();
    let (sender, receiver) = oneshot::channel::<()>();
    let mut receiver = waiting(receiver);
    drop(sender);
    assert_eq!(receiver.wakes(), 1);
    assert!(receiver.ready().is_err());
}

#[test]
fn a_value_for_a_receiver_that_is_gone_comes_back() {
    let _watched = crate::support::watch();
    let (sender, receiver) = oneshot::channel();
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send(3), Err(3));
}

#[test]
fn a_closed_receiver_takes_what_was_sent_before() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = oneshot::channel();
    sender.send(4).unwrap();
    receiver.close();
    assert_eq!(receiver.try_recv(), Ok(4));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));

    let (sender, mut receiver) = oneshot::channel();
    receiver.close();
    assert_eq!(sender.send(5), Err(5));
    assert!(at_once(receiver).is_err());
}

#[test]
fn the_sender_can_wait_for_the_receiver_to_go() {
    let _watched = crate::support::watch();
    let (mut sender, mut receiver) = oneshot::channel::<()>();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    let closed = waiting(sender.closed());
    assert_eq!(closed.cancel_and_count_wakers(), 0);
    let mut closed = waiting(sender.closed());
    drop(receiver);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
}

#[test]
fn a_dropped_receiver_keeps_no_waker_and_drops_the_value_at_once() {
    let _watched = crate::support::watch();
    let (sender, receiver) = oneshot::channel();
    let mut receiver = waiting(receiver);
    let dropped = Rc::new(Cell::new(false));
    let flag = Rc::clone(&dropped);
    assert!(sender.send(on_drop(move || flag.set(true))).is_ok());
    receiver.cancel();
    assert!(dropped.get());
    assert_eq!(receiver.wakers_kept(), 0);
}

#[test]
fn a_value_sent_from_within_the_clone_of_the_waker_is_not_lost() {
    let _watched = crate::support::watch();
    let (sender, receiver) = oneshot::channel();
    let sender = RefCell::new(Some(sender));
    let waker = hooked(move |moment| {
        if moment == Moment::Clone {
            sender.take().unwrap().send(6).unwrap();
        }
    });
    assert_eq!(
        Probe::new(receiver).poll_with(&waker).map(Result::unwrap),
        std::task::Poll::Ready(6)
    );
}

#[test]
fn a_value_may_send_into_another_channel_as_it_is_dropped() {
    let _watched = crate::support::watch();
    let (inner_sender, inner_receiver) = oneshot::channel();
    let (sender, receiver) = oneshot::channel::<OnDrop<Box<dyn FnOnce()>>>();
    assert!(
        sender
            .send(on_drop(Box::new(move || inner_sender.send(7).unwrap())))
            .is_ok()
    );
    drop(receiver);
    assert_eq!(at_once(inner_receiver), Ok(7));
}
