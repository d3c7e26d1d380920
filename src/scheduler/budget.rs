//! How much a poll may do before it has to step back.
//!
//! A socket that always has data makes its task loop for ever without returning `Pending`. So each poll of a task may complete
//! 128 operations of this crate's leaf futures; the next one is refused: it wakes its task and returns `Pending`.

use std::cell::Cell;

/// Leaf operations that one poll of a task may complete before the next one asks it to step back.
const OPERATIONS_PER_POLL: u32 = 128;
/// More than the refusals that an honest poll meets: one for each leaf future that it polls when its share is spent.
const MAX_REFUSALS: u32 = 10_000;

thread_local! {
    /// What is left of the running poll's share. Where no task is polled, it is endless: there is nobody to be fair to.
    static LEFT: Left = const {
        Left {
            operations: Cell::new(Share::ENDLESS.operations_left),
            refusals: Cell::new(Share::ENDLESS.refusals),
        }
    };
}

/// A [`Share`] in cells, two of them because nearly everybody looks at the first only.
struct Left {
    operations: Cell<u32>,
    refusals: Cell<u32>,
}

/// What a poll may still complete, and how often it has been refused more.
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

    /// Makes this the share of what runs from now on, and says what was left of the one before.
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

/// Refuses, but not for ever: an executor that somebody runs *inside* a poll asks again and again, and nobody could refill
/// its share before that poll returns. Guarded by tests/scheduler/budget.rs::an_executor_inside_a_poll_gets_through.
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

/// Takes one operation off the share of the poll that is going on.
#[inline]
pub(crate) fn spend_operation() {
    LEFT.with(|Left { operations, .. }| {
        if operations.get() != Share::ENDLESS.operations_left {
            operations.set(operations.get().saturating_sub(1));
        }
    });
}
