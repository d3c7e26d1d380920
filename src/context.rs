//! The loop that is running on this thread.
//!
//! `sleep(..)` and `spawn(..)` take no loop as an argument. Both find the loop here. A loop is current while its tasks
//! are polled or dropped. Loops nest: the inner loop is current until it returns, then the outer loop again.
//!
//! The thread-local has no destructor (`ManuallyDrop`), so it can be read at any time, even by a destructor of another
//! thread-local that drops a loop at the end of its thread. [`Entered`] removes the loop that it has put in.
//!
//! # Between two turns
//!
//! A host may run code of its own with a resting loop as current ([`Hosted`]): `spawn` and `sleep` then find the loop
//! as if it ran. Two things must differ. A wake must not go straight into the ready queue, because the host would not
//! be told. So the scheduler's own thread-local stays as it is, and the wake goes through the inbox, which rings. And
//! the host must be told of a spawn, or of an armed timer. So a resting loop is in a second place, which is read only
//! if the first is empty, and each read there [announces](Address::announce) the loop. A running loop costs nothing
//! more, because its code never reads the second place.
//!
//! ```text
//!   spawn, sleep, ..  -->  CURRENT: a loop at work?  -- yes -->  that loop
//!                            |
//!                            no
//!                            v
//!                          HOSTED: a loop that was entered?  -- yes -->  announce, that loop
//!                            |
//!                            no
//!                            v
//!                          "no event loop is running on this thread"
//! ```
//!
//! A third place has the address of the current loop's reactor, for the most frequent question: is this socket watched by
//! the loop that runs here?
//!
//! The scheduler has a thread-local of its own: a waker needs no more, and the scheduler is a layer below this file, so
//! it cannot read this one. The clock (`time/clock.rs`) has another: there the current loop leaves its time, if that is
//! virtual.

use std::cell::{Cell, OnceCell, RefCell};
use std::mem::{self, ManuallyDrop};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant};

use crate::account::{Account, Lateness};
use crate::declared::{self, Declarations, Made};
use crate::foreign;
use crate::inbox::Address;
use crate::offload::LatePool;
use crate::reactor::Reactor;
use crate::record::Probe;
use crate::scheduler::{self, Current, Scheduler};
use crate::time::{LateTimers, may_stand, stand};

thread_local! {
    static CURRENT: RefCell<ManuallyDrop<Option<Rc<Context>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
    /// The resting loop that its host's code has entered. Read if `CURRENT` is empty.
    static HOSTED: RefCell<ManuallyDrop<Option<Rc<Context>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
    /// The address of the current loop's reactor, null if there is no current loop. An operation that waits compares it with
    /// the loop that watches its socket, which takes four instructions here, and twenty in `CURRENT`.
    static REACTOR: Cell<*const Reactor> = const { Cell::new(ptr::null()) };
}

/// Makes another loop current, or none. Returns the one that was.
#[inline]
fn make_current(context: ManuallyDrop<Option<Rc<Context>>>) -> ManuallyDrop<Option<Rc<Context>>> {
    let reactor = context
        .as_ref()
        .map_or(ptr::null(), |context| Rc::as_ptr(&context.reactor));
    REACTOR.set(reactor);
    CURRENT.replace(context)
}

/// Whether this is the reactor of the current loop. It is not null.
#[inline]
pub(crate) fn is_driven_by(reactor: *const Reactor) -> bool {
    REACTOR.get() == reactor
}

/// Tells on any thread what holds the thread of a loop at that moment, and since when, in words.
pub(crate) type Holder = Arc<dyn Fn() -> Option<String> + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// The parts of a loop that a leaf future can reach.
pub(crate) struct Context {
    pub(crate) scheduler: Rc<Scheduler>,
    pub(crate) timers: LateTimers,
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) offload: LatePool,
    pub(crate) address: Address,
    pub(crate) counters: Counters,
    pub(crate) probe: Probe,
    /// Set in an observed loop.
    pub(crate) accounts: OnceCell<Rc<dyn Kept>>,
    /// Set in a loop with a watchdog.
    pub(crate) holder: OnceCell<Holder>,
}

/// What an observed loop remembers of its tasks.
pub(crate) struct Accounts {
    pub(crate) account: Account,
    pub(crate) declarations: Declarations,
}

impl Accounts {
    pub(crate) fn new() -> Self {
        Self {
            account: Account::default(),
            declarations: Declarations::new(),
        }
    }
}

/// Accounts as their loop knows them: a trait object, so that a program that observes no loop does not contain what drops them.
pub(crate) trait Kept {
    fn accounts(&self) -> &Accounts;
}

impl Kept for Accounts {
    fn accounts(&self) -> &Accounts {
        self
    }
}

