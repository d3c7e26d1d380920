//! One turn: rest if no task is ready, poll a batch, and look at the sockets and timers now and
//! then.
//!
//! [`EventLoop::turn`] is for a host that keeps the thread:
//!
//! ```text
//!   turn(timeout)
//!     |
//!     |-- no task is ready?    rest: announce the sleep, look for a note once more, and sleep
//!     |                        until a socket, a timer, a note or the timeout; then look
//!     v
//!     batch = the tasks that are ready now
//!     |
//!     |-- no rest, so no look yet?    look, without waiting: notes, sockets, due timers
//!     v
//!     poll the batch, oldest first <----.
//!     |        |  after each poll:      |
//!     |        |  a note? deliver it    |
//!     |        '- after 64 polls: look -'
//!     v
//!     return what was done: polls, timers, events, notes, and how many tasks are ready
//! ```
//!
//! # A turn in microseconds
//!
//! Two turns from a recording of `examples/05_offload.rs`. Task 1 wants to run every 5 ms. In the
//! fair turn the calls that block are on the pool, in the blocked turn task 0 makes such a call
//! itself.
//!
//! ```text
//!  fair
//!  us  0                             4,862     4,977      4,988       4,998
//!      |                             :         |          |           |
//!      |---------------- rest -----------------|-- look --|- task 1 --|-- rest ..
//!                                    :             '----------^
//!                task 1's timer is due             the timer wakes task 1, 115 us late
//!
//!  blocked
//!  us  0          1,066      1,071        4,996       102,417  102,422  102,427    102,430
//!      |          |          |            :           |        |        |          |
//!      |-- rest --|-- look --|-------- task 0 --------|- rest -|- look -|- task 1 -|-- rest ..
//!                     '----------^        :                        '--------^
//!                     a timer wakes       :                        the timer wakes
//!                     task 0              :                        task 1, 97,426 us late
//!                     task 1's timer is due: task 0 has the thread, and the loop cannot look
//! ```
//!
//! Each number is the begin of the part below it; the widths are not to scale. A turn is a rest, a
//! look and the polls. The second rest of the blocked lane does not sleep, since a timer is due.
//! The numbers are of one run on one machine, and each run has others. This command writes the
//! steps of your own run for Perfetto; a file name with another ending gives [another
//! form](mod@crate::record):
//!
//! ```text
//! ROUNDELAY_RECORD=steps.json cargo run --release --features record --example 05_offload
//! ```
//!
//! # Looks are not free
//!
//! The inbox costs a load. So the loop asks for notes after every poll, which halves the time until
//! a thread that wakes a busy loop is answered. The timers cost a reading of the clock (but only if
//! there is a timer), the sockets a system call (but only if there is a source). 64 polls share one
//! such look, or fewer where polls are long ([`pace`](super::pace)). *A lone task that yields pays
//! no system call for each yield*; nor does it hold up a socket for more than 64 polls. Guarded by
//! tests/scheduler/fairness.rs::the_loop_looks_after_its_budget_of_polls_whatever_its_tasks_do_and_not_sooner.

use std::io;
use std::time::Instant;

use super::shuffle::Order;
use super::{EventLoop, narrator};
use crate::context::Counters;
use crate::foreign;
use crate::inbox::{Call, Note};
use crate::reactor::Wait;
use crate::scheduler::{Observer, Ran, Scheduler, Unobserved};
use crate::task::{TaskId, waker};
use crate::time::LateTimers;

impl EventLoop {
    /// Waits if there is nothing to do.
    pub(super) fn rest(&self, wait: Wait) -> io::Result<()> {
        // A halt that an earlier run has left does not concern this one.
        self.context.scheduler.take_halt();
        self.allowance.pace.rests();
        match self.context.scheduler.ready_count() {
            0 if self.is_plain => self.park(wait, LateTimers::next_deadline),
            0 => self.rest_specially(wait),
            _ => Ok(()),
        }
    }

