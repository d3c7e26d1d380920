//! The tasks that wait for a source: two first-come lines.
//!
//! Pure, but for the wakers that it stores. No function here clones, wakes or drops a waker, so the
//! owner may call each under a borrow, and run the user's code afterwards
//! (*no-user-code-under-borrow*).
//!
//! A waiting future owns one entry for each direction, and holds its key. Readiness takes the
//! wakers out, but an entry stays in line until its owner removes it. That has two uses. A key can
//! never name the entry of another future (*stale-is-inert*, by pinning). And a task that was woken
//! in vain keeps its place: of several tasks that accept from one listener, the task that got a
//! connection goes to the end of the line, so the tasks take turns.
//!
//! The entries of both directions share one slab, made for the first waiter, and each line is a
//! [`Chain`] through it:
//!
//! ```text
//!   lines[Read]   4 <-> 0 <-> 7
//!   lines[Write]  2
//! ```
//!
//! Joining, and leaving from anywhere, cost O(1). Taking a line's wakers costs O(1) for each entry.
//! In the steady state nothing is allocated.

use std::task::Waker;

use slab::Slab;

use super::ready::Direction;
use crate::chain::{self, Chain, Node};

/// Names one entry in the line of one direction. The future that joined with it owns it.
pub(super) type Key = u32;

/// The lines of one source.
pub(super) struct Waiters {
    /// An entry has a waker until it is woken, and again after its owner finds that it has to wait further.
    entries: Slab<Node<Option<Waker>>>,
    lines: [Chain; 2],
}

impl Default for Waiters {
    fn default() -> Waiters {
        Waiters {
            entries: Slab::new(),
            lines: [Chain::EMPTY; 2],
        }
    }
}

impl Waiters {
    /// Whether the line of this direction is empty.
    pub(super) fn is_empty(&self, direction: Direction) -> bool {
        self.lines[direction as usize].first().is_none()
    }

    /// Whether the entry has a waker that wakes the same task.
    // This and `join` are for `source.rs` if `alone.rs` is taken out. Until then only tests call them.
    #[cfg(test)]
    pub(super) fn holds(&self, _: Direction, key: Option<Key>, waker: &Waker) -> bool {
        let held = key.and_then(|key| self.waker(key));
        held.is_some_and(|held| held.will_wake(waker))
    }

    /// Puts a waker into the entry `key`, or into a new entry at the end of the line. Returns the key, and the waker that
    /// was replaced.
    #[cfg(test)]
    pub(super) fn join(
        &mut self,
        direction: Direction,
        key: Option<Key>,
        waker: Waker,
    ) -> (Key, Option<Waker>) {
        let key = key.unwrap_or_else(|| self.append(direction));
        (key, self.replace(key, waker))
    }

    /// The waker of an entry that has not been woken.
    pub(super) fn waker(&self, key: Key) -> Option<&Waker> {
        self.entries[key as usize].value.as_ref()
    }

    /// Gives an entry another waker. Returns the old one.
    pub(super) fn replace(&mut self, key: Key, waker: Waker) -> Option<Waker> {
        self.entries[key as usize].value.replace(waker)
    }

    /// Removes an entry from anywhere in the line. Returns its waker if it has not been woken.
    #[must_use]
    pub(super) fn leave(&mut self, direction: Direction, key: Key) -> Option<Waker> {
        self.lines[direction as usize].unlink(&mut self.entries, key);
        self.entries.remove(key as usize).value
    }

    /// Takes all the wakers of one line, first come first. The entries stay in line.
    // Guarded by tests/io/edge.rs::tasks_that_accept_from_one_listener_take_turns
    #[inline]
    pub(super) fn take_wakers(&mut self, direction: Direction, into: &mut Vec<Waker>) {
        let mut next = self.lines[direction as usize].first();
        while let Some(key) = next {
            into.extend(self.entries[key as usize].value.take());
            next = Chain::next(&self.entries, key);
        }
    }

    /// Calls `visit` with the wakers of one line that have not been woken, first come first.
    pub(super) fn each(&self, direction: Direction, mut visit: impl FnMut(&Waker)) {
        let mut next = self.lines[direction as usize].first();
        while let Some(key) = next {
            if let Some(waker) = self.waker(key) {
                visit(waker);
            }
            next = Chain::next(&self.entries, key);
        }
    }

    /// Adds an entry without a waker at the end of the line.
    pub(super) fn append(&mut self, direction: Direction) -> Key {
        let key = chain::index(self.entries.insert(Node::new(None)));
        self.lines[direction as usize].push_back(&mut self.entries, key);
        key
    }

    /// How many entries exist. *nothing-left* tests read it.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The tests of both kinds of lines: the lines of this file, and the lines of `alone.rs`.
#[cfg(test)]
pub(super) mod tests {
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

    /// Makes wakers. Each belongs to a task of its own.
    pub(in crate::reactor) fn wakers(count: usize) -> Vec<Waker> {
        (0..count)
            .map(|_| Waker::from(Arc::new(Count(AtomicUsize::new(0)))))
            .collect()
    }

