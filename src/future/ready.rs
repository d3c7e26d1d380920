//! The ready list: which children of a set have been woken.
//!
//! This is the half of a set that wakers can reach, so any thread may be in it at any time. The
//! other half, the futures, is in `set.rs` and never leaves its owner. The two halves share this
//! file only: a list of the numbers of the woken children, newest first, and the waker of the task
//! that awaits the set.
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
//! Only the push that finds the list empty wakes the parent: a burst of wakes costs the parent one.

// Implementation notes
//
// - A number stands in the list at most once: `queued` is the guard. It is cleared before the child is polled, so that a
//   wake during the poll counts (Guarded by tests/future/combinators.rs::a_child_woken_while_it_is_polled_is_polled_again).
// - `queued` is a flag of its own rather than a value of `older`, because the loser of a race to queue must still write
//   it: that write is what publishes the loser's data to the poll that the winner has ordered.
// - The first parent's waker lives as long as the list, and so as long as anybody keeps the waker of a child. It cannot be
//   given back before without a lock, and the lock costs 30 of the 80 ns that a wake and the poll after it would then take.
// - Another parent's waker is taken out to be woken, not cloned under the lock: neither clone, wake nor drop of a foreign
//   waker runs while the lock is held.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Wake, Waker};

use crate::foreign;
use crate::task::behind;

/// The end of the list.
const NOBODY: u32 = u32::MAX;
/// What `newest` holds once the set is gone: a push then does nothing.
const CLOSED: u32 = u32::MAX - 1;
/// How many children a set can hold.
pub(super) const MOST: usize = CLOSED as usize;

/// Whose waker the parent's is, for the log.
const SET: &str = "a set of futures";

/// Who was woken, newest first, and who wants to know.
pub(super) struct ReadyList {
    newest: AtomicU32,
    /// The parent that polled first. As a rule there is no other, and a wake needs no lock.
    first_parent: OnceLock<Waker>,
    /// True once the set has been polled on behalf of another parent, who is then in `parent`.
    moved: AtomicBool,
    parent: Mutex<Option<Waker>>,
}

impl ReadyList {
    pub(super) fn new() -> Arc<ReadyList> {
        Arc::new(ReadyList {
            newest: AtomicU32::new(NOBODY),
            first_parent: OnceLock::new(),
            moved: AtomicBool::new(false),
            parent: Mutex::new(None),
        })
    }

    /// Names the waker that the next push onto an empty list wakes.
    pub(super) fn register(&self, parent: &Waker) {
        let first = self.first_parent.get_or_init(|| parent.clone());
        // ORDERING: only this function, and so only this thread, writes `moved`; `take` publishes it to the pushers.
        if self.moved.load(Ordering::Relaxed) || !first.will_wake(parent) {
            self.moved.store(true, Ordering::Relaxed);
            foreign::let_go(self.replace_parent(Some(parent.clone())), SET);
        }
    }

    /// Takes the whole list: the number of the child that was woken last, from which `Link::older` leads to the others.
    pub(super) fn take(&self) -> Option<u32> {
        // ORDERING: acquires what each pusher wrote (its compare-exchange releases), `older` above all. The release half
        // pairs with a pusher that finds our NOBODY: it then sees the parent registered before this swap.
        let newest = self.newest.swap(NOBODY, Ordering::AcqRel);
        (newest != NOBODY).then_some(newest)
    }

    /// From here on a wake does nothing. Forgets the parent.
    pub(super) fn close(&self) {
        // ORDERING: nothing is read on the strength of CLOSED, and whoever misses it pushes onto a list nobody takes.
        self.newest.store(CLOSED, Ordering::Relaxed);
        foreign::let_go(self.replace_parent(None), SET);
    }

    fn replace_parent(&self, parent: Option<Waker>) -> Option<Waker> {
        let mut slot = self.parent.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *slot, parent)
    }

    /// Says which task the parent's waker wakes.
    #[cold]
    fn tell_of_parent(&self) {
        // ORDERING: as in `wake_parent`.
        if self.moved.load(Ordering::Relaxed) {
            let parent = self.parent.lock().unwrap_or_else(PoisonError::into_inner);
            behind::answer(parent.as_ref());
        } else {
            behind::answer(self.first_parent.get());
        }
    }

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
    fn drop(&mut self) {
        foreign::let_go(self.first_parent.take(), SET);
    }
}

/// What the waker of one child owns: its number, and its place in the list.
pub(super) struct Link {
    list: Arc<ReadyList>,
    number: u32,
    queued: AtomicBool,
    older: AtomicU32,
}

impl Link {
    pub(super) fn new(list: &Arc<ReadyList>, number: u32) -> Arc<Link> {
        Arc::new(Link {
            list: Arc::clone(list),
            number,
            queued: AtomicBool::new(false),
            older: AtomicU32::new(NOBODY),
        })
    }

    /// The child that was woken before this one. Only for links reached from [`ReadyList::take`].
    pub(super) fn older(&self) -> Option<u32> {
        // ORDERING: `take` has acquired the push that wrote it.
        let older = self.older.load(Ordering::Relaxed);
        (older != NOBODY).then_some(older)
    }

    /// Says that the child is about to be polled: a wake from here on queues it anew.
    pub(super) fn unqueue(&self) {
        // ORDERING: a swap, not a store. It reads the last writer's `true`, and so acquires what that waker's thread
        // did before it woke us, though it was another's push that brought us here.
        self.queued.swap(false, Ordering::AcqRel);
    }

    /// Says that the child has finished: from here on its wakers do nothing. True if it stands in the list still.
    pub(super) fn retire(&self) -> bool {
        // ORDERING: the flag alone decides who may push; nothing else is published by it here.
        self.queued.swap(true, Ordering::AcqRel)
    }

    fn queue(&self) {
        // ORDERING: a swap even when it changes nothing; see `unqueue`, its partner.
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.push();
        }
    }

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
    fn wake(self: Arc<Self>) {
        self.queue();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if behind::is_asked() {
            return self.list.tell_of_parent();
        }
        self.queue();
    }
}
