//! asyncio's `Queue`: many tasks put, many tasks get, and any task can wait until all work is done.
//!
//! Two [`Semaphore`]s around a store: `room` counts free places, `items` counts items without a
//! claim on them. `put` takes a place and adds an item, `get` takes an item and adds a place. So
//! both sides are first come first served, and:
//!
//! - *An item is reserved for the getter at the front the moment it arrives.* `try_get` does not
//!   see it, even if the woken getter has not run yet (in asyncio `get_nowait` steals it, and the
//!   getter waits again). A getter takes its item when it runs: the best item there is then. If it
//!   is dropped first, the next getter has the claim.
//! - *A place is reserved for the putter at the front the moment it falls vacant.* If it is dropped
//!   first, its item goes with it, and the next putter has the place.
//!
//!
//! # Back-pressure
//!
//! A queue with a bound makes a producer wait for the consumers. In a recording of
//! `examples/15_producer_consumer.rs` the two producers (the last lanes) are polled when a consumer
//! has taken an item, and not before:
//!
#![doc = include_str!("../record/pictures/back_pressure.svg")]
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

/// A queue that yields the least item first, and of equal ones the first that was put. Made by [`Queue::priority`].
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
///     queue.join().await; // every item has been worked off
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
    /// Gives the item back if the queue is closed before it is in.
    #[inline]
    pub fn put(&self, item: T) -> Put<'_, T, S> {
        Put {
            queue: self,
            item: Some(item),
            place: self.room.take(1),
        }
    }

    /// Puts `item` in if there is room and no task waits for it.
    ///
    /// # Errors
    ///
    /// Gives the item back, and says whether waiting would help.
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

    /// Waits for an item; `None` once the queue is closed and drained, so that `while let Some(item) = queue.get().await` is
    /// the whole of a consumer.
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

    /// An item, if there is one that is not reserved for a task that waits.
    ///
    /// # Errors
    ///
    /// Says whether one may still come.
    pub fn try_get(&self) -> Result<T, TryGetError> {
        match self.items.try_take(1) {
            Ok(()) => self.pop().ok_or(TryGetError::Closed),
            Err(TryAcquireError::NoPermits) => Err(TryGetError::Empty),
            Err(TryAcquireError::Closed) => Err(TryGetError::Closed),
        }
    }

    /// Says that one item has been worked off. Each item that was put wants this once, if anybody is to [`join`](Self::join).
    ///
    /// # Errors
    ///
    /// If it was said more often than items were put.
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        let left = self
            .unfinished
            .get()
            .checked_sub(1)
            .ok_or(TaskDoneError(()))?;
        self.finish_all_but(left);
        Ok(())
    }

    /// Waits until every item that was put has been reported as done; at once if none is open. As in asyncio, it is enough
    /// that this was so for a moment.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn join(&self) {
        self.finished.wait().await;
    }

    /// Lets nothing more be put. What is in the queue can still be got; after that `get` yields `None`. The tasks that wait to
    /// put get their items back now.
    pub fn close(&self) {
        self.closed.set(true);
        self.room.close();
        self.end_if_drained();
    }

    /// Closes it and drops what is in it, at once; for [`join`](Self::join) those items count as done. A getter that has
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

    /// How many items are in it, those included that are reserved for a getter.
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

    /// How many items it has room for; `usize::MAX` if it is not bounded.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many items were put and not yet reported as done.
    pub fn unfinished(&self) -> usize {
        self.unfinished.get()
    }

    /// Puts an item in; its place has been taken before. It counts even if a comparison panics: it is in.
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

    /// Takes an item to which the caller has the claim. There is none if [`close_now`](Self::close_now) was quicker.
    ///
    /// If a comparison panics, the item that was about to come out is dropped. Nobody has got it, so nobody will say that it
    /// is done, and it counts as done.
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

    /// The getters are told of the end by the one who takes the last item, not before: one who has a claim may be dropped,
    /// and its item wants another getter.
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
        let item = self.item.take().expect("polled after it was ready");
        // A place that was reserved before the queue was closed is void: getters may have gone home by now.
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

/// Does something at the end of a function, however it ends.
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
