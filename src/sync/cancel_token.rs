//! Cancellation by request.
//!
//! A future that is dropped ends at the `.await` at which it stands. With a token the task is asked
//! to stop: it sees the request, finishes its work, and ends.
//! [`run_until_cancelled`](CancelToken::run_until_cancelled) drops a future when a token is
//! cancelled.
//!
//! A token is an [`Event`] in a tree. A child holds its parent by an `Rc`, a parent its children by
//! a `Weak` in a slab; a child that is dropped removes itself from the slab. Cancelling marks the
//! whole subtree *before* it wakes a task. Cancelling and dropping walk the tree by a list instead
//! of recursion: a chain of a million tokens needs no deep stack.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::Poll;

use slab::Slab;

use super::cancel_afar::{self, Cancel};
use super::event::Event;
use super::wait_list::Wait;
use crate::declared::Made;
use crate::stays::StaysOnItsLoopSoSendARemoteInstead;

/// Asks any number of tasks to stop. Clones are the same token. A [`child_token`](Self::child_token) is cancelled with
/// its parent; the parent is not cancelled with the child.
///
/// A token that was cancelled stays cancelled.
///
/// # Examples
///
/// ```
/// use roundelay::sync::CancelToken;
///
/// roundelay::run(async {
///     let stop = CancelToken::new();
///     let worker = roundelay::spawn({
///         let stop = stop.child_token();
///         async move {
///             stop.cancelled().await;
///             "tidied up"
///         }
///     });
///     stop.cancel();
///     assert_eq!(worker.await.unwrap(), "tidied up");
/// });
/// ```
#[derive(Clone)]
pub struct CancelToken {
    node: StaysOnItsLoopSoSendARemoteInstead<Rc<Node>>,
}

pub(super) struct Node {
    cancelled: Event,
    children: RefCell<Slab<Weak<Node>>>,
    /// The parent, and the key of this node in the parent. `None` for a root, and once cancelled.
    parent: Cell<Option<(Rc<Node>, usize)>>,
    /// The number by which other threads name it, once it is needed.
    number: Cell<Option<u64>>,
}

impl CancelToken {
    /// A token without a parent, not cancelled.
    #[track_caller]
    #[inline]
    pub fn new() -> CancelToken {
        CancelToken {
            node: Node::new().into(),
        }
    }

    /// A token that is cancelled with this token, and may be cancelled alone. The child of a cancelled token is
    /// cancelled.
    #[track_caller]
    #[inline]
    pub fn child_token(&self) -> CancelToken {
        let child = Node::new();
        if self.is_cancelled() {
            child.cancelled.set();
        } else {
            let key = self
                .node
                .children
                .borrow_mut()
                .insert(Rc::downgrade(&child));
            child.parent.set(Some((Rc::clone(&self.node), key)));
        }
        CancelToken { node: child.into() }
    }

    /// Cancels the token and all its descendants. All are cancelled before the first task is woken.
    #[inline]
    pub fn cancel(&self) {
        for node in Node::cancel_family(&self.node) {
            node.cancelled.wake_waiters();
        }
    }

    /// Whether it was cancelled.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.node.cancelled.is_set()
    }

    /// Waits until it is cancelled; does not wait if it was.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn cancelled(&self) {
        self.node.cancelled.wait().await;
    }

    /// Waits until it is cancelled, and keeps the token alive.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost but this handle to the token.
    pub async fn cancelled_owned(self) {
        self.cancelled().await;
    }

    /// Runs `future` to its end, or until the token is cancelled: then it drops `future` and returns `None`. If the
    /// token is cancelled already, `future` is not started; if both happen at once, the value of `future` counts.
    ///
    /// # Cancellation
    ///
    /// `future` is dropped.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        if self.is_cancelled() {
            return None;
        }
        let mut future = pin!(future);
        let mut cancelled = Wait::new(&self.node.cancelled, ());
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            // Asked directly: a future that spends the whole budget in each poll would leave no budget for the wait.
            // Guarded by tests/sync/cancel_token.rs::a_future_that_spends_the_whole_budget_can_be_cancelled
            Poll::Pending if self.is_cancelled() => Poll::Ready(None),
            Poll::Pending => Pin::new(&mut cancelled).poll(cx).map(|()| None),
        })
        .await
    }

    /// The number by which [`cancel_numbered`](Self::cancel_numbered) finds it on this thread, for as long as it lives.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        let number = self.node.number.get();
        let node = Rc::downgrade(&self.node);
        let number = number.unwrap_or_else(|| cancel_afar::enter(node));
        self.node.number.set(Some(number));
        number
    }

    /// Cancels the token of that number, if it lives.
    #[inline]
    pub(crate) fn cancel_numbered(number: u64) {
        cancel_afar::cancel(number);
    }

    /// A guard that cancels the token when it is dropped, unless it is disarmed.
    #[inline]
    pub fn drop_guard(self) -> CancelGuard {
        CancelGuard { token: Some(self) }
    }
}

impl Default for CancelToken {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        CancelToken::new()
    }
}

impl Node {
    #[track_caller]
    #[inline]
    fn new() -> Rc<Node> {
        Rc::new(Node {
            cancelled: Event::of(Made::here("the cancellation of the token")),
            children: RefCell::default(),
            parent: Cell::new(None),
            number: Cell::new(None),
        })
    }

    /// Marks a node and its descendants as cancelled, and lets all tasks through that wait for them. No task is woken
    /// yet.
    #[inline]
    fn cancel_family(root: &Rc<Node>) -> Vec<Rc<Node>> {
        let mut family = vec![Rc::clone(root)];
        let mut marked = 0;
        while let Some(node) = family.get(marked) {
            marked += 1;
            let node = Rc::clone(node);
            if node.cancelled.set_quietly() {
                continue; // so are its descendants
            }
            node.leave_parent();
            let children = mem::take(&mut *node.children.borrow_mut());
            for (_, child) in children {
                family.extend(child.upgrade());
            }
        }
        family
    }

    /// Removes the link to the parent, on both sides, and returns the parent.
    #[inline]
    fn leave_parent(&self) -> Option<Rc<Node>> {
        let (parent, key) = self.parent.take()?;
        // A parent that is being cancelled has removed all its children already.
        parent.children.borrow_mut().try_remove(key);
        Some(parent)
    }
}

impl Cancel for Node {
    #[inline]
    fn cancel(self: Rc<Self>) {
        CancelToken { node: self.into() }.cancel();
    }
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        if let Some(number) = self.number.get() {
            cancel_afar::leave(number);
        }
        // Without recursion: an ancestor that only this node kept alive is taken from its own parent before it is
        // dropped.
        let mut parent = self.leave_parent();
        while let Some(node) = parent.and_then(Rc::into_inner) {
            parent = node.leave_parent();
        }
    }
}

impl fmt::Debug for CancelToken {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("cancelled", &self.is_cancelled())
            .field("children", &self.node.children.borrow().len())
            .finish()
    }
}

/// Cancels its token when it is dropped.
#[must_use = "the token is cancelled as soon as the guard is dropped"]
#[derive(Debug)]
pub struct CancelGuard {
    token: Option<CancelToken>,
}

impl CancelGuard {
    /// Gives the token back, not cancelled.
    #[inline]
    pub fn disarm(mut self) -> CancelToken {
        self.token
            .take()
            .expect("a guard has its token until it is disarmed or dropped")
    }
}

impl Drop for CancelGuard {
    #[inline]
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}
