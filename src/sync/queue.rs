//! asyncio's `Queue`: many tasks put, many tasks get, and any task can wait until all work is done.
//!
//! A queue is two [`Semaphore`]s around a store: `room` counts free places, `items` counts items
//! that are not reserved. `put` takes a place and adds an item, `get` takes an item and adds a
//! place. So both sides are first come first served, and:
//!
//! - *An item is reserved for the getter at the front the moment it arrives.* `try_get` does not
//!   see the item, even if the woken getter has not run yet (in asyncio `get_nowait` takes it, and
//!   the getter waits again). A getter takes the best item of the moment at which it runs. If the
//!   getter is dropped before, the next getter has the claim.
//! - *A place is reserved for the putter at the front the moment it falls vacant.* If the putter is
//!   dropped first, its item is dropped, and the next putter has the place.
//!
//! # Back-pressure
//!
//! A queue with a bound makes a producer wait for the consumers. In a recording of
//! `examples/15_producer_consumer.rs` the two producers (the last lanes) are polled when a consumer
//! has taken an item, and not before:
//!
//! <div style="overflow-x: auto"><div style="min-width: 640px">
#![doc = include_str!("../record/pictures/back_pressure.svg")]
//! </div></div>
//!
//! The page of this recording is `tests/pages/recordings/back_pressure.html`.

mod error;
mod store;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::event::Event;
use super::semaphore::{Semaphore, Take, TryAcquireError};
use crate::declared::Made;

pub use error::{PutError, TaskDoneError, TryGetError, TryPutError};
pub use store::{Fifo, Lifo, Priority, Store};

/// A queue that yields the newest item first: a stack. Made by [`Queue::lifo`].
pub type LifoQueue<T> = Queue<T, Lifo<T>>;

/// A queue that yields the least item first, and of equal items the oldest. Made by [`Queue::priority`].
///
/// For "greatest first", put `std::cmp::Reverse(item)`.
pub type PriorityQueue<T> = Queue<T, Priority<T>>;

/// A queue between any number of producers and consumers, shared by reference or in an `Rc`.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use roundelay::sync::Queue;
///
/// roundelay::run(async {
///     let queue = Rc::new(Queue::bounded(2));
///     let consumer = roundelay::spawn({
///         let queue = Rc::clone(&queue);
///         async move {
///             let mut sum = 0;
///             while let Some(n) = queue.get().await {
///                 sum += n;
///                 queue.task_done().unwrap();
///             }
///             sum
///         }
///     });
///     for n in 0..10 {
///         queue.put(n).await.unwrap();
///     }
///     queue.join().await; // every item is done
///     queue.close();
///     assert_eq!(consumer.await.unwrap(), 45);
/// });
/// ```
pub struct Queue<T, S: Store<T> = Fifo<T>> {
    store: S,
    capacity: usize,
    room: Semaphore,
    items: Semaphore,
    closed: Cell<bool>,
    /// Items that were put and not yet reported as done.
    unfinished: Cell<usize>,
    /// Set while `unfinished` is 0.
    finished: Event,
    _items: PhantomData<T>,
}

impl<T> Queue<T> {
    /// First in, first out, with room for `capacity` items; 0 counts as 1 (in asyncio it means no bound).
    #[track_caller]
    pub fn bounded(capacity: usize) -> Queue<T> {
        Queue::with_store(Fifo::default(), capacity)
    }

    /// First in, first out, with room for any number of items.
    #[track_caller]
    pub fn unbounded() -> Queue<T> {
        Queue::bounded(usize::MAX)
    }
}

impl<T> LifoQueue<T> {
    /// Last in, first out, with room for `capacity` items. `usize::MAX` is no bound.
    #[track_caller]
    pub fn lifo(capacity: usize) -> LifoQueue<T> {
        Queue::with_store(Lifo::default(), capacity)
    }
}

