//! The wait list under all of `sync`, tested with a semaphore: no wake-up is lost, whatever code
//! the wakers run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::sync::{Moment, Probe, at_once, hooked, waiting};
use roundelay::sync::{Event, Notify, Semaphore};

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..5).map(|_| waiting(semaphore.acquire())).collect();
    for served in 0..5 {
        semaphore.add_permits(1);
        let woken: Vec<_> = waiters.iter().map(Probe::wakes).collect();
        let expected: Vec<_> = (0..5).map(|n| usize::from(n <= served)).collect();
        assert_eq!(woken, expected);
        waiters[served].ready().unwrap().forget();
    }
}

/// Makes waiters 0 to 4. The `cancelled` ones leave, and permits come one by one. Gives the order of the served waiters.
fn served_after_cancelling(cancelled: &[usize]) -> Vec<usize> {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..5).map(|_| waiting(semaphore.acquire())).collect();
    for &leaver in cancelled {
        waiters[leaver].cancel();
    }
    let mut served = Vec::new();
    for _ in 0..5 - cancelled.len() {
        semaphore.add_permits(1);
        let next = (0..5)
            .find(|n| waiters[*n].wakes() == 1 && !served.contains(n))
            .unwrap();
        waiters[next].ready().unwrap().forget();
        served.push(next);
    }
    assert_eq!(semaphore.available_permits(), 0);
    served
}

#[test]
fn a_waiter_that_leaves_from_the_front_the_middle_or_the_end_leaves_the_order_alone() {
    let _watched = crate::support::watch();
    assert_eq!(served_after_cancelling(&[0]), [1, 2, 3, 4]);
    assert_eq!(served_after_cancelling(&[2]), [0, 1, 3, 4]);
    assert_eq!(served_after_cancelling(&[4]), [0, 1, 2, 3]);
    assert_eq!(served_after_cancelling(&[0, 1]), [2, 3, 4]);
    assert_eq!(served_after_cancelling(&[3, 2]), [0, 1, 4]);
    assert_eq!(served_after_cancelling(&[4, 0, 2]), [1, 3]);
    assert_eq!(served_after_cancelling(&[1, 3, 0, 4, 2]), []);
}

#[test]
fn a_dropped_waiter_leaves_no_waker_behind() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    let mut waiter = waiting(semaphore.acquire());
    assert_eq!(waiter.wakers_kept(), 1);
    waiter.cancel();
    assert_eq!(waiter.wakers_kept(), 0);

    let mut granted = waiting(semaphore.acquire());
    semaphore.add_permits(1);
    assert_eq!(granted.wakers_kept(), 0);
    granted.cancel();
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn the_newest_waker_is_the_one_that_is_woken() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    let mut waiter = waiting(semaphore.acquire());
    let woken = Rc::new(Cell::new(0));
    let newer = hooked({
        let woken = Rc::clone(&woken);
        move |moment| woken.set(woken.get() + u32::from(moment == Moment::Wake))
    });
    assert!(waiter.poll_with(&newer).is_pending());
    semaphore.add_permits(1);
    assert_eq!((waiter.wakes(), woken.get()), (0, 1));
}

#[test]
fn a_waiter_polled_again_with_the_same_waker_does_not_clone_it() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(0);
    let clones = Rc::new(Cell::new(0));
    let waker = hooked({
        let clones = Rc::clone(&clones);
        move |moment| clones.set(clones.get() + u32::from(moment == Moment::Clone))
    });
    let mut waiter = Probe::new(semaphore.acquire());
    for _ in 0..3 {
        assert!(waiter.poll_with(&waker).is_pending());
    }
    assert_eq!(clones.get(), 1);
}

// *decide-then-do*: the clone is foreign code, so the semaphore looks at the list again before the waiter joins.
#[test]
fn a_release_from_within_the_clone_of_a_waker_is_not_lost() {
    let _watched = crate::support::watch();
    let semaphore = Rc::new(Semaphore::new(0));
    let waker = hooked({
        let semaphore = Rc::clone(&semaphore);
        move |moment| {
            if moment == Moment::Clone {
                semaphore.add_permits(1);
            }
        }
    });
    let mut waiter = Probe::new(semaphore.acquire());
    let polled = waiter.poll_with(&waker);
    assert!(
        polled.is_ready(),
        "the release during the clone of the waker was lost"
    );
}

#[test]
fn a_release_from_within_the_clone_of_a_newer_waker_is_not_lost() {
    let _watched = crate::support::watch();
    let semaphore = Rc::new(Semaphore::new(0));
    let mut waiter = waiting(semaphore.acquire());
    let waker = hooked({
        let semaphore = Rc::clone(&semaphore);
        move |moment| {
            if moment == Moment::Clone {
                semaphore.add_permits(1);
            }
        }
    });
    assert!(waiter.poll_with(&waker).is_ready());
}

