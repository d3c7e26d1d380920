//! The state that the handles, the children and the scope of one group share.

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::task::{self, Poll, Waker};

use slab::Slab;

use super::around::Around;
use super::error::{Culprit, Failure};
use super::teardown;
use crate::context::Context;
use crate::foreign;
use crate::scheduler::Scheduler;
use crate::task::{JoinHandle, TaskId};

pub(super) struct Shared<E> {
    context: Rc<Context>,
    entered_at: &'static Location<'static>,
    around: Rc<Around>,
    state: RefCell<State<E>>,
}

struct State<E> {
    phase: Phase,
    /// The children that live, by their keys; `None` for a child that is being spawned.
    members: Slab<Option<TaskId>>,
    is_body_done: bool,
    /// The failures of the children, in the order in which they happened.
    failures: Vec<Fault<E>>,
    /// The failures of the body, which come last.
    body_failures: Vec<Fault<E>>,
    /// The waker of the task that polls the scope.
    scope: Option<Waker>,
    /// The task that will go from `Doomed` to `Cut`.
    reaper: Option<JoinHandle<()>>,
}

/// A failure, and the task or body that failed.
type Fault<E> = (Failure<E>, Culprit);

/// See the picture at the head of the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Children may join.
    Open,
    /// A failure or a cancellation happened in this turn. No child joins; tasks that are ready are polled a last time.
    Doomed,
    /// Nothing is polled any more, except a body from which failures are to come.
    Cut,
    /// The scope has returned, or has been dropped.
    Over,
}

