//! Any number of futures, polled by wake and not by scan.
//!
//! The futures stay here, with their owner; their wakers can reach only the ready list of
//! `ready.rs`. A poll of the set takes that list and polls the children on it, so a wake costs the
//! same among ten children and among a million.

// Implementation notes
//
// - `due` is one batch. A child that is woken while the batch is polled is in the next batch: the set is as fair to its
//   children as the loop is to its tasks. A batch outlives a poll if a caller takes one output at a time or the budget
//   is spent.
// - Pending is returned in two places only: with the parent registered and nothing due, or with the parent woken by
//   `poll_budget`. So a poll that finds the rest of an old batch still refills once before it waits
//   (Guarded by tests/future/as_completed.rs::a_child_woken_between_two_polls_is_not_forgotten_behind_the_rest_of_a_batch).
// - Each poll of a child spends one unit of the task's budget. Two hundred thousand children are first polled over many
//   turns, and sets within sets cannot multiply their shares.
// - A finished child whose number is still in the list keeps its place, until the number is taken from the list.
//   Otherwise a new child might take the place, and the list would lead through the link of the new child.

use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use slab::Slab;

use super::ready::{self, Link, ReadyList};
use crate::context;
use crate::task::behind;

/// Futures of one type, and the numbers of the next to be polled.
pub(super) struct Set<F> {
    list: Arc<ReadyList>,
    children: Slab<Child<F>>,
    /// The batch that is being polled; the last is polled next.
    due: Vec<u32>,
    /// The children that were never polled and are not in `due`, in the order of adding.
    fresh: Vec<u32>,
    unfinished: usize,
    added: usize,
}

struct Child<F> {
    /// `None` once it has finished.
    future: Option<Pin<Box<F>>>,
    /// `None` until it is polled.
    linked: Option<Linked>,
    /// How many children were added before it.
    serial: usize,
}

struct Linked {
    link: Arc<Link>,
    waker: Waker,
}

impl<F: Future> Set<F> {
    pub(super) fn new(futures: Vec<Pin<Box<F>>>) -> Set<F> {
        let mut set = Set {
            list: ReadyList::new(),
            children: Slab::with_capacity(futures.len()),
            due: Vec::with_capacity(futures.len()),
            fresh: Vec::with_capacity(futures.len()),
            unfinished: 0,
            added: 0,
        };
        futures.into_iter().for_each(|future| set.push(future));
        set
    }

    /// Makes the child number `first` the first to be polled, and the children before it the last. Only before the
    /// first poll.
    pub(super) fn start_at(&mut self, first: usize) {
        self.fresh.rotate_left(first);
    }

    pub(super) fn push(&mut self, future: Pin<Box<F>>) {
        assert!(
            self.children.len() < ready::MOST,
            "a set holds at most {} futures: make several sets",
            ready::MOST
        );
        let child = Child {
            future: Some(future),
            linked: None,
            serial: self.added,
        };
        let number = self.children.insert(child) as u32;
        self.fresh.push(number);
        self.added += 1;
        self.unfinished += 1;
    }

    pub(super) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// The next output, and how many futures were added before its future; `None` if no child is left.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, F::Output)>> {
        let mut next = None;
        ready!(self.poll_each(cx, |serial, output| {
            next = Some((serial, output));
            Break(())
        }));
        Poll::Ready(next)
    }

    /// Polls the rest of the old batch and then a new batch. Hands each output to `finished`, until `finished` breaks;
    /// ready then, or once no child is left.
    pub(super) fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        mut finished: impl FnMut(usize, F::Output) -> ControlFlow<()>,
    ) -> Poll<()> {
        if self.unfinished == 0 || ready!(self.poll_batch(cx, &mut finished)).is_break() {
            return Poll::Ready(());
        }
        self.refill(cx.waker());
        if ready!(self.poll_batch(cx, &mut finished)).is_break() || self.unfinished == 0 {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Polls the futures that are due. Pending means that the budget is spent.
    fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        finished: &mut impl FnMut(usize, F::Output) -> ControlFlow<()>,
    ) -> Poll<ControlFlow<()>> {
        while !self.due.is_empty() {
            ready!(context::poll_budget(cx));
            let Some(number) = self.due.pop() else { break };
            if let Poll::Ready((serial, output)) = self.poll_child(number) {
                if finished(serial, output).is_break() {
                    return Poll::Ready(Break(()));
                }
            }
        }
        Poll::Ready(Continue(()))
    }

    /// Makes the next batch: first the woken children in the order of their wakes, then the new ones in the order of
    /// adding.
    fn refill(&mut self, parent: &Waker) {
        self.list.register(parent);
        self.due.extend(self.fresh.drain(..).rev());
        let mut woken = self.list.take();
        while let Some(number) = woken {
            self.due.push(number);
            woken = self.children[number as usize]
                .linked
                .as_ref()
                .and_then(|linked| linked.link.older());
        }
    }

    fn poll_child(&mut self, number: u32) -> Poll<(usize, F::Output)> {
        let child = &mut self.children[number as usize];
        let Some(future) = &mut child.future else {
            self.children.remove(number as usize);
            return Poll::Pending;
        };
        context::spend_budget();
        let linked = child
            .linked
            .get_or_insert_with(|| Linked::new(&self.list, number));
        linked.link.unqueue();
        let output = ready!(
            future
                .as_mut()
                .poll(&mut Context::from_waker(&linked.waker))
        );
        self.unfinished -= 1;
        let serial = child.serial;
        if linked.link.retire() {
            child.future = None;
        } else {
            self.children.remove(number as usize);
        }
        Poll::Ready((serial, output))
    }
}

impl<F> Drop for Set<F> {
    fn drop(&mut self) {
        self.list.close();
    }
}

impl Linked {
    #[inline]
    fn new(list: &Arc<ReadyList>, number: u32) -> Linked {
        let link = Link::new(list, number);
        let waker = Waker::from(Arc::clone(&link));
        behind::introduce(&waker);
        Linked { link, waker }
    }
}
