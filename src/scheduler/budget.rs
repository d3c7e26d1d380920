//! The share of each poll: how many operations it may complete.
//!
//! A socket that always has data makes its task loop for ever without returning `Pending`. So each poll of a task may
//! complete 128 operations of this crate's leaf futures. The next operation is refused: it wakes its task and returns
//! `Pending`.

use std::cell::Cell;

/// A poll may complete so many leaf operations. The next one is refused.
const OPERATIONS_PER_POLL: u32 = 128;
/// More refusals than a correct poll meets: it meets one for each leaf future that it polls after its share is spent.
const MAX_REFUSALS: u32 = 10_000;

thread_local! {
    /// What is left of the running poll's share. Outside of polls the share is endless, since no other task waits for its
    /// end.
    static LEFT: Left = const {
        Left {
            operations: Cell::new(Share::ENDLESS.operations_left),
            refusals: Cell::new(Share::ENDLESS.refusals),
        }
    };
}

/// A [`Share`] in two cells, because most calls read only the first.
struct Left {
    operations: Cell<u32>,
    refusals: Cell<u32>,
}

/// How many operations a poll may still complete, and how many more it may be refused.
#[derive(Clone, Copy)]
pub(super) struct Share {
    operations_left: u32,
    refusals: u32,
}

impl Share {
    pub(super) const FULL: Self = Self {
        operations_left: OPERATIONS_PER_POLL,
        refusals: 0,
    };
    pub(super) const ENDLESS: Self = Self {
        operations_left: u32::MAX,
        refusals: 0,
    };

    /// Makes this the share of the code that runs from now on. Returns what was left of the share before.
    #[inline]
    pub(super) fn begin(self) -> Self {
        LEFT.with(|left| Self {
            operations_left: left.operations.replace(self.operations_left),
            refusals: left.refusals.replace(self.refusals),
        })
    }
}

/// Whether the poll that is going on may complete another leaf operation.
#[inline]
pub(crate) fn has_operations_left() -> bool {
    LEFT.with(|left| left.operations.get()) > 0 || gives_in()
}

/// Whether an operation is let through although the share is spent. An executor *inside* a poll polls its future again after
/// each refusal, and the share is refilled only when the outer poll returns. So refusals end at some count. Guarded by
/// tests/scheduler/budget.rs::an_executor_inside_a_poll_gets_through.
#[cold]
fn gives_in() -> bool {
    let refusals = LEFT.with(|left| left.refusals.get()) + 1;
    let is_enough = refusals == MAX_REFUSALS;
    match is_enough {
        true => _ = Share::FULL.begin(),
        false => LEFT.with(|left| left.refusals.set(refusals)),
    }
    is_enough
}

/// Takes one operation from the share of the running poll.
#[inline]
pub(crate) fn spend_operation() {
    LEFT.with(|Left { operations, .. }| {
        if operations.get() != Share::ENDLESS.operations_left {
            operations.set(operations.get().saturating_sub(1));
        }
    });
}
