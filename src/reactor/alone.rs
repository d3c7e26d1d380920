//! Tuning: one waiter alone needs no line.
//!
//! Nearly every line of a source is one waiter long. So the first waiter of each line has its entry
//! in the source itself, which the event has brought into the cache anyway. The waiters behind it
//! stand in the plain lines of `waiters.rs`, which are made for the second waiter:
//!
//! ```text
//!   first[Read]   ->   behind, lines[Read]: 4 <-> 0 <-> 7    the first came before the others
//!   first[Write]  ->   behind: empty
//! ```
//!
//! When the first waiter leaves, no other waiter takes its entry, because a key must not change. While other waiters
//! stand in the line behind, a new waiter joins that line too, or it would overtake them.
//!
//! With plain lines alone the row `echo_in_one_loop` of `cargo bench --bench counters` takes 3,196 instructions, with
//! this file 3,017, and its bound lies between them; and each source that waits allocates once more. To do without this
//! file, let `source.rs` import `Key` and `Waiters as Lines` from `waiters.rs`, which has `holds` and `join` for this
//! purpose.

use std::task::Waker;

use super::ready::Direction;
use super::waiters::{self, Waiters};

/// Names one entry in the line of one direction. The future that joined with it owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    First,
    Behind(waiters::Key),
}

/// [`Waiters`], and the first waiter of each direction in front of them.
#[derive(Default)]
pub(super) struct Lines {
    firsts: [Option<Waker>; 2],
    has_first: [bool; 2],
    behind: Option<Box<Waiters>>,
}

impl Lines {
    /// As `Waiters::holds`.
    pub(super) fn holds(&self, direction: Direction, key: Option<Key>, waker: &Waker) -> bool {
        let held = match key {
            None => None,
            Some(Key::First) => self.firsts[direction as usize].as_ref(),
            Some(Key::Behind(key)) => self.behind.as_ref().and_then(|behind| behind.waker(key)),
        };
        held.is_some_and(|held| held.will_wake(waker))
    }

    /// As `Waiters::join`.
    pub(super) fn join(
        &mut self,
        direction: Direction,
        key: Option<Key>,
        waker: Waker,
    ) -> (Key, Option<Waker>) {
        let key = key.unwrap_or_else(|| self.append(direction));
        let replaced = match key {
            Key::First => self.firsts[direction as usize].replace(waker),
            Key::Behind(key) => self.behind_mut().replace(key, waker),
        };
        (key, replaced)
    }

    // Guarded by alone::tests::who_comes_when_the_first_has_left_overtakes_nobody
    fn append(&mut self, direction: Direction) -> Key {
        let behind = self.behind.as_ref();
        let is_alone = behind.is_none_or(|behind| behind.is_empty(direction));
        if is_alone && !self.has_first[direction as usize] {
            self.has_first[direction as usize] = true;
            return Key::First;
        }
        Key::Behind(self.behind_mut().append(direction))
    }

    /// As `Waiters::leave`.
    #[must_use]
    pub(super) fn leave(&mut self, direction: Direction, key: Key) -> Option<Waker> {
        match key {
            Key::First => {
                self.has_first[direction as usize] = false;
                self.firsts[direction as usize].take()
            }
            Key::Behind(key) => self.behind_mut().leave(direction, key),
        }
    }

    /// As `Waiters::take_wakers`.
    #[inline]
    pub(super) fn take_wakers(&mut self, direction: Direction, into: &mut Vec<Waker>) {
        if let Some(waker) = self.firsts[direction as usize].take() {
            into.push(waker);
        }
        if self.behind.is_some() {
            self.take_wakers_behind(direction, into);
        }
    }

    #[cold]
    fn take_wakers_behind(&mut self, direction: Direction, into: &mut Vec<Waker>) {
        self.behind_mut().take_wakers(direction, into);
    }

    /// As `Waiters::each`.
    pub(super) fn each(&self, direction: Direction, mut visit: impl FnMut(&Waker)) {
        if let Some(waker) = &self.firsts[direction as usize] {
            visit(waker);
        }
        if let Some(behind) = &self.behind {
            behind.each(direction, visit);
        }
    }

    fn behind_mut(&mut self) -> &mut Waiters {
        self.behind.get_or_insert_default()
    }

    /// As `Waiters::len`.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let firsts = self.has_first.iter().filter(|has_first| **has_first);
        firsts.count() + self.behind.as_ref().map_or(0, |behind| behind.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::waiters::tests::{promises, wakers, woken};
    use super::*;

    promises!(Lines);

    #[test]
    fn who_is_alone_needs_no_line() {
        let all = wakers(2);
        let mut lines = Lines::default();
        for direction in [Direction::Read, Direction::Write] {
            lines.join(direction, None, all[0].clone());
        }
        assert!(lines.behind.is_none());
        lines.join(Direction::Read, None, all[1].clone());
        assert!(lines.behind.is_some());
    }
}
