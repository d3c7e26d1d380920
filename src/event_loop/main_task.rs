//! The main task: the future of [`run`](EventLoop::run), which may borrow.
//!
//! [`EventLoop::run`] keeps the thread until its future has finished:
//!
//! ```text
//!   run(main)
//!     |  main is lent to a task, which is spawned like any other
//!     v
//!  .->no task is ready?   rest, as in `turn`, without a timeout
//!  |  |
//!  |  v
//!  |  poll tasks, oldest first, across all batches <---.
//!  |  |        |  after each poll:                     |
//!  |  |        |  a note? deliver it                   |
//!  |  |        '- after 64 polls: look ----------------'
//!  |  |
//!  |  |-- the queue is empty ---.
//!  '----------------------------'
//!     |-- main has finished: at this very poll, return its output; the other tasks stay
//!     v
//! ```
//!
//! # The loan
//!
//! The main future is a task like any other: it waits in the ready queue for its turn, and its
//! yields mean what a task's yields mean. But a task's future is `'static`, and the main future
//! borrows from the caller of `run`. So `run` [lends](lend) it:
//!
//! ```text
//!   run(main)                         main lies on the stack of `run`, pinned
//!     '-- lend --> stand-in           owns nothing; polls `main` until `lend` returns
//!           '-- spawn                 the stand-in is the future of an ordinary task
//!                 '-- turn, turn, turn ...
//!                       the task is polled --> poll_main --> main.poll
//!                                     Ready: keep the output, drop `main`, halt the scheduler
//! ```
//!
//! However the run ends, the loan ends with it: the task is dropped before `drive` returns
//! ([`DropNow`]), and `lend` breaks the stand-in, so that a stand-in that somehow survived would
//! poll nothing.
//!
//! # Panics
//!
//! A panic of the main future is caught by its cell, as any task's, and raised again by `run`. What
//! is left of the future is dropped in between, because its destructor may panic as well, and a
//! panic during unwinding aborts the process.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{Location, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::EventLoop;
use super::at_work::AtWork;
use crate::context::Entered;
use crate::foreign::{self, Payload};
use crate::pinned::{Lent, Loan, lend};
use crate::reactor::Wait;
use crate::record::Probe;
use crate::scheduler::Scheduler;
use crate::task::output::is_err;
use crate::task::{JoinError, JoinHandle};

impl EventLoop {
    pub(super) fn run_main<F: Future>(
        &self,
        main: F,
        location: &'static Location<'static>,
    ) -> F::Output {
        let _entered = Entered::new(Rc::clone(&self.context));
        self.run_lent(main, |main| self.drive(main, location))
    }

    /// Lends `main` to `drive`, which returns when the task that polls it has ended.
    pub(super) fn run_lent<F: Future>(
        &self,
        main: F,
        drive: impl FnOnce(Loan) -> Result<(), Payload>,
    ) -> F::Output {
        let (mut main, mut output) = (pin!(Some(main)), None);
        let polls = pin!(poll_fn(|cx| {
            let scheduler = &self.context.scheduler;
            let result = ready!(poll_main(main.as_mut(), scheduler, cx));
            let is_err = Probe::EXISTS && is_err(&result);
            output = Some(result);
            // At once, before anything else runs.
            main.set(None);
            Poll::Ready(if is_err { Err(()) } else { Ok(()) })
        }));
        let ended = lend(polls, drive);
        if let Err(panic) = ended {
            // A guest has left its loop by now.
            let _entered = Entered::new(Rc::clone(&self.context));
            // The first panic is the one that counts.
            let what = "the destructor of the main future";
            foreign::quietly(foreign::TASK, what, || main.set(None));
            self.tell_seed();
            resume_unwind(panic);
        }
        output.expect("the main future has finished")
    }

    /// Turns until the main task has finished, by a value or by a panic, or until a task's panic ends the run.
    fn drive(&self, main: Loan, location: &'static Location<'static>) -> Result<(), Payload> {
        let scheduler = Rc::clone(&self.context.scheduler);
        let mut main = DropNow(JoinHandle::new(scheduler, main, (), location));
        let _at_work = AtWork::begin(&self.inbox);
        if let Some(observation) = &self.observation {
            observation.is_called();
        }
        loop {
            let before = self.metrics();
            let rested = self.rest(Wait::Forever);
            if let Err(error) = rested.and_then(|()| self.work(self.endless_batch())) {
                let name = &self.name;
                panic!("the event loop '{name}' cannot poll the operating system: {error}");
            }
            self.sum_up(before);
            // The output is taken even if a panic ends the run, so that a panic of the main task itself is not reported as
            // unread.
            let result = main.take_output();
            if let Some(panic) = self.context.scheduler.take_panic() {
                return Err(panic);
            }
            if let Some(result) = result {
                // Not `into_panic`, whose message for other errors no program needs here.
                return result.map_err(|mut error| {
                    error.take_payload().expect("only a panic ends it early")
                });
            }
        }
    }
}

/// Polls the main future. When it has finished, or panics, the scheduler is told to return.
fn poll_main<F: Future>(
    mut main: Pin<&mut Option<F>>,
    scheduler: &Scheduler,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let halt = HaltOnDrop(scheduler);
    let main = main.as_mut().as_pin_mut();
    let polled = main.expect("polled until it is ready").poll(cx);
    if polled.is_pending() {
        mem::forget(halt);
    }
    polled
}

struct HaltOnDrop<'a>(&'a Scheduler);

impl Drop for HaltOnDrop<'_> {
    fn drop(&mut self) {
        self.0.halt();
    }
}

/// Drops the main task at the end of its `run`, even if `run` unwinds.
pub(super) struct DropNow(pub(super) JoinHandle<Lent>);

impl DropNow {
    pub(super) fn take_output(&mut self) -> Option<Result<(), JoinError>> {
        let result = self.0.take_output()?;
        Some(result.map(|_told_to_the_recorder| ()))
    }
}

impl Drop for DropNow {
    fn drop(&mut self) {
        self.0.drop_now();
    }
}
