//! Chapter 6. The timer wheel. Slack, rejected designs and sources are in its second part,
//! [`time`](super).
//!
//! # Chapter 6. The wheel
//!
//! *Before this:* [chapter 5](crate::inbox). *Time:* 60 minutes. *Files, in reading order:* this
//! one, [`parts`], [`clock`](super::clock), [`timers`](super::timers),
//! [`sleep`](mod@super::sleep), [`timeout`](mod@super::timeout), [`interval`](mod@super::interval);
//! and, if you like, the tuning: [`ahead`], [`slack`](super::slack).
//!
//! ## The problem
//!
//! A server gives every request thirty seconds and answers it in two milliseconds. So almost every
//! timer is *cancelled*, and almost none fires. The obvious structure is a binary heap of
//! deadlines, and it is wrong twice. A heap cannot find the timer to be cancelled, so the cancelled
//! timer stays in it for thirty seconds: at 50,000 requests a second the heap holds 1.5 million
//! cancelled timers and a hundred live ones. A tree can find the timer; but heap and tree both pay
//! *log n* to put the timer in an order that no code asks for. The wheel sorts as late as it can,
//! and sorts only the timers that are still there.
//!
//! ## The idea
//!
//! Write the deadline, a number of ticks, in base 64: eleven digits hold any `u64`. Compare it with
//! `elapsed`, the tick up to which everything has fired. **The highest digit in which the two
//! differ gives the level, and the deadline's digit there gives the slot.**
//!
//! ```text
//!            digit   ..   3    2    1    0             arm: xor, count zeros, append
//!   elapsed          ..   0    7   20   41
//!   a deadline       ..   0    7   20   58  ->  level 0, slot 58    differs in the last digit
//!   another          ..   0    9    3   12  ->  level 2, slot  9    the rest is not looked at
//!
//!   level 2   . . . . . . . . . [9] . . . .      one slot = 64 * 64 ticks
//!                                |
//!                    .-----------'  deal: elapsed reaches 9 0 0;
//!                    v              the list is dealt out to finer levels
//!   level 1   . . . [3] . . . . . . . . . .      one slot = 64 ticks
//!                    |
//!                    '-----------------.  deal: elapsed reaches 9 3 0
//!                                      v
//!   level 0   . . . . . . . . . . . . [12].      one slot = one tick
//!                                      |
//!                                      pop_due: elapsed reaches 9 3 12, the timer fires
//! ```
//!
//! A slot is a linked list. Each level has one word with a bit for every slot that is not empty:
//! the earliest slot is a count of trailing zeros, and an hour without timers costs no steps. A
//! tick is 1.024 us; level 0 reaches 66 us, level 1 4.2 ms; a table shows [all
//! levels](super#how-far-each-level-reaches).
//!
//! ## Three properties, and where they come from
//!
//! *Finer is earlier.* An entry on level 1 agrees with `elapsed` in digit 2; an entry on level 2
//! has a greater digit 2. So all of level 1 comes before all of level 2, and the first level
//! that is not empty holds the next deadline. A wheel that chooses the level by *distance* [lacks
//! this property](super#why-not-otherwise).
//!
//! *Never out of order.* A slot of level 0 is a single tick, so ticks fire one after the other.
//! *First armed, first fired.* The place is a function of `elapsed` and the deadline, so timers
//! with equal deadlines are in the same list at every moment. A list grows at its tail only, and
//! `deal` walks from head to tail. So two timers of one deadline are never swapped.
//!
//! A coarse slot may hold a million timers. [`parts`] deals the slot out in parts, so that no
//! socket waits for all of them; and [`ahead`] begins before the first tick of the slot has come.
//!
//! ## When is the next one?
//!
//! On level 0 the slot's number is the answer. A coarser slot has a range only, so the answer is
//! the smallest deadline in its list. The wheel remembers it, and forgets it only when that very
//! timer goes. But a server that always cancels its earliest timer would walk the list at every
//! park; and a long list must be dealt out before its first timer can fire, which makes that timer
//! late. So each list counts its timers, and above [`CROWD`] the answer is the slot's first tick.
//! The loop then wakes early, finds nothing due, and deals the slot out, which is necessary anyway.
//! There is one early look per level, or per part of a slot, and no late one.
//!
//! ## Pinned entries
//!
//! A fired entry stays, marked as fired, until its owner hands in the [`Key`]; and a key cannot be
//! copied. So the entry has no new tenant while the old key lives, and no stale handle can cancel
//! the timer of another owner. *Not needed here:* generations, reference counts, and the intrusive
//! nodes that need them.
//!
//! ## Next
//!
//! [The second part](super#chapter-6-second-part) of this chapter: slack, costs, promises, rejected
//! designs, exercises.

