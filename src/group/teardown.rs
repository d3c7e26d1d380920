//! Dropping a tree of groups at once, without a deep stack.
//!
//! A scope that is dropped drops its children. A child may hold a scope of its own, whose children
//! hold scopes, and so on: ten thousand nested groups are ten thousand nested destructors, and a
//! stack overflow cannot be caught like a panic. So the recursion goes [`DEPTH_LIMIT`] scopes deep.
//! A deeper scope leaves its children to the scope at the limit, which is on the stack at that
//! moment. The scope at the limit drops these children one after the other, when its own drop goes
//! on.
//!
//! This is an exception in the promise: if a scope is more than [`DEPTH_LIMIT`] levels below the
//! scope that is being dropped, its children are dropped when the drop of the *outer* scope
//! returns, and maybe not when its own drop returns.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop};
use std::rc::Rc;

use crate::context::{self, Context, Entered};
use crate::task::TaskId;

/// How many scopes deep the drop of one scope recurses.
pub const DEPTH_LIMIT: usize = 64;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The children of scopes below the limit. No destructor: it is empty, and without memory, whenever `DEPTH` is zero.
    static LEFT_BEHIND: RefCell<ManuallyDrop<VecDeque<Orphan>>> =
        const { RefCell::new(ManuallyDrop::new(VecDeque::new())) };
}

struct Orphan {
    context: Rc<Context>,
    id: TaskId,
}

/// Drops these tasks' futures, in this order, before it returns; unless it is called [`DEPTH_LIMIT`] levels below itself.
#[inline]
pub(super) fn drop_all(context: &Rc<Context>, ids: Vec<TaskId>) {
    let orphans = ids.into_iter().map(|id| Orphan {
        context: Rc::clone(context),
        id,
    });
    if DEPTH.get() >= DEPTH_LIMIT {
        return LEFT_BEHIND.with_borrow_mut(|left_behind| left_behind.extend(orphans));
    }
    let _level = Level::enter();
    for orphan in orphans {
        orphan.drop_now();
        while let Some(below) = LEFT_BEHIND.with_borrow_mut(|left| left.pop_front()) {
            // Guarded by tests/group/drop.rs::ten_thousand_nested_groups_are_dropped_on_a_small_stack.
            below.drop_now();
        }
    }
}

impl Orphan {
    /// Drops the task with its loop current, so that its destructors find the loop, wherever the scope was dropped.
    #[inline]
    fn drop_now(self) {
        let is_current =
            context::current().is_some_and(|current| Rc::ptr_eq(&current, &self.context));
        let _entered = (!is_current).then(|| Entered::new(Rc::clone(&self.context)));
        // A task that awaits this task is queued, and between two turns the host must be told.
        self.context.address.announce();
        self.context.scheduler.drop_now(self.id);
    }
}

/// One level of recursion, as long as it exists.
struct Level;

impl Level {
    #[inline]
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Level
    }
}

impl Drop for Level {
    #[inline]
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        if DEPTH.get() == 0 {
            let empty = LEFT_BEHIND.with_borrow_mut(|left| mem::take(&mut **left));
            drop(empty);
        }
    }
}
