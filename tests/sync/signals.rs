//! `Event`, `Notify` and `Barrier`: they wake one task, all tasks, or a whole group when it is complete.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::sync::{Moment, Probe, at_once, hooked, waiting};
use roundelay::sync::{Barrier, Event, Notify};

#[test]
fn setting_and_clearing_an_event_at_once_still_wakes_those_who_waited() {
    let _watched = crate::support::watch();
    let event = Event::new();
    let mut waiters = [waiting(event.wait()), waiting(event.wait())];
    event.set();
    event.clear();
    let mut late = waiting(event.wait());
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        waiter.ready();
    }
    assert!(!event.is_set());
    late.pending();
    event.set();
    late.ready();
    at_once(event.wait());
}

#[test]
fn a_waker_that_clears_the_event_and_waits_again_is_not_woken_twice() {
    let _watched = crate::support::watch();
    let event = Rc::new(Event::new());
    let again = Rc::new(RefCell::new(None));
    let waker = hooked({
        let (event, again) = (Rc::clone(&event), Rc::clone(&again));
        move |moment| {
            if moment == Moment::Wake {
                event.clear();
                let event = Rc::clone(&event);
                *again.borrow_mut() = Some(waiting(async move { event.wait().await }));
            }
        }
    });
    let mut first = Probe::new(event.wait());
    assert!(first.poll_with(&waker).is_pending());
    let mut second = waiting(event.wait());
    event.set();
    first.ready();
    second.ready();
    assert_eq!(again.borrow().as_ref().unwrap().wakes(), 0);
}

#[test]
fn one_notification_is_stored_and_no_more() {
    let _watched = crate::support::watch();
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    at_once(notify.notified());
    let mut second = waiting(notify.notified());
    notify.notify_one();
    second.ready();
}

#[test]
fn a_notification_of_a_dropped_waiter_goes_to_the_next() {
    let _watched = crate::support::watch();
    let notify = Notify::new();
    let (mut dropped, mut next) = (waiting(notify.notified()), waiting(notify.notified()));
    notify.notify_one();
    dropped.cancel();
    assert_eq!(next.wakes(), 1);
    next.cancel();
    at_once(notify.notified()); // without a waiter the notification was stored
}

#[test]
fn a_notification_of_everybody_is_not_passed_on() {
    let _watched = crate::support::watch();
    let notify = Notify::new();
    let mut dropped = waiting(notify.notified());
    notify.notify_waiters();
    dropped.cancel();
    waiting(notify.notified());
}

#[test]
fn notify_waiters_reaches_futures_that_exist_but_were_not_polled_yet() {
    let _watched = crate::support::watch();
    let notify = Notify::new();
    let (mut early, mut polled) = (Probe::new(notify.notified()), waiting(notify.notified()));
    notify.notify_waiters();
    early.ready();
    polled.ready();
    waiting(notify.notified());
}

#[test]
fn a_round_of_everybody_leaves_a_stored_notification_alone() {
    let _watched = crate::support::watch();
    let notify = Notify::new();
    let mut early = Probe::new(notify.notified());
    notify.notify_one();
    notify.notify_waiters();
    early.ready();
    at_once(notify.notified());
}

#[test]
fn a_barrier_lets_its_parties_through_together_each_with_its_place() {
    let _watched = crate::support::watch();
    let barrier = Barrier::new(3);
    for _round in 0..3 {
        let (mut a, mut b) = (waiting(barrier.wait()), waiting(barrier.wait()));
        assert_eq!(barrier.waiting(), 2);
        assert_eq!(at_once(barrier.wait()), Ok(2));
        assert_eq!((a.wakes(), b.wakes()), (1, 1));
        let mut early = waiting(barrier.wait()); // it belongs to the next round
        assert_eq!((b.ready(), a.ready()), (Ok(1), Ok(0)));
        early.cancel();
    }
}

#[test]
fn a_party_that_leaves_makes_room_and_does_not_break_the_barrier() {
    let _watched = crate::support::watch();
    let barrier = Barrier::new(2);
    let mut leaves = waiting(barrier.wait());
    leaves.cancel();
    let mut stays = waiting(barrier.wait());
    assert_eq!(at_once(barrier.wait()), Ok(1));
    assert_eq!(stays.ready(), Ok(0));
    assert!(!barrier.is_broken());
}

#[test]
fn resetting_a_barrier_turns_away_those_who_wait_and_starts_afresh() {
    let _watched = crate::support::watch();
    let barrier = Barrier::new(2);
    let mut early = waiting(barrier.wait());
    barrier.reset();
    assert!(early.ready().is_err());
    let mut fresh = waiting(barrier.wait());
    at_once(barrier.wait()).unwrap();
    fresh.ready().unwrap();
}

#[test]
fn an_aborted_barrier_stays_broken_until_it_is_reset() {
    let _watched = crate::support::watch();
    let barrier = Barrier::new(2);
    let mut early = waiting(barrier.wait());
    barrier.abort();
    assert!(early.ready().is_err());
    assert!(barrier.is_broken());
    assert!(at_once(barrier.wait()).is_err());
    barrier.reset();
    waiting(barrier.wait());
}

#[test]
fn a_round_that_was_full_stays_full_when_the_barrier_is_aborted() {
    let _watched = crate::support::watch();
    let barrier = Barrier::new(2);
    let mut first = waiting(barrier.wait());
    at_once(barrier.wait()).unwrap();
    barrier.abort();
    assert_eq!(first.ready(), Ok(0));
}

#[test]
fn a_barrier_for_one_or_none_never_waits() {
    let _watched = crate::support::watch();
    for parties in [0, 1] {
        let barrier = Barrier::new(parties);
        assert_eq!(barrier.parties(), 1);
        assert_eq!(at_once(barrier.wait()), Ok(0));
    }
}
