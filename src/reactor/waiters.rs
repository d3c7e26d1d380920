//! The tasks that wait for a source: a first-come line.
//!
//! Pure, but for the wakers that it stores. No function here clones, wakes or drops a waker, so the
//! owner may call each under a borrow, and run the user's code afterwards
//! (*no-user-code-under-borrow*).
//!
//! A waiting future owns one entry, and holds its key. The entry says which directions the future
//! waits for, so one line serves both. Readiness takes the wakers out of the entries that it
//! concerns, but an entry stays in line until its owner removes it. That has two uses. A key can
//! never name the entry of another future (*stale-is-inert*, by pinning). And a task that was woken
//! in vain keeps its place: of several tasks that accept from one listener, the task that got a
//! connection goes to the end of the line, so the tasks take turns.
//!
//! The entries lie in a slab, made for the first waiter, and the line is a [`Chain`] through it:
//!
//! ```text
//!   line   4 (read) <-> 0 (write) <-> 7 (read)
//! ```
//!
//! Joining, and leaving from anywhere, cost O(1). Taking the wakers costs O(1) for each entry. In
//! the steady state nothing is allocated.

use std::task::Waker;

use slab::Slab;

use super::ready::{Interest, Ready};
use crate::chain::{self, Chain, Node};

/// Names one entry of the line. The future that joined with it owns it.
pub(super) type Key = u32;

/// One entry: a future that waits for the directions of `interest`.
pub(super) struct Waiter {
    pub(super) interest: Interest,
    /// `None` from the moment of the wake until the owner finds that it has to wait further.
    pub(super) waker: Option<Waker>,
}

impl Waiter {
    /// Whether a wake of this entry would wake the owner of `waker`.
    pub(super) fn holds(&self, waker: &Waker) -> bool {
        self.waker
            .as_ref()
            .is_some_and(|held| held.will_wake(waker))
    }

    /// The waker, if the news concerns this waiter.
    #[inline]
    pub(super) fn take_for(&mut self, news: Ready) -> Option<Waker> {
        self.waker.take_if(|_| !news.only(self.interest).is_empty())
    }
}

/// The line of one source.
pub(super) struct Waiters {
    entries: Slab<Node<Waiter>>,
    line: Chain,
}

impl Default for Waiters {
    fn default() -> Waiters {
        Waiters {
            entries: Slab::new(),
            line: Chain::EMPTY,
        }
    }
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry `key`.
    pub(super) fn entry(&mut self, key: Key) -> &mut Waiter {
        &mut self.entries[key as usize].value
    }

    /// Adds an entry at the end of the line.
    pub(super) fn append(&mut self, interest: Interest, waker: Waker) -> Key {
        let waker = Some(waker);
        let waiter = Node::new(Waiter { interest, waker });
        let key = chain::index(self.entries.insert(waiter));
        self.line.push_back(&mut self.entries, key);
        key
    }

    /// Removes an entry from anywhere in the line. Returns its waker if it has not been woken.
    #[must_use]
    pub(super) fn leave(&mut self, key: Key) -> Option<Waker> {
        self.line.unlink(&mut self.entries, key);
        self.entries.remove(key as usize).value.waker
    }

    /// Takes the wakers that the news concerns, first come first. Returns the first; the others go into `others`. The
    /// entries stay in line.
    // Guarded by tests/io/edge.rs::tasks_that_accept_from_one_listener_take_turns
    pub(super) fn take_wakers(&mut self, news: Ready, others: &mut Vec<Waker>) -> Option<Waker> {
        let mut first = None;
        let mut next = self.line.first();
        while let Some(key) = next {
            let waker = self.entry(key).take_for(news);
            match first {
                None => first = waker,
                Some(_) => others.extend(waker),
            }
            next = Chain::next(&self.entries, key);
        }
        first
    }

    /// Calls `visit` with the entries, first come first.
    pub(super) fn each(&self, mut visit: impl FnMut(&Waiter)) {
        let mut next = self.line.first();
        while let Some(key) = next {
            visit(&self.entries[key as usize].value);
            next = Chain::next(&self.entries, key);
        }
    }

    /// How many entries exist. *nothing-left* tests read it.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The tests of both kinds of lines: the line of this file, and the line of `alone.rs`.
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

    /// The tasks whose wakers `take` takes when these directions are ready, as indices into `all`.
    pub(in crate::reactor) fn woken(
        take: impl FnOnce(Ready, &mut Vec<Waker>) -> Option<Waker>,
        ready: Interest,
        all: &[Waker],
    ) -> Vec<usize> {
        let mut others = Vec::new();
        let first = take(Ready::UNASKED.only(ready), &mut others);
        first
            .iter()
            .chain(&others)
            .map(|waker| {
                let is_same = |known: &Waker| known.data() == waker.data();
                all.iter().position(is_same).unwrap()
            })
            .collect()
    }

