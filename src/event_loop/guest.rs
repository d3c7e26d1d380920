//! A run whose turns a foreign executor takes: the half of `compat::tokio::run` that knows nothing of tokio.
//!
//! [`run`](EventLoop::run) keeps the thread, and sleeps in the reactor. A guest may do neither: it works for a [`stint`](Guest::stint)
//! when its host calls, and says whether there is more to do. In between the loop rests and its host's code is
//! [inside](Hosted), as it is between two turns.
//!
//! A host that is told of edges only (epoll's, as tokio asks for them) hears of an event once. So a stint is idle only after a
//! look that came after everything else and left nothing behind in the poller: the next event is then a new edge.

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

/// How many polls of tasks a stint has: as many as come between two looks, so that the host's sockets wait no longer than ours.
const POLLS_PER_STINT: usize = 64;

/// How a stint ended.
#[must_use]
pub(crate) enum Stint {
    /// There is more to do, after the host's own.
    Busy,
    /// There is nothing to do until the descriptor is readable or the deadline has come.
    Idle,
    /// The main task has finished, or a panic has ended the run.
    Over,
}

/// A run in the hands of a host.
pub(crate) struct Guest<'a> {
    event_loop: &'a EventLoop,
    main: DropNow,
    ended: Option<Result<(), Payload>>,
}

impl EventLoop {
    /// Whether the loop has a clock or an order of its own, which only a run without a host can have: a host waits by the clock on the
    /// wall, and takes a batch in parts.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.context.timers.standing().is_some() || self.shuffle.is_some()
    }

    /// [`run`](Self::run), for as long as `host` takes, which returns when a stint was [over](Stint::Over).
    pub(crate) fn run_as_guest<F: Future>(
        &self,
        main: F,
        location: &'static Location<'static>,
        host: impl FnOnce(&mut Guest<'_>),
    ) -> F::Output {
        let _hosted = Hosted::new(Rc::clone(&self.context));
        // The host's tasks are none of any loop's, not even where a task of one has called this.
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

    /// Works until there is nothing to do, or for so many polls.
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

    /// Whether the run has ended. Taken even if a panic ends it, as in `drive`.
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
    /// Whether the last look has seen that there is more than it may take.
    /// Guarded by tests/ecosystem/guest.rs::more_events_than_one_look_takes_are_all_heard.
    fn is_left_behind(&self) -> bool {
        self.inbox.waiting() > 0 || self.context.reactor.may_hold_more()
    }
}
