//! Who waits for a source: two first-come lines on one slab.
//!
//! Pure, but for the wakers that it stores: nothing here clones, wakes or drops one, so that the owner may call it under a
//! borrow and leave the user's code for afterwards (*no-user-code-under-borrow*).
//!
//! A waiting future owns one entry per direction and holds its key. Readiness empties a line and takes the wakers, but the
//! entries stay until their owners let go: a key can therefore never name somebody else's entry (*stale-is-inert* by pinning).
//! Joining, leaving from the middle and taking the whole line each cost O(1) a waiter, and in the steady state no allocation.

use std::collections::VecDeque;
use std::task::Waker;

use slab::Slab;

use super::ready::Direction;

/// "No entry": the end of a line.
const NONE: u32 = u32::MAX;

/// Names one entry; owned by the future that joined with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u32);

/// The lines of one source.
pub(super) struct Waiters {
    entries: Slab<Entry>,
    lines: [Line; 2],
}

/// `waker` is there exactly while the entry stands in its line.
struct Entry {
    waker: Option<Waker>,
    before: u32,
    after: u32,
    direction: Direction,
}

#[derive(Clone, Copy)]
struct Line {
    first: u32,
    last: u32,
}

impl Line {
    const EMPTY: Line = Line {
        first: NONE,
        last: NONE,
    };
}

impl Waiters {
    pub(super) const fn new() -> Waiters {
        Waiters {
            entries: Slab::new(),
            lines: [Line::EMPTY; 2],
        }
    }

    /// Whether the entry stands in its line already, with a waker that wakes the same task.
    pub(super) fn holds(&self, key: Option<Key>, waker: &Waker) -> bool {
        key.and_then(|key| self.entries[key.0 as usize].waker.as_ref())
            .is_some_and(|held| held.will_wake(waker))
    }

    /// Puts a waker at the end of its line, into the entry `key` if there is one. Gives back the key, and the waker that it
    /// replaced (which then keeps its place in the line).
    pub(super) fn join(
        &mut self,
        key: Option<Key>,
        direction: Direction,
        waker: Waker,
    ) -> (Key, Option<Waker>) {
        let index = key.map_or_else(|| self.insert(direction), |key| key.0);
        let replaced = self.entries[index as usize].waker.replace(waker);
        if replaced.is_none() {
            self.append(index, direction);
        }
        (Key(index), replaced)
    }

    /// Takes an entry away, wherever it stands. Gives back its waker, if it was still in line.
    #[must_use]
    pub(super) fn leave(&mut self, key: Key) -> Option<Waker> {
        let entry = self.entries.remove(key.0 as usize);
        if entry.waker.is_some() {
            self.unlink(&entry);
        }
        entry.waker
    }

    /// Takes all the wakers of one line, first come first. Their entries remain their owners'.
    pub(super) fn take_line(&mut self, direction: Direction, into: &mut VecDeque<Waker>) {
        let mut index = std::mem::replace(&mut self.lines[direction as usize], Line::EMPTY).first;
        while index != NONE {
            let entry = &mut self.entries[index as usize];
            into.extend(entry.waker.take());
            index = entry.after;
        }
    }

    fn insert(&mut self, direction: Direction) -> u32 {
        // A `Vec` would begin with four entries. Nearly every source has at most one waiter, and there may be very many sources.
        if self.entries.capacity() == 0 {
            self.entries.reserve_exact(1);
        }
        let entry = Entry {
            waker: None,
            before: NONE,
            after: NONE,
            direction,
        };
        u32::try_from(self.entries.insert(entry)).expect("fewer than 2^32 waiters on one source")
    }

    fn append(&mut self, index: u32, direction: Direction) {
        let line = &mut self.lines[direction as usize];
        let before = std::mem::replace(&mut line.last, index);
        let entry = &mut self.entries[index as usize];
        (entry.before, entry.after) = (before, NONE);
        match before {
            NONE => line.first = index,
            before => self.entries[before as usize].after = index,
        }
    }