use std::cell::Cell;
use std::rc::Rc;
use std::{array, mem};

#[path = "wheel/ahead.rs"]
mod ahead;
#[path = "wheel/parts.rs"]
mod parts;
#[path = "wheel/shrink.rs"]
mod shrink;

/// Bits of a deadline that one level looks at.
const DIGIT: u32 = 6;
const SLOTS: usize = 1 << DIGIT;
/// Eleven digits of six bits hold all 64 bits of a tick.
const LEVELS: usize = u64::BITS.div_ceil(DIGIT) as usize;
/// How many entries of a slot `next_deadline` looks at; if there are more, its answer is early.
pub(crate) const CROWD: usize = 64;

/// Each level has two rows of slots: its own, and the row that is filled [ahead] of time.
const ROWS: usize = 2 * LEVELS;
/// Bits of an index. The five bits above them, in `prev`, are the row of the entry's list.
const INDEX: u32 = 27;
/// The end of a list, and of the free list.
const NIL: u32 = (1 << INDEX) - 1;
/// In `prev`: the entry has fired and waits for its owner. It is in no list.
const FIRED: u32 = 31 << INDEX | NIL;
/// In `prev`: the entry has no owner; `next` is the free list.
const FREE: u32 = 30 << INDEX | NIL;

/// The owner's claim on one entry. It can be neither copied nor forged, and [`Wheel::disarm`] takes it back, so it is
/// valid for as long as it exists.
#[derive(Debug)]
pub(crate) struct Key(u32);

/// Timers by deadline, in ticks. See the chapter above.
pub(crate) struct Wheel<T> {
    /// Bit *i* of a level is set if and only if its slot *i* has entries, in its list or in the row ahead.
    occupied: [u64; LEVELS],
    /// Bit *i* of a level is set if and only if slot *i* of the finer level's row ahead has entries.
    ahead: [u64; LEVELS],
    /// `elapsed`, when timers were last dealt out ahead.
    dealt_until: u64,
    /// Whether `ahead` has a bit that is set: one byte to ask when a timer is cancelled, not eleven words.
    is_ahead: bool,
    /// The own row of each level.
    rows: [u8; LEVELS],
    /// The list of each slot. While the list is empty, only its count is valid.
    lists: [[List; SLOTS]; ROWS],
    entries: Vec<Entry<T>>,
    free: u32,
    /// Entries from this one on are not used again, while the table is about to become smaller; else [`NIL`].
    limit: u32,
    armed: usize,
    /// Set when the table of entries grows.
    has_grown: Rc<Cell<bool>>,
    /// All timers before this tick have fired, so no armed deadline is below it.
    elapsed: u64,
    /// The level of the slot that has been dealt out in part; 0 if there is none. Its first tick is `elapsed`.
    dealing: usize,
    /// The entry that the scout of [`deal`](Wheel::deal) has reached.
    scout: u32,
    /// No armed deadline is below `bound`; and if `exact`, the earliest is equal to it.
    bound: u64,
    exact: bool,
}

#[derive(Clone, Copy, Default)]
struct List {
    head: u32,
    tail: u32,
    count: u32,
}

/// Armed (in the list of its slot, with an item), or fired, or free.
struct Entry<T> {
    deadline: u64,
    item: Option<T>,
    /// Row and index, or [`FIRED`], or [`FREE`].
    prev: u32,
    next: u32,
}

/// A fat reference stands for a waker: two words, one of which is never null.
const _: () = assert!(size_of::<Entry<&str>>() == 32);

impl<T> Wheel<T> {
    pub(crate) fn new() -> Self {
        Wheel {
            occupied: [0; LEVELS],
            ahead: [0; LEVELS],
            dealt_until: 0,
            is_ahead: false,
            rows: array::from_fn(|level| 2 * level as u8),
            lists: [[List::default(); SLOTS]; ROWS],
            entries: Vec::new(),
            free: NIL,
            limit: NIL,
            armed: 0,
            has_grown: Rc::default(),
            elapsed: 0,
            dealing: 0,
            scout: NIL,
            bound: 0,
            exact: false,
        }
    }

    /// How many timers are armed. Fired ones do not count.
    pub(crate) fn len(&self) -> usize {
        self.armed
    }

    /// The timers that are armed, in no order.
    pub(crate) fn armed(&self) -> impl Iterator<Item = (u64, &T)> {
        let entries = self.entries.iter();
        entries.filter_map(|entry| Some((entry.deadline, entry.item.as_ref()?)))
    }

    /// Arms a timer. A deadline that has passed counts as due since the last expiry.
    pub(crate) fn arm(&mut self, deadline: u64, item: T) -> Key {
        let index = self.allocate(item);
        self.schedule(index, deadline);
        Key(index)
    }

