//! Chapter 9. The loop itself.
//!
//! # Chapter 9. The loop
//!
//! *Before this:* chapters [4](crate::scheduler) to [8](mod@crate::offload). *Time:* 45 minutes.
//! *Files, in reading order:* this one, [`turn`], [`allowance`], [`main_task`],
//! [`context`](crate::context), [`at_work`], [`builder`], [`end`], [`report`].
//!
//! ## The smallest loop
//!
//! This chapter replaces `run` and `park` in `examples/00_smallest_loop.rs`. The loop there looks
//! at sockets and timers only when no task is ready. A task that always yields is always ready, and
//! so keeps them waiting for ever.
//!
//! ## The problem
//!
//! The loop has to ask the ready queue, the inbox, the timers and the reactor, in some order, for
//! ever. The naive version runs all tasks that are ready, then waits for sockets with the next
//! timer as its time-out. It has three bugs. A task that always yields keeps the sockets waiting
//! for ever. A look at the sockets after each task, the obvious cure, costs a system call for each
//! poll. And the loop sleeps through a wake from another thread that comes between the last look
//! and the wait.
//!
//! ## The idea
//!
//! A loop does one of three things: it *rests* until something happens, it *polls* tasks, or it
//! *looks* at what has come. Every driver turns its events into wakes: the reactor wakes the tasks
//! that wait for a socket, the timers wake the tasks that sleep, and the inbox wakes the tasks that
//! other threads have named. So after a rest all events are entries in the ready queue. The [first
//! page](crate#the-life-of-one-wakeup) follows one wake; `examples/10_watch_the_loop.rs` prints
//! each step.
//!
//! There are two loops over these three things, each with its figure: [`turn`] for a host that
//! keeps the thread, and [`main_task`] for [`run`](EventLoop::run), which keeps the thread until
//! its future has finished. After 64 polls both look; `turn` says why, and shows a turn [in
//! microseconds](turn#a-turn-in-microseconds).
//!
//! ## Embedding
//!
//! A host with a loop of its own calls [`EventLoop::turn`] when the loop's descriptor is readable
//! or [`EventLoop::next_deadline`] has come. Between two turns the loop counts as parked, so a
//! wake, a spawn or an abort, from any thread, makes the descriptor readable. Code of the host that
//! wants to `spawn` or `sleep` [enters](EventLoop::enter) the loop, as [`context`](crate::context)
//! tells.
//!
//! ## The end
//!
//! [`run`](EventLoop::run) returns when its future does, and the other tasks stay for the next
//! `run`. Dropping the loop drops them, in the order of their spawning and with the loop current,
//! so that their destructors find it; a task that a destructor spawns is dropped at once. Jobs on
//! the pool's threads go on, and their results are discarded: dropping a loop never blocks.
//!
//! ## Why not otherwise
//!
//! - *Sockets first, tasks afterwards, always*: a system call for each batch, and most batches are
//!   short.
//! - *A thread for the reactor* (async-io): hidden, shared, and two context switches for each
//!   event.
//! - *The main future polled apart from the tasks*: the loop then polls it first in each turn, and
//!   its yields mean something else than a task's.
//!
//! *What others do.* asyncio's `_run_once` is a rest and a batch, with a bound of one batch.
//! libuv's `uv_run` has seven phases. tokio's `current_thread` polls its main future apart.
//!
//! ## What it costs
//!
//! A look makes one system call, or none if no source is registered. A rest makes one, and one more
//! if the alarm of the timers has to be moved.
//!
//! ## Sources
//!
//! Schmidt, "Reactor", in *Pattern Languages of Program Design*, 1995; libuv, *Design overview*;
//! PEP 3156.
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `EventLoop::deliver`, take all the notes in the inbox:
//!   `cargo run -p exercises -- 9.1`
//! - In `EventLoop::expire`, fire all the timers that are due:
//!   `cargo run -p exercises -- 9.2`
//! - In `EventLoop::turn`, keep the allowance that the last turn left over:
//!   `cargo run -p exercises -- 9.3`
//!
//! ## Next
//!
//! You may stop here: this is the whole loop. The rooms that are built on it begin with the door to
//! code that is not ours, [`foreign`](crate::foreign). The map is on the [first
//! page](crate#chapter-0-the-promise-and-the-map).

