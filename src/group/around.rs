//! Nested scopes within one task, and whether an inner scope has failures that it has not returned
//! yet.
//!
//! A scope that is cut off drops its body, unless a scope inside the body has failed in the same
//! turn: only a poll of the body brings out the failures of the inner scope. So the outer scope
//! asks two questions here. *Has an inner scope failed?* If not, the body is dropped unpolled. *Did
//! an inner scope report, in this poll, that it is ending but not done?* If not, the body is
//! dropped after the poll, so that a scope that is no longer polled delays no other scope.

use std::cell::Cell;
use std::rc::Rc;

thread_local! {
    /// The scope whose body is being polled on this thread.
    static INNERMOST: Cell<Option<Rc<Around>>> = const { Cell::new(None) };
}

/// One scope, as the scopes inside its body see it.
#[derive(Default)]
pub(super) struct Around {
    outer: Option<Rc<Around>>,
    /// How many scopes inside have failures that they have not returned yet.
    owing: Cell<usize>,
    /// Whether an ending scope inside has called [`answer`](Around::answer) since the last [`enter`](Around::enter).
    has_answered: Cell<bool>,
}

impl Around {
    /// Makes the entry of a new scope, in the body of the scope that is being polled.
    #[inline]
    pub(super) fn here() -> Rc<Self> {
        let outer = swap(None);
        swap(outer.clone());
        Rc::new(Self {
            outer,
            ..Self::default()
        })
    }

    /// Runs `poll`, the poll of this scope's body. `poll` must not unwind.
    pub(super) fn enter<R>(self: &Rc<Self>, poll: impl FnOnce() -> R) -> R {
        self.has_answered.set(false);
        let outer = swap(Some(Rc::clone(self)));
        let result = poll();
        swap(outer);
        result
    }

    /// Whether a scope inside has failures that it has not returned yet.
    #[inline]
    pub(super) fn is_owed(&self) -> bool {
        self.owing.get() > 0
    }

    /// Whether a scope inside was ending but not done in the last poll of the body.
    #[inline]
    pub(super) fn has_been_answered(&self) -> bool {
        self.has_answered.get()
    }

    /// This scope has its first failure.
    #[inline]
    pub(super) fn owe(&self) {
        self.each_outer(|outer| outer.owing.set(outer.owing.get() + 1));
    }

    /// The failures of this scope were returned or lost.
    #[inline]
    pub(super) fn settle(&self) {
        self.each_outer(|outer| outer.owing.set(outer.owing.get() - 1));
    }

    /// This scope was polled, and is ending but not done.
    #[inline]
    pub(super) fn answer(&self) {
        if let Some(outer) = &self.outer {
            outer.has_answered.set(true);
        }
    }

    fn each_outer(&self, act: impl Fn(&Around)) {
        let mut next = self.outer.as_ref();
        while let Some(outer) = next {
            act(outer);
            next = outer.outer.as_ref();
        }
    }
}

/// Once the thread's locals are gone, no nesting is known, and each scope counts as the outermost.
#[inline]
fn swap(around: Option<Rc<Around>>) -> Option<Rc<Around>> {
    INNERMOST
        .try_with(|innermost| innermost.replace(around))
        .unwrap_or_default()
}