    macro_rules! promises {
        ($line:ty) => {
            const READ: Interest = Interest::READABLE;
            const WRITE: Interest = Interest::WRITABLE;

            /// A line, and the wakers of the tasks that may stand in it.
            struct Known {
                line: $line,
                all: Vec<Waker>,
            }

            impl Known {
                fn new(tasks: usize) -> Known {
                    let (line, all) = (<$line>::default(), wakers(tasks));
                    Known { line, all }
                }

                fn come_for(&mut self, interest: Interest, task: usize) -> Key {
                    let waker = self.all[task].clone();
                    self.line.append(interest, waker)
                }

                fn come(&mut self, task: usize) -> Key {
                    self.come_for(READ, task)
                }

                fn stay(&mut self, key: Key, task: usize) -> Option<Waker> {
                    self.line.entry(key).waker.replace(self.all[task].clone())
                }

                fn woken_by(&mut self, ready: Interest) -> Vec<usize> {
                    woken(
                        |news, others| self.line.take_wakers(news, others),
                        ready,
                        &self.all,
                    )
                }
            }

            #[test]
            fn a_line_is_woken_in_the_order_of_coming_whoever_left_meanwhile() {
                for leaver in 0..5 {
                    let mut known = Known::new(5);
                    let keys: Vec<_> = (0..5).map(|task| known.come(task)).collect();
                    assert!(known.line.leave(keys[leaver]).is_some());
                    let others: Vec<usize> = (0..5).filter(|task| *task != leaver).collect();
                    assert_eq!(known.woken_by(READ), others);
                    for other in others {
                        assert!(
                            known.line.leave(keys[other]).is_none(),
                            "a woken entry still holds a waker"
                        );
                    }
                    assert_eq!(known.line.len(), 0);
                }
            }

            #[test]
            fn news_wakes_those_whom_it_concerns() {
                let mut known = Known::new(3);
                known.come_for(READ, 0);
                known.come_for(WRITE, 1);
                known.come_for(READ | WRITE, 2);
                assert_eq!(known.woken_by(WRITE), [1, 2]);
                assert_eq!(known.woken_by(WRITE), [0usize; 0]);
                assert_eq!(known.woken_by(READ), [0]);
            }

            #[test]
            fn a_task_that_was_woken_in_vain_keeps_its_place_and_a_new_one_is_last() {
                let mut known = Known::new(3);
                let (first, second) = (known.come(0), known.come(1));
                let (own, other) = (known.all[0].clone(), known.all[2].clone());
                // Under Miri one table of functions may have several addresses, so `will_wake` of std's wakers may be false.
                assert!(cfg!(miri) || known.line.entry(first).holds(&own));
                assert!(!known.line.entry(first).holds(&other));
                assert!(known.stay(first, 2).is_some());
                assert_eq!(known.woken_by(READ), [2, 1]);
                assert!(known.line.leave(first).is_none());
                let anew = known.come(0);
                known.stay(second, 1);
                assert_eq!(known.woken_by(READ), [1, 0]);
                assert!(known.line.leave(second).is_none() && known.line.leave(anew).is_none());
                assert_eq!(known.line.len(), 0);
            }

            #[test]
            fn a_task_that_comes_when_the_first_has_left_overtakes_no_other() {
                let mut known = Known::new(4);
                let (first, _second) = (known.come(0), known.come(1));
                assert!(known.line.leave(first).is_some());
                known.come(2);
                known.come(3);
                assert_eq!(known.woken_by(READ), [1, 2, 3]);
            }

            #[test]
            fn random_comings_and_goings_match_a_plain_list() {
                let mut known = Known::new(16);
                let mut model: Vec<(usize, Interest, Key)> = Vec::new();
                let mut random = 0x9E37_79B9_7F4A_7C15_u64;
                for _ in 0..if cfg!(miri) { 1_000 } else { 20_000 } {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let task = (random >> 8) as usize % known.all.len();
                    match model.iter().position(|(known, ..)| *known == task) {
                        Some(place) => drop(known.line.leave(model.remove(place).2)),
                        None => {
                            let interest = [READ, WRITE, READ | WRITE][(random >> 32) as usize % 3];
                            model.push((task, interest, known.come_for(interest, task)));
                        }
                    }
                    if random % 64 == 0 {
                        let ready = [READ, WRITE][(random >> 16) as usize % 2];
                        let waits = |of: &Interest| *of == ready || *of == (READ | WRITE);
                        let concerned: Vec<_> =
                            model.iter().filter(|(_, of, _)| waits(of)).collect();
                        let tasks: Vec<usize> = concerned.iter().map(|(task, ..)| *task).collect();
                        assert_eq!(known.woken_by(ready), tasks);
                        for (task, _, key) in concerned {
                            known.stay(*key, *task);
                        }
                    }
                    assert_eq!(known.line.len(), model.len());
                }
            }
        };
    }
    pub(in crate::reactor) use promises;

    promises!(Waiters);
}
