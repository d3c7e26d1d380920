//! A parent and children that keep a ledger of their polls, drops and wakers.

use std::cell::RefCell;
use std::collections::HashSet;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A parent that counts how often it was woken.
#[derive(Default)]
pub(crate) struct Parent(AtomicUsize);

impl Wake for Parent {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Parent {
    pub(crate) fn new() -> (Arc<Parent>, Waker) {
        let parent = Arc::new(Parent::default());
        (Arc::clone(&parent), Waker::from(parent))
    }

    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// The record of a set of [`Child`]ren: their polls, drops and wakers.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) polls: RefCell<Vec<usize>>,
    pub(crate) drops: RefCell<Vec<usize>>,
    pub(crate) wakers: RefCell<Vec<Option<Waker>>>,
    pub(crate) done: RefCell<HashSet<usize>>,
}

impl Ledger {
    pub(crate) fn with(children: usize) -> Rc<Ledger> {
        let ledger = Ledger::default();
        ledger.wakers.borrow_mut().resize(children, None);
        Rc::new(ledger)
    }

    pub(crate) fn child(self: &Rc<Self>, number: usize) -> Child {
        Child {
            number,
            ledger: Rc::clone(self),
        }
    }

    pub(crate) fn children(self: &Rc<Self>) -> Vec<Child> {
        (0..self.wakers.borrow().len())
            .map(|number| self.child(number))
            .collect()
    }

    pub(crate) fn wake(&self, number: usize) {
        let waker = self.wakers.borrow()[number].clone();
        waker.expect("the child has been polled").wake();
    }

    pub(crate) fn finish(&self, number: usize) {
        self.done.borrow_mut().insert(number);
        self.wake(number);
    }

    pub(crate) fn finish_unasked(&self, number: usize) {
        self.done.borrow_mut().insert(number);
    }

    pub(crate) fn polls(&self) -> Vec<usize> {
        self.polls.take()
    }

    pub(crate) fn drops(&self) -> Vec<usize> {
        self.drops.take()
    }
}

/// A future that is ready once its ledger says so. It gives its number.
pub(crate) struct Child {
    pub(crate) number: usize,
    pub(crate) ledger: Rc<Ledger>,
}

impl Future for Child {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        self.ledger.polls.borrow_mut().push(self.number);
        let stale = self.ledger.wakers.borrow_mut()[self.number].replace(cx.waker().clone());
        drop(stale);
        if self.ledger.done.borrow().contains(&self.number) {
            Poll::Ready(self.number)
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.ledger.drops.borrow_mut().push(self.number);
    }
}