    fn unlink(&mut self, entry: &Entry) {
        let line = &mut self.lines[entry.direction as usize];
        match entry.before {
            NONE => line.first = entry.after,
            before => self.entries[before as usize].after = entry.after,
        }
        match entry.after {
            NONE => line.last = entry.before,
            after => self.entries[after as usize].before = entry.before,
        }
    }

    /// How many entries exist: what *nothing-left* counts.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakers that can be told apart by whom they wake.
    fn wakers(count: usize) -> Vec<Waker> {
        (0..count)
            .map(|_| Waker::from(Arc::new(Count(AtomicUsize::new(0)))))
            .collect()
    }

    fn line_of(waiters: &mut Waiters, direction: Direction, all: &[Waker]) -> Vec<usize> {
        let mut taken = VecDeque::new();
        waiters.take_line(direction, &mut taken);
        taken
            .iter()
            .map(|waker| all.iter().position(|known| known.will_wake(waker)).unwrap())
            .collect()
    }

    #[test]
    fn a_line_is_taken_in_the_order_of_coming_whoever_left_meanwhile() {
        let all = wakers(5);
        for leaver in 0..5 {
            let mut waiters = Waiters::new();
            let keys: Vec<Key> = all
                .iter()
                .map(|waker| waiters.join(None, Direction::Read, waker.clone()).0)
                .collect();
            assert!(waiters.leave(keys[leaver]).is_some());
            let expected: Vec<usize> = (0..5).filter(|index| *index != leaver).collect();
            assert_eq!(line_of(&mut waiters, Direction::Read, &all), expected);
            for key in keys
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != leaver)
                .map(|(_, key)| *key)
            {
                assert!(waiters.leave(key).is_none(), "a woken entry holds no waker");
            }
            assert_eq!(waiters.len(), 0);
        }
    }

    #[test]
    fn the_directions_do_not_see_each_other() {
        let all = wakers(2);
        let mut waiters = Waiters::new();
        waiters.join(None, Direction::Read, all[0].clone());
        waiters.join(None, Direction::Write, all[1].clone());
        assert_eq!(line_of(&mut waiters, Direction::Write, &all), [1]);
        assert_eq!(line_of(&mut waiters, Direction::Write, &all), [0usize; 0]);
        assert_eq!(line_of(&mut waiters, Direction::Read, &all), [0]);
    }

    #[test]
    fn a_new_waker_takes_its_entrys_place_in_line_and_a_woken_entry_goes_to_the_end() {
        let all = wakers(3);
        let mut waiters = Waiters::new();
        let (first, _) = waiters.join(None, Direction::Read, all[0].clone());
        let (second, _) = waiters.join(None, Direction::Read, all[1].clone());
        assert!(waiters.holds(Some(first), &all[0]) && !waiters.holds(Some(first), &all[2]));
        assert!(
            waiters
                .join(Some(first), Direction::Read, all[2].clone())
                .1
                .is_some()
        );
        assert_eq!(line_of(&mut waiters, Direction::Read, &all), [2, 1]);
        waiters.join(Some(second), Direction::Read, all[1].clone());
        waiters.join(Some(first), Direction::Read, all[0].clone());
        assert_eq!(line_of(&mut waiters, Direction::Read, &all), [1, 0]);
        assert_eq!(waiters.len(), 2);
    }

    #[test]
    fn random_joins_and_leaves_match_a_plain_list() {
        let all = wakers(16);
        let mut waiters = Waiters::new();
        let mut model: Vec<(usize, Key)> = Vec::new();
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let name = (random >> 8) as usize % all.len();
            match model.iter().position(|(known, _)| *known == name) {
                Some(place) => drop(waiters.leave(model.remove(place).1)),
                None => model.push((
                    name,
                    waiters.join(None, Direction::Read, all[name].clone()).0,
                )),
            }
            if random % 64 == 0 {
                let names: Vec<usize> = model.iter().map(|(name, _)| *name).collect();
                assert_eq!(line_of(&mut waiters, Direction::Read, &all), names);
                model
                    .drain(..)
                    .for_each(|(_, key)| drop(waiters.leave(key)));
                assert_eq!(waiters.len(), 0);
            }
        }
    }
}