    /// Moves an armed timer, as if it were armed anew: behind all timers of the same deadline. A timer that has fired
    /// has no item left and stays as it is.
    pub(crate) fn reset(&mut self, key: &Key, deadline: u64) -> Reset {
        if self.entry(key.0).prev == FIRED {
            return Reset::HasFired;
        }
        self.cancel(key.0);
        self.schedule(key.0, deadline);
        Reset::Moved
    }

    /// Ends a timer, and gives its item back if it has not fired.
    pub(crate) fn disarm(&mut self, key: Key) -> Option<T> {
        let Key(index) = key;
        if self.entry(index).prev != FIRED {
            self.cancel(index);
        }
        self.release(index)
    }

    /// The item of a timer; `None` once it has fired.
    pub(crate) fn item(&self, key: &Key) -> Option<&T> {
        self.entry(key.0).item.as_ref()
    }

    /// Gives an armed timer another item, and returns the old item. If the timer has fired, `item` is the error.
    pub(crate) fn replace(&mut self, key: &Key, item: T) -> Result<T, T> {
        match &mut self.entry_mut(key.0).item {
            Some(place) => Ok(mem::replace(place, item)),
            None => Err(item),
        }
    }

    /// The earliest deadline; or the first tick of its slot, if that slot is not of the finest level and holds more
    /// than [`CROWD`] timers or has been dealt out in part. The first tick is never later than the earliest deadline.
    pub(crate) fn next_deadline(&mut self) -> Option<u64> {
        let (level, slot) = self.first_slot()?;
        if self.dealing > 0 {
            return Some(self.elapsed);
        }
        if level > 0 && self.is_crowded(level, slot) {
            return Some(self.first_tick(level, slot));
        }
        if !self.exact {
            (self.bound, self.exact) = (self.earliest_in(level, slot), true);
        }
        Some(self.bound)
    }

    /// Fires the earliest timer that is due at `now`: its deadline, and its item. To be called until it returns
    /// `None`. Between two calls the wheel is whole: timers may be armed, reset and disarmed.
    ///
    /// Each timer that is fired or dealt out takes one from `budget`. At zero the result is `None`, even if timers are
    /// due; the next call with a budget goes on.
    pub(crate) fn pop_due(&mut self, now: u64, budget: &mut usize) -> Option<(u64, T)> {
        while let Some((level, slot)) = self.first_slot() {
            let start = self.first_tick(level, slot);
            if start > now {
                break;
            }
            if *budget == 0 {
                return None;
            }
            // No timer is armed between the old `elapsed` and `start`, so all other timers are in their places.
            self.elapsed = start;
            if level == 0 {
                *budget -= 1;
                return self.fire(slot);
            }
            if self.enter(level, slot) > 0 {
                self.deal(level, slot, budget);
            }
        }
        self.elapsed = self.elapsed.max(now);
        None
    }

    // The levels.

    /// The level where a deadline belongs now. It depends on `elapsed` and the deadline; and while a slot is being
    /// dealt out, all deadlines in the range of that slot belong in that slot.
    fn level_of(&self, deadline: u64) -> usize {
        // Level 0 is the last digit. Its bits are set, because a difference of zero would have no highest digit.
        let difference = (deadline ^ self.elapsed) | (SLOTS as u64 - 1);
        let level = (u64::BITS - 1 - difference.leading_zeros()) / DIGIT;
        self.dealing.max(level as usize)
    }

