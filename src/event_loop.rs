//! Chapter 9. The loop itself.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{Location, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use log::{Level, log_enabled};

use crate::context::{Context, Entered};
use crate::offload::{Pool, PoolConfig, Running};
use crate::reactor::{Reactor, Wait};
use crate::remote::Remote;
use crate::scheduler::inbox::{Note, Tenant};
use crate::scheduler::{OnPanic, Scheduler, TaskInfo, quietly};
use crate::task::cell::{self, Loan};
use crate::task::{JoinHandle, waker};
use crate::time::Timers;

/// Makes a loop, runs `main` on it, and drops the loop. asyncio's `run`.
///
/// Tasks that are still alive when `main` returns are dropped, in the order of their spawning.
///
/// # Panics
///
/// If the operating system has no resources for a loop ([`EventLoop::new`] returns that error), and with `main`'s own
/// panic.
///
/// ```
/// let answer = roundelay::run(async { 6 * 7 });
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    let mut event_loop = match EventLoop::new() {
        Ok(event_loop) => event_loop,
        Err(error) => panic!("cannot make an event loop: {error}"),
    };
    event_loop.run(main)
}

/// A reactor, a timer wheel, a scheduler and a thread pool, driven by one thread.
///
/// [`run`](Self::run) gives the thread to the loop; [`turn`](Self::turn) lets a host keep it.
pub struct EventLoop {
    context: Rc<Context>,
    inbox: Tenant,
    /// Lent to the inbox when the mail is taken, so that nothing is allocated.
    notes: RefCell<Vec<Note>>,
    poll_budget: usize,
    polls_left: Cell<usize>,
    spin: Duration,
    name: String,
}

/// What one [turn](EventLoop::turn) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Tasks polled, or dropped because they had been aborted.
    pub polls: usize,
    /// Timers that fired.
    pub timers: usize,
    /// Readiness events of sockets and other sources.
    pub io_events: usize,
    /// Wakes and posts from other threads.
    pub notes: usize,
    /// Tasks that are ready now, for the next turn.
    pub ready: usize,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Turn {
            polls,
            timers,
            io_events,
            notes,
            ready,
        } = self;
        write!(
            f,
            "{polls} polled, {timers} timers fired, {io_events} I/O events, {notes} notes; {ready} ready"
        )
    }
}

