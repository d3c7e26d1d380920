//! The code that holds the thread.
//!
//! A task that computes for long, or blocks, holds up all other tasks, sockets and timers. Nothing fails, the program
//! only becomes slow. So a loop that is built with a limit logs what has held its thread for longer:
//!
//! - [`Builder::slow_poll`](crate::Builder::slow_poll): afterwards, and exactly.
//!   [`Scheduler::run`](crate::scheduler::Scheduler::run) calls its [`Observer`], which reads the clock after each
//!   step. The end of one step is the beginning of the next, so a poll costs one reading.
//! - [`Builder::watchdog`](crate::Builder::watchdog): while it lasts, from a thread of its own (`watchdog.rs`), because
//!   a thread that is blocked for ever never comes to an "afterwards".
//!
//! A loop without either has no `Observation`. The scheduler's run is generic over the observer, so such a loop runs
//! code without one.
//!
//! The loop knows its observation only as a trait object ([`Observes`]), and the settings that ask for one know how to
//! make it ([`Attach`]). So a program that observes no loop does not contain this code.
//!
//! *decide-then-do*: an observer notes, and the loop logs the notes after the run has returned.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{Location, RefUnwindSafe};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{EventLoop, Observes};
use crate::account::Lateness;
use crate::context::{Accounts, Context, Kept};
use crate::reactor::Wait;
use crate::record::{End, Probe};
use crate::scheduler::{Observer, Step};
use crate::task::TaskId;
use crate::task::cell::TaskCell;
use crate::time::LateTimers;

mod accountant;
mod deed;
mod slow;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod thread_state;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "thread_unseen.rs"]
mod thread_state;
mod watchdog;

use accountant::Accountant;
use deed::{Actor, Deed};
use slow::SlowDeeds;
use watchdog::Watchdog;

/// Makes the observation of a loop.
pub(super) trait Attach: fmt::Debug + Sync + RefUnwindSafe {
    /// `None` if there is nothing to observe.
    ///
    /// # Errors
    ///
    /// The operating system refuses the watchdog's thread.
    fn attach(
        &self,
        loop_name: &str,
        limits: Limits,
        context: &Context,
    ) -> io::Result<Option<Box<dyn Observes>>>;
}

#[derive(Debug)]
pub(super) struct Observing;

impl Attach for Observing {
    #[inline]
    fn attach(
        &self,
        loop_name: &str,
        limits: Limits,
        context: &Context,
    ) -> io::Result<Option<Box<dyn Observes>>> {
        let observation = Observation::new(loop_name, limits, context)?;
        Ok(observation.map(|observation| Box::new(observation) as Box<dyn Observes>))
    }
}

/// The notes of a loop about the code that uses its thread.
struct Observation {
    /// When the present step began. The reactor sets it at the end of a wait.
    since: Rc<Cell<Instant>>,
    /// The task that was polled last, until its output is settled.
    last: Cell<Option<(TaskId, &'static Location<'static>)>>,
    slow: SlowDeeds,
    watchdog: Option<Watchdog>,
    probe: Probe,
    accountant: Option<Accountant>,
}

/// The settings by which a loop is observed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) slow_poll: Option<Duration>,
    pub(super) watchdog: Option<Duration>,
    pub(super) keeps_accounts: bool,
}

impl Observation {
    #[inline]
    fn new(
        loop_name: &str,
        Limits {
            slow_poll,
            watchdog,
            keeps_accounts,
        }: Limits,
        context: &Context,
    ) -> io::Result<Option<Self>> {
        let probe = context.probe.clone();
        let has_limit = slow_poll.is_some() || watchdog.is_some();
        if !has_limit && !keeps_accounts && !probe.is_recording() {
            return Ok(None);
        }
        let since = Rc::new(Cell::new(Instant::now()));
        context.reactor.note_ends(Rc::clone(&since));
        let watchdog = watchdog
            .map(|limit| Watchdog::new(loop_name, limit))
            .transpose()?;
        if let Some(watchdog) = &watchdog {
            context.holder.get_or_init(|| watchdog.holder());
        }
        Ok(Some(Self {
            since,
            last: Cell::new(None),
            slow: SlowDeeds::new(loop_name, slow_poll.unwrap_or(Duration::MAX)),
            watchdog,
            probe,
            accountant: keeps_accounts.then(|| keep_accounts(context)),
        }))
    }