    /// The rest of a loop with virtual time or an observer. They have the code, so that other programs do not carry it.
    #[cold]
    #[inline(never)]
    fn rest_specially(&self, wait: Wait) -> io::Result<()> {
        match (&self.observation, self.virtual_time) {
            (Some(observation), _) => observation.rest(self, wait),
            (None, Some(virtual_time)) => virtual_time.rest(self, wait),
            (None, None) => Ok(()),
        }
    }

    /// [`park`](Self::park), out of line, for loops that need not be quick.
    #[inline(never)]
    pub(super) fn park_apart(
        &self,
        wait: Wait,
        alarm: fn(&LateTimers) -> Option<Instant>,
    ) -> io::Result<()> {
        self.park(wait, alarm)
    }

    /// How many tasks are ready now, shuffled if the loop shuffles.
    #[inline]
    pub(super) fn batch(&self) -> usize {
        if let Some(shuffle) = &self.shuffle {
            self.shuffle_by(&**shuffle);
        }
        self.context.scheduler.ready_count()
    }

    #[cold]
    #[inline(never)]
    fn shuffle_by(&self, shuffle: &dyn Order) {
        if let Some(observation) = &self.observation {
            observation.is_before_a_shuffle();
        }
        shuffle.shuffle(&self.context.scheduler);
    }

    /// The batch of a run. Without a shuffle it has no end: in a ring the border between two batches does not change the
    /// order.
    #[inline]
    pub(super) fn endless_batch(&self) -> usize {
        match self.shuffle {
            None => usize::MAX,
            Some(_) => self.batch(),
        }
    }

    /// Polls a batch, oldest first, until it is empty, no task is ready, or the scheduler halts.
    ///
    /// The bound: after `poll_budget` polls, even in the middle of a batch, the loop looks. So a due timer and a ready
    /// socket wait for at most `poll_budget` polls, [`NOTES_PER_LOOK`](super::allowance::NOTES_PER_LOOK) notes and one look.
    /// The notes are taken between polls.
    pub(super) fn work(&self, batch: usize) -> io::Result<()> {
        match &self.observation {
            None => self.work_observed_by(&Unobserved, batch),
            Some(observation) => observation.work(self, batch),
        }
    }

    #[inline]
    pub(super) fn work_observed_by(
        &self,
        observer: &impl Observer,
        mut batch: usize,
    ) -> io::Result<()> {
        let polls = &self.allowance.polls;
        let scheduler = &self.context.scheduler;
        while batch > 0 {
            if polls.get() == 0 && !self.allowance.prolong(|| scheduler.ready_count()) {
                observer.resumes();
                self.look()?;
                observer.has_looked();
            }
            let limit = batch.min(polls.get());
            observer.resumes();
            let ran = match foreign::is_traced(foreign::TASK) {
                false => self.run_tasks(scheduler, limit, observer),
                true => self.run_and_tell(limit, observer),
            };
            observer.rests();
            self.context.counters.polls.add(ran.polls);
            polls.set(polls.get() - ran.taken);
            if scheduler.take_halt() {
                break;
            }
            self.take_notes();
            if scheduler.ready_count() == 0 {
                break;
            }
            batch -= ran.taken;
        }
        Ok(())
    }

    /// Polls `limit` tasks at most, and returns earlier for a note that may be delivered.
    #[inline]
    pub(super) fn run_tasks(
        &self,
        scheduler: &Scheduler,
        limit: usize,
        observer: &impl Observer,
    ) -> Ran {
        let (may_deliver, is_notified) = (self.allowance.notes.get() > 0, self.inbox.notice());
        let has_note = || may_deliver && is_notified();
        scheduler.run(limit, waker::of, observer, has_note)
    }

    /// How many tasks are ready, plus the notes that were taken out of the inbox and are not delivered.
    pub(super) fn work_left(&self) -> usize {
        self.context.scheduler.ready_count() + self.inbox.waiting()
    }

