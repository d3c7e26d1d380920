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
    static SHARE: Cell<Share> = const { Cell::new(Share::ENDLESS) };
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
        SHARE.replace(self)
    }
}

/// Whether the poll that is going on may complete another leaf operation.
#[inline]
pub(crate) fn has_operations_left() -> bool {
    SHARE.get().operations_left > 0 || gives_in()
}

/// Refuses, but not for ever: an executor that somebody runs *inside* a poll asks again and again, and nobody could refill
/// its share before that poll returns. Guarded by tests/budget.rs::an_executor_inside_a_poll_gets_through.
#[cold]
fn gives_in() -> bool {
    let refusals = SHARE.get().refusals + 1;
    let is_enough = refusals == MAX_REFUSALS;
    SHARE.set(if is_enough {
        Share::FULL
    } else {
        Share {
            operations_left: 0,
            refusals,
        }
    });
    is_enough
}

/// Takes one operation off the share of the poll that is going on.
#[inline]
pub(crate) fn spend_operation() {
    let share = SHARE.get();
    if share.operations_left != u32::MAX {
        let operations_left = share.operations_left.saturating_sub(1);
        SHARE.set(Share {
            operations_left,
            ..share
        });
    }
}