impl Lateness for Accounts {
    fn fired(&self, late: Duration) {
        self.account.fired(late);
    }
}

/// The counts of the loop itself. The scheduler counts the wakes.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) polls: Counter,
    pub(crate) timers: Counter,
    pub(crate) io_events: Counter,
    pub(crate) notes: Counter,
    pub(crate) parks: Counter,
}

#[derive(Default)]
pub(crate) struct Counter(Cell<u64>);

impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }

    pub(crate) fn add(&self, count: usize) {
        self.0.set(self.0.get() + count as u64);
    }
}

/// The counts of a loop since it was made.
///
/// ```
/// let mut event_loop = roundelay::EventLoop::new()?;
/// event_loop.run(async {
///     roundelay::yield_now().await;
/// });
/// let metrics = event_loop.metrics();
/// assert_eq!((metrics.polls, metrics.wakes), (2, 1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks polled, or dropped because they had been aborted.
    pub polls: u64,
    /// Wakes that queued a task. A wake of a task that was already queued, or had finished, does not count.
    pub wakes: u64,
    /// Timers that fired.
    pub timers: u64,
    /// Readiness events of sockets and other sources.
    pub io_events: u64,
    /// Wakes and posts from other threads.
    pub notes: u64,
    /// How often the loop went to sleep because nothing was ready.
    pub parks: u64,
}

impl Metrics {
    /// The counts of the loop that is running on this thread. The last few dozen polls may be missing.
    pub fn current() -> Option<Self> {
        current().map(|context| context.metrics())
    }
}

impl Context {
    /// The accounts of an observed loop.
    pub(crate) fn accounts(&self) -> Option<&Accounts> {
        self.accounts.get().map(|kept| kept.accounts())
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let Counters {
            polls,
            timers,
            io_events,
            notes,
            parks,
        } = &self.counters;
        Metrics {
            polls: polls.0.get(),
            wakes: self.scheduler.wakes(),
            timers: timers.0.get(),
            io_events: io_events.0.get(),
            notes: notes.0.get(),
            parks: parks.0.get(),
        }
    }
}

/// The loop that is running on this thread.
pub(crate) fn current() -> Option<Rc<Context>> {
    peek(Rc::clone)
}

/// Reads the loop that is running on this thread, if there is one. `read` runs under a borrow, so it must not run user
/// code.
#[inline]
pub(crate) fn peek<R>(read: impl FnOnce(&Rc<Context>) -> R) -> Option<R> {
    let found = CURRENT.with(|current| match current.borrow().as_ref() {
        Some(context) => Ok(read(context)),
        None => Err(read),
    });
    // Not under the borrow: the bell may write to the log.
    found.map_or_else(peek_between_turns, Some)
}

// A call of its own for each `read`, so that the inlined part stays small.
#[cold]
#[inline(never)]
fn peek_between_turns<R>(read: impl FnOnce(&Rc<Context>) -> R) -> Option<R> {
    Some(read(&between_turns()?))
}

/// The loop that was entered between two turns. Announces it to its host, because the caller is about to give it work.
/// Guarded by tests/event_loop/enter.rs::a_spawn_between_two_turns_makes_the_descriptor_readable.
#[cold]
#[inline(never)]
fn between_turns() -> Option<Rc<Context>> {
    let context = HOSTED.with_borrow(|hosted| (**hosted).clone())?;
    context.address.announce();
    Some(context)
}

/// The loop that is running on this thread, for calls that panic without one.
#[track_caller]
pub(crate) fn expect_current(call: &str) -> Rc<Context> {
    with_current(call, Rc::clone)
}

/// [`expect_current`] without counting the reference. `read` runs under a borrow, so it must not run user code.
#[track_caller]
#[inline]
pub(crate) fn with_current<R>(call: &str, read: impl FnOnce(&Rc<Context>) -> R) -> R {
    match peek(read) {
        Some(result) => result,
        None => panic!(
            "`{call}` was called, and no event loop is running on this thread: call it from inside \
             `roundelay::run(async {{ .. }})`, or use `EventLoop::spawn`, or from another thread `Remote::spawn`"
        ),
    }
}

/// `Pending`, with the task queued again, if this poll of the task has completed its share of operations.
///
/// Every leaf future calls it before it tries, and calls [`spend_budget`] when it completes. Outside a loop there is no
/// budget.
#[inline]
pub(crate) fn poll_budget(cx: &mut task::Context<'_>) -> Poll<()> {
    if scheduler::has_operations_left() {
        return Poll::Ready(());
    }
    peek(|context| context.probe.budget_is_spent(context.scheduler.running()));
    foreign::wake_by_ref(cx.waker(), "a task that has spent its budget");
    Poll::Pending
}

