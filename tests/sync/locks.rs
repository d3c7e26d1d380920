//! `Mutex` and `RwLock` are handed over in order. No newcomer passes a waiter. A lock is released however
//! its guard ends.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::sync::{Moment, OnDrop, Probe, at_once, hooked, on_drop, waiting};
use roundelay::sync::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};

#[test]
fn the_lock_is_handed_over_in_order_and_nobody_barges_in() {
    let _watched = crate::support::watch();
    let mutex = Mutex::new(Vec::new());
    let mut first = at_once(mutex.lock());
    let mut waiters: Vec<_> = (0..3).map(|_| waiting(mutex.lock())).collect();
    first.push(0);
    drop(first);
    for (n, waiter) in waiters.iter_mut().enumerate() {
        assert!(
            mutex.try_lock().is_err(),
            "the lock was free between two holders"
        );
        assert_eq!(waiter.wakes(), 1);
        waiter.ready().push(n + 1);
    }
    drop(waiters);
    assert_eq!(mutex.into_inner(), [0, 1, 2, 3]);
}

#[test]
fn a_lock_handed_to_a_dropped_waiter_goes_to_the_next() {
    let _watched = crate::support::watch();
    let mutex = Mutex::new(());
    let held = at_once(mutex.lock());
    let (mut dropped, mut next) = (waiting(mutex.lock()), waiting(mutex.lock()));
    drop(held);
    dropped.cancel();
    assert_eq!(next.wakes(), 1);
    drop(next.ready());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_panic_while_the_lock_is_held_releases_it() {
    let _watched = crate::support::watch();
    let mutex = Mutex::new(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _guard = at_once(mutex.lock());
        panic!("while holding the lock");
    }));
    assert!(panicked.is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

#[test]
fn a_waker_that_takes_the_lock_at_once_finds_it_borrowed_by_nobody() {
    let _watched = crate::support::watch();
    let mutex = Rc::new(Mutex::new(0));
    let waiter = Rc::new(RefCell::new(None::<Probe<_>>));
    let waker = hooked({
        let waiter = Rc::clone(&waiter);
        move |moment| {
            if moment == Moment::Wake {
                waiter.borrow_mut().as_mut().unwrap().ready();
            }
        }
    });
    let held = at_once(mutex.lock());
    let mut probe = Probe::new({
        let mutex = Rc::clone(&mutex);
        async move { *mutex.lock().await += 1 }
    });
    assert!(probe.poll_with(&waker).is_pending());
    *waiter.borrow_mut() = Some(probe);
    drop(held); // this wakes the waiter, whose waker polls it, and the poll locks the mutex
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

#[test]
fn a_value_may_lock_another_mutex_and_its_own_when_it_is_replaced() {
    let _watched = crate::support::watch();
    let mutex = Rc::new(Mutex::new(None));
    let same = Rc::clone(&mutex);
    let reenters: OnDrop<Box<dyn FnOnce()>> =
        on_drop(Box::new(move || assert!(same.try_lock().is_err())));
    *at_once(mutex.lock()) = Some(reenters);
    *at_once(mutex.lock()) = None;
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn debug_neither_blocks_nor_panics() {
    let _watched = crate::support::watch();
    let mutex = Mutex::new(7);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 7 }");
    let guard = mutex.try_lock().unwrap();
    assert_eq!(
        format!("{mutex:?} {guard:?}"),
        "Mutex { value: <locked> } 7"
    );
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
}

#[test]
fn an_unsized_value_can_be_locked() {
    let _watched = crate::support::watch();
    let mutex: Box<Mutex<[i32]>> = Box::new(Mutex::new([1, 2, 3]));
    at_once(mutex.lock())[1] = 5;
    assert_eq!(at_once(mutex.lock()).iter().sum::<i32>(), 9);
}

#[test]
fn readers_share_and_writers_exclude() {
    let _watched = crate::support::watch();
    let lock = RwLock::new(1);
    let (one, two) = (at_once(lock.read()), at_once(lock.read()));
    assert!(lock.try_write().is_err());
    let mut writer = waiting(lock.write());
    drop(one);
    assert_eq!(writer.wakes(), 0);
    drop(two);
    let mut guard = writer.ready();
    *guard = 2;
    assert!(lock.try_read().is_err());
    drop(guard);
    assert_eq!(*lock.try_read().unwrap(), 2);
}

#[test]
fn a_waiting_writer_holds_up_the_readers_that_come_after_it() {
    let _watched = crate::support::watch();
    let lock = RwLock::new(());
    let reading = at_once(lock.read());
    let mut writer = waiting(lock.write());
    let mut readers = [waiting(lock.read()), waiting(lock.read())];
    assert!(lock.try_read().is_err());
    let mut late_writer = waiting(lock.write());
    drop(reading);
    drop(writer.ready());
    let guards = readers.each_mut().map(|reader| reader.ready());
    assert_eq!(late_writer.wakes(), 0);
    drop(guards);
    drop(late_writer.ready());
}

#[test]
fn when_a_waiting_writer_leaves_the_readers_behind_it_are_let_in() {
    let _watched = crate::support::watch();
    let lock = RwLock::new(());
    let _reading = at_once(lock.read());
    let mut writer = waiting(lock.write());
    let mut readers = [waiting(lock.read()), waiting(lock.read())];
    writer.cancel();
    assert_eq!(readers.each_ref().map(|reader| reader.wakes()), [1, 1]);
    drop(readers.each_mut().map(|reader| reader.ready()));
}

#[test]
fn a_writer_that_was_let_in_and_dropped_passes_the_lock_on() {
    let _watched = crate::support::watch();
    let lock = RwLock::new(());
    let writing = at_once(lock.write());
    let mut dropped = waiting(lock.write());
    let mut reader = waiting(lock.read());
    drop(writing);
    dropped.cancel();
    drop(reader.ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_writer_goes_on_as_a_reader_with_nobody_in_between() {
    let _watched = crate::support::watch();
    let lock = RwLock::new(1);
    let mut writing = at_once(lock.write());
    let mut reader = waiting(lock.read());
    let mut writer = waiting(lock.write());
    *writing = 2;
    let reading = RwLockWriteGuard::downgrade(writing);
    assert_eq!((*reading, *reader.ready()), (2, 2));
    assert_eq!(writer.wakes(), 0);
    drop(reading);
    *writer.ready() = 3;
    assert_eq!(*lock.try_read().unwrap(), 3);
}
