//! `Condition`: a wait releases the lock, returns with the lock, and passes on an unused notification.

use std::cell::RefCell;
use std::future::{pending, ready};
use std::rc::Rc;

use crate::support::sync::{Moment, Probe, at_once, hooked, waiting};
use roundelay::sync::{CancelToken, Condition, Mutex};

#[test]
fn the_lock_is_free_while_a_task_waits_and_held_when_it_returns() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(0), Condition::new());
    let mut waiter = waiting(condition.wait(at_once(mutex.lock())));
    *at_once(mutex.lock()) = 7;
    waiter.pending();
    condition.notify_one();
    let guard = waiter.ready();
    assert_eq!(*guard, 7);
    assert!(mutex.try_lock().is_err());
}

#[test]
fn a_notification_while_nobody_waits_is_not_stored() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    condition.notify_one();
    condition.notify_all();
    waiting(condition.wait(at_once(mutex.lock())));
}

#[test]
fn as_many_are_notified_as_asked_for_the_longest_waiting_first() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut waiters: Vec<_> = (0..4)
        .map(|_| waiting(condition.wait(at_once(mutex.lock()))))
        .collect();
    condition.notify(2);
    assert_eq!(
        waiters.iter().map(Probe::wakes).collect::<Vec<_>>(),
        [1, 1, 0, 0]
    );
    condition.notify_all();
    assert_eq!(
        waiters.iter().map(Probe::wakes).collect::<Vec<_>>(),
        [1, 1, 1, 1]
    );
    for waiter in &mut waiters {
        drop(waiter.ready());
    }
}

#[test]
fn a_notification_sent_by_the_unlock_itself_arrives() {
    let _watched = crate::support::watch();
    // The wait releases the lock. This wakes a task that waits for the lock, and its waker notifies the condition.
    let (mutex, condition) = (Mutex::new(()), Rc::new(Condition::new()));
    let guard = at_once(mutex.lock());
    let waker = hooked({
        let condition = Rc::clone(&condition);
        move |moment| {
            if moment == Moment::Wake {
                condition.notify_one();
            }
        }
    });
    let mut locks = Probe::new(mutex.lock());
    assert!(locks.poll_with(&waker).is_pending());
    let mut waiter = waiting(condition.wait(guard));
    assert_eq!(waiter.wakes(), 1);
    drop(locks.ready());
    drop(waiter.ready());
}

#[test]
fn a_notified_waiter_that_is_dropped_before_it_ran_passes_the_notification_on() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut dropped = waiting(condition.wait(at_once(mutex.lock())));
    let mut next = waiting(condition.wait(at_once(mutex.lock())));
    condition.notify_one();
    dropped.cancel();
    assert_eq!(next.wakes(), 1);
    drop(next.ready());
}

#[test]
fn a_notified_waiter_that_is_dropped_while_it_waits_for_the_lock_passes_the_notification_on() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut dropped = waiting(condition.wait(at_once(mutex.lock())));
    let mut next = waiting(condition.wait(at_once(mutex.lock())));
    let held = at_once(mutex.lock());
    condition.notify_one();
    dropped.pending(); // it is notified, and waits for the lock
    assert_eq!(next.wakes(), 0);
    dropped.cancel();
    assert_eq!(next.wakes(), 1);
    drop(held);
    drop(next.ready());
}

#[test]
fn a_waiter_that_returned_does_not_pass_its_notification_on() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut first = waiting(condition.wait(at_once(mutex.lock())));
    let next = waiting(condition.wait(at_once(mutex.lock())));
    condition.notify_one();
    drop(first.ready());
    assert_eq!(next.wakes(), 0);
}

#[test]
fn a_dropped_waiter_does_not_hold_the_lock() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut waiter = waiting(condition.wait(at_once(mutex.lock())));
    waiter.cancel();
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_waiter_that_is_asked_to_stop_holds_the_lock_again() {
    let _watched = crate::support::watch();
    let (mutex, condition, stop) = (Mutex::new(1), Condition::new(), CancelToken::new());
    let mut waiter = waiting(condition.wait_or(at_once(mutex.lock()), stop.cancelled()));
    let held = at_once(mutex.lock());
    stop.cancel();
    waiter.pending(); // it is stopped, and waits for the lock
    drop(held);
    let (guard, stopped) = waiter.ready();
    assert_eq!((*guard, stopped), (1, Some(())));
    assert!(mutex.try_lock().is_err());
}

#[test]
fn a_notification_counts_more_than_a_stop_that_comes_with_it() {
    let _watched = crate::support::watch();
    let (mutex, condition, stop) = (Mutex::new(()), Condition::new(), CancelToken::new());
    let mut waiter = waiting(condition.wait_or(at_once(mutex.lock()), stop.cancelled()));
    stop.cancel();
    condition.notify_one();
    assert_eq!(waiter.ready().1, None);
}

#[test]
fn a_stop_that_is_ready_at_once_still_lets_the_lock_go_in_between() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(0), Condition::new());
    let guard = at_once(mutex.lock());
    let mut other = waiting(mutex.lock());
    let mut waiter = waiting(condition.wait_or(guard, ready(())));
    *other.ready() += 1;
    other.cancel();
    assert_eq!(*waiter.ready().0, 1);
}

#[test]
fn a_predicate_is_asked_at_once_and_after_each_notification() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(0), Condition::new());
    drop(at_once(
        condition.wait_for(at_once(mutex.lock()), |n| *n == 0),
    ));
    let asked = RefCell::new(Vec::new());
    let mut waiter = waiting(condition.wait_for(at_once(mutex.lock()), |n| {
        asked.borrow_mut().push(*n);
        *n >= 2
    }));
    for _ in 0..2 {
        *at_once(mutex.lock()) += 1;
        condition.notify_one();
        if *at_once(mutex.lock()) < 2 {
            waiter.pending();
        }
    }
    assert_eq!(*waiter.ready(), 2);
    assert_eq!(*asked.borrow(), [0, 1, 2]);
}

#[test]
fn waiting_for_ever_can_be_named() {
    let _watched = crate::support::watch();
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut waiter = waiting(condition.wait_or(at_once(mutex.lock()), pending::<()>()));
    condition.notify_all();
    assert!(waiter.ready().1.is_none());
}
