//! `watch`: the latest value, seen or not seen.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::sync::{OnDrop, at_once, on_drop, waiting};
use roundelay::sync::watch;

#[test]
fn only_the_latest_value_is_there_and_it_is_new_once() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = watch::channel(0);
    let mut changed = waiting(receiver.changed());
    for n in 1..4 {
        sender.send(n).unwrap();
    }
    assert_eq!(changed.wakes(), 1);
    changed.ready().unwrap();
    drop(changed);
    assert_eq!(*receiver.borrow(), 3);
    waiting(receiver.changed());
}

#[test]
fn a_borrowed_value_is_seen_only_if_one_says_so() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    assert_eq!(*receiver.borrow(), 1);
    assert_eq!(receiver.has_changed(), Ok(true));
    assert_eq!(*receiver.borrow_and_update(), 1);
    assert_eq!(receiver.has_changed(), Ok(false));
    let behind = receiver.clone();
    sender.send(2).unwrap();
    assert_eq!(
        (behind.has_changed(), sender.subscribe().has_changed()),
        (Ok(true), Ok(false))
    );
}

#[test]
fn a_snapshot_that_is_kept_never_stands_in_the_way() {
    let _watched = crate::support::watch();
    let (sender, receiver) = watch::channel(String::from("old"));
    let kept = receiver.borrow();
    sender.send(String::from("new")).unwrap();
    sender.send_modify(|value| value.push_str("er"));
    assert_eq!((&**kept, &**receiver.borrow()), ("old", "newer"));
}

#[test]
fn a_change_may_look_at_the_channel_and_send_into_it() {
    let _watched = crate::support::watch();
    let (sender, receiver) = watch::channel(1);
    sender.send_modify(|value| {
        assert_eq!(*receiver.borrow(), 1);
        sender.send(5).unwrap();
        *value += 1;
    });
    assert_eq!(*receiver.borrow(), 2); // the last writer wins
}

#[test]
fn a_change_that_panics_or_is_declined_changes_nothing() {
    let _watched = crate::support::watch();
    let (sender, receiver) = watch::channel(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        sender.send_modify(|value| {
            *value = 9;
            panic!("half way");
        });
    }));
    assert!(panicked.is_err());
    assert!(!sender.send_if_modified(|value| {
        *value = 8;
        false
    }));
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (1, Ok(false)));
    assert_eq!(*sender.send_replace(2), 1);
}

#[test]
fn when_the_senders_are_gone_the_last_value_can_still_be_seen() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = watch::channel(0);
    sender.clone().send(1).unwrap();
    drop(sender);
    at_once(receiver.changed()).unwrap();
    assert!(at_once(receiver.changed()).is_err());
    assert!(receiver.has_changed().is_err());
    assert_eq!(*receiver.borrow(), 1);

    let (sender, mut receiver) = watch::channel(0);
    let mut changed = waiting(receiver.changed());
    drop(sender);
    assert!(changed.ready().is_err());
}

#[test]
fn the_sender_hears_when_nobody_watches_any_more() {
    let _watched = crate::support::watch();
    let (sender, receiver) = watch::channel(0);
    let second = receiver.clone();
    let mut closed = waiting(sender.closed());
    drop(receiver);
    assert_eq!(closed.wakes(), 0);
    drop(second);
    closed.ready();
    assert_eq!(sender.send(1), Err(watch::SendError(1)));
    let _third = sender.subscribe();
    waiting(sender.closed());
}

#[test]
fn one_can_wait_for_a_value_to_one_s_taste() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = watch::channel(1);
    assert_eq!(*at_once(receiver.wait_for(|n| *n == 1)).unwrap(), 1);
    let mut large = waiting(receiver.wait_for(|n| *n > 10));
    sender.send(5).unwrap();
    large.pending();
    sender.send(11).unwrap();
    assert_eq!(*large.ready().unwrap(), 11);
    drop(large);
    let mut never = waiting(receiver.wait_for(|n| *n < 0));
    drop(sender);
    assert!(never.ready().is_err());
}

#[test]
fn a_value_may_send_into_its_channel_as_it_is_replaced() {
    let _watched = crate::support::watch();
    type Reenters = Option<OnDrop<Box<dyn FnOnce()>>>;
    let (sender, receiver) = watch::channel::<Reenters>(None);
    let (sender, count) = (Rc::new(sender), Rc::new(()));
    let (again, counted) = (Rc::clone(&sender), Rc::clone(&count));
    let value = on_drop(Box::new(move || {
        drop(counted);
        assert!(again.send(None).is_ok());
    }) as Box<dyn FnOnce()>);
    assert!(sender.send(Some(value)).is_ok());
    assert!(sender.send(None).is_ok());
    assert_eq!(
        (Rc::strong_count(&count), Rc::strong_count(&sender)),
        (1, 1)
    );
    assert!(receiver.borrow().is_none());
}

#[test]
fn a_receiver_that_is_polled_keeps_the_last_waker_and_lets_it_go() {
    let _watched = crate::support::watch();
    let (sender, receiver) = watch::channel(0);
    let receiver = RefCell::new(receiver);
    let poll = || poll_fn(|cx| receiver.borrow_mut().poll_changed(cx));
    let (first, mut second) = (waiting(poll()), waiting(poll()));
    assert_eq!((first.wakers_kept(), second.wakers_kept()), (0, 1));
    sender.send(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    second.ready().unwrap();
    assert_eq!(receiver.borrow().has_changed(), Ok(false));
    let third = waiting(poll());
    // The receiver is dropped.
    receiver.replace(sender.subscribe());
    assert_eq!((third.wakers_kept(), third.wakes()), (0, 0));
    drop(sender);
    assert!(at_once(poll()).is_err());
}

#[test]
fn a_value_that_was_seen_between_two_polls_is_not_new() {
    let _watched = crate::support::watch();
    let (sender, receiver) = watch::channel(0);
    let receiver = RefCell::new(receiver);
    let poll = || poll_fn(|cx| receiver.borrow_mut().poll_changed(cx));
    let early = waiting(poll());
    sender.send(1).unwrap();
    assert_eq!(early.wakes(), 1);
    assert_eq!(*receiver.borrow_mut().borrow_and_update(), 1);
    let mut late = waiting(poll());
    sender.send(2).unwrap();
    assert_eq!(late.wakes(), 1);
    late.ready().unwrap();
}