impl EventLoop {
    /// A loop with the default settings.
    ///
    /// # Errors
    ///
    /// What the operating system says when it has no descriptor left, or if the process has 4,095 loops.
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// A loop with other settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs the loop until `main` has finished, and returns its output. asyncio's `run_until_complete`.
    ///
    /// `main` may borrow, and need not be `Send`. Otherwise it is a task like any other. Tasks that are still alive when
    /// it ends stay in the loop, and go on in the next `run` or `turn`. Loops nest: a task may make another loop and run
    /// it, and is blocked meanwhile, as by any call that blocks.
    ///
    /// # Panics
    ///
    /// With `main`'s panic; with any task's, under [`OnPanic::EndRun`]; and if the operating system's poll fails in a way
    /// that no program can provoke.
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::new()?;
    /// let words = vec!["borrowed", "by", "main"];
    /// let count = event_loop.run(async { words.len() });
    /// assert_eq!(count, words.len());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn run<F: Future>(&mut self, main: F) -> F::Output {
        let location = Location::caller();
        let _entered = Entered::new(Rc::clone(&self.context));
        let mut output = None;
        {
            let main = pin!(async { output = Some(main.await) });
            cell::lend(main, |loan| self.drive(loan, location));
        }
        output.expect("the main future has finished")
    }

    /// Turns until the main task has finished, by a value or by a panic.
    fn drive(&mut self, main: Loan, location: &'static Location<'static>) {
        let main = JoinHandle::new(
            Rc::clone(&self.context.scheduler),
            cell::new(main, (), location),
        );
        let mut main = DropNow(main);
        let _at_work = AtWork::begin(&self.inbox);
        let result = loop {
            if let Some(result) = main.0.take_output() {
                break result;
            }
            if let Err(error) = self.trip(Wait::Forever) {
                panic!(
                    "the event loop '{}' cannot poll the operating system: {error}",
                    self.name
                );
            }
        };
        if let Err(error) = result {
            resume_unwind(error.into_panic());
        }
    }

    /// Starts a task on this loop, from outside. It is polled by the next [`run`](Self::run) or [`turn`](Self::turn).
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::new()?;
    /// let handle = event_loop.spawn(async { "spawned before the run" });
    /// assert_eq!(event_loop.run(handle).unwrap(), "spawned before the run");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        JoinHandle::new(
            Rc::clone(&self.context.scheduler),
            cell::new(future, (), Location::caller()),
        )
    }

    /// One trip round the loop, for a host that owns the thread.
    ///
    /// If no task is ready it waits for a socket, a timer or another thread, at most for `timeout` (`None`: for as long as
    /// it takes; zero: not at all). Then it polls the tasks that are ready, each once.
    ///
    /// # Errors
    ///
    /// What the operating system's poll says. Nothing is lost; the next turn tries again.
    ///
    /// # Panics
    ///
    /// With a task's panic, under [`OnPanic::EndRun`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut event_loop = roundelay::EventLoop::new()?;
    /// let handle = event_loop.spawn(roundelay::sleep(Duration::from_millis(2)));
    /// while !handle.is_finished() {
    ///     event_loop.turn(Some(Duration::from_millis(10)))?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn> {
        let _entered = Entered::new(Rc::clone(&self.context));
        let _at_work = AtWork::begin(&self.inbox);
        // A host that turns by hand expects each turn to look.
        self.polls_left.set(0);
        self.trip(match timeout {
            None => Wait::Forever,
            Some(Duration::ZERO) => Wait::Now,
            Some(timeout) => Instant::now()
                .checked_add(timeout)
                .map_or(Wait::Forever, Wait::Until),
        })
    }

    /// When the loop wants its next turn, if nothing happens before: the deadline of the earliest timer, or this moment
    /// if a task is ready. `None` if it waits for sockets and other threads only, or for nothing at all.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.context.scheduler.ready_count() > 0 || self.inbox.is_notified() {
            return Some(Instant::now());
        }
        self.context.timers.next_deadline()
    }

    /// The door for other threads.
    pub fn remote(&self) -> Remote {
        Remote::new(self.inbox.door())
    }

    /// The tasks that are alive, in the order of their spawning. asyncio's `all_tasks`.
    pub fn tasks(&self) -> Vec<TaskInfo> {
        self.context.scheduler.describe()
    }

    /// Lets the tasks and the offloaded jobs finish, for at most `grace`, then drops the loop and says what was still
    /// running.
    ///
    /// Tasks are dropped wherever they were; a job that runs on its thread cannot be stopped, goes on, and its result is
    /// discarded.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event_loop = roundelay::EventLoop::new()?;
    /// drop(event_loop.spawn(std::future::pending::<()>()));
    /// let report = event_loop.shutdown(Duration::ZERO);
    /// assert_eq!(report.tasks.len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(mut self, grace: Duration) -> Report {
        let deadline = Instant::now().checked_add(grace);
        let remaining = || deadline.map(|at| at.saturating_duration_since(Instant::now()));
        while self.context.scheduler.task_count() > 0 && remaining() != Some(Duration::ZERO) {
            if self.turn(remaining()).is_err() {
                break;
            }
        }
        let tasks = self.tasks();
        self.close();
        let offload = self
            .context
            .offload
            .join(remaining().unwrap_or(Duration::MAX));
        Report { tasks, offload }
    }

    /// One trip: wait if there is nothing to do, then poll what was ready when the batch began.
    ///
    /// The batch rule and the bound: what the batch wakes runs in the next one, and after `poll_budget` polls, in the
    /// middle of a batch if need be, comes a look. So a due timer, a ready socket and a wake from another thread each wait
    /// for at most `poll_budget` polls and one look.
    fn trip(&self, wait: Wait) -> io::Result<Turn> {
        let mut turn = Turn::default();
        if self.context.scheduler.ready_count() == 0 {
            self.park(wait, &mut turn)?;
        }
        let mut batch = self.context.scheduler.ready_count();
        while batch > 0 {
            if self.polls_left.get() == 0 {
                self.look(&mut turn)?;
            }
            let slice = batch.min(self.polls_left.get());
            let polled = match log_enabled!(target: "roundelay::task", Level::Trace) {
                false => self.context.scheduler.run(slice, waker::of),
                true => self.context.scheduler.run_and_tell(slice, waker::of),
            };
            self.polls_left.set(self.polls_left.get() - polled);
            turn.polls += polled;
            batch -= slice;
            if let Some(payload) = self.context.scheduler.take_fatal() {
                resume_unwind(payload);
            }
        }
        turn.ready = self.context.scheduler.ready_count();
        log::trace!(target: "roundelay::turn", "{}: {turn}", self.name);
        Ok(turn)
    }

    /// Sees whether something has happened, without waiting for it.
    fn look(&self, turn: &mut Turn) -> io::Result<()> {
        self.polls_left.set(self.poll_budget);
        if self.inbox.is_notified() {
            turn.notes += self.take_mail();
        }
        if self.context.reactor.has_sources() {
            turn.io_events += self.context.reactor.poll(Wait::Now)?;
        }
        turn.timers += self.context.timers.expire();
        Ok(())
    }

    /// Waits until something happens. *inbox-before-park*: announce the sleep first, then look for mail, then sleep.
    fn park(&self, wait: Wait, turn: &mut Turn) -> io::Result<()> {
        self.polls_left.set(self.poll_budget);
        let wait = self.sooner(wait);
        let is_asleep = !self.spin() && self.inbox.park();
        log::trace!(target: "roundelay::turn", "{}: nothing is ready; {}", self.name, told(&wait));
        let polled = self
            .context
            .reactor
            .poll(if is_asleep { wait } else { Wait::Now });
        self.inbox.unpark();
        if !is_asleep || self.inbox.is_notified() {
            turn.notes += self.take_mail();
        }
        turn.io_events += polled?;
        turn.timers += self.context.timers.expire();
        Ok(())
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

    /// Busy-waits for mail, for as long as [`Builder::spin`] allows. `true` if some came.
    fn spin(&self) -> bool {
        if self.spin.is_zero() {
            return false;
        }
        let start = Instant::now();
        while start.elapsed() < self.spin {
            if self.inbox.is_notified() {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }

    /// Delivers what other threads have sent.
    fn take_mail(&self) -> usize {
        let mut notes = self.notes.take();
        self.inbox.take(&mut notes);
        let count = notes.len();
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
        count
    }

    /// Drops all that lives on the loop, with the loop current, so that destructors find it; what they spawn is dropped at
    /// once. Closes the doors.
    fn close(&mut self) {
        let _entered = Entered::new(Rc::clone(&self.context));
        self.context.scheduler.close();
        let mail = self.inbox.close(self.context.scheduler.next_serial());
        quietly("the destructor of a call posted through a Remote", || {
            drop(mail)
        });
        self.context.offload.close();
    }
}

/// A wait, in the words of the log.
fn told(wait: &Wait) -> String {
    match wait {
        Wait::Now => "looks, without waiting".to_owned(),
        Wait::Until(at) => format!(
            "sleeps, for {:?} at most",
            at.saturating_duration_since(Instant::now())
        ),
        Wait::Forever => "sleeps, until a socket or another thread wakes it".to_owned(),
    }
}

/// Never blocks and never panics, wherever it happens: in a task of another loop, in a thread-local's destructor, during
/// unwinding.
impl Drop for EventLoop {
    fn drop(&mut self) {
        self.close();
    }
}

/// The descriptor that becomes readable when a socket, or another thread, wants a [`turn`](EventLoop::turn). A host polls
/// it until [`next_deadline`](EventLoop::next_deadline).
impl AsFd for EventLoop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.context.reactor.as_fd()
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("name", &self.name)
            .field("index", &self.inbox.index())
            .field("ready", &self.context.scheduler.ready_count())
            .finish_non_exhaustive()
    }
}

