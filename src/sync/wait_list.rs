//! The wait list: where tasks of one loop wait for each other, first come, first served.
//!
//! *Before this:* [`chain`]. *Time:* 40 minutes. *Files, in reading order:* this one, then
//! [`semaphore`](super::semaphore), [`mutex`](super::mutex), [`queue`](super::queue).
//!
//! Every primitive in [`sync`](super) makes tasks wait for one another, and uses this list for it.
//!
//! # The problem
//!
//! The smallest wait list is a queue of wakers: a task that waits pushes its waker and returns
//! `Pending`; a task that releases the lock pops one waker and wakes it. This list fails in three
//! ways.
//!
//! *A waiter leaves.* A time-out drops the future at the front. Its waker stays in the queue, the
//! next release wakes it in vain, and no other waiter ever runs.
//!
//! *A woken waiter leaves.* The future was popped and woken, and is dropped before it is polled.
//! The lock is free, and every waiter sleeps.
//!
//! *A newcomer is quicker.* The woken task is not polled at once. A newcomer finds the lock free
//! and takes it. The woken task then finds the lock taken and queues up again, at the end. With
//! enough newcomers the woken task starves.
//!
//! # The idea
//!
//! A release does not *announce* that the lock is free. It **gives** the lock to the waiter at the
//! front, at once. The waiter keeps this *grant* until it is polled, or hands it back when it is
//! dropped.
//!
//! ```text
//!                      try_grant says yes
//!      +--------------------------------------------------------> taken
//!      |                                                            ^
//!   (new) ---- enter ----> WAITING ---- grant_while ----> GRANTED --+ poll
//!                             |                              |
//!                             | leave                        | leave
//!                             v                              v
//!                     left(want, None)             left(want, Some(grant))
//!                     the next waiters may         the grant is
//!                     be served now                passed on
//! ```
//!
//! A primitive states its rule in the trait [`Grants`], and has no other code for waiting. [`Wait`]
//! is the one future; nodes live in a slab and are linked by index (`chain.rs`), so that a waiter
//! leaves from anywhere in O(1).
//!
//! # How it goes wrong, on one thread
//!
//! There is no second thread, but there is *user code*: a waker's `clone`, `wake` and `drop` are
//! foreign functions, and may lock, release, poll or drop whatever they can reach.
//!
//! ```text
//!   Wait::enter                               the waker's clone
//!   try_grant: nothing free
//!   let waker = cx.waker().clone()  ------->  releases the lock; no task waits for it yet
//!   join(waker)   ... and sleeps for ever
//! ```
//!
//! Hence *clone first, then look once more, then join*: between the last look and the join no
//! foreign code runs.
//!
//! # The invariants
//!
//! - **given-not-announced**: a permit that is released for a waiter belongs to that waiter before
//!   any other code runs. No newcomer passes a waiter, because `try_grant` of a primitive with a
//!   count refuses newcomers while a task waits.
//! - **settled-before-wake**: an operation makes *all* its grants before the first wake. Whatever
//!   user code a wake runs, it finds the primitive as if the operation had ended.
//! - **look-then-join**: no user code runs between the look that found nothing and the join.
//! - **one-owner**: a node is made by one [`Wait`] and removed by it: when it takes the grant, or
//!   when it is dropped.
//! - **no-user-code-under-borrow**: the `RefCell` is borrowed by this file only, and each borrow
//!   ends before a waker is cloned, woken or dropped. (Comparing wakers with `will_wake` is not
//!   foreign code.)
//!
//! # Proof: no wake-up is lost
//!
//! *Claim.* While no operation of the primitive is under way, no waiter at the front could be
//! granted.
//!
//! Call the primitive *settled* when its front waiter, if any, cannot be granted. An empty list is
//! settled. Every event keeps the primitive settled:
//!
//! 1. **A newcomer joins.** If others wait, the front is unchanged. If not, the newcomer is the
//!    front, and the look just before (look-then-join) found that it cannot be granted.
//! 2. **Something is freed.** The primitive calls [`WaitList::grant_while`], which stops at the
//!    first waiter that it cannot serve: settled by construction, and before any user code
//!    (settled-before-wake).
//! 3. **A waiting waiter leaves.** If it was the front, the next waiter is the front and may want
//!    less. [`Wait`]'s drop calls `left(want, None)`, where the primitive does as in 2.
//! 4. **A granted waiter leaves.** Its grant goes to `left(want, Some(grant))`, where the primitive
//!    frees it, as in 2.
//! 5. **Something is taken.** That can only make the front harder to serve.
//!
//! So no waiter that can be granted sleeps. And no granted waiter sleeps: `grant_while` puts it and
//! its waker on the `woken` chain, and that chain is emptied before the operation returns, even if
//! one of the wakers panics (`foreign.rs`). A waiter that has meanwhile collected its grant, or
//! left, is not on the chain, and needs no wake. The proof assumes that futures are dropped, not
//! forgotten. A forgotten waiter keeps its grant, as a forgotten guard keeps its lock.
//!
//! # Why not otherwise
//!
//! - *Links inside the futures* (tokio, lilos, the Linux kernel) save the slab, and need `unsafe`
//!   code with pinning arguments in each primitive. A slab entry is reused at once, so after the
//!   first wait nothing is allocated here either.
//! - *Wake and let the waiters race* (Go's normal mode, `parking_lot`) is quicker when threads
//!   compete for a lock, because the running thread may take it again. On one thread the owner does
//!   not run beside the waiter, so there is nothing to win.
//! - *A ticket counter* cannot let a waiter leave from the middle.
//!
//! # What it costs
//!
//! Joining, granting and leaving are O(1), and allocate nothing once the slab has grown to the
//! number of waiters. A primitive without waiters calls only [`WaitList::is_empty`], one load.
//!
//! # Sources
//!
//! C. A. R. Hoare, *Monitors*, CACM 17(10), 1974 (the hand-over to the waiter at the front). P.
//! Brinch Hansen, *Operating System Principles*, 1973. D. Vyukov on hand-over in Go's mutex (issue
//! 13086, 2015).
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Wait::enter`, leave out the second `try_grant`:
//!   `cargo run -p exercises -- sync.1`
//! - In `Semaphore::left`, do not give back the permit of a dropped waiter:
//!   `cargo run -p exercises -- sync.2`
//! - In `WaitList::grant_while`, wake each waiter before the next grant is made:
//!   `cargo run -p exercises -- sync.3`
//!
//! # Next
//!
//! [`io`](mod@crate::io): streams with buffers.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use slab::Slab;

use crate::chain::{self, Chain, Node};
use crate::context;
use crate::declared::Made;
use crate::foreign;

/// The rule of a primitive. Everything else about waiting is in [`Wait`].
pub(crate) trait Grants {
    /// The request of one waiter: a number of permits, a version newer than this one, or just `()`.
    type Want: Copy + Unpin;
    /// The answer to the request.
    type Grant;

    /// The tasks that wait for this primitive.
    fn waiters(&self) -> &WaitList<Self::Want, Self::Grant>;

    /// Serves a newcomer at once; `None` if it has to wait. A primitive that gives turns refuses while a task waits.
    fn try_grant(&self, want: Self::Want) -> Option<Self::Grant>;

    /// A waiter was dropped, with an unused grant or without a grant. Points 3 and 4 of the proof: pass the grant on,
    /// and serve the next waiters. A primitive whose grants cannot be used up has nothing to do.
    fn left(&self, want: Self::Want, grant: Option<Self::Grant>) {
        let _ = (want, grant);
    }
}

/// The future of one waiter: it asks, queues up, and takes its grant. It spends one unit of the loop's budget.
///
/// `D` is `&Primitive` or `Rc<Primitive>`.
pub(crate) struct Wait<D>
where
    D: Deref<Target: Grants>,
{
    source: D,
    want: <D::Target as Grants>::Want,
    /// Its place in the list, while it waits.
    key: Option<Key>,
}

/// Names a waiter for as long as its [`Wait`] lives (one-owner); never stale.
type Key = u32;

/// The owner of these wakers, as the log names it.
pub(super) const WAITER: &str = "a waiter in `sync`";

impl<D> Wait<D>
where
    D: Deref<Target: Grants>,
{
    #[inline]
    pub(crate) fn new(source: D, want: <D::Target as Grants>::Want) -> Self {
        Wait {
            source,
            want,
            key: None,
        }
    }

    /// The primitive that it asks, and its request.
    #[inline]
    pub(crate) fn request(&self) -> (&D, <D::Target as Grants>::Want) {
        (&self.source, self.want)
    }

    /// Whether it has a place in the list.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.key.is_some()
    }

    /// Takes a place in the list, unless a second look finds a grant.
    #[cold]
    fn enter(&mut self, cx: &Context<'_>) -> Poll<<D::Target as Grants>::Grant> {
        let waker = context::waker_for(cx, || self.source.waiters().made);
        // look-then-join: the clone may have run any code.
        // Guarded by tests/sync/wait_list.rs::a_release_from_within_the_clone_of_a_waker_is_not_lost
        if let Some(grant) = self.source.try_grant(self.want) {
            return Poll::Ready(grant);
        }
        self.key = Some(self.source.waiters().join(self.want, waker));
        Poll::Pending
    }

    fn poll_queued(&mut self, key: Key, cx: &Context<'_>) -> Poll<<D::Target as Grants>::Grant> {
        let grant = ready!(self.source.waiters().poll(key, cx));
        self.key = None;
        Poll::Ready(grant)
    }

    #[cold]
    fn leave(&mut self, key: Key) {
        let (grant, waker) = self.source.waiters().leave(key);
        self.source.left(self.want, grant);
        foreign::let_go(waker, WAITER); // last: it is user code, and the grant has been passed on
    }
}

/// Polls the wait that a `poll_` form keeps from one call to the next, or begins a wait.
pub(super) fn poll_kept<D>(
    kept: &mut Option<Wait<D>>,
    begin: impl FnOnce() -> Wait<D>,
    cx: &mut Context<'_>,
) -> Poll<<D::Target as Grants>::Grant>
where
    D: Deref<Target: Grants> + Unpin,
{
    let grant = ready!(Pin::new(kept.get_or_insert_with(begin)).poll(cx));
    *kept = None;
    Poll::Ready(grant)
}

impl<D> Future for Wait<D>
where
    D: Deref<Target: Grants> + Unpin,
{
    type Output = <D::Target as Grants>::Grant;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let grant = if let Some(key) = self.key {
            ready!(self.poll_queued(key, cx))
        } else {
            match self.source.try_grant(self.want) {
                Some(grant) => grant,
                None => ready!(self.enter(cx)),
            }
        };
        context::spend_budget();
        Poll::Ready(grant)
    }
}

impl<D> Drop for Wait<D>
where
    D: Deref<Target: Grants>,
{
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.leave(key);
        }
    }
}

/// A FIFO of waiters, each of which wants a `W` until it is given a `G`.
pub(crate) struct WaitList<W, G> {
    /// How many waiters have no grant. Outside the `RefCell`, because an uncontended primitive reads only this.
    waiting: Cell<usize>,
    nodes: RefCell<Nodes<W, G>>,
    /// The thing that these tasks wait for, and where it was made.
    made: Made,
}

impl<W: Copy, G> WaitList<W, G> {
    pub(crate) const fn new(made: Made) -> Self {
        let nodes = Nodes {
            slab: Slab::new(),
            waiting: Chain::EMPTY,
            woken: Chain::EMPTY,
        };
        WaitList {
            waiting: Cell::new(0),
            nodes: RefCell::new(nodes),
            made,
        }
    }

    /// Whether no task waits. A waiter with a grant does not wait.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.get() == 0
    }

    /// How many tasks wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.get()
    }

    /// Grants from the front as long as `decide` gives a grant, then wakes the granted waiters. Returns their number.
    ///
    /// `decide` runs under the borrow: it may touch the primitive's own cells, and nothing else.
    pub(crate) fn grant_while(&self, decide: impl FnMut(W) -> Option<G>) -> usize {
        let granted = self.grant_quietly(decide);
        if granted > 0 {
            self.wake_granted();
        }
        granted
    }

    /// The first half of [`grant_while`](Self::grant_while). The caller does the second,
    /// [`wake_granted`](Self::wake_granted).
    pub(crate) fn grant_quietly(&self, mut decide: impl FnMut(W) -> Option<G>) -> usize {
        let nodes = &mut *self.nodes.borrow_mut();
        let mut granted = 0;
        while nodes.grant_front(&mut decide) {
            granted += 1;
        }
        self.waiting.set(self.waiting.get() - granted);
        granted
    }

    /// Wakes all waiters that were granted and not yet woken, one after the other. A wake may run any code.
    pub(crate) fn wake_granted(&self) {
        while let Some(waker) = self.next_to_wake() {
            foreign::wake(waker, WAITER);
        }
    }

    fn next_to_wake(&self) -> Option<Waker> {
        let nodes = &mut *self.nodes.borrow_mut();
        let key = nodes.woken.first()?;
        nodes.woken.unlink(&mut nodes.slab, key);
        nodes.waiter(key).waker.take()
    }

    fn join(&self, want: W, waker: Waker) -> Key {
        let nodes = &mut *self.nodes.borrow_mut();
        let waiter = Waiter {
            state: State::Waiting(want),
            waker: Some(waker),
        };
        let key = chain::index(nodes.slab.insert(Node::new(waiter)));
        nodes.waiting.push_back(&mut nodes.slab, key);
        self.waiting.set(self.waiting.get() + 1);
        key
    }

    /// Takes the grant, if it is there, and removes the node; else keeps the newest waker.
    fn poll(&self, key: Key, cx: &Context<'_>) -> Poll<G> {
        if let Some(grant) = self.collect(key) {
            return Poll::Ready(grant);
        }
        if self.wakes(key, cx.waker()) {
            return Poll::Pending;
        }
        let waker = context::waker_for(cx, || self.made); // may run any code: the grant may come meanwhile
        if let Some(grant) = self.collect(key) {
            return Poll::Ready(grant);
        }
        let stale = self.nodes.borrow_mut().waiter(key).waker.replace(waker);
        foreign::let_go(stale, WAITER); // may run any code, too; but a grant that comes now wakes the new waker
        Poll::Pending
    }

    fn collect(&self, key: Key) -> Option<G> {
        let mut nodes = self.nodes.borrow_mut();
        if let State::Waiting(_) = nodes.waiter(key).state {
            return None;
        }
        let Waiter { state, waker } = nodes.remove(key);
        drop(nodes);
        foreign::let_go(waker, WAITER); // there is one if the waiter was granted and not yet woken
        match state {
            State::Granted(grant) => Some(grant),
            State::Waiting(_) => None,
        }
    }

    fn wakes(&self, key: Key, waker: &Waker) -> bool {
        let nodes = self.nodes.borrow();
        let kept = &nodes.slab[key as usize].value.waker;
        kept.as_ref().is_some_and(|kept| kept.will_wake(waker))
    }

    /// Removes a node, wherever it is. The caller drops the waker, when nothing is borrowed.
    fn leave(&self, key: Key) -> (Option<G>, Option<Waker>) {
        let nodes = &mut *self.nodes.borrow_mut();
        let Waiter { state, waker } = nodes.remove(key);
        match state {
            State::Granted(grant) => (Some(grant), waker),
            State::Waiting(_) => {
                self.waiting.set(self.waiting.get() - 1);
                (None, waker)
            }
        }
    }
}

/// The waiters, and the two chains through them.
struct Nodes<W, G> {
    slab: Slab<Node<Waiter<W, G>>>,
    /// The waiters without a grant, in the order in which they came.
    waiting: Chain,
    /// The waiters that have a grant and are about to be woken. Empty except while an operation wakes them.
    woken: Chain,
}

/// One waiter. It is in `waiting` in the state `Waiting`; in `woken` while it is granted and has a waker; else in none.
struct Waiter<W, G> {
    state: State<W, G>,
    waker: Option<Waker>,
}

enum State<W, G> {
    Waiting(W),
    Granted(G),
}

impl<W: Copy, G> Nodes<W, G> {
    fn waiter(&mut self, key: Key) -> &mut Waiter<W, G> {
        &mut self.slab[key as usize].value
    }

    /// Moves the front waiter to `woken`, if `decide` has a grant for it.
    fn grant_front(&mut self, decide: &mut impl FnMut(W) -> Option<G>) -> bool {
        let Some(key) = self.waiting.first() else {
            return false;
        };
        let State::Waiting(want) = self.waiter(key).state else {
            unreachable!("a granted waiter is still in the waiting chain")
        };
        let Some(grant) = decide(want) else {
            return false;
        };
        self.waiting.unlink(&mut self.slab, key);
        self.waiter(key).state = State::Granted(grant);
        self.woken.push_back(&mut self.slab, key);
        true
    }

    fn remove(&mut self, key: Key) -> Waiter<W, G> {
        match self.waiter(key) {
            Waiter {
                state: State::Waiting(_),
                ..
            } => self.waiting.unlink(&mut self.slab, key),
            Waiter { waker: Some(_), .. } => self.woken.unlink(&mut self.slab, key),
            _ => {}
        }
        self.slab.remove(key as usize).value
    }
}