    /// The earliest slot that is not empty. Slots before `elapsed` are empty, so the count of zeros needs no starting
    /// point. All of a finer level comes before a coarser level; but timers that were dealt out of a slot wait for the
    /// rest of that slot.
    fn first_slot(&self) -> Option<(usize, usize)> {
        if self.armed == 0 {
            return None; // the usual case: the levels need not be looked at
        }
        let words = &self.occupied[self.dealing..];
        let level = self.dealing + words.iter().position(|&word| word != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        Some((level, slot))
    }

    /// The level's own row.
    fn row(&self, level: usize) -> usize {
        usize::from(self.rows[level])
    }

    /// The first tick of a slot: `elapsed` down to that level's digit, and then the slot.
    fn first_tick(&self, level: usize, slot: usize) -> u64 {
        let shift = level as u32 * DIGIT;
        let above = (self.elapsed >> shift) & !(SLOTS as u64 - 1);
        (above | slot as u64) << shift
    }

    /// The earliest deadline in a slot that is not crowded.
    fn earliest_in(&self, level: usize, slot: usize) -> u64 {
        if level == 0 {
            return self.first_tick(level, slot);
        }
        self.earliest_of(self.row(level), slot)
            .min(self.earliest_ahead(level, slot))
    }

    fn earliest_of(&self, row: usize, slot: usize) -> u64 {
        let List { head, count, .. } = self.lists[row][slot];
        let mut earliest = u64::MAX;
        let mut next = head;
        for _ in 0..count {
            let entry = self.entry(next);
            earliest = earliest.min(entry.deadline);
            next = entry.next;
        }
        earliest
    }

    fn fire(&mut self, slot: usize) -> Option<(u64, T)> {
        let index = self.lists[self.row(0)][slot].head;
        self.cancel(index);
        let entry = self.entry_mut(index);
        entry.prev = FIRED;
        let item = entry.item.take()?;
        Some((entry.deadline, item))
    }

    fn schedule(&mut self, index: u32, deadline: u64) {
        let deadline = deadline.max(self.elapsed);
        if self.armed == 0 || deadline <= self.bound {
            self.bound = deadline;
            self.exact = true;
        }
        self.armed += 1;
        self.entry_mut(index).deadline = deadline;
        self.link(index);
    }

    fn cancel(&mut self, index: u32) {
        self.forget(self.entry(index).deadline);
        self.armed -= 1;
        self.unlink(index);
    }

    /// A timer leaves. If it was the earliest, the earliest deadline is not known any more.
    fn forget(&mut self, deadline: u64) {
        if deadline == self.bound {
            self.exact = false;
        }
    }

    fn link(&mut self, index: u32) {
        let level = self.level_of(self.entry(index).deadline);
        let slot = slot_of(self.entry(index).deadline, level);
        if self.append(index, self.row(level), slot) {
            self.occupied[level] |= 1 << slot;
        }
    }

    /// Appends an entry to a list, and returns whether the list was empty. Guarded by
    /// tests/time/wheel_model.rs::equal_deadlines_fire_in_the_order_of_arming.
    #[must_use]
    fn append(&mut self, index: u32, row: usize, slot: usize) -> bool {
        let list = &mut self.lists[row][slot];
        list.count += 1;
        let is_first = list.count == 1;
        let prev = if is_first {
            list.head = index;
            NIL
        } else {
            list.tail
        };
        list.tail = index;
        if prev != NIL {
            self.entry_mut(prev).next = index;
        }
        let entry = self.entry_mut(index);
        (entry.prev, entry.next) = (prev_of(row, prev), NIL);
        is_first
    }

    fn unlink(&mut self, index: u32) {
        let entry = self.entry(index);
        let (packed, next) = (entry.prev, entry.next);
        let (row, prev) = ((packed >> INDEX) as usize, packed & NIL);
        let slot = slot_of(entry.deadline, row / 2);
        let list = &mut self.lists[row][slot];
        list.count -= 1;
        // Guarded by tests/time/wheel_model.rs::a_timer_armed_behind_one_that_was_cancelled_is_not_lost
        match (prev, next) {
            (NIL, NIL) => self.vacate(row, slot),
            (NIL, _) => list.head = next,
            (_, NIL) => list.tail = prev,
            _ => {}
        }
        if prev != NIL {
            self.entry_mut(prev).next = next;
        }
        if next != NIL {
            self.entry_mut(next).prev = packed; // of the same row
        }
    }

    /// The last timer of a list has left.
    fn vacate(&mut self, row: usize, slot: usize) {
        if self.dealing > 0 || self.is_ahead {
            return self.vacate_in_a_dealing(row, slot);
        }
        self.occupied[row / 2] &= !(1 << slot);
    }

    fn entry(&self, index: u32) -> &Entry<T> {
        &self.entries[index as usize]
    }

    fn entry_mut(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.entries[index as usize]
    }

    fn allocate(&mut self, item: T) -> u32 {
        let entry = Entry {
            deadline: 0,
            item: Some(item),
            prev: NIL,
            next: NIL,
        };
        if self.free < self.limit || self.find_free() {
            let index = self.free;
            self.free = mem::replace(self.entry_mut(index), entry).next;
            return index;
        }
        let index = self.entries.len();
        assert!(index < NIL as usize, "more than 134 million timers");
        if index == self.entries.capacity() {
            self.has_grown.set(true);
        }
        self.entries.push(entry);
        index as u32
    }

    fn release(&mut self, index: u32) -> Option<T> {
        let next = mem::replace(&mut self.free, index);
        let entry = self.entry_mut(index);
        (entry.prev, entry.next) = (FREE, next);
        entry.item.take()
    }
}

/// The slot of a deadline on a level: its digit there.
fn slot_of(deadline: u64, level: usize) -> usize {
    (deadline >> (level as u32 * DIGIT)) as usize % SLOTS
}

fn prev_of(row: usize, index: u32) -> u32 {
    (row as u32) << INDEX | index
}

/// The result of a [`Wheel::reset`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reset {
    Moved,
    HasFired,
}