    fn announce<'a>(&self, actor: impl FnOnce() -> Actor<'a>) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.begins(&actor(), self.since.get());
        }
    }

    #[inline]
    fn look_for_wakes(&self, step: Instant) {
        if let Some(accountant) = &self.accountant {
            accountant.look_for_wakes(step);
        }
    }

    /// Ends one step and begins the next. Returns whether the step took too long.
    fn step<'a>(&self, actor: impl FnOnce() -> Actor<'a>) -> bool {
        let now = Instant::now();
        let begin = self.since.replace(now);
        self.look_for_wakes(begin);
        let took = now.saturating_duration_since(begin);
        let is_slow = took > self.slow.limit();
        if is_slow {
            self.slow.note(&actor(), took);
        }
        is_slow
    }

    /// Ends a step that was not a task's.
    #[inline]
    fn step_of_nobody(&self, deed: Deed) {
        if self.step(|| Actor::nobody(deed)) {
            self.probe.is_slow(None);
        }
    }
}

impl Observes for Observation {
    #[inline]
    fn work(&self, event_loop: &EventLoop, batch: usize) -> io::Result<()> {
        let Some(accountant) = &self.accountant else {
            return event_loop.work_observed_by(self, batch);
        };
        accountant.turn_begins();
        let result = event_loop.work_observed_by(self, batch);
        accountant.turn_ends();
        result
    }

    #[inline]
    fn calls(&self) {
        self.resumes();
        self.announce(|| Actor::nobody(Deed::Call));
    }

    #[inline]
    fn has_called(&self) {
        self.step_of_nobody(Deed::Call);
        self.rests();
    }

    #[inline]
    fn rest(&self, event_loop: &EventLoop, wait: Wait) -> io::Result<()> {
        match event_loop.virtual_time {
            Some(virtual_time) => virtual_time.rest(event_loop, wait)?,
            None => event_loop.park_apart(wait, LateTimers::next_deadline)?,
        }
        // The reactor has noted when the wait ended, so the time of this look counts from there.
        self.has_looked();
        Ok(())
    }

    #[inline]
    fn is_called(&self) {
        if let Some(accountant) = &self.accountant {
            accountant.is_called();
        }
    }

    #[inline]
    fn is_before_a_shuffle(&self) {
        self.look_for_wakes(Instant::now());
    }
}

impl Observer for Observation {
    #[inline]
    fn resumes(&self) {
        let now = Instant::now();
        self.since.set(now);
        self.look_for_wakes(now);
        self.probe.resumes(now);
    }

    // The calls that were delivered in the look have been steps of their own.
    #[inline]
    fn has_looked(&self) {
        self.step_of_nobody(Deed::Look);
        self.rests();
    }

    #[inline]
    fn rests(&self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.rests();
        }
        self.slow.tell();
    }

    #[inline]
    fn begins(&self, id: TaskId, cell: &mut TaskCell) {
        self.announce(|| Actor::task(Deed::Poll, id, cell));
        self.probe.polls(id);
        if let Some(accountant) = &self.accountant {
            accountant.begins(id, self.since.get());
        }
    }

    #[inline]
    fn ends(&self, id: TaskId, cell: &mut TaskCell, step: Step) {
        let deed = match step {
            Step::Pending | Step::Ready => Deed::Poll,
            Step::Dropped => Deed::Drop,
        };
        let begin = self.since.get();
        let is_slow = self.step(|| Actor::task(deed, id, cell));
        if let (Some(accountant), Deed::Poll) = (&self.accountant, deed) {
            accountant.ends(id, begin, self.since.get());
        }
        match step {
            Step::Pending => self.probe.waits(id, self.since.get()),
            Step::Ready | Step::Dropped => {
                self.probe.has_finished(id, end_of(cell), self.since.get());
            }
        }
        if is_slow {
            self.probe.is_slow(Some(id));
        }
        if step != Step::Pending {
            self.last.set(Some((id, cell.as_mut().about().1)));
        }
    }

    #[inline]
    fn is_settled(&self) {
        self.probe.because_of_nobody();
        let Some((id, location)) = self.last.take() else {
            return;
        };
        let is_slow = self.step(|| Actor {
            deed: Deed::Settle,
            task: Some((id, location)),
            name: None,
        });
        if is_slow {
            self.probe.is_slow(Some(id));
        }
    }

    #[inline]
    fn has_news(&self) -> bool {
        self.slow.has_news()
    }
}

/// From now on the loop keeps accounts. It has spawned no task yet.
#[inline]
fn keep_accounts(context: &Context) -> Accountant {
    let accounts = Rc::new(Accounts::new());
    context
        .accounts
        .get_or_init(|| Rc::clone(&accounts) as Rc<dyn Kept>);
    context
        .timers
        .watched_by(Rc::clone(&accounts) as Rc<dyn Lateness>);
    context.scheduler.observe();
    Accountant::new(accounts, Rc::clone(&context.scheduler))
}

/// How the task of this cell has ended.
#[inline]
fn end_of(cell: &mut TaskCell) -> End {
    if cell.as_mut().holds_an_err() {
        return End::Error;
    }
    match cell.as_mut().error() {
        None => End::Value,
        Some(error) if error.is_panic() => End::Panic,
        Some(_) => End::Cancelled,
    }
}
