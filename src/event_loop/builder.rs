//! The settings of a loop, and how its parts are put together.

use std::cell::OnceCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::allowance::Allowance;
use super::give_back::GiveBack;
use super::observation::{Attach, Limits, Observing};
use super::pace::Pace;
use super::shuffle::{Shuffles, Shuffling};
use super::stay_awake::{self, StayAwake};
use super::virtual_time::StandingClock;
use super::{EventLoop, Observes, VirtualTime};
use crate::context::{Context, Counters};
use crate::inbox::Inbox;
use crate::offload::{LatePool, PoolConfig};
use crate::reactor::Reactor;
use crate::record::Probe;
use crate::scheduler::Scheduler;
use crate::time::{LateTimers, slack};
use crate::trying::{refused, while_trying};

/// What a panic in a task does to the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnPanic {
    /// The loop goes on. The task's handle yields the panic; without a handle it is logged.
    #[default]
    Continue,
    /// `run` or `turn` ends with the panic, as if the task's code were called there. Children of a group, connections of
    /// [`serve`](fn@crate::net::serve) and tasks of [`Remote::spawn`](crate::Remote::spawn) are tasks too.
    EndRun,
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
    // Some settings need code of their own, and bring it as a trait object. So a program without such a setting does not
    // contain its code.
    name: String,
    poll_budget: Option<usize>,
    max_io_events: usize,
    on_panic: OnPanic,
    timer_slack: Duration,
    virtual_time: Option<&'static dyn VirtualTime>,
    shuffle: Option<(u64, &'static dyn Shuffles)>,
    spin: Duration,
    post_queue: usize,
    limits: Limits,
    /// Set by each setting that may need an observation.
    observer: Option<&'static dyn Attach>,
    /// The size of the recording's ring in bytes; zero means no recording.
    pub(super) record: usize,
    offload: PoolConfig,
}

const POLLS_PER_LOOK: usize = 64;

/// The limit of `slow_poll` in builds with debug assertions, unless another one is set.
const SLOW_POLL_IN_DEBUG_BUILDS: Duration = Duration::from_millis(100);

impl Default for Builder {
    fn default() -> Self {
        Self {
            name: "roundelay".to_owned(),
            poll_budget: None,
            max_io_events: 1024,
            on_panic: OnPanic::Continue,
            timer_slack: slack::DEFAULT,
            virtual_time: None,
            shuffle: None,
            spin: stay_awake::LIMIT,
            post_queue: usize::MAX,
            limits: Limits {
                slow_poll: cfg!(debug_assertions).then_some(SLOW_POLL_IN_DEBUG_BUILDS),
                watchdog: None,
                keeps_accounts: false,
            },
            observer: match cfg!(debug_assertions) || Probe::EXISTS {
                true => Some(&Observing),
                false => None,
            },
            record: 0,
            offload: PoolConfig::default(),
        }
    }
}

impl Builder {
    /// The loop's name, in its log and in the names of its threads. Default: `roundelay`. [`build`](Self::build) refuses a
    /// name that contains a NUL.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// After how many polls the loop looks at sockets and timers; zero counts as one. Default: 64; but where
    /// polls are long and few tasks are ready, as many as take 25 microseconds.
    pub fn poll_budget(mut self, polls: usize) -> Self {
        self.poll_budget = Some(polls.max(1));
        self
    }

    /// How many readiness events one look takes at most; further events wait for the next look. Default: 1,024; zero counts
    /// as one.
    pub fn max_io_events(mut self, events: usize) -> Self {
        self.max_io_events = events.max(1);
        self
    }

    /// What a panic in a task does to the loop. Default: [`OnPanic::Continue`].
    pub fn on_panic(mut self, on_panic: OnPanic) -> Self {
        self.on_panic = on_panic;
        self
    }

