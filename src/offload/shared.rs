//! The state that a pool and its workers share: the line of jobs, and the lists of idle, busy and
//! coming workers.

use std::io;
use std::panic::Location;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::awaited::JobState;
use super::calls::Calls;
use super::line::{Line, Ticket, Waiting};
use crate::record::JobLog;
use crate::shim::thread::{self, Thread};
use crate::shim::{Condvar, Instant, Mutex, MutexGuard, lock};

/// The configuration of a loop's pool. `Builder` fills it in.
#[derive(Clone, Debug)]
pub(crate) struct PoolConfig {
    /// The largest number of threads. With zero, every job is refused.
    pub(crate) threads: usize,
    /// How many jobs may wait, besides the running ones, before `try_offload` says that the pool is full.
    pub(crate) queue: usize,
    /// A worker that was idle for this long ends.
    pub(crate) keep_alive: Duration,
    /// The stack of a worker, in bytes. `None`: the default of the standard library.
    pub(crate) stack_size: Option<usize>,
    /// The name of the loop, which becomes part of the workers' names.
    pub(crate) name: Option<String>,
    /// How tests start a thread. `None`: [`start_thread`], which a program without jobs then does not contain.
    pub(crate) start: Option<Start>,
}

pub(crate) type Start = fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<()>;

#[inline]
pub(super) fn start_thread(
    builder: thread::Builder,
    work: Box<dyn FnOnce() + Send>,
) -> io::Result<()> {
    builder.spawn(work).map(drop)
}

impl Default for PoolConfig {
    #[inline]
    fn default() -> PoolConfig {
        PoolConfig {
            threads: 64,
            queue: usize::MAX,
            keep_alive: Duration::from_secs(10),
            stack_size: None,
            name: None,
            start: None,
        }
    }
}

/// A job that was still running when the loop ended, as `Report` lists it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Running {
    /// The line that called `offload`.
    pub location: &'static Location<'static>,
    /// How long it has been running.
    pub elapsed: Duration,
    /// The name of the thread that runs it.
    pub thread: String,
}

impl std::fmt::Display for Running {
    #[inline]
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

pub(super) struct Shared {
    pub(super) config: PoolConfig,
    pub(super) calls: Calls,
    /// On cache lines of its own, because other threads write to the reference count beside it.
    state: CachePadded<Mutex<State>>,
    /// Notified when the last worker of a closed pool has left.
    pub(super) empty: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) line: Line,
    /// All threads, from the decision to start one to its end.
    pub(super) workers: Slab<Worker>,
    /// The workers without work. The last worker of the stack is called first: its caches are warm, and the workers at
    /// the bottom sleep until their time is over.
    pub(super) idle: Vec<Idle>,
    /// How many of the workers run a job.
    pub(super) busy: usize,
    /// The worker that was called or started, and has not looked at the line yet.
    coming: Option<usize>,
    /// The operating system refused the last thread that the pool asked for.
    pub(super) is_refused: bool,
    pub(super) is_closed: bool,
    /// The jobs that are done, if the loop is recorded.
    pub(super) log: JobLog,
}

#[derive(Default)]
pub(super) struct Worker {
    /// The worker's job: its ticket, the line that offloaded it, and when it began.
    pub(super) job: Option<(Ticket, &'static Location<'static>, Instant)>,
}

pub(super) struct Idle {
    worker: usize,
    pub(super) thread: Thread,
}

/// What the caller must do, after it has released the lock, so that a worker comes.
#[must_use]
pub(super) enum Call {
    /// A worker is already coming, or all are busy, or no job waits.
    Nobody,
    Unpark(Thread),
    Start(usize),
    /// There is no worker, and no thread may be started: these jobs would wait for ever.
    Refuse(Line),
}

impl State {
    /// Restores *somebody-comes*. At most `threads` workers may exist afterwards.
    #[inline]
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

