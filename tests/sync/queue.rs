//! `Queue`: it has three orders, serves both sides first come first served, counts its work, and closes in two ways.

use std::cell::Cell;
use std::cmp::{Ordering, Reverse};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::sync::{OnDrop, at_once, on_drop, waiting};
use roundelay::sync::{PutError, Queue, TryGetError, TryPutError};

#[test]
fn each_kind_has_its_order() {
    let _watched = crate::support::watch();
    let (fifo, lifo, priority) = (Queue::bounded(9), Queue::lifo(9), Queue::priority(9));
    for item in [3, 1, 2] {
        fifo.try_put(item).unwrap();
        lifo.try_put(item).unwrap();
        priority.try_put(item).unwrap();
    }
    assert_eq!([(); 3].map(|()| fifo.try_get().unwrap()), [3, 1, 2]);
    assert_eq!([(); 3].map(|()| lifo.try_get().unwrap()), [2, 1, 3]);
    assert_eq!([(); 3].map(|()| priority.try_get().unwrap()), [1, 2, 3]);
    assert_eq!(fifo.try_get(), Err(TryGetError::Empty));
}

/// A job, which is compared only by its rank.
struct Job(u32, &'static str);

impl Ord for Job {
    fn cmp(&self, other: &Job) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Job) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Job {}

#[test]
fn items_of_equal_priority_come_in_the_order_in_which_they_were_put() {
    let _watched = crate::support::watch();
    let queue = Queue::priority(usize::MAX);
    for job in [
        Job(1, "a"),
        Job(0, "b"),
        Job(1, "c"),
        Job(0, "d"),
        Job(1, "e"),
    ] {
        queue.try_put(job).unwrap();
    }
    let order: String = (0..5).map(|_| queue.try_get().unwrap().1).collect();
    assert_eq!(order, "bdace");
    let greatest_first = Queue::priority(usize::MAX);
    (0..3).for_each(|n| greatest_first.try_put(Reverse(n)).unwrap());
    assert_eq!(greatest_first.try_get(), Ok(Reverse(2)));
}

#[test]
fn a_full_queue_makes_putters_wait_in_line() {
    let _watched = crate::support::watch();
    let queue = Queue::bounded(1);
    at_once(queue.put(0)).unwrap();
    assert!(queue.is_full());
    let mut putters: Vec<_> = (1..4).map(|n| waiting(queue.put(n))).collect();
    for (n, putter) in putters.iter_mut().enumerate() {
        assert_eq!(queue.try_get(), Ok(n));
        assert_eq!(queue.try_put(99), Err(TryPutError::Full(99)));
        assert_eq!(putter.wakes(), 1);
        putter.ready().unwrap();
    }
    assert_eq!((queue.len(), queue.capacity()), (1, 1));
}

#[test]
fn getters_are_served_in_line() {
    let _watched = crate::support::watch();
    let queue = Queue::unbounded();
    let mut getters: Vec<_> = (0..3).map(|_| waiting(queue.get())).collect();
    for (n, getter) in getters.iter_mut().enumerate() {
        queue.try_put(n).unwrap();
        assert_eq!(getter.ready(), Some(n));
    }
}

#[test]
fn an_item_reserved_for_a_woken_getter_cannot_be_taken_by_try_get() {
    let _watched = crate::support::watch();
    let queue = Queue::unbounded();
    let mut getter = waiting(queue.get());
    queue.try_put(1).unwrap();
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    queue.try_put(2).unwrap();
    assert_eq!(queue.try_get(), Ok(1)); // one item is reserved, and this is the other
    assert_eq!(getter.ready(), Some(2));
}

#[test]
fn a_woken_getter_takes_the_best_item_there_is_when_it_runs() {
    let _watched = crate::support::watch();
    let queue = Queue::priority(usize::MAX);
    let mut getter = waiting(queue.get());
    queue.try_put(5).unwrap();
    queue.try_put(1).unwrap();
    assert_eq!(getter.ready(), Some(1));
}

#[test]
fn an_item_of_a_dropped_getter_goes_to_the_next() {
    let _watched = crate::support::watch();
    let queue = Queue::unbounded();
    let (mut dropped, mut next) = (waiting(queue.get()), waiting(queue.get()));
    queue.try_put(1).unwrap();
    dropped.cancel();
    assert_eq!(next.wakes(), 1);
    assert_eq!(next.ready(), Some(1));
    let mut last = waiting(queue.get());
    queue.try_put(2).unwrap();
    last.cancel();
    assert_eq!(queue.try_get(), Ok(2));
}

#[test]
fn a_place_of_a_dropped_putter_goes_to_the_next_and_its_item_is_gone() {
    let _watched = crate::support::watch();
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (mut dropped, mut next) = (waiting(queue.put(1)), waiting(queue.put(2)));
    queue.try_get().unwrap();
    dropped.cancel();
    next.ready().unwrap();
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
}

#[test]
fn join_waits_until_every_item_is_done() {
    let _watched = crate::support::watch();
    let queue = Queue::unbounded();
    at_once(queue.join());
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let mut join = waiting(queue.join());
    queue.try_get().unwrap();
    queue.task_done().unwrap();
    assert_eq!((join.wakes(), queue.unfinished()), (0, 1));
    queue.task_done().unwrap(); // this item was never got
    assert_eq!(join.wakes(), 1);
    queue.try_put(3).unwrap(); // it is enough that all work was done for a moment
    join.ready();
    waiting(queue.join());
}

#[test]
fn work_that_was_never_put_cannot_be_done() {
    let _watched = crate::support::watch();
    let queue = Queue::unbounded();
    assert!(queue.task_done().is_err());
    queue.try_put(()).unwrap();
    queue.task_done().unwrap();
    assert!(queue.task_done().is_err());
}

#[test]
fn a_closed_queue_drains_and_then_yields_none() {
    let _watched = crate::support::watch();
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let mut putter = waiting(queue.put(3));
    queue.close();
    assert_eq!(putter.ready(), Err(PutError(3)));
    assert_eq!(queue.try_put(4), Err(TryPutError::Closed(4)));
    assert_eq!(at_once(queue.put(5)), Err(PutError(5)));
    assert_eq!(at_once(queue.get()), Some(1));
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(at_once(queue.get()), None);
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    assert!(queue.is_closed() && queue.is_empty());
}

#[test]
fn closing_an_empty_queue_sends_those_who_wait_to_get_home() {
    let _watched = crate::support::watch();
    let queue = Queue::<()>::unbounded();
    let mut getters = [waiting(queue.get()), waiting(queue.get())];
    queue.close();
    for getter in &mut getters {
        assert_eq!(getter.wakes(), 1);
        assert_eq!(getter.ready(), None);
    }
}

#[test]
fn a_putter_that_was_given_a_place_before_closing_gets_its_item_back() {
    let _watched = crate::support::watch();
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut putter = waiting(queue.put(2));
    queue.try_get().unwrap();
    queue.close();
    assert_eq!(putter.ready(), Err(PutError(2)));
    assert_eq!(at_once(queue.get()), None);
}

#[test]
fn an_item_handed_back_after_close_still_finds_a_getter() {
    let _watched = crate::support::watch();
    let queue = Queue::unbounded();
    let (mut woken, mut waits) = (waiting(queue.get()), waiting(queue.get()));
    queue.try_put(1).unwrap();
    queue.close();
    assert_eq!(waits.wakes(), 0); // the woken getter may leave without the item
    woken.cancel();
    assert_eq!(waits.ready(), Some(1));
    assert_eq!(at_once(queue.get()), None);
}

#[test]
fn the_getter_that_takes_the_last_item_tells_the_others_of_the_end() {
    let _watched = crate::support::watch();
    let queue = Queue::unbounded();
    let (mut woken, mut waits) = (waiting(queue.get()), waiting(queue.get()));
    queue.try_put(1).unwrap();
    queue.close();
    assert_eq!(woken.ready(), Some(1));
    assert_eq!(waits.ready(), None);
}

#[test]
fn close_now_drops_what_is_in_it_and_counts_it_as_done() {
    let _watched = crate::support::watch();
    let queue = Queue::bounded(3);
    let value = Rc::new(());
    for _ in 0..3 {
        queue.try_put(Rc::clone(&value)).unwrap();
    }
    drop(queue.try_get().unwrap());
    let mut join = waiting(queue.join());
    queue.close_now();
    assert_eq!((Rc::strong_count(&value), queue.unfinished()), (1, 1));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    queue.task_done().unwrap();
    join.ready();
}

#[test]
fn a_getter_that_was_woken_before_close_now_gets_none() {
    let _watched = crate::support::watch();
    let queue = Queue::unbounded();
    let (mut woken, mut waits) = (waiting(queue.get()), waiting(queue.get()));
    queue.try_put(1).unwrap();
    queue.close_now();
    assert_eq!((woken.ready(), waits.ready()), (None, None));
    at_once(queue.join());
}

#[test]
fn items_may_use_their_queue_as_they_are_dropped() {
    let _watched = crate::support::watch();
    type Reenters = OnDrop<Box<dyn FnOnce()>>;
    let queue = Rc::new(Queue::<Reenters>::unbounded());
    let drops = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (same, drops) = (Rc::clone(&queue), Rc::clone(&drops));
        let item: Reenters = on_drop(Box::new(move || {
            drops.set(drops.get() + 1);
            assert!(same.try_put(on_drop(Box::new(|| {}))).is_err());
            same.close_now();
            assert!(same.try_get().is_err());
        }));
        assert!(queue.try_put(item).is_ok());
    }
    queue.close_now();
    assert_eq!((drops.get(), Rc::strong_count(&queue)), (3, 1));
}

