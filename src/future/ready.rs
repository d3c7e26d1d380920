//! The ready list: which children of a set have been woken.
//!
//! Wakers can reach this half of a set, so any thread may use it at any time. The other half, the
//! futures, is in `set.rs` and never leaves its owner. The two halves share only this file: a list
//! of the numbers of the woken children, newest first, and the waker of the task that awaits the
//! set.
//!
//! The list is Treiber's stack (IBM RJ 5118, 1986) with numbers for pointers. It needs no `unsafe`,
//! because a number cannot dangle, and it has no ABA problem, because no thread pops: the owner
//! takes the whole list with one swap.
//!
//! ```text
//!   newest --> 7 --> 2 --> 5 --> NOBODY          Link::wake pushes in front
//!      |
//!      '-- swap(NOBODY) -- ReadyList::take --> the owner walks 7, 2, 5 and polls 5, 2, 7
//! ```
//!
//! Only a push that finds the list empty wakes the parent: a burst of wakes wakes the parent once.

// Implementation notes
//
// - A number stands in the list at most once, by the flag `queued`. It is cleared before the child is polled, so a wake
//   during the poll counts
//   (Guarded by tests/future/combinators.rs::a_child_woken_while_it_is_polled_is_polled_again).
// - `queued` is a flag of its own and not a value of `older`, because the second of two wakes must still write it: that
//   write publishes the data of the second thread to the poll that the first wake has caused.
// - The first parent's waker lives as long as the list, and so as long as the waker of a child. To drop it before would
//   need a lock at each wake.
// - Another parent's waker is taken out to be woken, not cloned under the lock: neither clone, wake nor drop of a foreign
//   waker runs while the lock is held.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Wake, Waker};

use crate::foreign;
use crate::task::behind;

/// The end of the list.
const NOBODY: u32 = u32::MAX;
/// The value of `newest` once the set is gone: a push then does nothing.
const CLOSED: u32 = u32::MAX - 1;
/// How many children a set can hold.
pub(super) const MOST: usize = CLOSED as usize;

/// The owner of the parent's waker, as the log names it.
const SET: &str = "a set of futures";

/// The numbers of the woken children, newest first, and the waker of the parent.
pub(super) struct ReadyList {
    newest: AtomicU32,
    /// The waker of the first poll. As a rule there is no other parent, and a wake needs no lock.
    first_parent: OnceLock<Waker>,
    /// True once another parent has polled the set. Its waker is in `parent`.
    moved: AtomicBool,
    parent: Mutex<Option<Waker>>,
}

impl ReadyList {
    #[inline]
    pub(super) fn new() -> Arc<ReadyList> {
        Arc::new(ReadyList {
            newest: AtomicU32::new(NOBODY),
            first_parent: OnceLock::new(),
            moved: AtomicBool::new(false),
            parent: Mutex::new(None),
        })
    }

    /// Stores the waker that the next push onto an empty list wakes.
    #[inline]
    pub(super) fn register(&self, parent: &Waker) {
        let first = self.first_parent.get_or_init(|| parent.clone());
        // ORDERING: only this function, and so only this thread, writes `moved`; `take` publishes it to the pushers.
        if self.moved.load(Ordering::Relaxed) || !first.will_wake(parent) {
            self.moved.store(true, Ordering::Relaxed);
            foreign::let_go(self.replace_parent(Some(parent.clone())), SET);
        }
    }

    /// Takes the whole list: the number of the child that was woken last, from which `Link::older` leads to the others.
    #[inline]
    pub(super) fn take(&self) -> Option<u32> {
        // ORDERING: acquires what each pusher wrote (its compare-exchange releases), `older` above all. The release half
        // pairs with a pusher that finds our NOBODY: it then sees the parent registered before this swap.
        let newest = self.newest.swap(NOBODY, Ordering::AcqRel);
        (newest != NOBODY).then_some(newest)
    }

