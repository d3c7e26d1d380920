//! Asking instead of dropping.
//!
//! Dropping a future is the quick way to cancel it: it ends at its next `.await`, wherever that is. A token is the polite
//! way: the task sees it, finishes its sentence, and goes. Both can be had at once with
//! [`run_until_cancelled`](CancelToken::run_until_cancelled).
//!
//! A token is an [`Event`] with a family. Tokens form a tree: children know their parent by an `Rc`, parents their children
//! by a `Weak` in a slab, from which a child that is dropped removes itself. Cancelling marks the whole subtree *before* it wakes anyone, and walks it with a
//! list of its own instead of recursion, as does dropping: a chain of a million tokens needs no deep stack.

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

/// Tells any number of tasks to stop. Clones are the same token; [`child_token`](Self::child_token)s are cancelled with it,
/// but not it with them.
///
/// Cancellation is a level, not an edge: once cancelled, a token stays so.
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
    /// The parent, and under which key it knows this one. None for a root, and once cancelled.
    parent: Cell<Option<(Rc<Node>, usize)>>,
    /// What other threads call it by, once one has asked.
    number: Cell<Option<u64>>,
}

impl CancelToken {
    /// A token of its own, not cancelled.
    #[track_caller]
    pub fn new() -> CancelToken {
        CancelToken {
            node: Node::new().into(),
        }
    }

    /// A token that is cancelled with this one, and may be cancelled alone. Of a cancelled token it is cancelled, too.
    #[track_caller]
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

    /// Cancels it and all its descendants. Before the first task is woken, all of them are cancelled.
    pub fn cancel(&self) {
        for node in Node::cancel_family(&self.node) {
            node.cancelled.wake_waiters();
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.node.cancelled.is_set()
    }

    /// Waits until it is cancelled; at once if it was.
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

    /// Runs `future` to its end, or until the token is cancelled: then `future` is dropped, and `None` returned once that is
    /// done. If the token is cancelled already, `future` is not started; if both happen at once, its value counts.
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
            // Asked directly: a future that spends the whole budget in each poll would leave none for the wait.
            // Guarded by tests/sync/cancel_token.rs::a_future_that_spends_the_whole_budget_can_be_cancelled
            Poll::Pending if self.is_cancelled() => Poll::Ready(None),
            Poll::Pending => Pin::new(&mut cancelled).poll(cx).map(|()| None),
        })
        .await
    }

    /// The number under which [`cancel_numbered`](Self::cancel_numbered) finds it on this thread, for as long as it lives.
    pub(crate) fn number(&self) -> u64 {
        let number = self.node.number.get();
        let node = Rc::downgrade(&self.node);
        let number = number.unwrap_or_else(|| cancel_afar::enter(node));
        self.node.number.set(Some(number));
        number
    }

    /// Cancels the token of that number, if it lives.
    pub(crate) fn cancel_numbered(number: u64) {
        cancel_afar::cancel(number);
    }

    /// A guard that cancels the token when it is dropped, unless it is disarmed.
    pub fn drop_guard(self) -> CancelGuard {
        CancelGuard { token: Some(self) }
    }
}

impl Default for CancelToken {
    #[track_caller]
    fn default() -> Self {
        CancelToken::new()
    }
}

impl Node {
    #[track_caller]
    fn new() -> Rc<Node> {
        Rc::new(Node {
            cancelled: Event::of(Made::here("the cancellation of the token")),
            children: RefCell::default(),
            parent: Cell::new(None),
            number: Cell::new(None),
        })
    }

    /// Marks a node and its descendants as cancelled, and grants to all tasks that wait for them. No task is woken yet.
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

    /// Ends the link to the parent, from both sides, and returns the parent.
    fn leave_parent(&self) -> Option<Rc<Node>> {
        let (parent, key) = self.parent.take()?;
        // A parent that is being cancelled has let go of all its children already.
        parent.children.borrow_mut().try_remove(key);
        Some(parent)
    }
}

impl Cancel for Node {
    fn cancel(self: Rc<Self>) {
        CancelToken { node: self.into() }.cancel();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(number) = self.number.get() {
            cancel_afar::leave(number);
        }
        // Up the chain, without recursion: each ancestor that only we kept alive is taken from its own parent before it goes.
        let mut parent = self.leave_parent();
        while let Some(node) = parent.and_then(Rc::into_inner) {
            parent = node.leave_parent();
        }
    }
}

impl fmt::Debug for CancelToken {
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
    pub fn disarm(mut self) -> CancelToken {
        self.token
            .take()
            .expect("a guard has its token until it is disarmed or dropped")
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}