    /// The tasks whose wakers `take` takes, as indices into `all`.
    pub(in crate::reactor) fn woken(
        take: impl FnOnce(&mut Vec<Waker>),
        all: &[Waker],
    ) -> Vec<usize> {
        let mut taken = Vec::new();
        take(&mut taken);
        taken
            .iter()
            .map(|waker| {
                let is_same = |known: &Waker| known.data() == waker.data();
                all.iter().position(is_same).unwrap()
            })
            .collect()
    }

    macro_rules! promises {
        ($lines:ty) => {
            #[test]
            fn a_line_is_woken_in_the_order_of_coming_whoever_left_meanwhile() {
                let all = wakers(5);
                for leaver in 0..5 {
                    let mut waiters = <$lines>::default();
                    let join = |waker: &Waker| waiters.join(Direction::Read, None, waker.clone()).0;
                    let keys: Vec<_> = all.iter().map(join).collect();
                    assert!(waiters.leave(Direction::Read, keys[leaver]).is_some());
                    let others: Vec<usize> = (0..5).filter(|index| *index != leaver).collect();
                    assert_eq!(
                        woken(|into| waiters.take_wakers(Direction::Read, into), &all),
                        others
                    );
                    for other in others {
                        assert!(
                            waiters.leave(Direction::Read, keys[other]).is_none(),
                            "a woken entry still holds a waker"
                        );
                    }
                    assert_eq!(waiters.len(), 0);
                }
            }

            #[test]
            fn the_directions_do_not_see_each_other() {
                let all = wakers(2);
                let mut waiters = <$lines>::default();
                waiters.join(Direction::Read, None, all[0].clone());
                waiters.join(Direction::Write, None, all[1].clone());
                assert_eq!(
                    woken(|into| waiters.take_wakers(Direction::Write, into), &all),
                    [1]
                );
                assert_eq!(
                    woken(|into| waiters.take_wakers(Direction::Write, into), &all),
                    [0usize; 0]
                );
                assert_eq!(
                    woken(|into| waiters.take_wakers(Direction::Read, into), &all),
                    [0]
                );
            }

            #[test]
            fn who_was_woken_in_vain_keeps_the_place_and_who_comes_anew_is_last() {
                let all = wakers(3);
                let mut waiters = <$lines>::default();
                let (first, _) = waiters.join(Direction::Read, None, all[0].clone());
                let (second, _) = waiters.join(Direction::Read, None, all[1].clone());
                // Under Miri one table of functions may have several addresses, so `will_wake` of std's wakers may be false.
                assert!(
                    (cfg!(miri) || waiters.holds(Direction::Read, Some(first), &all[0]))
                        && !waiters.holds(Direction::Read, Some(first), &all[2])
                );
                assert!(
                    waiters
                        .join(Direction::Read, Some(first), all[2].clone())
                        .1
                        .is_some()
                );
                assert_eq!(
                    woken(|into| waiters.take_wakers(Direction::Read, into), &all),
                    [2, 1]
                );
                assert!(waiters.leave(Direction::Read, first).is_none());
                let (anew, _) = waiters.join(Direction::Read, None, all[0].clone());
                waiters.join(Direction::Read, Some(second), all[1].clone());
                assert_eq!(
                    woken(|into| waiters.take_wakers(Direction::Read, into), &all),
                    [1, 0]
                );
                assert!(
                    waiters.leave(Direction::Read, second).is_none()
                        && waiters.leave(Direction::Read, anew).is_none()
                );
                assert_eq!(waiters.len(), 0);
            }

            #[test]
            fn who_comes_when_the_first_has_left_overtakes_nobody() {
                let all = wakers(4);
                let mut waiters = <$lines>::default();
                let mut join = |name: usize| {
                    let (key, replaced) = waiters.join(Direction::Read, None, all[name].clone());
                    assert!(replaced.is_none());
                    key
                };
                let (first, _second) = (join(0), join(1));
                assert!(waiters.leave(Direction::Read, first).is_some());
                waiters.join(Direction::Read, None, all[2].clone());
                waiters.join(Direction::Read, None, all[3].clone());
                assert_eq!(
                    woken(|into| waiters.take_wakers(Direction::Read, into), &all),
                    [1, 2, 3]
                );
            }

            #[test]
            fn random_comings_and_goings_match_a_plain_list() {
                let all = wakers(16);
                let mut waiters = <$lines>::default();
                let mut model: Vec<(usize, _)> = Vec::new();
                let mut random = 0x9E37_79B9_7F4A_7C15_u64;
                for _ in 0..if cfg!(miri) { 1_000 } else { 20_000 } {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let name = (random >> 8) as usize % all.len();
                    match model.iter().position(|(known, _)| *known == name) {
                        Some(place) => drop(waiters.leave(Direction::Read, model.remove(place).1)),
                        None => model.push((
                            name,
                            waiters.join(Direction::Read, None, all[name].clone()).0,
                        )),
                    }
                    if random % 64 == 0 {
                        let names: Vec<usize> = model.iter().map(|(name, _)| *name).collect();
                        assert_eq!(
                            woken(|into| waiters.take_wakers(Direction::Read, into), &all),
                            names
                        );
                        for (name, key) in &model {
                            waiters.join(Direction::Read, Some(*key), all[*name].clone());
                        }
                    }
                    assert_eq!(waiters.len(), model.len());
                }
            }
        };
    }
    pub(in crate::reactor) use promises;

    promises!(Waiters);
}