    /// The operating system gave no thread for `worker`. The existing workers must do the work.
    #[inline]
    pub(super) fn refused(&mut self, worker: usize) -> Call {
        self.workers.remove(worker);
        self.coming = None;
        self.is_refused = true;
        // A worker may have gone idle meanwhile, and no job has called it because another worker was coming.
        // Guarded by tests::a_refused_start_calls_the_worker_that_went_idle_meanwhile.
        self.call(0)
    }

    /// A worker looks at the line: it was called, started, done with a job, or its sleep was over.
    #[inline]
    pub(super) fn arrive(&mut self, worker: usize) {
        if self.coming == Some(worker) {
            self.coming = None;
        }
        if self.workers[worker].job.take().is_some() {
            self.busy -= 1;
        }
    }

    /// Puts a worker into the idle stack. A worker that is already there, after a spurious wake-up, keeps its place.
    #[inline]
    pub(super) fn lie_down(&mut self, worker: usize, thread: &Thread) {
        if self.position_of(worker).is_none() {
            let thread = thread.clone();
            self.idle.push(Idle { worker, thread });
        }
    }

    /// Removes a worker that will work or leave from the idle stack, if it is there, so that no thread calls it.
    #[inline]
    pub(super) fn get_up(&mut self, worker: usize) {
        if let Some(position) = self.position_of(worker) {
            self.idle.remove(position);
        }
    }

    /// Each worker is idle, busy, or coming, and in one of these places only.
    #[inline]
    pub(super) fn check(&self) {
        let known = self.idle.len() + self.busy + usize::from(self.coming.is_some());
        debug_assert!(
            known == self.workers.len() || self.is_closed,
            "a worker is lost, or listed twice"
        );
    }

    /// What has become of a job.
    #[inline]
    pub(super) fn of_job(&self, ticket: Ticket) -> JobState {
        if self.line.place(ticket).is_some() {
            return JobState::Queued;
        }
        for (_, worker) in &self.workers {
            match worker.job {
                Some((its, _, since)) if its == ticket => {
                    return JobState::Running(since.elapsed());
                }
                _ => {}
            }
        }
        JobState::Done
    }

    #[inline]
    fn position_of(&self, worker: usize) -> Option<usize> {
        self.idle.iter().rposition(|idle| idle.worker == worker)
    }
}

impl Shared {
    #[inline]
    pub(super) fn new(config: PoolConfig, log: JobLog) -> Self {
        let state = State {
            log,
            ..State::default()
        };
        Self {
            config,
            calls: Calls::default(),
            state: CachePadded::new(Mutex::new(state)),
            empty: Condvar::new(),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Removes from all lists a worker that is about to end.
    #[inline]
    pub(super) fn strike_off(&self, state: &mut State, worker: usize) {
        state.get_up(worker);
        state.workers.remove(worker);
        if state.workers.is_empty() && state.is_closed {
            self.empty.notify_all();
        }
    }

    /// Removes a worker that has died, for any reason. Another worker may take its place. If it was coming, the first
    /// job of the line is returned, and the caller fails it. Otherwise a pool whose workers die at once would start one
    /// thread after the other, for ever.
    #[inline]
    pub(super) fn bereave(&self, worker: usize) -> (Option<Waiting>, Call) {
        let mut state = self.lock();
        let was_coming = state.coming == Some(worker);
        state.arrive(worker);
        self.strike_off(&mut state, worker);
        let served = if was_coming { state.line.serve() } else { None };
        let meant_for_it = served.map(|(_, waiting)| waiting);
        (meant_for_it, state.call(self.config.threads))
    }

    #[inline]
    pub(super) fn running(&self, state: &State) -> Vec<Running> {
        let running = state.workers.iter().filter_map(|(worker, it)| {
            let (_, location, since) = it.job?;
            Some(Running {
                location,
                elapsed: since.elapsed(),
                thread: self.thread_name(worker),
            })
        });
        running.collect()
    }

    /// Linux shows fifteen bytes of a thread's name, so the number, which distinguishes two workers, comes first.
    #[inline]
    pub(super) fn thread_name(&self, worker: usize) -> String {
        match &self.config.name {
            Some(name) => format!("offload-{worker}-{name}"),
            None => format!("offload-{worker}"),
        }
    }
}