impl<E: 'static> Shared<E> {
    pub(super) fn new(context: Rc<Context>, entered_at: &'static Location<'static>) -> Rc<Self> {
        let state = State {
            phase: Phase::Open,
            members: Slab::new(),
            is_body_done: false,
            failures: Vec::new(),
            body_failures: Vec::new(),
            scope: None,
            reaper: None,
        };
        Rc::new(Self {
            context,
            entered_at,
            around: Around::here(),
            state: RefCell::new(state),
        })
    }

    pub(super) fn around(&self) -> &Rc<Around> {
        &self.around
    }

    pub(super) fn entered_at(&self) -> &'static Location<'static> {
        self.entered_at
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.borrow().phase == Phase::Open
    }

    pub(super) fn is_cut(&self) -> bool {
        self.state.borrow().phase == Phase::Cut
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.borrow().phase == Phase::Over
    }

    pub(super) fn len(&self) -> usize {
        self.state.borrow().members.len()
    }

    pub(super) fn scheduler(&self) -> &Rc<Scheduler> {
        &self.context.scheduler
    }

    /// A task is about to be queued. If the loop rests, its host is told.
    pub(super) fn announce(&self) {
        self.context.address.announce();
    }

    /// A key for a child that is about to be spawned; `None` if the group takes no more children.
    /// Guarded by tests/group/drop.rs::a_child_that_spawns_from_its_destructor_during_teardown_is_refused.
    pub(super) fn join(&self) -> Option<usize> {
        let mut state = self.state.borrow_mut();
        (state.phase == Phase::Open).then(|| state.members.insert(None))
    }

    /// Stores the task of the child with this key.
    pub(super) fn settle(&self, key: usize, id: TaskId) {
        self.state.borrow_mut().members[key] = Some(id);
    }

    /// The child with this key has ended.
    pub(super) fn leave(&self, key: usize) {
        let mut state = self.state.borrow_mut();
        state.members.remove(key);
        if !state.is_body_done || !state.members.is_empty() {
            return;
        }
        state.close_if_alone();
        let scope = state.scope.take();
        drop(state);
        wake(scope);
    }

    /// Remembers a failure, and ends the group.
    pub(super) fn fail(self: &Rc<Self>, failure: Failure<E>, culprit: Culprit) {
        if self.is_over() {
            return failure.tell_the_log(&culprit);
        }
        self.note(|state| state.failures.push((failure, culprit)));
    }

    /// [`fail`](Self::fail), for the body, whose failures come last. They are kept here and not with the body's value,
    /// so that a scope that is dropped while it waits for its children can log them.
    pub(super) fn fail_body(self: &Rc<Self>, failure: Failure<E>) {
        let culprit = Culprit::Body(self.entered_at);
        self.note(|state| state.body_failures.push((failure, culprit)));
    }

    fn note(self: &Rc<Self>, failure: impl FnOnce(&mut State<E>)) {
        let mut state = self.state.borrow_mut();
        let is_first = !state.has_failed();
        failure(&mut state);
        drop(state);
        if is_first {
            self.around.owe();
        }
        self.doom();
    }

    /// Whether there are failures.
    pub(super) fn has_failed(&self) -> bool {
        self.state.borrow().has_failed()
    }

    /// Ends the group at the end of this turn: spawns a task that cuts the group off, behind all tasks that are ready
    /// now.
    ///
    /// A task, and not the scope itself: the owner of the scope may poll it later, and the siblings must end now.
    /// Guarded by tests/group/cancel.rs::siblings_are_cancelled_although_nobody_polls_the_scope.
    pub(super) fn doom(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        if state.phase != Phase::Open {
            return;
        }
        state.phase = Phase::Doomed;
        drop(state);
        let shared = Rc::clone(self);
        let cut = async move { shared.cut() };
        let name: Box<str> = "end of a task group".into();
        let scheduler = Rc::clone(&self.context.scheduler);
        self.announce();
        let reaper = JoinHandle::new(scheduler, cut, name, self.entered_at);
        self.state.borrow_mut().reaper = Some(reaper);
    }

    fn cut(&self) {
        let mut state = self.state.borrow_mut();
        state.phase = Phase::Cut;
        let scope = state.scope.take();
        drop(state);
        for id in self.ids() {
            self.context.scheduler.abort(id);
        }
        wake(scope);
    }

    /// The children that live, in the order of their spawning.
    fn ids(&self) -> Vec<TaskId> {
        let state = self.state.borrow();
        let ids = state.members.iter().filter_map(|(_, id)| *id);
        self.context.scheduler.oldest_first(ids)
    }

    /// Keeps the waker of the task that polls the scope.
    pub(super) fn keep_waker(&self, cx: &task::Context<'_>) {
        let is_known = |kept: &Waker| kept.will_wake(cx.waker());
        if self.state.borrow().scope.as_ref().is_some_and(is_known) {
            return;
        }
        let fresh = cx.waker().clone();
        let old = self.state.borrow_mut().scope.replace(fresh);
        foreign::let_go(old, SCOPE);
    }

    /// The body has returned, or has been dropped. With the last child gone, the scope is over.
    pub(super) fn body_is_done(&self) {
        let mut state = self.state.borrow_mut();
        state.is_body_done = true;
        state.close_if_alone();
    }

    /// Ready when no child lives.
    pub(super) fn poll_alone(&self, cx: &task::Context<'_>) -> Poll<()> {
        self.keep_waker(cx);
        if self.state.borrow().members.is_empty() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Called when the scope returns or is dropped: drops all children that still live, and returns the failures.
    pub(super) fn end(&self) -> Vec<Fault<E>> {
        let mut state = self.state.borrow_mut();
        state.phase = Phase::Over;
        let (scope, reaper) = (state.scope.take(), state.reaper.take());
        drop(state);
        foreign::let_go(scope, SCOPE);
        if let Some(reaper) = reaper {
            reaper.drop_now();
        }
        if self.len() > 0 {
            teardown::drop_all(&self.context, self.ids());
        }
        if self.has_failed() {
            self.around.settle();
        }
        let state = &mut *self.state.borrow_mut();
        let mut failures = std::mem::take(&mut state.failures);
        failures.append(&mut state.body_failures);
        failures
    }
}

impl<E> State<E> {
    fn has_failed(&self) -> bool {
        !self.failures.is_empty() || !self.body_failures.is_empty()
    }

    /// Closes a group whose last child has ended. Until then, children may spawn into a group that is ending.
    fn close_if_alone(&mut self) {
        if self.phase == Phase::Open && self.members.is_empty() {
            self.phase = Phase::Over;
        }
    }
}

/// The owner of the scope's waker, as the log names it.
pub(super) const SCOPE: &str = "a task group's scope";

fn wake(scope: Option<Waker>) {
    if let Some(scope) = scope {
        foreign::wake(scope, SCOPE);
    }
}
