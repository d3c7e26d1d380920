//! One thread of the pool, from its start to its end.
//!
//! # A worker that dies
//!
//! Panics of closures, wakers and the log are caught (`foreign.rs`), so none unwinds through this
//! file. Other code may still panic: a hook for failed allocations, a debug assertion, a mistake in
//! this crate. If the thread only ended, three things would be lost: its job, whose future then
//! never resolves; its number, for which [`Pool::join`](super::pool::Pool::join) waits for ever;
//! and perhaps the call of the next worker. So the work that a worker has taken and not done stands
//! in a field, not in a local variable, and the last frame of the thread settles it.

use std::io;
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::calls::Rest;
use super::job::Job;
use super::line::{Line, Waiting};
use super::shared::{Call, Shared, start_thread};
use crate::fault;
use crate::foreign::{self, Level, Payload};
use crate::shim::Instant;
use crate::shim::thread::{self, Thread};
use crate::task::error::JoinError;

/// Makes the call that `State::call` asked for.
#[inline]
pub(super) fn perform(shared: &Arc<Shared>, call: Call) {
    match call {
        Call::Nobody => {}
        Call::Unpark(thread) => shared.calls.call(&thread),
        Call::Start(worker) => {
            if let Err(error) = start(shared, worker) {
                refused(shared, worker, &error);
            }
        }
        Call::Refuse(jobs) => refuse(jobs, &none_allowed()),
    }
}

/// Fails the jobs that no thread will run. Starts no other thread, so a refusal cannot repeat itself.
#[inline]
fn refused(shared: &Shared, worker: usize, error: &io::Error) {
    let mut state = shared.lock();
    let is_news = !state.is_refused;
    let call = state.refused(worker);
    let workers = state.workers.len();
    drop(state);
    match call {
        Call::Unpark(thread) => shared.calls.call(&thread),
        Call::Refuse(jobs) => refuse(jobs, error),
        Call::Nobody | Call::Start(_) => {}
    }
    if is_news {
        foreign::tell(
            Level::Warn,
            foreign::OFFLOAD,
            format_args!(
                "the operating system refused a thread ({error}); going on with {workers}"
            ),
        );
    }
}

/// Starts a thread for the worker `me`, which is already counted.
///
/// # Errors
///
/// The operating system gave no thread. A panic of the start counts as an error too: the pool expects this worker.
#[inline]
fn start(shared: &Arc<Shared>, me: usize) -> io::Result<()> {
    let started = foreign::catch(|| {
        let mut builder = thread::Builder::new().name(shared.thread_name(me));
        if let Some(bytes) = shared.config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let worker = Worker::new(shared, me);
        let heir = fault::heir();
        let life = move || {
            heir.enter();
            worker.live();
        };
        fault::at(fault::Call::Start)?;
        let start = shared.config.start.unwrap_or(start_thread);
        start(builder, Box::new(life))
    });
    started.unwrap_or_else(|payload| {
        let error = io::Error::other(format!("starting a thread panicked: {}", text(&payload)));
        foreign::bury_payload(payload);
        Err(error)
    })
}

/// Fails jobs that no thread will run. An `io::Error` cannot be cloned, so each job gets a new one.
#[inline]
fn refuse(mut jobs: Line, error: &io::Error) {
    while let Some((_, Waiting { job, .. })) = jobs.serve() {
        let error = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        job.fail(JoinError::refused(error));
    }
}

#[inline]
fn none_allowed() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the loop was built with offload_threads(0)",
    )
}

struct Worker {
    shared: Arc<Shared>,
    me: usize,
    rest: Rest,
    /// The job that the worker is about to run, or runs.
    job: Option<Arc<dyn Job>>,
    /// The job that has run and is not yet announced.
    done: Option<Arc<dyn Job>>,
    /// The call that the worker must make for *somebody-comes*.
    call: Call,
    /// The pool has forgotten this worker. Another worker may have its number.
    has_left: bool,
}

/// What a worker is to do next.
enum Next {
    /// Run the job, after the call.
    Run,
    /// Sleep, for at most this long. The worker is in the idle stack. The count is that of the calls when it lay down.
    Park(Duration, usize),
    /// End. The pool has forgotten the worker.
    Leave,
}

impl Worker {
    #[inline]
    fn new(shared: &Arc<Shared>, me: usize) -> Worker {
        Worker {
            shared: Arc::clone(shared),
            me,
            rest: Rest::default(),
            job: None,
            done: None,
            call: Call::Nobody,
            has_left: false,
        }
    }

    #[inline]
    fn live(mut self) {
        let thread = thread::current();
        if let Err(payload) = foreign::catch(|| self.work(&thread)) {
            self.die(&thread, payload);
        }
    }