use std::cell::Cell;
use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::panic::{Location, RefUnwindSafe, resume_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::context::{Context, Entered, Hosted, Metrics};
use crate::inbox::Inbox;
use crate::inspect::{Histograms, Tasks};
use crate::reactor::Wait;
use crate::record::Probe;
use crate::remote::Remote;
use crate::stays::StaysOnItsLoopSoSendARemoteInstead;
use crate::task::JoinHandle;
use crate::time::LateTimers;

mod allowance;
mod at_work;
mod builder;
#[cfg(unix)]
mod descriptor;
mod end;
mod give_back;
#[cfg(all(unix, feature = "tokio-guest"))]
mod guest;
mod main_task;
mod narrator;
mod observation;
mod pace;
#[cfg(feature = "record")]
mod recorded;
#[cfg(not(feature = "record"))]
#[path = "unrecorded.rs"]
mod recorded;
mod report;
mod shuffle;
mod stay_awake;
mod turn;
mod virtual_time;

use allowance::Allowance;
use at_work::AtWork;
pub use builder::{Builder, OnPanic};
use give_back::GiveBack;
#[cfg(all(unix, feature = "tokio-guest"))]
pub(crate) use guest::{Guest, Stint};
pub use report::{Report, Turn};
use shuffle::Order;
pub use shuffle::seed_from_env;
use stay_awake::StayAwake;

/// Makes a loop, runs `main` on it, and drops the loop. asyncio's `run`.
///
/// Tasks that are still alive when `main` returns are dropped, in the order of their spawning.
///
/// # Panics
///
/// If the operating system has no resources for a loop ([`EventLoop::new`] returns that error), and with the panic of
/// `main`.
///
/// ```
/// let answer = roundelay::run(async { 6 * 7 });
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
pub fn run<F: IntoFuture>(main: F) -> F::Output {
    let mut event_loop = match EventLoop::new() {
        Ok(event_loop) => event_loop,
        Err(error) => panic!("{error}"),
    };
    event_loop.run(main)
}

/// A reactor, a timer wheel, a scheduler and a thread pool, driven by one thread.
///
/// [`run`](Self::run) gives the thread to the loop; [`turn`](Self::turn) lets a host keep it.
///
/// # Memory
///
/// The memory of a finished task is kept for the next task of its kind, up to sixteen megabytes for all kinds together. A
/// loop's tables have a few dozen bytes for each task, timer, source and undelivered note. What a burst leaves of both is given
/// back when nothing has needed it for a second, a little at each rest.
pub struct EventLoop {
    context: StaysOnItsLoopSoSendARemoteInstead<Rc<Context>>,
    inbox: Inbox,
    allowance: Allowance,
    stay_awake: StayAwake,
    give_back: GiveBack,
    shuffle: Option<Box<dyn Order>>,
    virtual_time: Option<&'static dyn VirtualTime>,
    name: String,
    observation: Option<Box<dyn Observes>>,
    /// Without virtual time and without an observer.
    is_plain: bool,
}

/// What an observed loop asks of its observation.
trait Observes {
    /// [`EventLoop::work`], observed: a turn, from the end of one rest to the beginning of the next.
    fn work(&self, event_loop: &EventLoop, batch: usize) -> io::Result<()>;

    /// The loop is about to run a call that another thread has posted.
    fn calls(&self);

    /// The call has returned.
    fn has_called(&self);

    /// The rest of a loop that has nothing to do.
    fn rest(&self, event_loop: &EventLoop, wait: Wait) -> io::Result<()>;

    /// A host is about to take a turn.
    fn is_called(&self);

    /// The ready queue is about to be shuffled. Afterwards its last entries are not the newest.
    fn is_before_a_shuffle(&self);
}

/// What a loop with virtual time does in another way.
trait VirtualTime: fmt::Debug + Sync + RefUnwindSafe {
    /// The timers of the loop, as [`LateTimers::new`] makes them.
    fn timers(&self, has_grown: Rc<Cell<bool>>, probe: Probe) -> LateTimers;

    /// The rest of a loop that has nothing to do.
    fn rest(&self, event_loop: &EventLoop, wait: Wait) -> io::Result<()>;
}

impl EventLoop {
    /// A loop with the default settings.
    ///
    /// # Errors
    ///
    /// If the operating system has no descriptor left (its error is the `source`), or the process has 4,095 loops.
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// A loop with other settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs the loop until `main` has finished, and returns its output. asyncio's `run_until_complete`.
    ///
    /// `main` may borrow, and need not be `Send`. Otherwise it is a task like any other. Tasks that are still alive when it
    /// ends stay in the loop, and go on in the next `run` or `turn`. Loops nest: a task may make another loop and run it.
    /// That blocks the task, as any blocking call does.
    ///
    /// # Panics
    ///
    /// With the panic of `main`; under [`OnPanic::EndRun`] with the panic of any task; and if the operating system's
    /// poll fails in a way that no program can provoke.
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::new()?;
    /// let words = vec!["borrowed", "by", "main"];
    /// let count = event_loop.run(async { words.len() });
    /// assert_eq!(count, words.len());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn run<F: IntoFuture>(&mut self, main: F) -> F::Output {
        self.run_main(main.into_future(), Location::caller())
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
        F: IntoFuture<Output: 'static, IntoFuture: 'static>,
    {
        let scheduler = Rc::clone(&self.context.scheduler);
        self.context.address.announce();
        JoinHandle::new(scheduler, future.into_future(), (), Location::caller())
    }

    /// Calls `call` with this loop current, so that [`spawn`](crate::spawn), [`sleep`](crate::sleep) and the sockets refer
    /// to it. For a host's own code between two turns, and for futures of this crate that a foreign executor polls.
    ///
    /// The loop does not run during the call. A wake, a spawn, an abort or a new timer inside the call makes the loop's
    /// [descriptor](EventLoop#impl-AsFd-for-EventLoop) readable, so that a host that waits for the descriptor takes a turn,
    /// or learns of the earlier [deadline](Self::next_deadline). (One case is silent: a timer that
    /// [`Sleep::reset`](crate::time::Sleep::reset) moves, and that is not polled afterwards. A host that asks for the
    /// deadline before each wait sees this too.)
    ///
    /// Calls of `enter` nest, and the innermost loop is current. A [`run`](Self::run) or a [`turn`](Self::turn) of another
    /// loop inside the call makes that loop current as long as it lasts; so does an `enter` inside a task of another loop.
    /// The borrow checker rules out that the loop is turned inside the call.
    ///
    /// It takes a closure and returns no guard: guards can be forgotten, or held across an `.await`.
    ///
    /// # Panics
    ///
    /// With the panic of `call`. The loop that was current before is current again.
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::new()?;
    /// let handle = event_loop.enter(|| roundelay::spawn(async { "spawned by the host" }));
    /// assert_eq!(event_loop.run(handle).unwrap(), "spawned by the host");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn enter<R>(&self, call: impl FnOnce() -> R) -> R {
        let _hosted = Hosted::new(Rc::clone(&self.context));
        call()
    }

    /// One turn of the loop, for a host that owns the thread.
    ///
    /// If no task is ready, it waits for a socket, a timer or another thread, at most for `timeout` (`None`: without limit;
    /// zero: not at all). Then it polls the tasks that are ready, each once.
    ///
    /// The timeout is in the loop's own time. With [virtual time](Builder::virtual_time) the turn does not wait, but moves
    /// the clock by `timeout` at most. While the clock is held, it waits, for `timeout` by the real clock.
    ///
    /// # Errors
    ///
    /// The operating system cannot wait; its error is the `source`. Nothing is lost, and the next turn tries again.
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
        // The host expects each turn to look. Guarded by
        // tests/event_loop/turns.rs::a_turn_with_a_task_that_is_ready_does_not_wait_and_looks_all_the_same
        self.allowance.end();
        let wait = match timeout {
            None => Wait::Forever,
            Some(Duration::ZERO) => Wait::Now,
            Some(timeout) => self
                .now()
                .checked_add(timeout)
                .map_or(Wait::Forever, Wait::Until),
        };
        let turn = self.one_turn(wait);
        match self.context.scheduler.take_panic() {
            Some(panic) => {
                self.tell_seed();
                resume_unwind(panic)
            }
            None => turn,
        }
    }

    /// Turns until nothing can run without waiting: no task is ready, no timer is due, no note has come and no socket is
    /// ready. Returns what the turns have done together. For tests, and for hosts that want to do all that can be done now.
    ///
    /// It waits for nothing: for no timer, by any clock, and for no offloaded job. It ends when a [`turn`](Self::turn) finds
    /// nothing to do. If a task yields for ever, it does not end; a host of such a program calls `turn` itself.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    ///
    /// # Panics
    ///
    /// With a task's panic, under [`OnPanic::EndRun`].
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::new()?;
    /// let (sender, receiver) = roundelay::sync::oneshot::channel();
    /// let waiting = event_loop.spawn(receiver);
    /// event_loop.run_until_idle()?;
    /// assert!(!waiting.is_finished());
    /// sender.send("now").unwrap();
    /// let done = event_loop.run_until_idle()?;
    /// assert!(waiting.is_finished());
    /// assert_eq!((done.polls, done.ready), (1, 0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn run_until_idle(&mut self) -> io::Result<Turn> {
        let mut sum = Turn::default();
        loop {
            let turn = self.turn(Some(Duration::ZERO))?;
            sum.add(turn);
            // A turn may have done nothing but deal out due timers.
            // Guarded by tests/event_loop/idle.rs::timers_that_are_dealt_out_in_parts_are_all_fired.
            let is_due = |at| at <= self.now();
            if turn == Turn::default() && !self.next_deadline().is_some_and(is_due) {
                return Ok(sum);
            }
        }
    }

    fn one_turn(&self, wait: Wait) -> io::Result<Turn> {
        if let Some(observation) = &self.observation {
            observation.is_called();
        }
        let before = self.metrics();
        self.rest(wait)?;
        // The batch rule: the tasks that the batch wakes run in the next turn.
        self.work(self.batch())?;
        Ok(self.sum_up(before))
    }

    /// When the loop needs its next turn, if nothing happens before: the deadline of the earliest timer, or now if a task is
    /// ready. `None` if it waits only for sockets and other threads, or for nothing.
    ///
    /// It is in the loop's own time. With [virtual time](Builder::virtual_time) compare it with
    /// `event_loop.enter(time::now)`.
    ///
    /// When several timers have just fired together, it is later than that deadline by up to [`Builder::timer_slack`], so
    /// that close timers share a turn.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.work_left() > 0 || self.inbox.is_notified() {
            return Some(self.now());
        }
        self.context.timers.next_deadline()
    }

    fn now(&self) -> Instant {
        self.context.timers.now()
    }

    /// The handle by which other threads reach this loop.
    pub fn remote(&self) -> Remote {
        Remote::to(&self.context)
    }

    /// What the loop has done since it was made. A task asks [`Metrics::current`].
    pub fn metrics(&self) -> Metrics {
        self.context.metrics()
    }

    /// How long things take in this loop: polls, waits for a poll, turns. `None` unless the loop is
    /// [observed](Builder::observe). A task asks [`Histograms::current`](crate::inspect::Histograms::current).
    #[inline]
    pub fn histograms(&self) -> Option<Histograms> {
        Some(self.context.accounts()?.account.histograms())
    }

    /// The tasks that are alive, in the order of their spawning, with [what they wait for](crate::inspect). asyncio's
    /// `all_tasks`. A task asks [`task::all`](crate::task::all), another thread [`Remote::tasks`].
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::new()?;
    /// let nap = roundelay::sleep(std::time::Duration::from_secs(60));
    /// drop(event_loop.spawn(nap));
    /// event_loop.turn(None)?;
    /// println!("{}", event_loop.tasks()); // .. waiting  a timer in 60.0 s
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn tasks(&self) -> Tasks {
        Tasks::of(&self.context)
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
