//! What the tests of `sync` share: futures polled by hand, and wakers that run code of ours.
#![allow(unreachable_pub)]

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

/// A future on the bench: polled only when the test says so, its wakes counted.
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
        let future = self.future.as_mut().expect("was cancelled");
        future.as_mut().poll(&mut Context::from_waker(waker))
    }

    /// Polls; it must be ready.
    #[track_caller]
    pub fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("still pending"),
        }
    }

    /// Polls; it must not be ready.
    #[track_caller]
    pub fn pending(&mut self) {
        assert!(self.poll().is_pending(), "already ready");
    }

    /// Drops the future.
    pub fn cancel(&mut self) {
        self.future = None;
    }

    /// Drops the future, and says how many clones of its waker somebody keeps all the same.
    pub fn cancel_and_count_wakers(mut self) -> usize {
        self.cancel();
        self.wakers_kept()
    }

    pub fn wakes(&self) -> usize {
        self.count.0.load(Ordering::Relaxed)
    }

    /// How many clones of its waker somebody keeps.
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

/// A future that is ready when first polled.
#[track_caller]
pub fn at_once<F: Future>(future: F) -> F::Output {
    Probe::new(future).ready()
}

/// When a waker runs foreign code.
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
    // SAFETY: the data is no pointer but an index into a table that never shrinks; the functions use it as such, and
    // look it up on the thread they are called on.
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

/// A value that does something when it is dropped.
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