    /// The life of a worker.
    ///
    /// A worker looks for its next job *before* it announces the last one. So a task that offloads one job after the
    /// other finds this worker idle, and one thread serves all its jobs. If the worker announced first, some of these
    /// jobs would start or wake another thread.
    #[inline]
    fn work(&mut self, thread: &Thread) {
        self.shared.lock().is_refused = false;
        narrate(thread, "started");
        loop {
            step();
            let next = self.find_work(thread);
            let has_woken = self.done.as_ref().is_some_and(|job| wake(job.announce()));
            self.done = None;
            match next {
                Next::Run => self.run(),
                // The waker was foreign code. If it has parked, it has taken the token of a call to this worker.
                // Guarded by tests::a_waker_that_parks_does_not_eat_a_call.
                Next::Park(..) if has_woken => {}
                Next::Park(time, calls) => {
                    if self.rest.was_brief {
                        self.shared.calls.stay_awake(calls);
                    }
                    thread::park_timeout(time);
                }
                Next::Leave => break,
            }
        }
        narrate(thread, "let go");
    }

    #[inline]
    fn run(&mut self) {
        let call = mem::replace(&mut self.call, Call::Nobody);
        perform(&self.shared, call);
        step();
        if let Some(job) = &self.job {
            job.run();
        }
        step();
        self.done = self.job.take();
    }

    #[inline]
    fn find_work(&mut self, thread: &Thread) -> Next {
        let now = Instant::now();
        let mut state = self.shared.lock();
        if let Some((ticket, _, begun)) = state.workers[self.me].job {
            state.log.is_done(ticket.number(), self.me, begun, now);
        }
        state.arrive(self.me);
        if let Some((ticket, Waiting { job, at })) = state.line.serve() {
            self.job = Some(job);
            step();
            if self.rest.end(now) {
                state.get_up(self.me);
            }
            state.workers[self.me].job = Some((ticket, at, now));
            state.busy += 1;
            // After a refusal only a new job asks the operating system again; workers do not.
            let threads = if state.is_refused {
                0
            } else {
                self.shared.config.threads
            };
            self.call = state.call(threads);
            step();
            return Next::Run;
        }
        let keep_alive = self.shared.config.keep_alive;
        let idle = self.rest.go_on(now);
        if state.is_closed || idle >= keep_alive {
            self.has_left = true;
            self.shared.strike_off(&mut state, self.me);
            return Next::Leave;
        }
        state.lie_down(self.me, thread);
        state.check();
        Next::Park(keep_alive - idle, self.shared.calls.count())
    }

    /// Settles the state of a worker that unwound: its place, its jobs, its calls.
    // Guarded by tests::a_worker_that_dies_answers_its_job_and_makes_room_for_another
    #[cold]
    #[inline]
    fn die(mut self, thread: &Thread, payload: Payload) {
        let cause = text(&payload).to_owned();
        foreign::bury_payload(payload);
        let made = mem::replace(&mut self.call, Call::Nobody);
        let (mut meant_for_it, mut needed) = (None, Call::Nobody);
        if !self.has_left {
            // The code that panicked may panic here again. The jobs get their answers even then.
            match foreign::catch(|| self.shared.bereave(self.me)) {
                Ok(settled) => (meant_for_it, needed) = settled,
                Err(payload) => foreign::bury_payload(payload),
            }
        }
        perform(&self.shared, made);
        perform(&self.shared, needed);
        let meant_for_it = meant_for_it.take().map(|waiting| waiting.job);
        for job in [self.done.take(), self.job.take(), meant_for_it] {
            let Some(job) = job else { continue };
            let told = format!("the thread that was to run it died: {cause}");
            job.fail(JoinError::panicked(Box::new(told)));
            // A result that is already there is not lost.
            wake(job.announce());
        }
        let name = thread.name().unwrap_or_default();
        foreign::tell(
            Level::Error,
            foreign::OFFLOAD,
            format_args!("thread '{name}' died: {cause}"),
        );
    }
}

/// A step at which tests make the worker unwind.
#[inline(always)]
fn step() {
    fault::at(fault::Call::Work).expect("a step fails by unwinding only");
}

#[inline]
fn text(payload: &Payload) -> &str {
    foreign::message(payload.as_ref()).unwrap_or("of a panic that is no text")
}

/// Wakes the task that waits for a finished job. Returns whether there was one.
#[inline]
fn wake(waker: Option<Waker>) -> bool {
    let Some(waker) = waker else { return false };
    foreign::wake(waker, "a job");
    true
}

/// Logs what a worker does.
#[inline]
fn narrate(thread: &Thread, what: &str) {
    let name = thread.name().unwrap_or_default();
    foreign::tell(
        Level::Trace,
        foreign::OFFLOAD,
        format_args!("thread '{name}' {what}"),
    );
}
