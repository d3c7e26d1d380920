//! Tuning: one waiter alone needs no line.
//!
//! Nearly every source has one waiter at a time. So the first waiter has its entry in the source
//! itself, which the event has brought into the cache anyway. The waiters behind it stand in the
//! plain line of `waiters.rs`, which is made for the second waiter:
//!
//! ```text
//!   first   ->   behind: 4 <-> 0 <-> 7      the first came before the others
//! ```
//!
//! When the first waiter leaves, no other waiter takes its entry, because a key must not change.
//! While other waiters stand in the line behind, a new waiter joins that line too, or it would
//! overtake them.
//!
//! With the plain line alone the row `echo_in_one_loop` of `cargo bench --bench counters` takes 2,407 instructions, with
//! this file 2,227, and its bound lies between them; and each source that waits allocates once more.
//! To do without this file, let `source.rs` import `Key` and `Waiters as Line` from `waiters.rs`.

use std::task::Waker;

use super::ready::{Interest, Ready};
use super::waiters::{self, Waiter, Waiters};

/// Names one entry of the line. The future that joined with it owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    First,
    Behind(waiters::Key),
}

/// [`Waiters`], and the first waiter in front of them.
pub(super) struct Line {
    /// Waits for neither direction if there is no first waiter.
    first: Waiter,
    behind: Option<Box<Waiters>>,
}

impl Default for Line {
    fn default() -> Line {
        Line {
            first: Waiter {
                interest: Interest::NEITHER,
                waker: None,
            },
            behind: None,
        }
    }
}

impl Line {
    /// As `Waiters::entry`.
    #[inline]
    pub(super) fn entry(&mut self, key: Key) -> &mut Waiter {
        match key {
            Key::First => &mut self.first,
            Key::Behind(key) => self.entry_behind(key),
        }
    }

    #[cold]
    #[inline(never)]
    fn entry_behind(&mut self, key: waiters::Key) -> &mut Waiter {
        self.behind_mut().entry(key)
    }

    /// As `Waiters::append`.
    // Guarded by alone::tests::a_task_that_comes_when_the_first_has_left_overtakes_no_other
    #[inline]
    pub(super) fn append(&mut self, interest: Interest, waker: Waker) -> Key {
        let behind = self.behind.as_ref();
        if self.has_first() || behind.is_some_and(|behind| !behind.is_empty()) {
            return self.append_behind(interest, waker);
        }
        self.first.interest = interest;
        self.first.waker = Some(waker);
        Key::First
    }

    #[cold]
    #[inline(never)]
    fn append_behind(&mut self, interest: Interest, waker: Waker) -> Key {
        Key::Behind(self.behind_mut().append(interest, waker))
    }

    /// As `Waiters::leave`.
    #[must_use]
    #[inline]
    pub(super) fn leave(&mut self, key: Key) -> Option<Waker> {
        match key {
            Key::First => {
                self.first.interest = Interest::NEITHER;
                self.first.waker.take()
            }
            Key::Behind(key) => self.leave_behind(key),
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_behind(&mut self, key: waiters::Key) -> Option<Waker> {
        self.behind_mut().leave(key)
    }

    /// As `Waiters::take_wakers`.
    #[inline]
    pub(super) fn take_wakers(&mut self, news: Ready, others: &mut Vec<Waker>) -> Option<Waker> {
        let first = self.first.take_for(news);
        match self.behind {
            None => first,
            Some(_) => self.take_wakers_behind(first, news, others),
        }
    }

    #[cold]
    #[inline(never)]
    fn take_wakers_behind(
        &mut self,
        first: Option<Waker>,
        news: Ready,
        others: &mut Vec<Waker>,
    ) -> Option<Waker> {
        let place = others.len();
        let second = self.behind_mut().take_wakers(news, others);
        if first.is_none() {
            return second;
        }
        if let Some(second) = second {
            others.insert(place, second);
        }
        first
    }

    /// As `Waiters::each`.
    pub(super) fn each(&self, mut visit: impl FnMut(&Waiter)) {
        visit(&self.first);
        if let Some(behind) = &self.behind {
            behind.each(visit);
        }
    }

    fn has_first(&self) -> bool {
        self.first.interest != Interest::NEITHER
    }

    fn behind_mut(&mut self) -> &mut Waiters {
        self.behind.get_or_insert_default()
    }

    /// As `Waiters::len`.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let behind = self.behind.as_ref().map_or(0, |behind| behind.len());
        usize::from(self.has_first()) + behind
    }
}

#[cfg(test)]
mod tests {
    use super::super::waiters::tests::{promises, wakers, woken};
    use super::*;

    promises!(Line);

    #[test]
    fn a_waiter_that_is_alone_needs_no_line() {
        let mut line = Line::default();
        let waker = Waker::noop();
        for interest in [READ, WRITE] {
            let key = line.append(interest, waker.clone());
            assert!(line.behind.is_none());
            assert!(line.leave(key).is_some());
        }
        line.append(READ, waker.clone());
        line.append(WRITE, waker.clone());
        assert!(line.behind.is_some());
    }
}
