//! One trip round the loop: park if nobody is ready, poll a batch, and look at the rest of the world now and then.

use std::io;
use std::time::Instant;

use super::{EventLoop, Turn, report};
use crate::context::Counters;
use crate::foreign::{self, Level};
use crate::reactor::Wait;
use crate::scheduler::inbox::Note;
use crate::task::waker;

/// How many notes from other threads are delivered between two looks: *bounded-look*. A posted call is foreign code that may
/// take as long as a poll, so there may be as many of them.
const NOTES_PER_LOOK: usize = 64;

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
    /// the middle of a batch if need be, comes a look. So a due timer and a ready socket wait for at most `poll_budget` polls,
    /// [`NOTES_PER_LOOK`] notes and one look. The mail is taken between two polls.
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
            let may_deliver = self.notes_left.get() > 0;
            let has_mail = || may_deliver && door.has_mail();
            let ran = match foreign::is_traced(foreign::TASK) {
                false => scheduler.run(slice, waker::of, has_mail),
                true => scheduler.run_and_tell(slice, waker::of, has_mail),
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
        let turn = Turn::between(before, self.metrics(), self.work_left());
        let line = format_args!("{}: {turn}", self.name);
        foreign::tell(Level::Trace, foreign::TURN, line);
        Ok(turn)
    }

    /// How many tasks are ready, and notes taken out of the inbox and not delivered yet.
    pub(super) fn work_left(&self) -> usize {
        self.context.scheduler.ready_count() + self.notes_behind.get()
    }

    /// A look is due: what may be done until the next one is counted anew.
    fn refill(&self) {
        self.polls_left.set(self.poll_budget);
        self.notes_left.set(NOTES_PER_LOOK);
    }

    /// Sees whether something has happened, without waiting for it.
    fn look(&self) -> io::Result<()> {
        let Counters { io_events, .. } = &self.context.counters;
        self.refill();
        self.take_mail();
        if self.context.reactor.has_work() {
            io_events.add(self.context.reactor.poll(Wait::Now)?);
        }
        self.expire();
        Ok(())
    }

    /// Waits until something happens. *decide-then-do*: the log hears of the sleep first, and then nothing foreign runs until
    /// it is over; for the sink of the log may have woken a task, or armed a timer. *inbox-before-park*: announce the sleep,
    /// then look for mail, then sleep.
    /// Guarded by tests/log_deeds.rs::whatever_a_sink_does_at_one_line_the_loop_goes_on_and_loses_nothing.
    fn park(&self, wait: Wait) -> io::Result<()> {
        let Counters {
            io_events, parks, ..
        } = &self.context.counters;
        self.refill();
        self.tell_of_the_wait(&wait);
        let wait = match self.work_left() {
            0 => self.sooner(wait),
            _ => Wait::Now,
        };
        let may_sleep = !matches!(wait, Wait::Now) && !self.spin(&wait);
        let is_asleep = may_sleep && self.inbox.park();
        let wait = if is_asleep { wait } else { Wait::Now };
        parks.add(usize::from(is_asleep));
        let polled = self.context.reactor.poll(wait);
        if is_asleep {
            self.inbox.unpark();
        }
        self.take_mail();
        io_events.add(polled?);
        self.expire();
        Ok(())
    }

    #[inline(always)]
    fn tell_of_the_wait(&self, wait: &Wait) {
        if foreign::is_traced(foreign::TURN) {
            self.tell_wait(wait);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_wait(&self, wait: &Wait) {
        let told = report::told(&self.sooner(*wait));
        let line = format_args!("{}: nothing is ready; {told}", self.name);
        foreign::tell(Level::Trace, foreign::TURN, line);
    }

    /// Wakes the tasks whose time has come: in one look no more than are polled before the next, so that the ready queue,
    /// and with it the wait of a socket's task, does not grow with the number of timers that are due.
    fn expire(&self) {
        let fired = self.context.timers.expire(self.poll_budget);
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

    /// Delivers what other threads have sent, as much of it as may come before the next look.
    #[inline(always)]
    fn take_mail(&self) {
        if self.inbox.is_notified() || self.notes_behind.get() > 0 {
            self.deliver();
        }
    }

    /// What comes during the delivery stays in the inbox, and is announced to a host.
    // Guarded by tests/event_loop/bounded_look.rs::a_timer_is_kept_although_two_threads_post_without_end
    #[inline(never)]
    fn deliver(&self) {
        let mut notes = self.notes.take();
        if notes.is_empty() {
            self.inbox.take(&mut notes);
        }
        let count = notes.len().min(self.notes_left.get());
        self.notes_left.set(self.notes_left.get() - count);
        self.context.counters.notes.add(count);
        for _ in 0..count {
            let Some(note) = notes.pop_front() else { break };
            match note {
                Note::Wake(id) => {
                    self.context.scheduler.wake(id);
                    let line = format_args!("task {id} is ready, woken from elsewhere");
                    foreign::tell(Level::Trace, foreign::WAKE, line);
                }
                Note::Post(call) => {
                    self.inbox.delivered_post();
                    foreign::tell(Level::Trace, foreign::WAKE, "runs a call that was posted");
                    foreign::quietly(foreign::TASK, "a call posted through a Remote", call);
                }
            }
        }
        self.notes_behind.set(notes.len());
        self.notes.replace(notes);
    }
}
