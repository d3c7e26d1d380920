//! Chapter 6. The timer wheel. Slack, rejected designs and sources are in its second part,
//! [`time`](super).
//!
//! # Chapter 6. The wheel
//!
//! *Before this:* [chapter 5](crate::inbox). *Time:* 60 minutes. *Files, in reading order:* this
//! one, [`clock`](super::clock), [`timers`](super::timers), [`slack`](super::slack),
//! [`sleep`](mod@super::sleep), [`timeout`](mod@super::timeout), [`interval`](mod@super::interval).
//!
//! ## The problem
//!
//! A server gives every request thirty seconds and answers it in two milliseconds. So almost every
//! timer is *cancelled*, and almost none fires. The obvious structure is a binary heap of
//! deadlines, and it is wrong twice. A heap cannot find the timer to be cancelled, so the dead
//! timer stays in it for thirty seconds: at 50,000 requests a second that is a heap of 1.5 million
//! dead timers around a hundred live ones. A tree can find the timer; but heap and tree both pay
//! *log n* to put the timer in an order that no code ever asks for. The wheel sorts as late as it
//! can, and sorts only the timers that are still there.
//!
//! ## The idea
//!
//! Write the deadline, a number of ticks, in base 64: eleven digits hold any `u64`. Compare it with
//! `elapsed`, the tick up to which everything has fired. **The highest digit in which the two
//! differ says the level, and the deadline's digit there says the slot.** Nothing else does.
//!
//! ```text
//!            digit   ..   3    2    1    0             arm: xor, count zeros, append
//!   elapsed          ..   0    7   20   41
//!   a deadline       ..   0    7   20   58  ->  level 0, slot 58    differs in the last digit
//!   another          ..   0    9    3   12  ->  level 2, slot  9    the rest is not looked at
//!
//!   level 2   . . . . . . . . . [9] . . . .      one slot = 64 * 64 ticks
//!                                |
//!                    deal: elapsed reaches 9 0 0; the list is dealt out to finer levels
//!                                v
//!   level 1   . . . [3] . . . . . . . . . .      one slot = 64 ticks
//!                    |
//!                    deal: elapsed reaches 9 3 0
//!                    v
//!   level 0   . . . . . . . . . . . . [12].      one slot = one tick
//!                                      |
//!                                      pop_due: elapsed reaches 9 3 12, the timer fires
//! ```
//!
//! A slot is a linked list. Each level has one word with a bit for every slot that is not empty:
//! the earliest slot is a count of trailing zeros, and an empty hour costs nothing to cross. A tick
//! is 1.024 us; level 0 reaches 66 us, level 1 4.2 ms, and the others [so
//! far](super#how-far-each-level-reaches).
//!
//! ## Three properties, and where they come from
//!
//! *Finer is earlier.* An entry on level 1 agrees with `elapsed` in digit 2; an entry on level 2
//! has gone beyond it there. So all of level 1 comes before all of level 2, and the first level
//! that is not empty holds the next deadline. A wheel that chooses the level by *distance* [lacks
//! this property](super#why-not-otherwise).
//!
//! *Never out of order.* A slot of level 0 is a single tick, so ticks fire one after the other.
//! *First armed, first fired.* The place is a function of `elapsed` and the deadline, so timers
//! with equal deadlines are in the same list at every moment. A list grows at its tail only, and
//! `deal` walks from head to tail. So no step can swap two of them, however often they are dealt
//! out.
//!
//! ## Dealing out in parts
//!
//! A coarse slot may hold a million timers. To deal them all out at once would keep every socket
//! waiting. So `pop_due` has a *budget*: a timer that is dealt out takes one from it, and so does a
//! timer that fires. At zero `pop_due` stops, and the next look goes on. While a slot is dealt out
//! in parts, four rules keep the properties above:
//!
//! 1. `elapsed` is the first tick of the slot from the first part on. A timer that is dealt out
//!    goes to a finer level; the rest stays in the list of the slot, and `dealing` is the level of
//!    that list.
//! 2. No timer fires from a finer level before the rest is gone: an earlier deadline may be in the
//!    rest. (`first_slot` begins to search at `dealing`.)
//! 3. A timer that is armed or reset within the range of the slot joins the rest, at its tail. On a
//!    finer level it would stand before timers of the rest that have the same deadline and were
//!    armed before. (`level_of` is `dealing` at least.)
//! 4. As long as there is a rest, the next deadline is the slot's first tick. That tick has passed,
//!    so the loop comes back at once.
//!
//! Timers of one range can now be in two lists. So each entry keeps the level of its list, in four
//! bits beside a link, and a timer of the rest is cancelled or reset in O(1) like any other. If the
//! last timer of the rest is cancelled, the dealing is over.
//!
//! ## When is the next one?
//!
//! On level 0 the slot's number is the answer. A coarser slot has a range only, so the answer is
//! the smallest deadline in its list. The wheel remembers it, and forgets it only when that very
//! timer goes. But a server that always cancels its earliest timer would walk the list at every
//! park; and a long list must be dealt out before its first timer can fire, which makes that timer
//! late. So each list counts, and beyond [`CROWD`] the answer is the slot's first tick. The loop
//! then wakes once, early, finds nothing due, and deals the slot out, which had to be done anyway.
//! Early by one look per level, or per part of a slot; late never.
//!
//! ## Pinned entries
//!
//! A fired entry stays, marked as fired, until its owner hands in the [`Key`]; and a key cannot be
//! copied. So the entry has no new tenant while the old key lives, and a stale handle that cancels
//! a stranger's timer cannot be written. *Not needed here:* generations, reference counts, and the
//! intrusive nodes that need them.
//!
//! ## Next
//!
//! [The second part](super#chapter-6-second-part) of this chapter: slack, costs, promises, rejected
//! designs, exercises.

