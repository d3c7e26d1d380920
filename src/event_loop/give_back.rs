//! After a burst the loop gives memory back, a little at each look.
//!
//! What one burst leaves, the next burst can use: a server has the same burst again and again, and a recycled cell is 15 ns
//! quicker than a new one (see `scheduler/spares.rs`). So a loop that rests, and holds more than it needs, first *pauses* for
//! a second. The cells that were spare at each rest of the pause then go back to the allocator. If less than half of a table
//! is in use, the table is *evacuated* for a second: new tasks and timers get the entries at its beginning. Then the entries
//! behind the last one in use go back, too.
//!
//! ```text
//!   a burst ends     a second later                        another second later
//!        |                 |                                    |
//!   -----+--- the pause ---+- 64 cells - look - 64 cells - .. - evacuation - a table - look - a table -- rest
//! ```
//!
//! - *No look pays for all of it.* A part is 64 cells, or one table, and after each part the loop looks at sockets and timers.
//! - *An idle loop does it too.* A rest ends when a second is over. Apart from that, an idle loop is not woken.
//! - *A loop with small tables pays nothing.* A room sets the flag `has_grown` in the cold code where a table grows. While
//!   the flag is not set, a rest costs one load.
//! - *In vain*: a table ends with its last entry in use, because a task's number is an index. So one task that lives on where
//!   the burst has put it can keep the whole table: 32 bytes for each slot. If nothing could be given back, the next pause is
//!   twice as long, up to 64 seconds.
//!
//! A loop that always has a task to poll does not rest, and gives nothing back. The table of sources is not evacuated.
//!
//! Guarded by tests/allocations/give_back.rs::a_burst_leaves_less_than_twice_of_what_lives.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::EventLoop;
use crate::loose::Fill;
use crate::reactor::Wait;
use crate::scheduler::FEW_BYTES;

/// How long the loop waits before it gives anything back, and how long an evacuation lasts.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause, after attempts in vain.
const LONGEST: Duration = Duration::from_secs(64);

pub(super) struct GiveBack {
    /// Whether the loop may hold more than it keeps for ever.
    has_grown: Rc<Cell<bool>>,
    stage: Cell<Stage>,
    pause: Cell<Duration>,
    /// The least that the spare cells have taken at a rest since the pause began.
    spare: Cell<usize>,
    /// Whether the present attempt has given anything back.
    has_given: Cell<bool>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Nothing was left over when the loop rested last.
    Calm,
    /// Until this moment.
    Pause(Instant),
    /// Until this moment.
    Evacuation(Instant),
}

impl Default for GiveBack {
    fn default() -> Self {
        Self {
            has_grown: Rc::default(),
            stage: Cell::new(Stage::Calm),
            pause: Cell::new(PAUSE),
            spare: Cell::new(0),
            has_given: Cell::new(false),
        }
    }
}

impl GiveBack {
    /// The flag that a room sets when a table of its own grows.
    pub(super) fn has_grown(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.has_grown)
    }
}

impl EventLoop {
    /// Gives a part of what is left over back, if it is time. Returns how long the loop may wait then.
    #[inline]
    pub(super) fn give_back(&self, wait: Wait) -> Wait {
        match self.give_back.has_grown.get() {
            false => wait,
            true => self.give_back_and_wait(wait),
        }
    }

    #[cold]
    #[inline(never)]
    fn give_back_and_wait(&self, wait: Wait) -> Wait {
        let state = &self.give_back;
        let spare = self.context.scheduler.spare_bytes();
        state.spare.set(state.spare.get().min(spare));
        match state.stage.get() {
            Stage::Calm => self.begin_a_pause(wait, spare),
            Stage::Pause(end) | Stage::Evacuation(end) if Instant::now() < end => {
                wait.at_most_until(Some(end))
            }
            Stage::Pause(_) if self.free_some_spares() => Wait::Now,
            Stage::Pause(_) => self.evacuate(wait),
            Stage::Evacuation(_) if TABLES.iter().any(|table| self.shrink(table)) => Wait::Now,
            Stage::Evacuation(_) => self.end_the_attempt(wait),
        }
    }

