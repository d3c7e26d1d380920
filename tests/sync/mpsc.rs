//! `mpsc`: values come in order, room is given in order, and both sides learn of the end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::sync::{Moment, OnDrop, Probe, at_once, hooked, on_drop, waiting};
use roundelay::sync::mpsc::{self, SendError, TryRecvError, TrySendError};

#[test]
fn values_come_in_the_order_in_which_they_were_sent() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(3);
    for n in 0..3 {
        at_once(sender.send(n)).unwrap();
    }
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(
        (receiver.len(), sender.capacity(), sender.max_capacity()),
        (3, 0, 3)
    );
    for n in 0..3 {
        assert_eq!(at_once(receiver.recv()), Some(n));
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn blocked_senders_go_first_come_first_served_and_nobody_barges_in() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(1);
    at_once(sender.send(0)).unwrap();
    let mut blocked: Vec<_> = (1..4).map(|n| waiting(sender.send(n))).collect();
    for (n, blocked) in blocked.iter_mut().enumerate() {
        assert_eq!(at_once(receiver.recv()), Some(n));
        assert_eq!(sender.try_send(99), Err(TrySendError::Full(99)));
        blocked.ready().unwrap();
    }
    assert_eq!(at_once(receiver.recv()), Some(3));
}

#[test]
fn room_reserved_for_a_dropped_sender_goes_to_the_next() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(1);
    at_once(sender.send(0)).unwrap();
    let (mut dropped, mut next) = (waiting(sender.send(1)), waiting(sender.send(2)));
    receiver.try_recv().unwrap();
    dropped.cancel();
    assert_eq!(next.wakes(), 1);
    next.ready().unwrap();
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn the_receiver_is_woken_once_for_a_burst() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut recv = waiting(receiver.recv());
    for n in 0..10 {
        sender.send(n).unwrap();
    }
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), Some(0));
}

#[test]
fn a_dropped_recv_loses_no_value_and_keeps_no_waker() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(1);
    let recv = waiting(receiver.recv());
    sender.try_send(1).unwrap();
    assert_eq!(recv.cancel_and_count_wakers(), 0);
    let recv = waiting({
        assert_eq!(receiver.try_recv(), Ok(1));
        receiver.recv()
    });
    assert_eq!(recv.cancel_and_count_wakers(), 0);
}

#[test]
fn when_all_senders_are_gone_what_is_left_can_be_received_and_then_nothing() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(2);
    let clone = sender.clone();
    assert!(sender.same_channel(&clone));
    at_once(clone.send(1)).unwrap();
    drop(clone);
    assert_eq!(receiver.try_recv(), Ok(1));
    let mut recv = waiting(receiver.recv());
    drop(sender);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
    drop(recv);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn closing_gives_blocked_senders_their_values_back_and_drains() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(1);
    at_once(sender.send(1)).unwrap();
    let mut blocked = waiting(sender.send(2));
    let mut closed = waiting(sender.closed());
    receiver.close();
    assert_eq!((blocked.wakes(), closed.wakes()), (1, 1));
    assert_eq!(blocked.ready(), Err(SendError(2)));
    closed.ready();
    assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(at_once(receiver.recv()), Some(1));
    assert_eq!(at_once(receiver.recv()), None);
    assert!(sender.is_closed() && receiver.is_closed());
}

#[test]
fn dropping_the_receiver_turns_blocked_senders_away_and_drops_what_was_in_it() {
    let _watched = crate::support::watch();
    let (sender, receiver) = mpsc::channel(1);
    let value = Rc::new(());
    at_once(sender.send(Rc::clone(&value))).unwrap();
    let mut blocked = waiting(sender.send(Rc::clone(&value)));
    drop(receiver);
    let returned = blocked.ready().unwrap_err().0;
    drop(returned);
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn a_permit_is_good_even_after_closing_and_the_receiver_waits_for_it() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(2);
    let (used, unused) = (
        at_once(sender.reserve()).unwrap(),
        sender.try_reserve().unwrap(),
    );
    assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
    receiver.close();
    let mut recv = waiting(receiver.recv());
    used.send(1);
    assert_eq!(recv.ready(), Some(1));
    drop(recv);
    let mut recv = waiting(receiver.recv());
    drop(unused);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
}