/// An item whose comparison panics if one of the two is 13.
#[derive(PartialEq, Eq)]
struct Superstitious(u32);

impl Ord for Superstitious {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(self.0 != 13 && other.0 != 13, "thirteen");
        self.0.cmp(&other.0)
    }
}
impl PartialOrd for Superstitious {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[test]
fn a_comparison_that_panics_leaves_the_counts_right() {
    let _watched = crate::support::watch();
    let queue = Queue::priority(3);
    queue.try_put(Superstitious(1)).unwrap();
    let put = catch_unwind(AssertUnwindSafe(|| queue.try_put(Superstitious(13))));
    assert!(put.is_err());
    assert_eq!((queue.len(), queue.unfinished()), (2, 2));
    assert!(queue.try_put(Superstitious(2)).is_ok());
    queue.close();
    let mut join = waiting(queue.join());
    for left in [2, 1, 0] {
        // A getter with an item says that it is done. If a panic kept the item from its getter, it does not count as got.
        let got = catch_unwind(AssertUnwindSafe(|| at_once(queue.get()).is_some()));
        if got.is_ok_and(|is_some| is_some) {
            queue.task_done().unwrap();
        }
        assert_eq!((queue.len(), queue.unfinished()), (left, left));
    }
    assert!(at_once(queue.get()).is_none());
    join.ready();
}

/// An item that uses its own queue when it is compared.
struct Nosy(Rc<Queue<Nosy, roundelay::sync::Priority<Nosy>>>, Meddling);

type Meddling = fn(&Rc<Queue<Nosy, roundelay::sync::Priority<Nosy>>>);

impl Ord for Nosy {
    fn cmp(&self, _: &Self) -> Ordering {
        (self.1)(&self.0);
        Ordering::Equal
    }
}
impl PartialOrd for Nosy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Nosy {}

#[test]
fn a_comparison_that_uses_the_queue_itself_panics_with_a_sentence_and_changes_nothing() {
    let _watched = crate::support::watch();
    let meddlings: [Meddling; 3] = [
        |queue| drop(queue.try_get()),
        |queue| drop(queue.try_put(Nosy(Rc::clone(queue), |_| {}))),
        |queue| queue.close_now(),
    ];
    for meddling in meddlings {
        let queue = Rc::new(Queue::priority(3));
        let put = || queue.try_put(Nosy(Rc::clone(&queue), meddling)).is_ok();
        assert!(put());
        let payload = catch_unwind(AssertUnwindSafe(put)).unwrap_err();
        let sentence = payload.downcast_ref::<String>().unwrap();
        assert!(
            sentence.contains("used that queue while they were compared"),
            "{sentence}"
        );
        // The second item is in the queue, and nothing else has happened.
        assert_eq!((queue.len(), queue.unfinished()), (2, 2));
        assert!(!queue.is_closed() && !queue.is_full());
        drop(catch_unwind(AssertUnwindSafe(put)));
        assert_eq!((queue.len(), queue.unfinished()), (3, 3));
        assert!(queue.is_full());
        // The items hold their own queue, so it must be emptied.
        queue.close_now();
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    }
}
