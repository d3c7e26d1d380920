//! The pool: one mutex, one line of jobs, one stack of idle workers.
//!
//! # Who calls whom
//!
//! The loop's thread brings a job; some worker must come for it. Calling a worker costs a system call, so a thousand
//! jobs must not mean a thousand calls. The rule is a chain: **whoever sees a job waiting and nobody coming calls one
//! worker, and a worker that takes a job sees to the next.**
//!
//! ```text
//!   loop:      submit 1   submit 2   submit 3 ... submit 1000
//!                 |  call A (coming = A): the others see that somebody comes
//!                 v
//!   worker A:        look: takes 1, calls B ..... takes 3 ..... takes 4 ..
//!                                  |
//!   worker B:                      `--> look: takes 2, calls C .....
//! ```
//!
//! The loop pays for one call, the workers for the rest, and no more of them are called than there is work by the
//! time the last one arrives.
//!
//! Invariant *somebody-comes*: while jobs wait, a worker is coming, or every worker that can be had is busy and will
//! look when it is done. All hangs that pools are known for are breaches of it: a worker counted idle that was about
//! to leave, one counted as coming that the operating system refused. `State::call` is the only place that restores
//! it, and asserts it.

use std::io;
use std::panic::Location;
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::calls::{Calls, Rest};
use super::job::Job;
use super::line::{Line, Ticket, Waiting};
use crate::foreign::{self, Level};
use crate::shim::thread::{self, Thread};
use crate::shim::{Condvar, Instant, Mutex, MutexGuard};
use crate::task::error::JoinError;

/// How a loop's pool is set up. `Builder` fills it in.
#[derive(Clone, Debug)]
pub(crate) struct PoolConfig {
    /// The most threads that there are at once. With none, every job is refused.
    pub(crate) threads: usize,
    /// How many jobs may wait beyond those that run, before `try_offload` says that the pool is full.
    pub(crate) queue: usize,
    /// A worker that was idle for so long ends.
    pub(crate) keep_alive: Duration,
    /// The stack of a worker, in bytes; `None` leaves it to the standard library.
    pub(crate) stack_size: Option<usize>,
    /// The name of the loop, which becomes part of the workers' names.
    pub(crate) name: Option<String>,
    /// Starts a thread. Tests put a stub here that refuses.
    pub(crate) start: Start,
}

/// Something that starts a thread: [`start_thread`], outside tests.
pub(crate) type Start = fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<()>;

fn start_thread(builder: thread::Builder, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    builder.spawn(work).map(drop)
}

impl Default for PoolConfig {
    fn default() -> PoolConfig {
        PoolConfig {
            threads: 64,
            queue: usize::MAX,
            keep_alive: Duration::from_secs(10),
            stack_size: None,
            name: None,
            start: start_thread,
        }
    }
}

/// A loop's handle to its workers. Dropping it closes the pool.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

/// A job that was still running when the loop ended, as `Report` lists it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Running {
    /// The call of `offload`.
    pub location: &'static Location<'static>,
    /// For how long it has been running.
    pub elapsed: Duration,
    /// The name of the thread that runs it.
    pub thread: String,
}

impl std::fmt::Display for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Running {
            location,
            elapsed,
            thread,
        } = self;
        write!(
            f,
            "job offloaded at {location}, running for {elapsed:.1?} on thread '{thread}'"
        )
    }
}

impl Pool {
    /// No thread is started before there is a job.
    pub(crate) fn new(config: PoolConfig) -> Pool {
        let state = CachePadded::new(Mutex::new(State::default()));
        Pool {
            shared: Arc::new(Shared {
                config,
                calls: Calls::default(),
                state,
                empty: Condvar::new(),
            }),
        }
    }

    /// Puts a job into the line. A pool that is closed, or has no thread and gets none, fails the job at once.
    pub(crate) fn submit(&self, job: Arc<dyn Job>, at: &'static Location<'static>) -> Ticket {
        let line = format_args!("job offloaded at {at}");
        foreign::tell(Level::Trace, foreign::OFFLOAD, line);
        let mut state = self.shared.lock();
        if state.is_closed {
            let ticket = state.line.draw();
            drop(state);
            job.fail(JoinError::cancelled());
            return ticket;
        }
        let ticket = state.line.join(Waiting { job, at });
        let call = state.call(self.shared.config.threads);
        drop(state);
        self.shared.perform(call);
        ticket
    }

    /// Whether a further job would be within the bound.
    pub(crate) fn has_room(&self) -> bool {
        let bound = self
            .shared
            .config
            .threads
            .saturating_add(self.shared.config.queue);
        let state = self.shared.lock();
        state.line.len() + state.busy < bound
    }

    /// Takes a job out of the line, if it is still there. Its place goes to those who wait behind it.
    pub(crate) fn leave(&self, ticket: Ticket) {
        let left = self.shared.lock().line.leave(ticket);
        drop(left);
    }