#[test]
fn a_granted_sender_dropped_after_close_lets_the_receiver_end() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(1);
    at_once(sender.send(1)).unwrap();
    let mut granted = waiting(sender.send(2));
    receiver.try_recv().unwrap();
    receiver.close();
    let mut recv = waiting(receiver.recv()); // the sender that has room may still send
    granted.cancel();
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
}

#[test]
fn a_sender_that_was_granted_room_before_closing_still_sends() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(1);
    at_once(sender.send(1)).unwrap();
    let mut granted = waiting(sender.send(2));
    receiver.try_recv().unwrap();
    receiver.close();
    granted.ready().unwrap();
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn an_owned_permit_holds_its_room_and_its_sender() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(1);
    let permit = at_once(sender.reserve_owned()).unwrap();
    let mut recv = waiting(receiver.recv());
    let sender = permit.send(1);
    assert_eq!(recv.ready(), Some(1));
    drop(recv);
    let sender = at_once(sender.reserve_owned()).unwrap().release();
    assert_eq!(sender.capacity(), 1);
    let permit = at_once(sender.reserve_owned()).unwrap();
    let mut recv = waiting(receiver.recv());
    drop(permit);
    assert_eq!(recv.ready(), None);
}

#[test]
fn a_permit_used_when_the_receiver_is_gone_drops_the_value_at_once() {
    let _watched = crate::support::watch();
    let (sender, receiver) = mpsc::channel(1);
    let permit = at_once(sender.reserve()).unwrap();
    drop(receiver);
    let dropped = Rc::new(Cell::new(false));
    let flag = Rc::clone(&dropped);
    permit.send(on_drop(move || flag.set(true)));
    assert!(dropped.get());
}

#[test]
fn an_unbounded_channel_is_never_full_and_ends_like_a_bounded_one() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for n in 0..1000 {
        sender.send(n).unwrap();
    }
    receiver.close();
    assert_eq!(sender.send(1000), Err(SendError(1000)));
    let mut received = 0;
    while let Some(n) = at_once(receiver.recv()) {
        assert_eq!(n, received);
        received += 1;
    }
    assert_eq!(received, 1000);
}

#[test]
fn room_for_none_counts_as_room_for_one() {
    let _watched = crate::support::watch();
    let (sender, _receiver) = mpsc::channel(0);
    sender.try_send(1).unwrap();
    assert!(sender.try_send(2).is_err());
}

#[test]
fn a_value_sent_from_within_the_clone_of_the_waker_is_not_lost() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = mpsc::channel(1);
    let waker = hooked(move |moment| {
        if moment == Moment::Clone {
            sender.try_send(1).unwrap();
        }
    });
    assert!(Probe::new(receiver.recv()).poll_with(&waker).is_ready());
}

#[test]
fn values_may_send_and_drop_senders_of_their_own_channel_as_they_are_dropped() {
    let _watched = crate::support::watch();
    type Reenters = OnDrop<Box<dyn FnOnce()>>;
    let (sender, receiver) = mpsc::unbounded_channel::<Reenters>();
    let drops = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (again, drops) = (sender.clone(), Rc::clone(&drops));
        let value = on_drop(Box::new(move || {
            drops.set(drops.get() + 1);
            assert!(again.send(on_drop(Box::new(|| {}))).is_err());
        }) as Box<dyn FnOnce()>);
        assert!(sender.send(value).is_ok());
    }
    drop(sender);
    drop(receiver);
    assert_eq!(drops.get(), 3);
}

#[test]
fn a_woken_receiver_may_drop_itself() {
    let _watched = crate::support::watch();
    let (sender, receiver) = mpsc::channel::<u8>(1);
    let receiving = Rc::new(RefCell::new(None));
    let waker = hooked({
        let receiving = Rc::clone(&receiving);
        move |moment| {
            if moment == Moment::Wake {
                receiving.take();
            }
        }
    });
    let mut receiver = receiver;
    let mut probe = Probe::new(async move { receiver.recv().await });
    assert!(probe.poll_with(&waker).is_pending());
    *receiving.borrow_mut() = Some(probe);
    sender.try_send(1).unwrap();
    assert!(sender.is_closed());
}
