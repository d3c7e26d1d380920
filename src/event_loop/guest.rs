//! A run whose turns a foreign executor takes: the half of `compat::tokio::run` that does not know tokio.
//!
//! [`run`](EventLoop::run) keeps the thread, and sleeps in the reactor. A guest may do neither. When its host calls, it
//! works for a [`stint`](Guest::stint), and returns whether there is more to do. Between two stints the loop rests and the
//! host's code is [inside](Hosted), as between two turns.
//!
//! A host that gets only edges (of epoll, as tokio asks for them) is told of an event once. So a stint is idle only if its
//! last act was a look that left nothing in the poller: then the next event is a new edge.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::time::Instant;

use super::EventLoop;
use super::at_work::AtWork;
use super::main_task::DropNow;
use crate::context::{Entered, Hosted};
use crate::foreign::Payload;
use crate::reactor::Wait;
use crate::scheduler::Current;
use crate::task::{JoinError, JoinHandle};

/// How many polls a stint has: as many as the loop has between two looks, so that the host's sockets wait no longer than the
/// loop's.
const POLLS_PER_STINT: usize = 64;

/// How a stint ended.
#[must_use]
pub(crate) enum Stint {
    /// There is more to do, after the host's own work.
    Busy,
    /// There is nothing to do until the descriptor is readable or the deadline has come.
    Idle,
    /// The main task has finished, or a panic has ended the run.
    Over,
}

/// A run that a host drives.
pub(crate) struct Guest<'a> {
    event_loop: &'a EventLoop,
    main: DropNow,
    ended: Option<Result<(), Payload>>,
}

impl EventLoop {
    /// Whether the loop has virtual time or a shuffled order, which need a run without a host: a host waits by the real
    /// clock, and splits batches.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.context.timers.standing().is_some() || self.shuffle.is_some()
    }

    /// [`run`](Self::run), driven by `host`, which returns when a stint was [over](Stint::Over).
    pub(crate) fn run_as_guest<F: Future>(
        &self,
        main: F,
        location: &'static Location<'static>,
        host: impl FnOnce(&mut Guest<'_>),
    ) -> F::Output {
        let _hosted = Hosted::new(Rc::clone(&self.context));
        // The host's tasks belong to no loop, even if a task of a loop has called this.
        // Guarded by tests/ecosystem/guest.rs::inside_a_task_of_another_loop_it_holds_up_that_loop_and_nothing_else.
        let _nobody = Current::nobody();
        self.run_lent(main, |main| {
            let scheduler = Rc::clone(&self.context.scheduler);
            let main = DropNow(JoinHandle::new(scheduler, main, (), location));
            self.host_guest(main, host)
        })
    }

    fn host_guest(&self, main: DropNow, host: impl FnOnce(&mut Guest<'_>)) -> Result<(), Payload> {
        let mut guest = Guest {
            event_loop: self,
            main,
            ended: None,
        };
        host(&mut guest);
        guest.ended.expect("the host stays until the run is over")
    }
}

impl Guest<'_> {
    pub(crate) fn name(&self) -> &str {
        &self.event_loop.name
    }

    /// See [`EventLoop::next_deadline`].
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.event_loop.next_deadline()
    }

    /// Works until there is nothing to do, or for [`POLLS_PER_STINT`] polls.
    pub(crate) fn stint(&mut self) -> io::Result<Stint> {
        let here = self.event_loop;
        let scheduler = &here.context.scheduler;
        let _entered = Entered::new(Rc::clone(&here.context));
        let _at_work = AtWork::begin(&here.inbox);
        let mut polls_left = POLLS_PER_STINT;
        loop {
            let before = here.metrics();
            // Guarded by tests/ecosystem/guest.rs::an_event_that_comes_together_with_a_spawn_is_not_forgotten.
            let will_look = scheduler.ready_count() == 0;
            here.rest(Wait::Now)?;
            let batch = scheduler.ready_count().min(polls_left);
            here.work(batch)?;
            here.sum_up(before);
            polls_left -= batch;
            if self.is_over() {
                return Ok(Stint::Over);
            }
            match scheduler.ready_count() {
                0 if will_look && !here.is_left_behind() => return Ok(Stint::Idle),
                0 if will_look => return Ok(Stint::Busy),
                0 => {}
                _ if polls_left == 0 => return Ok(Stint::Busy),
                _ => {}
            }
        }
    }

    /// Whether the run has ended. If a panic has ended it, the main task's output is taken too, as in `drive`.
    fn is_over(&mut self) -> bool {
        let result = self.main.take_output();
        self.ended = match self.event_loop.context.scheduler.take_panic() {
            Some(panic) => Some(Err(panic)),
            None => result.map(|result| result.map_err(JoinError::into_panic)),
        };
        self.ended.is_some()
    }
}

impl EventLoop {
    /// Whether the last look has left something, because it took as much as it may.
    /// Guarded by tests/ecosystem/guest.rs::more_events_than_one_look_takes_are_all_heard.
    fn is_left_behind(&self) -> bool {
        self.inbox.waiting() > 0 || self.context.reactor.may_hold_more()
    }
}
