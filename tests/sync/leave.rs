//! A waiter that leaves serves the next waiters first, and drops its waker after that.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::sync::{Moment, Probe, hooked};
use roundelay::sync::Semaphore;

// *decide-then-do*: the waker of the leaving waiter is dropped only when the grant has gone to the next waiter.
#[test]
fn the_waker_of_a_waiter_that_leaves_is_dropped_after_the_one_behind_it_was_served() {
    let _watched = crate::support::watch();
    let semaphore = Semaphore::new(1);
    let (served, seen) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(None)));
    let (is_served, look, note) = (Rc::clone(&served), Rc::clone(&served), Rc::clone(&seen));
    let of_front = hooked(move |moment| {
        if moment == Moment::Drop {
            note.set(Some(look.get()));
        }
    });
    let of_next = hooked(move |moment| {
        if moment == Moment::Wake {
            is_served.set(true);
        }
    });
    let mut front = Probe::new(semaphore.acquire_many(5));
    let mut next = Probe::new(semaphore.acquire());
    assert!(front.poll_with(&of_front).is_pending());
    assert!(next.poll_with(&of_next).is_pending());
    front.cancel();
    assert_eq!(seen.get(), Some(true));
    assert!(next.poll_with(&of_next).is_ready());
}
