//! `broadcast`: every receiver gets every value, or the number of the values that it missed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;

use crate::support::sync::{OnDrop, at_once, on_drop, waiting};
use roundelay::sync::broadcast::{self, RecvError, SendError, TryRecvError};

#[test]
fn every_receiver_hears_every_value_from_when_it_came() {
    let _watched = crate::support::watch();
    let (sender, mut early) = broadcast::channel(4);
    assert_eq!(sender.send(1), Ok(1));
    let mut late = sender.subscribe();
    assert_eq!(sender.send(2), Ok(2));
    assert_eq!((early.len(), late.len(), sender.len()), (2, 1, 2));
    assert_eq!((early.try_recv(), early.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(late.try_recv(), Ok(2));
    assert_eq!(early.try_recv(), Err(TryRecvError::Empty));
    assert!(sender.is_empty() && early.is_empty());
}

#[test]
fn all_who_wait_are_woken() {
    let _watched = crate::support::watch();
    let (sender, mut one) = broadcast::channel(1);
    let mut two = one.resubscribe();
    let (mut first, mut second) = (waiting(one.recv()), waiting(two.recv()));
    sender.send(7).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert_eq!((first.ready(), second.ready()), (Ok(7), Ok(7)));
}

#[test]
fn who_lags_is_told_how_many_were_missed_and_goes_on_with_the_oldest() {
    let _watched = crate::support::watch();
    let (sender, mut slow) = broadcast::channel(3);
    let mut quick = sender.subscribe();
    for n in 0..10 {
        sender.send(n).unwrap();
        assert_eq!(quick.try_recv(), Ok(n));
    }
    assert_eq!(at_once(slow.recv()), Err(RecvError::Lagged(7)));
    assert_eq!([(); 3].map(|()| at_once(slow.recv()).unwrap()), [7, 8, 9]);
    assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_woken_receiver_that_lags_before_it_runs_is_told_so() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = broadcast::channel(1);
    let mut recv = waiting(receiver.recv());
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(recv.ready(), Err(RecvError::Lagged(1)));
    drop(recv);
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn when_all_senders_are_gone_what_is_left_can_be_heard_and_then_nothing() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = broadcast::channel(2);
    sender.clone().send(1).unwrap();
    drop(sender);
    assert_eq!(at_once(receiver.recv()), Ok(1));
    assert_eq!(at_once(receiver.recv()), Err(RecvError::Closed));

    let (sender, mut receiver) = broadcast::channel::<()>(2);
    let mut recv = waiting(receiver.recv());
    drop(sender);
    assert_eq!(recv.ready(), Err(RecvError::Closed));
}

#[test]
fn without_receivers_a_value_comes_back() {
    let _watched = crate::support::watch();
    let (sender, receiver) = broadcast::channel(2);
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError(1)));
    let mut late = sender.subscribe();
    sender.send(2).unwrap();
    assert_eq!(late.try_recv(), Ok(2));
}

#[test]
fn a_value_goes_when_the_last_to_hear_it_has_heard_it_or_left() {
    let _watched = crate::support::watch();
    let (sender, mut one) = broadcast::channel(8);
    let (two, value) = (sender.subscribe(), Rc::new(()));
    for _ in 0..3 {
        sender.send(Rc::clone(&value)).unwrap();
    }
    assert_eq!(Rc::strong_count(&value), 4);
    drop(one.try_recv().unwrap());
    assert_eq!(Rc::strong_count(&value), 4);
    drop(two);
    assert_eq!(Rc::strong_count(&value), 3);
    drop(one);
    assert_eq!(Rc::strong_count(&value), 1);
}

/// A value that counts its clones.
struct Counted(Rc<Cell<u32>>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        Counted(Rc::clone(&self.0))
    }
}