    /// From here on a wake does nothing. Drops the parent's waker.
    #[inline]
    pub(super) fn close(&self) {
        // ORDERING: no read depends on CLOSED. A pusher that does not see it pushes onto a list that is never taken.
        self.newest.store(CLOSED, Ordering::Relaxed);
        foreign::let_go(self.replace_parent(None), SET);
    }

    #[inline]
    fn replace_parent(&self, parent: Option<Waker>) -> Option<Waker> {
        let mut slot = self.parent.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *slot, parent)
    }

    /// Tells the inspector which task the parent's waker wakes.
    #[cold]
    #[inline]
    fn tell_of_parent(&self) {
        // ORDERING: as in `wake_parent`.
        if self.moved.load(Ordering::Relaxed) {
            let parent = self.parent.lock().unwrap_or_else(PoisonError::into_inner);
            behind::answer(parent.as_ref());
        } else {
            behind::answer(self.first_parent.get());
        }
    }

    #[inline]
    fn wake_parent(&self) {
        // ORDERING: `take` has published the last `register`.
        if self.moved.load(Ordering::Relaxed) {
            if let Some(parent) = self.replace_parent(None) {
                foreign::wake(parent, SET);
            }
        } else if let Some(parent) = self.first_parent.get() {
            foreign::wake_by_ref(parent, SET);
        }
    }
}

impl Drop for ReadyList {
    #[inline]
    fn drop(&mut self) {
        foreign::let_go(self.first_parent.take(), SET);
    }
}

/// The part that the waker of one child owns: the child's number, and its place in the list.
pub(super) struct Link {
    list: Arc<ReadyList>,
    number: u32,
    queued: AtomicBool,
    older: AtomicU32,
}

impl Link {
    #[inline]
    pub(super) fn new(list: &Arc<ReadyList>, number: u32) -> Arc<Link> {
        Arc::new(Link {
            list: Arc::clone(list),
            number,
            queued: AtomicBool::new(false),
            older: AtomicU32::new(NOBODY),
        })
    }

    /// The child that was woken before this one. Only for links reached from [`ReadyList::take`].
    #[inline]
    pub(super) fn older(&self) -> Option<u32> {
        // ORDERING: `take` has acquired the push that wrote it.
        let older = self.older.load(Ordering::Relaxed);
        (older != NOBODY).then_some(older)
    }

    /// Called before the child is polled: a wake from here on queues it anew.
    #[inline]
    pub(super) fn unqueue(&self) {
        // ORDERING: a swap, not a store. It reads the `true` of the last writer, and so acquires the writes of that
        // thread before its wake, although the push of another thread has caused this poll.
        self.queued.swap(false, Ordering::AcqRel);
    }

    /// Called when the child has finished: from here on its wakers do nothing. True if it is still in the list.
    #[inline]
    pub(super) fn retire(&self) -> bool {
        // ORDERING: the flag alone decides whether a wake pushes; it publishes nothing else here.
        self.queued.swap(true, Ordering::AcqRel)
    }

    #[inline]
    fn queue(&self) {
        // ORDERING: a swap even when it changes nothing; see `unqueue`, its partner.
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.push();
        }
    }

    #[inline]
    fn push(&self) {
        // ORDERING: the acquire half sees the parent that was registered before the list was emptied.
        let mut newest = self.list.newest.load(Ordering::Relaxed);
        loop {
            if newest == CLOSED {
                return;
            }
            // ORDERING: published by the exchange below.
            self.older.store(newest, Ordering::Relaxed);
            // ORDERING: releases `older` and all that happened before the wake; acquires the parent registered before
            // the owner's swap to NOBODY. Both partners are in `take`.
            match self.list.newest.compare_exchange_weak(
                newest,
                self.number,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(NOBODY) => return self.list.wake_parent(),
                Ok(_) => return,
                Err(seen) => newest = seen,
            }
        }
    }
}

impl Wake for Link {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.queue();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        if behind::is_asked() {
            return self.list.tell_of_parent();
        }
        self.queue();
    }
}
