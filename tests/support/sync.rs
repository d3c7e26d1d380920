//! The things that the tests of `sync` share: futures that are polled by hand, and wakers that run the test's code.
#![allow(unreachable_pub)]

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

/// A future that is polled only by the test, and whose wakes are counted.
pub struct Probe<F: Future> {
    future: Option<Pin<Box<F>>>,
    count: Arc<Count>,
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl<F: Future> Probe<F> {
    pub fn new(future: F) -> Probe<F> {
        Probe {
            future: Some(Box::pin(future)),
            count: Arc::new(Count(AtomicUsize::new(0))),
        }
    }

    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.count));
        self.poll_with(&waker)
    }

    pub fn poll_with(&mut self, waker: &Waker) -> Poll<F::Output> {
        let future = self.future.as_mut().expect("the future was cancelled");
        future.as_mut().poll(&mut Context::from_waker(waker))
    }

    /// Polls the future, which must be ready.
    #[track_caller]
    pub fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the future is still pending"),
        }
    }

    /// Polls the future, which must not be ready.
    #[track_caller]
    pub fn pending(&mut self) {
        assert!(self.poll().is_pending(), "the future is already ready");
    }

    /// Drops the future.
    pub fn cancel(&mut self) {
        self.future = None;
    }

    /// Drops the future, and gives the number of clones of its waker that are still kept.
    pub fn cancel_and_count_wakers(mut self) -> usize {
        self.cancel();
        self.wakers_kept()
    }

    pub fn wakes(&self) -> usize {
        self.count.0.load(Ordering::Relaxed)
    }

    /// The number of clones of its waker that are kept.
    pub fn wakers_kept(&self) -> usize {
        Arc::strong_count(&self.count) - 1
    }
}

/// A future that has been polled once and waits.
#[track_caller]
pub fn waiting<F: Future>(future: F) -> Probe<F> {
    let mut probe = Probe::new(future);
    probe.pending();
    probe
}

/// The output of a future that is ready at its first poll.
#[track_caller]
pub fn at_once<F: Future>(future: F) -> F::Output {
    Probe::new(future).ready()
}

/// The moments at which a waker runs foreign code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    Clone,
    Wake,
    Drop,
}

type Hook = Rc<dyn Fn(Moment)>;

thread_local! {
    static HOOKS: RefCell<Vec<Hook>> = const { RefCell::new(Vec::new()) };
}

/// A waker that calls `hook` whenever it is cloned, woken or dropped.
pub fn hooked(hook: impl Fn(Moment) + 'static) -> Waker {
    let index = HOOKS.with_borrow_mut(|hooks| {
        hooks.push(Rc::new(hook));
        hooks.len() - 1
    });
    // SAFETY: the data is no pointer, but an index into a table that never shrinks. The functions look it up in the table of
    // the thread on which they are called.
    unsafe { Waker::from_raw(raw(index)) }
}

fn raw(index: usize) -> RawWaker {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            run(data, Moment::Clone);
            raw(data.addr())
        },
        |data| run(data, Moment::Wake),
        |data| run(data, Moment::Wake),
        |data| run(data, Moment::Drop),
    );
    RawWaker::new(std::ptr::without_provenance(index), &VTABLE)
}

fn run(data: *const (), moment: Moment) {
    let hook = HOOKS.with_borrow(|hooks| Rc::clone(&hooks[data.addr()]));
    hook(moment);
}

/// A value that calls a function when it is dropped.
pub struct OnDrop<F: FnOnce()>(Option<F>);

pub fn on_drop<F: FnOnce()>(action: F) -> OnDrop<F> {
    OnDrop(Some(action))
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
    }
}
