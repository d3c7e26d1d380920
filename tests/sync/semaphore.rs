//! `Semaphore`: it serves waiters in order, and reserves permits at the release. A task may take several at once, or own
//! them, and a semaphore may be closed.

use std::rc::Rc;

use crate::support::sync::{at_once, on_drop, waiting};
use roundelay::sync::{Semaphore, TryAcquireError};

#[test]
fn a_permit_that_is_released_belongs_to_the_waiter_not_to_a_newcomer() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(1);
    let held = at_once(semaphore.acquire()).unwrap();
    let mut waiter = waiting(semaphore.acquire());
    drop(held);
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::NoPermits
    );
    let mut newcomer = waiting(semaphore.acquire());
    drop(waiter.ready().unwrap());
    assert_eq!(newcomer.wakes(), 1);
    drop(newcomer.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_permit_reserved_for_a_dropped_waiter_goes_to_the_next() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    let mut dropped = waiting(semaphore.acquire());
    let mut next = waiting(semaphore.acquire());
    semaphore.add_permits(1);
    assert_eq!((dropped.wakes(), next.wakes()), (1, 0));
    dropped.cancel();
    assert_eq!(
        next.wakes(),
        1,
        "the permit of a dropped waiter was lost, and the next waiter sleeps"
    );
    next.ready().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn a_permit_nobody_wants_any_more_is_free_again() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    let mut dropped = waiting(semaphore.acquire_many(2));
    semaphore.add_permits(2);
    dropped.cancel();
    assert_eq!(semaphore.available_permits(), 2);
    assert!(semaphore.try_acquire_many(2).is_ok());
}

#[test]
fn who_wants_many_is_not_starved_by_those_who_want_few() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(2);
    let one = at_once(semaphore.acquire()).unwrap();
    let mut many = waiting(semaphore.acquire_many(2));
    let mut few = waiting(semaphore.acquire());
    assert_eq!(semaphore.available_permits(), 1);
    assert!(semaphore.try_acquire().is_err());
    drop(one);
    assert_eq!((many.wakes(), few.wakes()), (1, 0));
    drop(many.ready().unwrap());
    drop(few.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn when_a_greedy_front_leaves_those_behind_it_are_served() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(1);
    let mut greedy = waiting(semaphore.acquire_many(3));
    let mut modest = waiting(semaphore.acquire());
    let mut another = waiting(semaphore.acquire());
    greedy.cancel();
    assert_eq!((modest.wakes(), another.wakes()), (1, 0));
    drop(modest.ready().unwrap());
    drop(another.ready().unwrap());
}

#[test]
fn one_release_serves_as_many_as_it_suffices_for() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    let wants = [2, 1, 3, 1];
    let mut waiters: Vec<_> = wants.map(|n| waiting(semaphore.acquire_many(n))).into();
    semaphore.add_permits(5);
    assert_eq!(
        waiters.iter().map(|w| w.wakes()).collect::<Vec<_>>(),
        [1, 1, 0, 0]
    );
    assert_eq!(semaphore.available_permits(), 2);
    let held: Vec<_> = waiters.drain(..2).map(|mut w| w.ready().unwrap()).collect();
    drop(held);
    assert_eq!(
        waiters.iter().map(|w| w.wakes()).collect::<Vec<_>>(),
        [1, 1]
    );
}

#[test]
fn closing_turns_away_those_who_wait_and_those_who_come() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(1);
    let held = at_once(semaphore.acquire()).unwrap();
    let mut waiters = [waiting(semaphore.acquire()), waiting(semaphore.acquire())];
    semaphore.close();
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        assert!(waiter.ready().is_err());
    }
    drop(held);
    assert!(at_once(semaphore.acquire()).is_err());
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::Closed
    );
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_permit_reserved_before_closing_stays_good() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    let mut waiter = waiting(semaphore.acquire());
    semaphore.add_permits(1);
    semaphore.close();
    assert!(waiter.ready().is_ok());
}

#[test]
fn permits_can_be_split_merged_and_forgotten() {
    let _watched = crate::support::watch();
    let (semaphore, other) = (Semaphore::new(5), Semaphore::new(1));
    let mut many = at_once(semaphore.acquire_many(4)).unwrap();
    let two = many.split(2).unwrap();
    assert!(many.split(3).is_none());
    drop(two);
    assert_eq!(semaphore.available_permits(), 3);
    many.merge(semaphore.try_acquire().unwrap()).unwrap();
    assert_eq!(many.num_permits(), 3);
    let foreign = many.merge(other.try_acquire().unwrap()).unwrap_err();
    drop(foreign);
    assert_eq!(other.available_permits(), 1);
    many.forget();
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(semaphore.forget_permits(10), 2);
}

#[test]
fn owned_permits_keep_their_semaphore_alive() {
    let _watched = crate::support::watch();
    let semaphore = Rc::new(Semaphore::new(2));
    let mut permit = at_once(semaphore.acquire_owned()).unwrap();
    permit
        .merge(semaphore.try_acquire_owned().unwrap())
        .unwrap();
    let mut waiter = waiting(semaphore.acquire_many_owned(2));
    drop(semaphore);
    drop(permit);
    assert_eq!(waiter.ready().unwrap().num_permits(), 2);
}

#[test]
fn the_last_permit_may_drop_its_semaphore() {
    let _watched = crate::support::watch();
    let semaphore = Rc::new(Semaphore::new(1));
    let permit = semaphore.try_acquire_owned().unwrap();
    let weak = Rc::downgrade(&semaphore);
    drop(semaphore);
    drop(on_drop(move || drop(permit)));
    assert!(weak.upgrade().is_none());
}

#[test]
fn permits_without_end_are_not_counted_past_the_end() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    semaphore.add_permits(10);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

#[test]
fn none_at_all_is_had_at_once_but_not_past_those_who_wait() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    assert!(semaphore.try_acquire_many(0).is_ok());
    let _waiter = waiting(semaphore.acquire());
    assert!(semaphore.try_acquire_many(0).is_err());
}