    /// How far an idle loop may sleep past a deadline so that close timers share a wake-up. Only a loop that has just fired
    /// several timers together does this: each timer that fired beside another adds 10 us, up to this limit. A timer that
    /// fires alone adds nothing. Default: 140 us. With zero every timer wakes the loop in its own time, which costs some 20
    /// us of processor time for each.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let punctual = roundelay::EventLoop::builder().timer_slack(Duration::ZERO).build()?;
    /// # drop(punctual);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn timer_slack(mut self, slack: Duration) -> Self {
        self.timer_slack = slack;
        self
    }

    /// For tests: gives the loop a clock of its own, which stands still while a task is ready, and jumps to the next
    /// deadline when no task is ready. A sleep of an hour then ends at once, and exactly an hour later by that clock.
    ///
    /// All of [`time`](crate::time) uses this clock, and [`time::now`](crate::time::now) reads it;
    /// [`Instant::now`](std::time::Instant::now) does not. The clock is held while an offloaded job is under way, and by
    /// [`time::hold`](crate::time::hold). Before each jump the loop looks at its sockets, without waiting. A host must not
    /// wait for [`next_deadline`](EventLoop::next_deadline) itself, but let a [`turn`](EventLoop::turn) wait, which moves
    /// the clock. See [Time in the hands of a test](crate::time#time-in-the-hands-of-a-test).
    ///
    /// ```
    /// use roundelay::{sleep, time};
    /// use std::time::Duration;
    ///
    /// let mut event_loop = roundelay::EventLoop::builder().virtual_time().build()?;
    /// event_loop.run(async {
    ///     let start = time::now();
    ///     sleep(Duration::from_secs(3600)).await;
    ///     assert_eq!(time::now() - start, Duration::from_secs(3600));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn virtual_time(mut self) -> Self {
        self.virtual_time = Some(&StandingClock);
        self
    }

    /// For tests: polls the tasks of a batch (the tasks that are ready when a turn begins) in an order drawn from `seed`,
    /// and not in the order in which they became ready. So a test finds out whether the program relies on that order.
    ///
    /// The order of races is drawn from it too: making the loop [reseeds](crate::future::reseed) the races of its thread.
    ///
    /// The promises about order still hold: no task is polled twice before all tasks that were ready have been polled once,
    /// and the queues of `sync` are first come, first served. Two runs with one seed are the same if nothing comes from
    /// outside, best with [`virtual_time`](Self::virtual_time). When a panic ends a run, or the loop, one line on standard
    /// error tells the seed.
    ///
    /// [`seed_from_env`](crate::seed_from_env) gives a new seed each time. Default: no shuffle.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// /// A program that works because the first task is polled first; or does it?
    /// fn greeting(seed: u64) -> Option<&'static str> {
    ///     let mut event_loop = roundelay::EventLoop::builder().shuffle(seed).build().unwrap();
    ///     event_loop.run(async {
    ///         let (word, copy) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
    ///         let write = roundelay::spawn({ let word = word.clone(); async move { word.set(Some("hello")) } });
    ///         let read = roundelay::spawn({ let copy = copy.clone(); async move { copy.set(word.get()) } });
    ///         write.await.unwrap();
    ///         read.await.unwrap();
    ///         copy.get()
    ///     })
    /// }
    ///
    /// assert!((0..20).any(|seed| greeting(seed) == Some("hello")));
    /// assert!((0..20).any(|seed| greeting(seed) == None));
    /// ```
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.shuffle = Some((seed, &Shuffling));
        self
    }

    /// How long the loop may stay awake for an answer from another thread before it sleeps. It does so only while other
    /// threads answer at once: when one of them ended the loop's last sleep within 50 microseconds. That saves two system
    /// calls and two switches between threads for each answer. If the answer does not come in time, the loop has spent this
    /// long in vain, once. An idle loop, or one that waits for sockets and timers, never stays awake. While the loop stays
    /// awake, a ready socket waits. Default: 20 microseconds; zero: never.
    pub fn spin(mut self, spin: Duration) -> Self {
        self.spin = spin;
        self
    }

    /// How many posted calls may wait for the loop before [`Remote::try_post`](crate::Remote::try_post) returns the next
    /// one. [`Remote::post`](crate::Remote::post) ignores this bound. Default: no bound.
    pub fn post_queue(mut self, calls: usize) -> Self {
        self.post_queue = calls;
        self
    }

    /// Reports what holds the loop's thread for longer than `limit`: a poll of a task, with the task's name and the line
    /// that spawned it, a destructor, a posted call, or a look at the sockets and timers. The report goes to the log at
    /// `warn`, target `roundelay::slow`: for each line that spawns, the first, second, fourth, eighth time and so on.
    /// Without a logger, one line for each goes to standard error.
    ///
    /// Default: 100 ms in builds with debug assertions, and none in others; `None` turns it off. It costs one reading of the
    /// clock for each poll, and nothing when it is off. A poll that *never* returns is not reported: use a
    /// [`watchdog`](Self::watchdog).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let told = roundelay::EventLoop::builder().slow_poll(Duration::from_millis(10)).build()?;
    /// let silent = roundelay::EventLoop::builder().slow_poll(None).build()?;
    /// # drop((told, silent));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn slow_poll(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.slow_poll = limit.into();
        self.observer = Some(&Observing);
        self
    }

    /// Starts a thread that checks whether the loop's thread is held for longer than `limit`, and reports it *while it
    /// lasts*: which task holds it, since when, and, on Linux, what the thread is doing ("it waits in clock_nanosleep:
    /// std::thread::sleep?"). The report goes where [`slow_poll`](Self::slow_poll) reports go, and is repeated whenever the
    /// time has doubled.
    ///
    /// Default: none. It costs two uncontended locks for each poll. The thread sleeps while the loop sleeps, and ends when
    /// the loop is dropped; the drop does not wait for it. The watchdog watches the thread that builds the loop.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut watched = roundelay::EventLoop::builder().watchdog(Duration::from_secs(1)).build()?;
    /// watched.run(async {});
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn watchdog(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.watchdog = limit.into();
        self.observer = Some(&Observing);
        self
    }

    /// Whether the loop remembers which task spawned each task and when, and what each wait in [`sync`](crate::sync) is for.
    /// [`EventLoop::tasks`] then shows this too. Default: no. It costs a table entry and a reading of the clock for each
    /// spawn, and an allocation for each such wait.
    pub fn observe(mut self, observe: bool) -> Self {
        self.limits.keeps_accounts = observe;
        self.observer = Some(&Observing);
        self
    }

    /// How many threads run offloaded jobs at most. Default: 64. With zero every job is refused.
    pub fn offload_threads(mut self, threads: usize) -> Self {
        self.offload.threads = threads;
        self
    }

    /// How many offloaded jobs may wait for a thread before [`try_offload`](crate::try_offload) returns the next one.
    /// [`offload`](fn@crate::offload) ignores this bound: a task that awaits a job waits anyway. Default: no bound.
    pub fn offload_queue(mut self, jobs: usize) -> Self {
        self.offload.queue = jobs;
        self
    }

    /// How long a thread of the pool stays without a job. Default: ten seconds.
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
    /// If the operating system has no descriptor left (its error is the `source`), or no thread for the
    /// [`watchdog`](Self::watchdog); if the process has 4,095 loops; and [`InvalidInput`](io::ErrorKind::InvalidInput) if
    /// the [`name`](Self::name) contains a NUL.
    pub fn build(self) -> io::Result<EventLoop> {
        self.check_name()?;
        let give_back = GiveBack::default();
        let inbox = Inbox::new(self.post_queue, give_back.has_grown())?;
        let context = self
            .assemble(&inbox, &give_back)
            .map_err(|error| while_trying("cannot make an event loop", error))?;
        inbox.end();
        let is_repeatable = self.virtual_time.is_some() || self.shuffle.is_some();
        let pace = Pace::new(
            self.poll_budget.unwrap_or(POLLS_PER_LOOK),
            self.poll_budget.is_some() || is_repeatable,
        );
        let observation = self
            .observation(&context)
            .map_err(|error| while_trying("cannot start the watchdog of an event loop", error))?;
        Ok(EventLoop {
            is_plain: observation.is_none() && self.virtual_time.is_none(),
            context: context.into(),
            inbox,
            allowance: Allowance::new(pace),
            stay_awake: StayAwake::new(self.spin),
            give_back,
            shuffle: self.shuffle.map(|(seed, shuffling)| shuffling.order(seed)),
            virtual_time: self.virtual_time,
            name: self.name,
            observation,
        })
    }

    #[inline(never)]
    fn check_name(&self) -> io::Result<()> {
        let Some((before, behind)) = self.name.split_once('\0') else {
            return Ok(());
        };
        let why = [
            "cannot make an event loop: its name \"",
            before,
            "\\0",
            behind,
            "\" contains a NUL, which the name of a thread cannot",
        ];
        Err(refused(io::ErrorKind::InvalidInput, &why))
    }

    fn observation(&self, context: &Context) -> io::Result<Option<Box<dyn Observes>>> {
        match self.observer {
            None => Ok(None),
            Some(observer) => observer.attach(&self.name, self.limits, context),
        }
    }

    /// The parts of the loop that its leaf futures reach.
    fn assemble(&self, inbox: &Inbox, give_back: &GiveBack) -> io::Result<Rc<Context>> {
        let (probe, jobs) = self.probe();
        let reactor = Reactor::new(self.max_io_events, probe.clone(), give_back.has_grown())?;
        inbox.hang_bell(reactor.new_waker()?);
        let config = PoolConfig {
            name: Some(self.name.clone()),
            ..self.offload
        };
        // Both are made in their places. What moves to its place has to be dropped if there is none: 1 KB of each program.
        Ok(Rc::new_cyclic(|_| Context {
            scheduler: Rc::new_cyclic(|_| self.scheduler(inbox, probe.clone(), give_back)),
            timers: self.timers(probe.clone(), give_back),
            reactor,
            offload: LatePool::new(config, probe.clone(), jobs),
            address: inbox.address(),
            counters: Counters::default(),
            probe,
            accounts: OnceCell::new(),
            holder: OnceCell::new(),
        }))
    }

    fn scheduler(&self, inbox: &Inbox, probe: Probe, give_back: &GiveBack) -> Scheduler {
        Scheduler::new(
            inbox.index(),
            inbox.first_serial(),
            self.on_panic == OnPanic::EndRun,
            probe,
            give_back.has_grown(),
        )
    }

    fn timers(&self, probe: Probe, give_back: &GiveBack) -> LateTimers {
        let has_grown = give_back.has_grown();
        match self.virtual_time {
            Some(virtual_time) => virtual_time.timers(has_grown, probe),
            None => LateTimers::new(self.timer_slack, has_grown, probe),
        }
    }
}