/// The loop is at work for as long as this exists. Between two runs it counts as parked, so that a wake from anywhere
/// makes its descriptor readable for the host.
struct AtWork<'a>(&'a Tenant);

impl<'a> AtWork<'a> {
    fn begin(inbox: &'a Tenant) -> Self {
        inbox.begin();
        Self(inbox)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The main task does not outlive its `run`, not even when that unwinds.
struct DropNow(JoinHandle<()>);

impl Drop for DropNow {
    fn drop(&mut self) {
        self.0.drop_now();
    }
}

/// What [`EventLoop::shutdown`] had to leave behind. Empty if everything finished in time.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "says what had not finished"]
pub struct Report {
    /// Tasks that were dropped before they had finished, in the order of their spawning.
    pub tasks: Vec<TaskInfo>,
    /// Jobs that are still running on threads of the pool.
    pub offload: Vec<Running>,
}

impl Report {
    /// Whether everything finished in time.
    pub fn is_clean(&self) -> bool {
        self.tasks.is_empty() && self.offload.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("everything finished");
        }
        write!(
            f,
            "{} tasks dropped, {} jobs still running",
            self.tasks.len(),
            self.offload.len()
        )?;
        self.tasks
            .iter()
            .try_for_each(|task| write!(f, "\n  {task}"))?;
        self.offload
            .iter()
            .try_for_each(|job| write!(f, "\n  {job}"))
    }
}

/// Settings of a loop. Each has a default that suits most programs.
///
/// ```
/// use std::time::Duration;
///
/// let mut event_loop = roundelay::EventLoop::builder()
///     .name("pump")
///     .offload_threads(2)
///     .offload_keep_alive(Duration::from_secs(1))
///     .build()?;
/// assert_eq!(event_loop.run(async { "at work" }), "at work");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "makes a loop by `build`"]
pub struct Builder {
    name: String,
    poll_budget: usize,
    max_io_events: usize,
    on_panic: OnPanic,
    spin: Duration,
    offload: PoolConfig,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            name: "roundelay".to_owned(),
            poll_budget: 64,
            max_io_events: 1024,
            on_panic: OnPanic::Continue,
            spin: Duration::ZERO,
            offload: PoolConfig::default(),
        }
    }
}

