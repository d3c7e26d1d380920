//! After a burst the loop gives memory back, a little at each look.
//!
//! What one burst leaves, the next burst can use: a server has the same burst again and again, and a recycled cell is 15 ns
//! quicker than a new one (see `scheduler/spares.rs`). So a loop that rests, and holds more than it needs, first *pauses* for
//! a second. The cells that were spare at each rest of the pause then go back to the allocator. If less than half of a table
//! is in use, the table is *evacuated* for a second: new tasks and timers get the entries at its beginning. Then the entries
//! behind the last one in use go back, too.
//!
//! ```text
//!   a burst ends    a second later               another second later
//!        |                |                              |
//!   -----+--- a pause ----+- 64 cells - a look - 64 ... -+- a table - a look - ... - rest
//! ```
//!
//! - *No look pays for all of it.* A part is 64 cells, or one table, and after each part the loop looks at sockets and timers.
//!   A table of a million entries is the longest part: some 5 ms, in most of which the system takes 32 megabytes back. So the
//!   loop waits for a quiet moment, a millisecond in which nothing happens. If none comes within four seconds, it goes on.
//! - *An idle loop does it too.* A rest ends when a second is over. Apart from that, an idle loop is not woken.
//! - *A loop with small tables pays nothing.* A room sets the flag `has_grown` in the cold code where a table grows. While
//!   the flag is not set, a rest costs one load.
//! - *In vain*: a table ends with its last entry in use, because a task's number is an index. So one task that lives on where
//!   the burst has put it can keep the whole table: 32 bytes for each slot. If nothing could be given back, the next pause is
//!   twice as long, up to 64 seconds.
//!
//! A loop that always has a task to poll does not rest, and gives nothing back. A host that waits for the loop's descriptor is
//! not woken for it: the loop gives back at the turns that there are. The table of sources is not evacuated.
//!
//! Guarded by tests/allocations/give_back.rs::a_burst_leaves_less_than_twice_of_what_lives.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::inbox::Inbox;
use crate::reactor::Wait;
use crate::scheduler::FEW_BYTES;

/// How long the loop waits before it gives anything back, and how long an evacuation lasts.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause, after attempts in vain.
const LONGEST: Duration = Duration::from_secs(64);

/// A loop that has slept for so long is likely to have time for a table.
const QUIET: Duration = Duration::from_millis(1);

/// How long the loop waits for a quiet moment.
const PATIENCE: Duration = Duration::from_secs(4);

/// A table with room for so few is left alone.
const SMALL: usize = 1024;

pub(super) struct GiveBack {
    /// Whether the loop may hold more than it keeps for ever.
    has_grown: Rc<Cell<bool>>,
    stage: Cell<Stage>,
    pause: Cell<Duration>,
    /// The least that the spare cells have taken at a rest since the pause began.
    spare: Cell<usize>,
    /// When the loop rested last, while it waits for a moment to give back.
    rested: Cell<Option<Instant>>,
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
            rested: Cell::new(None),
            has_given: Cell::new(false),
        }
    }
}