    /// Looks at the sockets and timers without waiting.
    fn look(&self) -> io::Result<()> {
        let Counters {
            io_events, polls, ..
        } = &self.context.counters;
        let waits = || self.context.reactor.has_work() || self.context.timers.is_any_armed();
        if self.allowance.pace.looks() && waits() {
            self.allowance.pace.measure(polls.get(), Instant::now());
        }
        self.allowance.refill();
        self.context.probe.looks();
        self.take_notes();
        if self.context.reactor.has_work() {
            io_events.add(self.context.reactor.poll(Wait::Now)?);
        }
        self.expire();
        self.context.probe.has_looked();
        Ok(())
    }

    /// Waits until something happens, or until the time that `alarm` returns. *decide-then-do*: the log hears of the sleep
    /// first, and then no foreign code runs until the sleep is over, because the sink of the log may have woken a task or
    /// armed a timer. *inbox-before-park*: announce the sleep, then look for a note, then sleep.
    /// Guarded by tests/log_deeds.rs::whatever_a_sink_does_at_one_line_the_loop_goes_on_and_loses_nothing.
    // Inlined by force: this saves 14 of 1,100 instructions of a turn.
    #[inline(always)]
    pub(super) fn park(
        &self,
        wait: Wait,
        alarm: impl Fn(&LateTimers) -> Option<Instant>,
    ) -> io::Result<()> {
        let Counters {
            io_events, parks, ..
        } = &self.context.counters;
        self.allowance.refill();
        self.tell_of_the_wait(&wait);
        let wait = match self.work_left() {
            0 => self
                .give_back
                .before(wait, &self.context, &self.inbox)
                .at_most_until(alarm(&self.context.timers)),
            _ => Wait::Now,
        };
        let may_sleep = !matches!(wait, Wait::Now) && !self.stay_awake.watch(&wait, &self.inbox);
        let is_asleep = may_sleep && self.inbox.park();
        let wait = if is_asleep { wait } else { Wait::Now };
        parks.add(usize::from(is_asleep));
        match is_asleep {
            true => self.context.probe.parks(wait.end()),
            false => self.context.probe.looks(),
        }
        let polled = self.context.reactor.poll(wait);
        if is_asleep {
            self.inbox.unpark();
        }
        self.take_notes();
        io_events.add(polled?);
        self.expire();
        self.context.probe.has_looked();
        Ok(())
    }

    /// Fires due timers, in one look no more than there are polls until the next. So the ready queue, and with it the wait
    /// of a socket's task, does not grow with the number of due timers.
    fn expire(&self) {
        let fired = self.context.timers.expire(self.allowance.pace.most());
        self.context.counters.timers.add(fired);
        if fired > 1 {
            self.context.scheduler.prefetch(fired);
        }
    }

    /// Delivers notes from other threads, as many as are allowed before the next look.
    #[inline]
    fn take_notes(&self) {
        if self.inbox.is_notified() || self.inbox.waiting() > 0 {
            self.deliver();
        }
    }

    /// A note that comes during the delivery stays in the inbox, and a host is told of it.
    // Guarded by tests/event_loop/bounded_look.rs::a_timer_is_kept_although_two_threads_post_without_end
    #[inline(never)]
    fn deliver(&self) {
        let allowed = &self.allowance.notes;
        let count = self.inbox.take().min(allowed.get());
        allowed.set(allowed.get() - count);
        self.context.counters.notes.add(count);
        self.stay_awake.note();
        self.context.probe.because_of_threads();
        for _ in 0..count {
            let Some(note) = self.inbox.next() else { break };
            match note {
                Note::Wake(number) => {
                    let id = TaskId::from_bits(number).expect("no number of a task is zero");
                    self.context.scheduler.wake(id);
                    narrator::tell_of_the_wake(id);
                }
                Note::Post(call) => {
                    narrator::tell_of_the_post();
                    self.context.probe.runs_mail();
                    self.run_posted(call);
                }
            }
        }
        self.context.probe.because_of_nobody();
    }

    fn run_posted(&self, call: Call) {
        if let Some(observation) = &self.observation {
            observation.calls();
        }
        foreign::quietly(foreign::TASK, "a call posted through a Remote", call);
        if let Some(observation) = &self.observation {
            observation.has_called();
        }
    }
}
