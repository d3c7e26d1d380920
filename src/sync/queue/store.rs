//! The order in which a [`Queue`](super::Queue) yields its items.

use std::cell::{Cell, RefCell, RefMut};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::mem;

/// The store of a [`Queue`](super::Queue): one of [`Fifo`], [`Lifo`] and [`Priority`].
///
/// The trait cannot be implemented elsewhere.
pub trait Store<T>: sealed::Store<T> {}

impl<T, S: sealed::Store<T>> Store<T> for S {}

pub(super) mod sealed {
    /// The operations of a store. None may run foreign code while something is borrowed.
    pub trait Store<T> {
        fn push(&self, item: T);
        fn pop(&self) -> Option<T>;
        fn len(&self) -> usize;
        fn take_all(&self) -> Vec<T>;

        /// Panics if the caller is a comparison that this store has called.
        fn expect_idle(&self) {}
    }
}

/// First in, first out.
pub struct Fifo<T>(RefCell<VecDeque<T>>);

/// Last in, first out.
pub struct Lifo<T>(RefCell<Vec<T>>);

/// Least first; of equal items, first in, first out (asyncio's heap leaves that open).
///
/// # Panics
///
/// If the items' `Ord` uses the queue that is sorting them; the call has then changed nothing. Comparisons are the only
/// foreign code that runs while a store is borrowed: in the middle of a sift a heap has no valid state.
///
/// If a comparison panics, with the same payload. An item whose `put` panics so is in the queue; an item whose `get`
/// panics so is dropped, and counts as done.
pub struct Priority<T> {
    heap: RefCell<BinaryHeap<Entry<T>>>,
    /// How many items were ever put: the tie-breaker.
    puts: Cell<u64>,
}

impl<T> fmt::Debug for Fifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fifo")
            .field("len", &sealed::Store::len(self))
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Lifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifo")
            .field("len", &sealed::Store::len(self))
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Priority<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Priority")
            .field("len", &self.heap.borrow().len())
            .finish_non_exhaustive()
    }
}

impl<T> sealed::Store<T> for Fifo<T> {
    #[inline]
    fn push(&self, item: T) {
        self.0.borrow_mut().push_back(item);
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        self.0.borrow_mut().pop_front()
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }

    fn take_all(&self) -> Vec<T> {
        mem::take(&mut *self.0.borrow_mut()).into()
    }
}

impl<T> sealed::Store<T> for Lifo<T> {
    fn push(&self, item: T) {
        self.0.borrow_mut().push(item);
    }

    fn pop(&self) -> Option<T> {
        self.0.borrow_mut().pop()
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }

    fn take_all(&self) -> Vec<T> {
        mem::take(&mut *self.0.borrow_mut())
    }
}

impl<T> Priority<T> {
    fn heap(&self) -> RefMut<'_, BinaryHeap<Entry<T>>> {
        self.heap
            .try_borrow_mut()
            .expect("the items of a priority queue used that queue while they were compared")
    }
}

impl<T: Ord> sealed::Store<T> for Priority<T> {
    fn push(&self, item: T) {
        let place = self.puts.get();
        self.puts.set(place + 1);
        self.heap().push(Entry { item, place });
    }

    fn pop(&self) -> Option<T> {
        Some(self.heap().pop()?.item)
    }

    fn len(&self) -> usize {
        self.heap().len()
    }

    fn take_all(&self) -> Vec<T> {
        mem::take(&mut *self.heap())
            .into_iter()
            .map(|entry| entry.item)
            .collect()
    }

    fn expect_idle(&self) {
        drop(self.heap());
    }
}

/// An item in the heap. The greatest entry is the next item out: the least item, and of equal items the first.
struct Entry<T> {
    item: T,
    place: u64,
}

impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .item
            .cmp(&self.item)
            .then(other.place.cmp(&self.place))
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Entry<T> {}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Fifo(RefCell::default())
    }
}

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Lifo(RefCell::default())
    }
}

impl<T: Ord> Default for Priority<T> {
    fn default() -> Self {
        Priority {
            heap: RefCell::default(),
            puts: Cell::new(0),
        }
    }
}