#[test]
fn the_last_to_hear_a_value_gets_it_without_a_clone() {
    let _watched = crate::support::watch();
    let (sender, mut one) = broadcast::channel(2);
    let mut two = sender.subscribe();
    let clones = Rc::new(Cell::new(0));
    assert!(sender.send(Counted(Rc::clone(&clones))).is_ok());
    drop(one.try_recv());
    assert_eq!(clones.get(), 1);
    drop(two.try_recv());
    assert_eq!(clones.get(), 1);
}

/// A value that sends into its own channel when it is cloned.
struct Chatty(Rc<RefCell<Option<broadcast::Sender<Chatty>>>>);

impl Clone for Chatty {
    fn clone(&self) -> Self {
        let sender = self.0.borrow().clone();
        if let Some(sender) = sender {
            assert!(sender.send(Chatty(Rc::default())).is_ok());
        }
        Chatty(Rc::default())
    }
}

#[test]
fn a_value_may_send_into_its_channel_as_it_is_cloned() {
    let _watched = crate::support::watch();
    let (sender, mut one) = broadcast::channel(2);
    let _two = sender.subscribe();
    let chatty = Chatty(Rc::new(RefCell::new(Some(sender.clone()))));
    assert!(sender.send(chatty).is_ok());
    assert!(one.try_recv().is_ok());
    assert_eq!(one.len(), 1);
}

#[test]
fn values_may_send_into_their_channel_as_they_are_dropped() {
    let _watched = crate::support::watch();
    type Reenters = Rc<OnDrop<Box<dyn FnOnce()>>>;
    let (sender, receiver) = broadcast::channel::<Reenters>(2);
    let drops = Rc::new(Cell::new(0));
    for _ in 0..4 {
        // Later values push two out of the channel. The other two are in it when the last receiver is dropped.
        let (again, drops) = (sender.clone(), Rc::clone(&drops));
        let value: Box<dyn FnOnce()> = Box::new(move || {
            drops.set(drops.get() + 1);
            drop(again.send(Rc::new(on_drop(Box::new(|| {})))));
        });
        assert!(sender.send(Rc::new(on_drop(value))).is_ok());
    }
    drop(receiver);
    assert_eq!(
        (drops.get(), sender.len(), sender.receiver_count()),
        (4, 0, 0)
    );
}

#[test]
fn a_receiver_that_is_polled_keeps_the_last_waker_and_lets_it_go() {
    let _watched = crate::support::watch();
    let (sender, receiver) = broadcast::channel(2);
    let receiver = RefCell::new(receiver);
    let poll = || poll_fn(|cx| receiver.borrow_mut().poll_recv(cx));
    let (first, mut second) = (waiting(poll()), waiting(poll()));
    assert_eq!((first.wakers_kept(), second.wakers_kept()), (0, 1));
    sender.send(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert_eq!(second.ready(), Ok(1));
    let third = waiting(poll());
    // The receiver is dropped.
    receiver.replace(sender.subscribe());
    assert_eq!((third.wakers_kept(), third.wakes()), (0, 0));
    assert_eq!(sender.receiver_count(), 1);
    drop(sender);
    assert_eq!(at_once(poll()), Err(RecvError::Closed));
}

#[test]
fn a_poll_that_waits_and_other_calls_do_not_stand_in_each_others_way() {
    let _watched = crate::support::watch();
    let (sender, receiver) = broadcast::channel(1);
    let receiver = RefCell::new(receiver);
    let poll = || poll_fn(|cx| receiver.borrow_mut().poll_recv(cx));
    let early = waiting(poll());
    sender.send(1).unwrap();
    assert_eq!(early.wakes(), 1);
    assert_eq!(receiver.borrow_mut().try_recv(), Ok(1));
    // The wait of the first poll is over, and its value is gone. So the next poll begins a new wait.
    let mut late = waiting(poll());
    assert_eq!(late.wakes(), 0);
    sender.send(2).unwrap();
    sender.send(3).unwrap();
    assert_eq!(late.wakes(), 1);
    assert_eq!(late.ready(), Err(RecvError::Lagged(1)));
    assert_eq!(at_once(poll()), Ok(3));
}