impl Builder {
    /// What the loop is called, in its log and in the names of its threads. Default: `roundelay`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// After how many polls at most the loop looks at sockets, timers and other threads. Default: 64; zero counts as one.
    pub fn poll_budget(mut self, polls: usize) -> Self {
        self.poll_budget = polls.max(1);
        self
    }

    /// How many readiness events one look takes at most; the others wait for the next. Default: 1,024; zero counts as one.
    pub fn max_io_events(mut self, events: usize) -> Self {
        self.max_io_events = events.max(1);
        self
    }

    /// What a panic in a task does to the loop. Default: [`OnPanic::Continue`].
    pub fn on_panic(mut self, on_panic: OnPanic) -> Self {
        self.on_panic = on_panic;
        self
    }

    /// How long the loop busy-waits for other threads before it sleeps. Saves a system call and a context switch per wake,
    /// and burns a processor. Default: zero.
    pub fn spin(mut self, spin: Duration) -> Self {
        self.spin = spin;
        self
    }

    /// How many threads run offloaded jobs at most; zero counts as one.
    pub fn offload_threads(mut self, threads: usize) -> Self {
        self.offload.threads = threads.max(1);
        self
    }

    /// How many offloaded jobs may wait for a thread; beyond that `offload(f).await` waits for room. Default: no bound.
    pub fn offload_queue(mut self, jobs: usize) -> Self {
        self.offload.queue = jobs.max(1);
        self
    }

    /// How long a thread of the pool stays without a job.
    pub fn offload_keep_alive(mut self, keep_alive: Duration) -> Self {
        self.offload.keep_alive = keep_alive;
        self
    }

    /// The stack size of the pool's threads, in bytes. Default: the standard library's.
    pub fn offload_stack_size(mut self, bytes: usize) -> Self {
        self.offload.stack_size = Some(bytes);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    ///
    /// What the operating system says when it has no descriptor left, or if the process has 4,095 loops.
    pub fn build(self) -> io::Result<EventLoop> {
        let inbox = Tenant::new()?;
        let reactor = Reactor::new(self.max_io_events)?;
        inbox.hang_bell(reactor.new_waker()?);
        inbox.end();
        let scheduler = Scheduler::new(inbox.index(), inbox.first_serial(), self.on_panic);
        let offload = Pool::new(PoolConfig {
            name: Some(self.name.clone()),
            ..self.offload
        });
        let context = Context {
            scheduler: Rc::new(scheduler),
            timers: Rc::new(Timers::new()),
            reactor: Rc::new(reactor),
            offload: Rc::new(offload),
            door: inbox.door(),
        };
        Ok(EventLoop {
            context: Rc::new(context),
            inbox,
            notes: RefCell::default(),
            poll_budget: self.poll_budget,
            polls_left: Cell::new(0),
            spin: self.spin,
            name: self.name,
        })
    }
}