/// Takes one operation off the budget of the present poll.
#[inline]
pub(crate) fn spend_budget() {
    scheduler::spend_operation();
}

/// The waker of the polled task, to be left where the loop cannot look. In an observed loop the waker declares the wait
/// for as long as it is kept.
#[inline]
pub(crate) fn waker_for(cx: &task::Context<'_>, what: impl FnOnce() -> Made) -> Waker {
    if declared::is_wanted() {
        return declaring_waker(cx.waker(), what);
    }
    cx.waker().clone()
}

/// For a wait whose waker has its place already. The wait is declared for as long as the answer is kept. The answer
/// wakes no task.
pub(crate) fn declare(what: Made) -> Option<Waker> {
    declared::is_wanted().then(|| declaring_waker(Waker::noop(), || what))
}

/// `what` is called as late as possible, so that the caller makes no room for its result.
#[cold]
#[inline(never)]
fn declaring_waker(waker: &Waker, what: impl FnOnce() -> Made) -> Waker {
    let waker = waker.clone();
    CURRENT.with_borrow(|current| {
        let of_this_loop = current.as_ref().and_then(|context| {
            let task = context.scheduler.running()?;
            Some((task, &context.accounts()?.declarations))
        });
        match of_this_loop {
            Some((task, declarations)) => declarations.add(task, what(), waker),
            None => waker,
        }
    })
}

/// From here on, [`time::now`](crate::time::now) goes by the clock of the current loop. Without one, the time stands at
/// `between`, or is the real time.
pub(crate) fn choose_clock(between: Option<Instant>) {
    let found = CURRENT
        .with(standing_in)
        .or_else(|| HOSTED.with(standing_in));
    stand(found.unwrap_or(between));
}

/// The clock of the loop in that place.
#[inline(never)]
fn standing_in(place: &RefCell<ManuallyDrop<Option<Rc<Context>>>>) -> Option<Option<Instant>> {
    let place = place.borrow();
    Some(place.as_ref()?.timers.standing())
}

/// The clock of [`time::now`](crate::time::now) before a loop became current, if one of the two is virtual. Otherwise
/// nothing changes, and nothing is restored.
struct Outer(Option<Instant>);

impl Outer {
    #[inline]
    fn change_for(context: &Context) -> Option<Self> {
        may_stand().then(|| Self::change(context))
    }

    #[cold]
    #[inline(never)]
    fn change(context: &Context) -> Self {
        Outer(stand(context.timers.standing()))
    }

    /// When no loop is current any more, a virtual clock stands still: it is the time between two runs.
    #[cold]
    #[inline(never)]
    fn restore(&self, left: Option<&Context>) {
        let standing = left.and_then(|left| left.timers.standing());
        choose_clock(standing.or(self.0));
    }
}

/// A loop is current for as long as this exists.
pub(crate) struct Entered {
    outer: ManuallyDrop<Option<Rc<Context>>>,
    time: Option<Outer>,
    _wakes: Current,
}

impl Entered {
    pub(crate) fn new(context: Rc<Context>) -> Self {
        let _wakes = Current::enter(Rc::clone(&context.scheduler));
        Self {
            time: Outer::change_for(&context),
            outer: make_current(ManuallyDrop::new(Some(context))),
            _wakes,
        }
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        let outer = mem::replace(&mut self.outer, ManuallyDrop::new(None));
        let inner = make_current(outer);
        if let Some(time) = &self.time {
            time.restore(inner.as_deref());
        }
        drop(ManuallyDrop::into_inner(inner));
    }
}

/// `spawn` and `sleep` refer to a resting loop for as long as this exists. For wakes the loop does not count as
/// running: see the head of the file.
pub(crate) struct Hosted {
    outer: ManuallyDrop<Option<Rc<Context>>>,
    outer_hosted: ManuallyDrop<Option<Rc<Context>>>,
    time: Option<Outer>,
}

impl Hosted {
    pub(crate) fn new(context: Rc<Context>) -> Self {
        Self {
            time: Outer::change_for(&context),
            outer: make_current(ManuallyDrop::new(None)),
            outer_hosted: HOSTED.replace(ManuallyDrop::new(Some(context))),
        }
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        let nothing = || ManuallyDrop::new(None);
        let outer = mem::replace(&mut self.outer, nothing());
        let outer_hosted = mem::replace(&mut self.outer_hosted, nothing());
        make_current(outer);
        let hosted = HOSTED.replace(outer_hosted);
        if let Some(time) = &self.time {
            time.restore(hosted.as_deref());
        }
        drop(ManuallyDrop::into_inner(hosted));
    }
}