    /// Ends the pool without waiting. The jobs that wait are dropped here and now, and their futures see
    /// `cancelled`; those that run go on, and their threads end after them. Closing twice is closing once.
    pub(crate) fn close(&self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        let waiting = state.line.dismiss();
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        for Idle { thread, .. } in idle {
            self.shared.calls.call(&thread);
        }
        for Waiting { job, .. } in waiting {
            job.fail(JoinError::cancelled());
        }
    }

    /// Closes the pool, and waits until all its threads are done, though at most for `grace`. Returns what runs
    /// even then.
    pub(crate) fn join(&self, grace: Duration) -> Vec<Running> {
        self.close();
        let shared = &*self.shared;
        let (state, _) = shared
            .empty
            .wait_timeout_while(shared.lock(), grace, |state| !state.workers.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        shared.running(&state)
    }
}

#[cfg(all(test, not(loom)))]
impl Pool {
    /// How many workers have nothing to do.
    pub(super) fn idle_count(&self) -> usize {
        self.shared.lock().idle.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

struct Shared {
    config: PoolConfig,
    calls: Calls,
    /// On cache lines of its own: the reference count beside it is touched by other threads.
    state: CachePadded<Mutex<State>>,
    /// Notified when the last worker of a closed pool has left.
    empty: Condvar,
}

#[derive(Default)]
struct State {
    line: Line,
    /// All threads, from the decision to start one to its end.
    workers: Slab<Worker>,
    /// Those who have nothing to do. The last to come is the first to be called: its caches are warm, and those at
    /// the bottom are left alone until their time is over.
    idle: Vec<Idle>,
    /// How many of the workers run a job.
    busy: usize,
    /// The worker that was called or started, and has not looked at the line yet.
    coming: Option<usize>,
    /// The operating system refused the last thread that was asked of it.
    is_refused: bool,
    is_closed: bool,
}

#[derive(Default)]
struct Worker {
    job: Option<(&'static Location<'static>, Instant)>,
}

struct Idle {
    worker: usize,
    thread: Thread,
}

/// What has to be done, after the lock is released, so that somebody comes.
#[must_use]
enum Call {
    /// Somebody comes already, or all are busy, or nobody is needed.
    Nobody,
    Unpark(Thread),
    Start(usize),
    /// There is no worker, and none may be started: these jobs would wait for ever.
    Refuse(Vec<Waiting>),
}

impl State {
    /// Restores *somebody-comes*. At most `threads` workers may exist afterwards.
    fn call(&mut self, threads: usize) -> Call {
        self.check();
        if self.line.is_empty() || self.coming.is_some() {
            return Call::Nobody;
        }
        if let Some(Idle { worker, thread }) = self.idle.pop() {
            self.coming = Some(worker);
            return Call::Unpark(thread);
        }
        if self.workers.len() < threads {
            let worker = self.workers.insert(Worker::default());
            self.coming = Some(worker);
            return Call::Start(worker);
        }
        if self.workers.is_empty() {
            return Call::Refuse(self.line.dismiss());
        }
        debug_assert_eq!(self.busy, self.workers.len(), "somebody-comes");
        Call::Nobody
    }

    /// The operating system gave no thread for `worker`. Those who exist will have to do.
    fn refused(&mut self, worker: usize) -> Call {
        self.workers.remove(worker);
        self.coming = None;
        self.is_refused = true;
        // A worker may have gone idle meanwhile, and have been passed over because another one was coming.
        // Guarded by tests::a_refused_start_calls_the_worker_that_went_idle_meanwhile.
        self.call(0)
    }

    /// A worker has come to look, for whatever reason: called, started, done with a job, or its sleep was over.
    fn arrive(&mut self, worker: usize) {
        if self.coming == Some(worker) {
            self.coming = None;
        }
        if self.workers[worker].job.take().is_some() {
            self.busy -= 1;
        }
    }

    /// Enters a worker among the idle. One that is there already, and only turned over in its sleep, keeps its place.
    fn lie_down(&mut self, worker: usize, thread: &Thread) {
        if self.place_of(worker).is_none() {
            let thread = thread.clone();
            self.idle.push(Idle { worker, thread });
        }
    }

    /// Takes a worker that is going to work, or to leave, from the idle, if it is there: nobody may call it now.
    fn get_up(&mut self, worker: usize) {
        if let Some(place) = self.place_of(worker) {
            self.idle.remove(place);
        }
    }

    /// Each worker is idle, busy, or coming, and in one of these places only.
    fn check(&self) {
        let known = self.idle.len() + self.busy + usize::from(self.coming.is_some());
        debug_assert!(
            known == self.workers.len() || self.is_closed,
            "a worker is lost, or listed twice"
        );
    }

    fn place_of(&self, worker: usize) -> Option<usize> {
        self.idle.iter().rposition(|idle| idle.worker == worker)
    }
}

/// What a worker is to do next.
enum Next {
    /// Run this job, after the call.
    Run(Arc<dyn Job>, Call),
    /// Sleep, for so long at most. It is in the stack of the idle now; there had been so many calls when it lay down.
    Park(Duration, usize),
    /// End. It is no longer known to the pool.
    Leave,
}

impl Shared {
    /// No user code runs under this lock, so nothing can poison it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what `State::call` asked for.
    fn perform(self: &Arc<Shared>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Unpark(thread) => self.calls.call(&thread),
            Call::Start(worker) => self.start(worker),
            Call::Refuse(jobs) => refuse(jobs, &none_allowed()),
        }
    }

    fn start(self: &Arc<Shared>, worker: usize) {
        let mut builder = thread::Builder::new().name(self.thread_name(worker));
        if let Some(bytes) = self.config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let shared = self.clone();
        let start = self.config.start;
        if let Err(error) = start(builder, Box::new(move || shared.work(worker))) {
            self.refused(worker, &error);
        }
    }

    /// Nothing here starts another thread, so a refusal is the end of the matter and not the start of a loop.
    fn refused(&self, worker: usize, error: &io::Error) {
        let mut state = self.lock();
        let is_news = !state.is_refused;
        let call = state.refused(worker);
        let workers = state.workers.len();
        drop(state);
        match call {
            Call::Unpark(thread) => self.calls.call(&thread),
            Call::Refuse(jobs) => refuse(jobs, error),
            Call::Nobody | Call::Start(_) => {}
        }
        if is_news {
            let line = format_args!(
                "the operating system refused a thread ({error}); going on with {workers}"
            );
            foreign::tell(Level::Warn, foreign::OFFLOAD, line);
        }
    }

    /// The life of a worker.
    ///
    /// A worker looks for its next job *before* it announces the last one. So a task that offloads one job after the
    /// other finds the worker of the last job idle, not busy with its farewell, and one thread serves them all. In the
    /// order that comes to mind first, now and then a job would start or wake another thread.
    fn work(self: Arc<Shared>, me: usize) {
        let thread = thread::current();
        let mut rest = Rest::default();
        let mut done: Option<Arc<dyn Job>> = None;
        self.lock().is_refused = false;
        narrate(&thread, "started");
        loop {
            let next = self.look(me, &thread, &mut rest);
            let has_woken = done.take().is_some_and(|job| wake(job.announce()));
            match next {
                Next::Run(job, call) => {
                    self.perform(call);
                    job.run();
                    done = Some(job);
                }
                // The waker was foreign code. It may have parked, and so have eaten the token of our own call.
                // Guarded by tests::a_waker_that_parks_does_not_eat_a_call.
                Next::Park(..) if has_woken => {}
                Next::Park(time, calls) => {
                    if rest.was_brief {
                        self.calls.stay_awake(calls);
                    }
                    thread::park_timeout(time);
                }
                Next::Leave => break,
            }
        }
        narrate(&thread, "let go");
    }

    fn look(&self, me: usize, thread: &Thread, rest: &mut Rest) -> Next {
        let now = Instant::now();
        let mut state = self.lock();
        state.arrive(me);
        if let Some(Waiting { job, at }) = state.line.serve() {
            if rest.end(now) {
                state.get_up(me);
            }
            state.workers[me].job = Some((at, now));
            state.busy += 1;
            // After a refusal only a new job asks the operating system again: no worker does so job after job.
            let threads = if state.is_refused {
                0
            } else {
                self.config.threads
            };
            return Next::Run(job, state.call(threads));
        }
        let idle = rest.go_on(now);
        if state.is_closed || idle >= self.config.keep_alive {
            state.get_up(me);
            state.workers.remove(me);
            if state.workers.is_empty() && state.is_closed {
                self.empty.notify_all();
            }
            return Next::Leave;
        }
        state.lie_down(me, thread);
        state.check();
        Next::Park(self.config.keep_alive - idle, self.calls.count())
    }

    fn running(&self, state: &State) -> Vec<Running> {
        let running = state.workers.iter().filter_map(|(worker, it)| {
            let (location, since) = it.job?;
            Some(Running {
                location,
                elapsed: since.elapsed(),
                thread: self.thread_name(worker),
            })
        });
        running.collect()
    }

    /// Linux shows fifteen bytes of a thread's name, so the number, which tells two workers apart, comes first.
    fn thread_name(&self, worker: usize) -> String {
        match &self.config.name {
            Some(name) => format!("offload-{worker}-{name}"),
            None => format!("offload-{worker}"),
        }
    }
}

/// Wakes whoever waits for a job that is done. Says whether there was somebody.
fn wake(waker: Option<Waker>) -> bool {
    let Some(waker) = waker else { return false };
    foreign::wake(waker, "a job");
    true
}

/// Fails jobs that no thread will ever run. An `io::Error` cannot be cloned, so each gets one of its own.
fn refuse(jobs: Vec<Waiting>, error: &io::Error) {
    for Waiting { job, .. } in jobs {
        let error = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        job.fail(JoinError::refused(error));
    }
}

fn none_allowed() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the loop was built with offload_threads(0)",
    )
}

/// A line in the story of a worker.
fn narrate(thread: &Thread, what: &str) {
    let name = thread.name().unwrap_or_default();
    let line = format_args!("thread '{name}' {what}");
    foreign::tell(Level::Trace, foreign::OFFLOAD, line);
}