impl<T: Ord> PriorityQueue<T> {
    /// Least first, with room for `capacity` items. `usize::MAX` is no bound.
    #[track_caller]
    pub fn priority(capacity: usize) -> PriorityQueue<T> {
        Queue::with_store(Priority::default(), capacity)
    }
}

impl<T, S: Store<T>> Queue<T, S> {
    #[track_caller]
    fn with_store(store: S, capacity: usize) -> Self {
        let made = Made::here("an item of the queue");
        let finished = Event::of(made.but("the end of all work in the queue"));
        finished.set();
        Queue {
            store,
            capacity: capacity.max(1),
            room: Semaphore::of(made.but("room in the queue"), capacity.max(1)),
            items: Semaphore::of(made, 0),
            closed: Cell::new(false),
            unfinished: Cell::new(0),
            finished,
            _items: PhantomData,
        }
    }

    /// Waits for room and puts `item` in.
    ///
    /// # Cancellation
    ///
    /// The item is dropped, not put, and the place in line is lost.
    ///
    /// # Errors
    ///
    /// Gives the item back if the queue is closed first.
    #[inline]
    pub fn put(&self, item: T) -> Put<'_, T, S> {
        Put {
            queue: self,
            item: Some(item),
            place: self.room.take(1),
        }
    }

    /// Puts `item` in if there is room and no task waits for room.
    ///
    /// # Errors
    ///
    /// Gives the item back. [`Full`](TryPutError::Full) if waiting would help, else `Closed`.
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        match self.room.try_take(1) {
            Ok(()) => {
                self.push(item);
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(TryPutError::Full(item)),
            Err(TryAcquireError::Closed) => Err(TryPutError::Closed(item)),
        }
    }

    /// Waits for an item; `None` once the queue is closed and drained. So a consumer is
    /// `while let Some(item) = queue.get().await`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost but the place in line: an item stays in the queue until the future yields it.
    #[inline]
    pub fn get(&self) -> Get<'_, T, S> {
        Get {
            queue: self,
            claim: self.items.take(1),
        }
    }

    /// An item, if there is an item that is not reserved for a task that waits.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryGetError::Empty) if an item may still come, else `Closed`.
    pub fn try_get(&self) -> Result<T, TryGetError> {
        match self.items.try_take(1) {
            Ok(()) => self.pop().ok_or(TryGetError::Closed),
            Err(TryAcquireError::NoPermits) => Err(TryGetError::Empty),
            Err(TryAcquireError::Closed) => Err(TryGetError::Closed),
        }
    }

    /// Reports one item as done. [`join`](Self::join) needs this call once for each item that was put.
    ///
    /// # Errors
    ///
    /// If it was called more often than items were put.
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        let left = self
            .unfinished
            .get()
            .checked_sub(1)
            .ok_or(TaskDoneError(()))?;
        self.finish_all_but(left);
        Ok(())
    }

    /// Waits until every item that was put has been reported as done; returns at once if no item is open. As in
    /// asyncio, it is enough that no item was open for a moment.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn join(&self) {
        self.finished.wait().await;
    }

    /// Closes the queue: no item can be put any more. The items in it can still be got; after them `get` yields `None`.
    /// The tasks that wait to put get their items back now.
    pub fn close(&self) {
        self.closed.set(true);
        self.room.close();
        self.end_if_drained();
    }

    /// Closes the queue and drops its items, at once; for [`join`](Self::join) they count as done. A getter that has
    /// been woken but has not run yet gets `None`.
    pub fn close_now(&self) {
        self.store.expect_idle();
        self.closed.set(true);
        let dropped = self.store.take_all();
        self.room.close();
        self.items.close();
        self.finish_all_but(self.unfinished.get() - dropped.len());
        drop(dropped); // last: it is user code
    }

    /// Whether it was closed. Items may still be in it.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// How many items are in it, with the items that are reserved for a getter.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether no item is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `try_put` would find no room.
    pub fn is_full(&self) -> bool {
        self.room.available_permits() == 0
    }

    /// The number of its places; `usize::MAX` if it is not bounded.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many items were put and not yet reported as done.
    pub fn unfinished(&self) -> usize {
        self.unfinished.get()
    }

    /// Puts an item in; its place has been taken before. If a comparison panics, the item is in, and counts.
    #[inline]
    fn push(&self, item: T) {
        let place = OnDrop(|| self.room.add_permits(1));
        self.store.expect_idle();
        mem::forget(place);
        let unfinished = self.unfinished.get();
        self.unfinished.set(unfinished + 1);
        if unfinished == 0 {
            self.finished.clear();
        }
        let _counted = OnDrop(|| self.items.add_permits(1));
        self.store.push(item);
    }

    /// Takes an item that is reserved for the caller. There is none if [`close_now`](Self::close_now) was quicker.
    ///
    /// If a comparison panics, the item that was about to come out is dropped. No task got it, so no task will report
    /// it as done, and it counts as done.
    #[inline]
    fn pop(&self) -> Option<T> {
        let claim = OnDrop(|| self.items.add_permits(1));
        self.store.expect_idle();
        mem::forget(claim);
        let _vacated = OnDrop(|| self.vacate());
        let lost = OnDrop(|| self.finish_all_but(self.unfinished.get() - 1));
        let item = self.store.pop();
        mem::forget(lost);
        item
    }

    /// A place has fallen vacant.
    #[inline]
    fn vacate(&self) {
        if self.closed.get() {
            self.end_if_drained();
        } else {
            self.room.add_permits(1);
        }
    }

    /// Tells the getters of the end, when the last item has been taken and not before: a getter with a claim may be
    /// dropped, and its item then needs another getter.
    /// Guarded by tests/sync/queue.rs::an_item_handed_back_after_close_still_finds_a_getter
    fn end_if_drained(&self) {
        if self.store.len() == 0 {
            self.items.close();
        }
    }

    fn finish_all_but(&self, left: usize) {
        self.unfinished.set(left);
        if left == 0 {
            self.finished.set();
        }
    }
}