    fn begin_a_pause(&self, wait: Wait, spare: usize) -> Wait {
        let state = &self.give_back;
        let fills = TABLES.map(|table| (table.fill)(self));
        if spare > FEW_BYTES || fills.iter().any(|fill| fill.is_loose()) {
            state.spare.set(spare);
            return self.wait_in(Stage::Pause, state.pause.get(), wait);
        }
        if !fills.iter().any(|fill| fill.is_large()) {
            self.context.scheduler.tell_of_spares_again();
            state.has_grown.set(false);
        }
        wait
    }

    fn wait_in(&self, stage: fn(Instant) -> Stage, length: Duration, wait: Wait) -> Wait {
        let end = Instant::now() + length;
        self.give_back.stage.set(stage(end));
        wait.at_most_until(Some(end))
    }

    /// Frees some of the cells that were spare all the time. Returns whether there were any.
    fn free_some_spares(&self) -> bool {
        let scheduler = &self.context.scheduler;
        let GiveBack {
            spare, has_given, ..
        } = &self.give_back;
        let before = scheduler.spare_bytes();
        let goal = match scheduler.fill().is_loose() {
            // The last slot of the table may be a spare one.
            true => 0,
            false => FEW_BYTES.max(before - spare.get()),
        };
        scheduler.free_spares(goal);
        let freed = before - scheduler.spare_bytes();
        spare.set(spare.get().saturating_sub(freed));
        has_given.set(has_given.get() || freed > 0);
        freed > 0
    }

    fn evacuate(&self, wait: Wait) -> Wait {
        let mut is_any = false;
        for table in TABLES {
            if (table.fill)(self).is_loose() {
                (table.evacuate)(self);
                is_any = true;
            }
        }
        match is_any {
            true => self.wait_in(Stage::Evacuation, PAUSE, wait),
            false => self.end_the_attempt(wait),
        }
    }

    /// Returns whether the table has become smaller.
    fn shrink(&self, table: &Table) -> bool {
        let before = (table.fill)(self).room;
        (table.shrink)(self);
        let has_shrunk = (table.fill)(self).room < before;
        self.give_back
            .has_given
            .set(self.give_back.has_given.get() || has_shrunk);
        has_shrunk
    }

    fn end_the_attempt(&self, wait: Wait) -> Wait {
        let GiveBack {
            stage,
            pause,
            has_given,
            ..
        } = &self.give_back;
        stage.set(Stage::Calm);
        pause.set(match has_given.take() {
            true => PAUSE,
            false => LONGEST.min(2 * pause.get()),
        });
        wait
    }
}

/// A table of the loop, in one of its rooms.
#[derive(Clone, Copy)]
struct Table {
    fill: fn(&EventLoop) -> Fill,
    evacuate: fn(&EventLoop),
    /// Ends the evacuation. Frees the end of the table, if less than half of the table is in use.
    shrink: fn(&EventLoop),
}

const TABLES: [Table; 4] = [
    Table {
        fill: |event_loop| event_loop.context.scheduler.fill(),
        evacuate: |event_loop| event_loop.context.scheduler.evacuate(),
        shrink: |event_loop| event_loop.context.scheduler.shrink(),
    },
    Table {
        fill: |event_loop| event_loop.context.timers.fill(),
        evacuate: |event_loop| event_loop.context.timers.evacuate(),
        shrink: |event_loop| event_loop.context.timers.shrink(),
    },
    Table {
        fill: |event_loop| event_loop.context.reactor.fill(),
        evacuate: |_| (),
        shrink: |event_loop| event_loop.context.reactor.shrink(),
    },
    Table {
        fill: |event_loop| event_loop.inbox.fill(),
        evacuate: |_| (),
        shrink: |event_loop| event_loop.inbox.shrink(),
    },
];