use std::hint::black_box;
use std::mem;

/// Bits of a deadline that one level looks at.
const DIGIT: u32 = 6;
const SLOTS: usize = 1 << DIGIT;
/// Eleven digits of six bits hold all 64 bits of a tick.
const LEVELS: usize = u64::BITS.div_ceil(DIGIT) as usize;
/// How many entries of a slot `next_deadline` looks at; where there are more it settles for an early answer.
pub(crate) const CROWD: usize = 64;

/// Bits of an index. The four bits above them, in `prev`, are the level of the entry's list.
const INDEX: u32 = 28;
/// The end of a list, and of the free list.
const NIL: u32 = (1 << INDEX) - 1;
/// In `prev`: the entry has fired and waits for its owner. It is in no list.
const FIRED: u32 = 15 << INDEX | NIL;
/// In `prev`: the entry has no owner; `next` is the free list.
const FREE: u32 = 14 << INDEX | NIL;

/// The owner's hold on one entry. It can be neither copied nor forged, and [`Wheel::disarm`] takes it back, so it is
/// valid for as long as it exists.
#[derive(Debug)]
pub(crate) struct Key(u32);

/// Timers by deadline, in ticks. See the chapter above.
pub(crate) struct Wheel<T> {
    /// Bit *i* of a level is set if and only if its slot *i* has entries.
    occupied: [u64; LEVELS],
    /// The list of each slot: but for its count, garbage while the slot is not occupied.
    lists: [[List; SLOTS]; LEVELS],
    entries: Vec<Entry<T>>,
    free: u32,
    armed: usize,
    /// All before this tick has fired, so no armed deadline is below it.
    elapsed: u64,
    /// The level of the slot that has been dealt out in part; 0 if there is none. Its first tick is `elapsed`.
    dealing: usize,
    /// How far the scout of [`deal`](Wheel::deal) has come.
    scout: u32,
    /// No armed deadline is below it either; and if `exact`, the earliest is equal to it.
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
    /// Level and index, or [`FIRED`], or [`FREE`].
    prev: u32,
    next: u32,
}

/// A fat reference stands for a waker: two words, one of which is never null.
const _: () = assert!(size_of::<Entry<&str>>() == 32);

