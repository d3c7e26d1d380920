//! Keeps the [`Account`](crate::account::Account) of an observed loop, step by step.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use crate::context::Accounts;
use crate::scheduler::Scheduler;
use crate::task::TaskId;

pub(super) struct Accountant {
    accounts: Rc<Accounts>,
    scheduler: Rc<Scheduler>,
    /// How many entries of the ready queue have been counted.
    seen: Cell<u64>,
    /// When the present turn, or the present rest, began.
    since: Cell<Instant>,
}

impl Accountant {
    #[inline]
    pub(super) fn new(accounts: Rc<Accounts>, scheduler: Rc<Scheduler>) -> Self {
        Self {
            accounts,
            seen: Cell::new(scheduler.entries_ever()),
            scheduler,
            since: Cell::new(Instant::now()),
        }
    }

    /// Notes each task that has entered the ready queue since the last look: it is ready since the beginning of that
    /// step.
    #[inline]
    pub(super) fn look_for_wakes(&self, step: Instant) {
        let ever = self.scheduler.entries_ever();
        let new = ever - self.seen.replace(ever);
        let note = |id| self.accounts.account.is_ready(id, step);
        self.scheduler.each_newest(new as usize, note);
    }

    #[inline]
    pub(super) fn begins(&self, id: TaskId, now: Instant) {
        self.accounts.account.begins(id, now);
    }

    #[inline]
    pub(super) fn ends(&self, id: TaskId, begin: Instant, end: Instant) {
        self.accounts
            .account
            .ends(id, end.saturating_duration_since(begin));
    }

    /// Between the last turn and this moment a host ran; the time is not a rest.
    #[inline]
    pub(super) fn is_called(&self) {
        self.since.set(Instant::now());
    }

    #[inline]
    pub(super) fn turn_begins(&self) {
        let now = Instant::now();
        let rest = now.saturating_duration_since(self.since.replace(now));
        self.accounts.account.has_rested(rest);
    }

    #[inline]
    pub(super) fn turn_ends(&self) {
        let now = Instant::now();
        let turn = now.saturating_duration_since(self.since.replace(now));
        self.accounts.account.has_turned(turn);
    }
}
