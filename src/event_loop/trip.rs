//! One trip round the loop: park if nobody is ready, poll a batch, and look at the rest of the world now and then.

use std::io;
use std::time::Instant;

use log::{Level, log_enabled};

use super::{EventLoop, Turn, report};
use crate::context::Counters;
use crate::reactor::Wait;
use crate::scheduler::inbox::Note;
use crate::scheduler::quietly;
use crate::task::waker;

/// Which polls belong to one trip.
pub(super) enum Batch {
    /// One for each task that was ready when it began: what a host expects of a turn.
    Counted,
    /// As many as come, until nobody is ready or the main task has ended. In a ring, first in, first out, where one batch
    /// ends and the next begins makes no difference to the order, and not counting takes 40 of 286 instructions off a lone yield.
    Endless,
}

impl EventLoop {
    /// One trip: wait if there is nothing to do, then poll what was ready when the batch began.
    ///
    /// The batch rule and the bound: what a counted batch wakes runs in the next one, and after `poll_budget` polls, in
    /// the middle of a batch if need be, comes a look. So a due timer and a ready socket wait for at most `poll_budget` polls
    /// and one look. The mail is taken between two polls.
    pub(super) fn trip(&self, wait: Wait, batch: Batch) -> io::Result<Turn> {
        let before = self.metrics();
        // Whatever an earlier run left: it has ended.
        self.context.scheduler.take_halt();
        if self.context.scheduler.ready_count() == 0 {
            self.park(wait)?;
        }
        let mut batch = match batch {
            Batch::Counted => self.context.scheduler.ready_count(),
            Batch::Endless => usize::MAX,
        };
        while batch > 0 {
            if self.polls_left.get() == 0 {
                self.look()?;
            }
            let slice = batch.min(self.polls_left.get());
            let (scheduler, door) = (&self.context.scheduler, self.inbox.door());
            let ran = match log_enabled!(target: "roundelay::task", Level::Trace) {
                false => scheduler.run(slice, waker::of, || door.has_mail()),
                true => scheduler.run_and_tell(slice, waker::of),
            };
            self.context.counters.polls.add(ran.polls);
            self.polls_left.set(self.polls_left.get() - ran.taken);
            batch -= ran.taken;
            if scheduler.take_halt() {
                break;
            }
            self.take_mail();
            if scheduler.ready_count() == 0 {
                break;
            }
        }
        let turn = Turn::between(before, self.metrics(), self.context.scheduler.ready_count());
        log::trace!(target: "roundelay::turn", "{}: {turn}", self.name);
        Ok(turn)
    }

    /// Sees whether something has happened, without waiting for it.
    fn look(&self) -> io::Result<()> {
        let Counters { io_events, .. } = &self.context.counters;
        self.polls_left.set(self.poll_budget);
        self.take_mail();
        if self.context.reactor.has_sources() {
            io_events.add(self.context.reactor.poll(Wait::Now)?);
        }
        self.expire();
        Ok(())
    }

    /// Waits until something happens. *inbox-before-park*: announce the sleep first, then look for mail, then sleep.
    fn park(&self, wait: Wait) -> io::Result<()> {
        let Counters {
            io_events, parks, ..
        } = &self.context.counters;
        self.polls_left.set(self.poll_budget);
        let wait = self.sooner(wait);
        let may_sleep = !matches!(wait, Wait::Now) && !self.spin(&wait);
        let is_asleep = may_sleep && self.inbox.park();
        let wait = if is_asleep { wait } else { Wait::Now };
        log::trace!(target: "roundelay::turn", "{}: nothing is ready; {}", self.name, report::told(&wait));
        let polled = self.context.reactor.poll(wait);
        if is_asleep {
            self.inbox.unpark();
            parks.add(1);
        }
        self.take_mail();
        io_events.add(polled?);
        self.expire();
        Ok(())
    }

    /// Wakes whose time has come.
    fn expire(&self) {
        let fired = self.context.timers.expire();
        self.context.counters.timers.add(fired);
        if fired > 1 {
            self.context.scheduler.fetch(fired);
        }
    }

    /// The wait that was asked for, or until the next timer, whichever is shorter.
    fn sooner(&self, wait: Wait) -> Wait {
        match (wait, self.context.timers.next_deadline()) {
            (Wait::Now, _) => Wait::Now,
            (wait, None) => wait,
            (Wait::Forever, Some(deadline)) => Wait::Until(deadline),
            (Wait::Until(at), Some(deadline)) => Wait::Until(at.min(deadline)),
        }
    }

    /// Busy-waits for mail, for as long as [`Builder::spin`](crate::Builder::spin) and the wait allow. `true` if some came.
    fn spin(&self, wait: &Wait) -> bool {
        if self.spin.is_zero() {
            return false;
        }
        let start = Instant::now();
        let limit = match wait {
            Wait::Until(at) => self.spin.min(at.saturating_duration_since(start)),
            Wait::Now | Wait::Forever => self.spin,
        };
        while start.elapsed() < limit {
            if self.inbox.is_notified() {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }

    /// Delivers what other threads have sent.
    #[inline]
    fn take_mail(&self) {
        if self.inbox.is_notified() {
            self.deliver();
        }
    }

    fn deliver(&self) {
        let mut notes = self.notes.take();
        self.inbox.take(&mut notes);
        self.context.counters.notes.add(notes.len());
        for note in notes.drain(..) {
            match note {
                Note::Wake(id) => {
                    log::trace!(target: "roundelay::wake", "task {id} is ready, woken from elsewhere");
                    self.context.scheduler.wake(id);
                }
                Note::Post(call) => {
                    log::trace!(target: "roundelay::wake", "runs a call that was posted");
                    quietly("a call posted through a Remote", call);
                }
            }
        }
        self.notes.replace(notes);
    }
}