/// The future of [`Queue::put`].
#[must_use = "futures do nothing unless awaited"]
pub struct Put<'a, T, S: Store<T> = Fifo<T>> {
    queue: &'a Queue<T, S>,
    item: Option<T>,
    place: Take<'a>,
}

/// The item is never pinned.
impl<T, S: Store<T>> Unpin for Put<'_, T, S> {}

impl<T, S: Store<T>> Future for Put<'_, T, S> {
    type Output = Result<(), PutError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let place = ready!(Pin::new(&mut self.place).poll(cx));
        let item = self
            .item
            .take()
            .expect("a put was polled after it was ready");
        // A place that was reserved before the queue was closed is void: the getters may have ended.
        if place.is_err() || self.queue.closed.get() {
            return Poll::Ready(Err(PutError(item)));
        }
        self.queue.push(item);
        Poll::Ready(Ok(()))
    }
}

/// The future of [`Queue::get`].
#[must_use = "futures do nothing unless awaited"]
pub struct Get<'a, T, S: Store<T> = Fifo<T>> {
    queue: &'a Queue<T, S>,
    claim: Take<'a>,
}

impl<T, S: Store<T>> Future for Get<'_, T, S> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match ready!(Pin::new(&mut self.claim).poll(cx)) {
            Ok(()) => Poll::Ready(self.queue.pop()),
            Err(_) => Poll::Ready(None),
        }
    }
}

impl<T, S: Store<T>> fmt::Debug for Put<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Put").field(self.queue).finish()
    }
}

impl<T, S: Store<T>> fmt::Debug for Get<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Get").field(self.queue).finish()
    }
}

/// Runs a closure at the end of a scope, even after a panic.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    #[inline]
    fn drop(&mut self) {
        (self.0)();
    }
}

impl<T, S: Store<T>> fmt::Debug for Queue<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .field("closed", &self.closed.get())
            .field("unfinished", &self.unfinished.get())
            .finish()
    }
}
