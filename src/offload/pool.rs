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
use std::time::Duration;

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::calls::Calls;
use super::job::Job;
use super::line::{Line, Ticket, Waiting};
use super::worker;
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

    /// How many workers are counted.
    pub(super) fn worker_count(&self) -> usize {
        self.shared.lock().workers.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

pub(super) struct Shared {
    pub(super) config: PoolConfig,
    pub(super) calls: Calls,
    /// On cache lines of its own: the reference count beside it is touched by other threads.
    state: CachePadded<Mutex<State>>,
    /// Notified when the last worker of a closed pool has left.
    empty: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) line: Line,
    /// All threads, from the decision to start one to its end.
    pub(super) workers: Slab<Worker>,
    /// Those who have nothing to do. The last to come is the first to be called: its caches are warm, and those at
    /// the bottom are left alone until their time is over.
    idle: Vec<Idle>,
    /// How many of the workers run a job.
    pub(super) busy: usize,
    /// The worker that was called or started, and has not looked at the line yet.
    coming: Option<usize>,
    /// The operating system refused the last thread that was asked of it.
    pub(super) is_refused: bool,
    pub(super) is_closed: bool,
}

#[derive(Default)]
pub(super) struct Worker {
    pub(super) job: Option<(&'static Location<'static>, Instant)>,
}

struct Idle {
    worker: usize,
    thread: Thread,
}

/// What has to be done, after the lock is released, so that somebody comes.
#[must_use]
pub(super) enum Call {
    /// Somebody comes already, or all are busy, or nobody is needed.
    Nobody,
    Unpark(Thread),
    Start(usize),
    /// There is no worker, and none may be started: these jobs would wait for ever.
    Refuse(Vec<Waiting>),
}

impl State {
    /// Restores *somebody-comes*. At most `threads` workers may exist afterwards.
    pub(super) fn call(&mut self, threads: usize) -> Call {
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
    pub(super) fn arrive(&mut self, worker: usize) {
        if self.coming == Some(worker) {
            self.coming = None;
        }
        if self.workers[worker].job.take().is_some() {
            self.busy -= 1;
        }
    }

    /// Enters a worker among the idle. One that is there already, and only turned over in its sleep, keeps its place.
    pub(super) fn lie_down(&mut self, worker: usize, thread: &Thread) {
        if self.place_of(worker).is_none() {
            let thread = thread.clone();
            self.idle.push(Idle { worker, thread });
        }
    }

    /// Takes a worker that is going to work, or to leave, from the idle, if it is there: nobody may call it now.
    pub(super) fn get_up(&mut self, worker: usize) {
        if let Some(place) = self.place_of(worker) {
            self.idle.remove(place);
        }
    }

    /// Each worker is idle, busy, or coming, and in one of these places only.
    pub(super) fn check(&self) {
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

impl Shared {
    /// No user code runs under this lock, so nothing can poison it.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what `State::call` asked for.
    pub(super) fn perform(self: &Arc<Shared>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Unpark(thread) => self.calls.call(&thread),
            Call::Start(worker) => {
                if let Err(error) = worker::start(self, worker) {
                    self.refused(worker, &error);
                }
            }
            Call::Refuse(jobs) => refuse(jobs, &none_allowed()),
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

    /// Removes a worker that is going to end from the count, wherever it stands.
    pub(super) fn strike_off(&self, state: &mut State, worker: usize) {
        state.get_up(worker);
        state.workers.remove(worker);
        if state.workers.is_empty() && state.is_closed {
            self.empty.notify_all();
        }
    }

    /// A worker died, of whatever it was. Its place goes to another. If it was coming, the job that it was to take is given
    /// back, to be failed: would each death leave the line as it was, a pool whose workers die at once would start one thread
    /// after the other, for ever.
    pub(super) fn bereave(&self, worker: usize) -> (Option<Waiting>, Call) {
        let mut state = self.lock();
        let was_coming = state.coming == Some(worker);
        state.arrive(worker);
        self.strike_off(&mut state, worker);
        let meant_for_it = if was_coming { state.line.serve() } else { None };
        (meant_for_it, state.call(self.config.threads))
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
    pub(super) fn thread_name(&self, worker: usize) -> String {
        match &self.config.name {
            Some(name) => format!("offload-{worker}-{name}"),
            None => format!("offload-{worker}"),
        }
    }
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