#[test]
fn a_release_from_within_the_drop_of_an_older_waker_wakes_the_newer_one() {
    let _watched = crate::support::watch();
    let semaphore = Rc::new(Semaphore::new(0));
    let older = hooked({
        let semaphore = Rc::clone(&semaphore);
        move |moment| {
            if moment == Moment::Drop {
                semaphore.add_permits(1);
            }
        }
    });
    let mut waiter = Probe::new(semaphore.acquire());
    assert!(waiter.poll_with(&older).is_pending());
    waiter.pending();
    assert_eq!(waiter.wakes(), 1);
    assert!(waiter.poll().is_ready());
    std::mem::forget(older);
}

#[test]
fn all_grants_are_made_before_the_first_waiter_is_woken() {
    let _watched = crate::support::watch();
    let semaphore = Rc::new(Semaphore::new(0));
    let seen = Rc::new(RefCell::new(Vec::new()));
    let waker = hooked({
        let (semaphore, seen) = (Rc::clone(&semaphore), Rc::clone(&seen));
        move |moment| {
            if moment == Moment::Wake {
                seen.borrow_mut().push((
                    semaphore.available_permits(),
                    semaphore.try_acquire().is_ok(),
                ));
            }
        }
    });
    let mut waiters: Vec<_> = (0..3).map(|_| Probe::new(semaphore.acquire())).collect();
    for waiter in &mut waiters {
        assert!(waiter.poll_with(&waker).is_pending());
    }
    semaphore.add_permits(3);
    assert_eq!(
        *seen.borrow(),
        [(0, false); 3],
        "a waiter was woken while other grants of the same release were still to be made"
    );
}

#[test]
fn a_waker_may_release_acquire_and_cancel_others_while_it_is_woken() {
    let _watched = crate::support::watch();
    let semaphore = Rc::new(Semaphore::new(0));
    let neighbours = Rc::new(RefCell::new(Vec::new()));
    let waker = hooked({
        let (semaphore, neighbours) = (Rc::clone(&semaphore), Rc::clone(&neighbours));
        move |moment| {
            if moment == Moment::Wake {
                drop(neighbours.take()); // waiters with a permit give it back, the others leave
                semaphore.add_permits(1);
                drop(at_once(semaphore.acquire()));
            }
        }
    });
    let mut first = Probe::new(semaphore.acquire_owned());
    assert!(first.poll_with(&waker).is_pending());
    neighbours
        .borrow_mut()
        .extend((0..4).map(|_| waiting(semaphore.acquire_owned())));
    semaphore.add_permits(3);
    assert!(first.poll_with(&waker).is_ready());
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn a_waiter_that_collects_its_grant_before_it_was_woken_is_not_woken() {
    let _watched = crate::support::watch();
    // The first waker polls the second waiter, which has got its permit in the same release.
    let semaphore = Rc::new(Semaphore::new(0));
    let second = Rc::new(RefCell::new(Probe::new(semaphore.acquire_owned())));
    let waker = hooked({
        let second = Rc::clone(&second);
        move |moment| {
            if moment == Moment::Wake {
                second.borrow_mut().ready().unwrap().forget();
            }
        }
    });
    let mut first = Probe::new(semaphore.acquire_owned());
    assert!(first.poll_with(&waker).is_pending());
    second.borrow_mut().pending();
    semaphore.add_permits(2);
    assert_eq!(second.borrow().wakes(), 0);
    first.ready().unwrap().forget();
}

#[test]
fn one_waker_that_panics_keeps_no_other_from_being_woken() {
    let _watched = crate::support::watch();
    let event = Event::new();
    let mut before = waiting(event.wait());
    let panics = hooked(|moment| assert!(moment != Moment::Wake, "this waker panics"));
    let mut panicking: Vec<_> = (0..2).map(|_| Probe::new(event.wait())).collect();
    let mut after = Vec::new();
    for probe in &mut panicking {
        assert!(probe.poll_with(&panics).is_pending());
        after.push(waiting(event.wait()));
    }
    event.set(); // the caller has nothing to do with the waker, so the panic does not reach it
    assert_eq!(before.wakes(), 1);
    before.ready();
    for mut probe in after {
        assert_eq!(probe.wakes(), 1);
        probe.ready();
    }
}

#[test]
fn a_slot_that_is_used_again_does_not_confuse_its_tenants() {
    let _watched = crate::support::watch();
    let notify = Notify::new();
    let mut stays = waiting(notify.notified());
    for _ in 0..1000 {
        let mut passes = waiting(notify.notified());
        passes.cancel();
    }
    let mut last = waiting(notify.notified());
    notify.notify_one();
    assert_eq!((stays.wakes(), last.wakes()), (1, 0));
    stays.ready();
    notify.notify_one();
    last.ready();
}