impl GiveBack {
    /// The flag that a room sets when a table of its own grows.
    pub(super) fn has_grown(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.has_grown)
    }

    /// To be called before a rest: gives back a part of what is left over, if it is time. Returns how long the loop may wait
    /// then.
    #[inline]
    pub(super) fn before(&self, wait: Wait, context: &Context, inbox: &Inbox) -> Wait {
        match self.has_grown.get() {
            false => wait,
            true => match self.go_on(Rooms { context, inbox }) {
                Wait::Now => Wait::Now,
                Wait::Until(at) => wait.at_most_until(Some(at)),
                Wait::Forever => wait,
            },
        }
    }

    /// Returns how long the loop may wait, if that were for nothing else.
    #[cold]
    #[inline(never)]
    fn go_on(&self, rooms: Rooms) -> Wait {
        let spare = rooms.context.scheduler.spare_bytes();
        self.spare.set(self.spare.get().min(spare));
        let end = match self.stage.get() {
            Stage::Calm => return self.begin_a_pause(rooms, spare),
            Stage::Pause(end) | Stage::Evacuation(end) => end,
        };
        let now = Instant::now();
        let rested = self.rested.replace(Some(now));
        if now < end {
            return Wait::Until(end);
        }
        let is_pause = matches!(self.stage.get(), Stage::Pause(_));
        if is_pause && self.free_some_spares(rooms) {
            return Wait::Now;
        }
        if is_pause && !rooms.is_any_loose() {
            return self.end_the_attempt();
        }
        let is_quiet = rested.is_some_and(|rested| now - rested >= QUIET);
        if !is_quiet && now < end + PATIENCE {
            return Wait::Until(now + QUIET);
        }
        if is_pause {
            return self.evacuate(now + PAUSE, rooms);
        }
        if rooms.any(Table::shrink) {
            self.has_given.set(true);
            return Wait::Now;
        }
        self.end_the_attempt()
    }

    fn begin_a_pause(&self, rooms: Rooms, spare: usize) -> Wait {
        if spare > FEW_BYTES || rooms.is_any_loose() {
            self.spare.set(spare);
            let end = Instant::now() + self.pause.get();
            self.stage.set(Stage::Pause(end));
            return Wait::Until(end);
        }
        if !rooms.any(Table::is_large) {
            rooms.context.scheduler.tell_of_spares_again();
            self.has_grown.set(false);
        }
        Wait::Forever
    }

    /// Frees some of the cells that were spare all the time. Returns whether there were any.
    fn free_some_spares(&self, rooms: Rooms) -> bool {
        let scheduler = &rooms.context.scheduler;
        let before = scheduler.spare_bytes();
        let goal = match Table::Tasks.is_loose(rooms) {
            // The last slot of the table may be a spare one.
            true => 0,
            false => FEW_BYTES.max(before - self.spare.get()),
        };
        scheduler.free_spares(goal);
        let freed = before - scheduler.spare_bytes();
        self.spare.set(self.spare.get().saturating_sub(freed));
        self.has_given.set(self.has_given.get() || freed > 0);
        freed > 0
    }

    fn evacuate(&self, end: Instant, rooms: Rooms) -> Wait {
        Table::ALL.iter().for_each(|table| table.evacuate(rooms));
        self.stage.set(Stage::Evacuation(end));
        Wait::Until(end)
    }

    #[inline(never)]
    fn end_the_attempt(&self) -> Wait {
        self.stage.set(Stage::Calm);
        self.pause.set(match self.has_given.take() {
            true => PAUSE,
            false => LONGEST.min(2 * self.pause.get()),
        });
        Wait::Forever
    }
}

/// What has tables.
#[derive(Clone, Copy)]
struct Rooms<'a> {
    context: &'a Context,
    inbox: &'a Inbox,
}

impl Rooms<'_> {
    fn is_any_loose(self) -> bool {
        self.any(Table::is_loose)
    }

    /// Whether `is` is true of a table. Asks no table behind that.
    // Out of line, as several functions of this file are: together that saves a program 2 KB.
    #[inline(never)]
    fn any(self, is: fn(Table, Self) -> bool) -> bool {
        Table::ALL.iter().any(|table| is(*table, self))
    }
}

/// A table of the loop, in one of its rooms.
#[derive(Clone, Copy)]
enum Table {
    Tasks,
    Timers,
    Sources,
    Notes,
}

impl Table {
    const ALL: [Self; 4] = [Self::Tasks, Self::Timers, Self::Sources, Self::Notes];

    /// How many entries are in use, and for how many there is room.
    #[inline(never)]
    fn used_and_room(self, rooms: Rooms) -> (usize, usize) {
        match self {
            Table::Tasks => rooms.context.scheduler.used_and_room(),
            Table::Timers => rooms.context.timers.used_and_room(),
            Table::Sources => rooms.context.reactor.used_and_room(),
            Table::Notes => rooms.inbox.used_and_room(),
        }
    }

    fn is_large(self, rooms: Rooms) -> bool {
        self.used_and_room(rooms).1 > SMALL
    }

    /// Whether less than half of a large table is in use.
    #[inline(never)]
    fn is_loose(self, rooms: Rooms) -> bool {
        let (used, room) = self.used_and_room(rooms);
        room > SMALL && used < room / 2
    }

    /// Begins an evacuation if the table is loose.
    #[inline(never)]
    fn evacuate(self, rooms: Rooms) {
        if !self.is_loose(rooms) {
            return;
        }
        let limit = SMALL.max(2 * self.used_and_room(rooms).0);
        match self {
            Table::Tasks => rooms.context.scheduler.evacuate(limit),
            Table::Timers => rooms.context.timers.evacuate(limit),
            Table::Sources | Table::Notes => {}
        }
    }

    /// Ends the evacuation, and frees the end of the table if it is loose. Returns whether it has become smaller.
    fn shrink(self, rooms: Rooms) -> bool {
        let (_, before) = self.used_and_room(rooms);
        let is_loose = self.is_loose(rooms);
        match self {
            Table::Tasks => rooms.context.scheduler.shrink(is_loose),
            Table::Timers => rooms.context.timers.shrink(is_loose),
            Table::Sources if is_loose => rooms.context.reactor.shrink(),
            Table::Notes if is_loose => rooms.inbox.shrink(),
            Table::Sources | Table::Notes => {}
        }
        self.used_and_room(rooms).1 < before
    }
}