impl<T> Wheel<T> {
    pub(crate) fn new() -> Self {
        Wheel {
            occupied: [0; LEVELS],
            lists: [[List::default(); SLOTS]; LEVELS],
            entries: Vec::new(),
            free: NIL,
            armed: 0,
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

    /// Moves an armed timer, as if it were armed anew: behind all that have the same deadline. A timer that has fired
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

    /// Gives an armed timer another item, and the old one back; or this one, as the error, if the timer has fired.
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
        if level > 0 && self.lists[level][slot].count as usize > CROWD {
            return Some(self.first_tick(level, slot));
        }
        if !self.exact {
            (self.bound, self.exact) = (self.earliest_in(level, slot), true);
        }
        Some(self.bound)
    }

    /// Fires the earliest timer that is due at `now`: its deadline, and its item. To be called until it answers
    /// `None`. Between two calls the wheel is whole: arm, reset and disarm at will.
    ///
    /// Each timer that is fired, and each that is dealt out, takes one from `budget`. At zero the answer is `None`,
    /// whatever is due; the next call with a budget goes on where this one stopped.
    pub(crate) fn pop_due(&mut self, now: u64, budget: &mut usize) -> Option<(u64, T)> {
        while let Some((level, slot)) = self.first_slot() {
            let start = self.first_tick(level, slot);
            if start > now {
                break;
            }
            if *budget == 0 {
                return None;
            }
            // Nothing is armed between the old `elapsed` and `start`, so all other places stand.
            self.elapsed = start;
            if level == 0 {
                *budget -= 1;
                return self.fire(slot);
            }
            self.deal(level, slot, budget);
        }
        self.elapsed = self.elapsed.max(now);
        None
    }

    // The levels.

    /// The level where a deadline belongs now. It depends on `elapsed` and the deadline; and while a slot is being
    /// dealt out, all deadlines in the range of that slot belong into it.
    fn level_of(&self, deadline: u64) -> usize {
        // A difference of zero would have no highest digit; all of level 0 is the last one.
        let difference = (deadline ^ self.elapsed) | (SLOTS as u64 - 1);
        let level = (u64::BITS - 1 - difference.leading_zeros()) / DIGIT;
        self.dealing.max(level as usize)
    }

    /// The slot that comes first. There is none before `elapsed`: those are empty, so the count of zeros needs no
    /// starting point, and all of a finer level comes before a coarser one. What has been dealt out of a slot waits
    /// for the rest of it.
    fn first_slot(&self) -> Option<(usize, usize)> {
        if self.armed == 0 {
            return None; // in most loops nearly always, and then the levels need not be looked at
        }
        let words = &self.occupied[self.dealing..];
        let level = self.dealing + words.iter().position(|&word| word != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        Some((level, slot))
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
        let mut earliest = u64::MAX;
        let mut next = self.lists[level][slot].head;
        while next != NIL {
            let entry = self.entry(next);
            earliest = earliest.min(entry.deadline);
            next = entry.next;
        }
        earliest
    }

    /// Deals the timers of a slot out to finer levels, in their order, as many as `budget` allows. `elapsed` is its
    /// first tick.
    ///
    /// The timers of a slot lie far apart in the table, and each names the next, so the processor would wait for the
    /// memory once for each. The scout goes ahead from the other end and does nothing but look: two fetches are under
    /// way at a time, and from the middle on all are there. 6 % less processor time where 100,000 fire, and the last
    /// hundredth of them 350 us late instead of 490.
    fn deal(&mut self, level: usize, slot: usize, budget: &mut usize) {
        let List { head, tail, count } = self.lists[level][slot];
        let is_begun = mem::take(&mut self.dealing) > 0;
        let piece = (count as usize).min(*budget);
        *budget -= piece;
        let (mut index, mut scout) = (head, if is_begun { self.scout } else { tail });
        for _ in 0..piece {
            let next = self.entry(index).next;
            if scout != NIL {
                // Of an entry that has gone elsewhere it is another list's link, or none: to look there is vain, not wrong.
                scout = black_box(self.entry(scout).prev & NIL);
            }
            self.link(index);
            index = next;
        }
        let list = &mut self.lists[level][slot];
        (list.head, list.count) = (index, count - piece as u32);
        if list.count == 0 {
            self.occupied[level] &= !(1 << slot);
        } else {
            self.entry_mut(index).prev = prev_of(level, NIL);
            (self.dealing, self.scout) = (level, scout);
        }
    }

    fn fire(&mut self, slot: usize) -> Option<(u64, T)> {
        let index = self.lists[0][slot].head;
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

    /// The timer that goes may have been the earliest: then the earliest is not known any more.
    fn forget(&mut self, deadline: u64) {
        if deadline == self.bound {
            self.exact = false;
        }
    }

    /// Appends an entry to the list of its slot. Guarded by
    /// tests/time/wheel_model.rs::equal_deadlines_fire_in_the_order_of_arming.
    fn link(&mut self, index: u32) {
        let deadline = self.entry(index).deadline;
        let level = self.level_of(deadline);
        let slot = slot_of(deadline, level);
        let list = &mut self.lists[level][slot];
        list.count += 1;
        let prev = if list.count == 1 {
            self.occupied[level] |= 1 << slot;
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
        (entry.prev, entry.next) = (prev_of(level, prev), NIL);
    }

    fn unlink(&mut self, index: u32) {
        let entry = self.entry(index);
        let (packed, next) = (entry.prev, entry.next);
        let (level, prev) = ((packed >> INDEX) as usize, packed & NIL);
        let slot = slot_of(entry.deadline, level);
        let list = &mut self.lists[level][slot];
        list.count -= 1;
        // Guarded by tests/time/wheel_model.rs::a_timer_armed_behind_one_that_was_cancelled_is_not_lost
        match (prev, next) {
            (NIL, NIL) => self.vacate(level, slot),
            (NIL, _) => list.head = next,
            (_, NIL) => list.tail = prev,
            _ => {}
        }
        if prev != NIL {
            self.entry_mut(prev).next = next;
        }
        if next != NIL {
            self.entry_mut(next).prev = packed; // of the same level
        }
    }

    /// The last timer of a slot has gone. If that slot was being dealt out, no rest is left.
    fn vacate(&mut self, level: usize, slot: usize) {
        self.occupied[level] &= !(1 << slot);
        if level == self.dealing && slot == slot_of(self.elapsed, level) {
            self.dealing = 0;
        }
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
        if self.free != NIL {
            let index = self.free;
            self.free = mem::replace(self.entry_mut(index), entry).next;
            return index;
        }
        let index = self.entries.len();
        assert!(index < NIL as usize, "more than 268 million timers");
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

fn prev_of(level: usize, index: u32) -> u32 {
    (level as u32) << INDEX | index
}

/// What became of a [`Wheel::reset`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reset {
    Moved,
    HasFired,
}
