//! The model: which tasks are alive, which of them must be polled and since when, how each task will end, and every value.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::panic;
use std::rc::Rc;
use std::sync::Once;
use std::task::Waker;
use std::thread::{self, ThreadId};

use roundelay::task::AbortHandle;
use roundelay::{JoinHandle, Remote, RemoteHandle};

use crate::actor::Output;
use crate::gear::Gear;
use crate::helper::Helper;
use crate::support::Random;

/// The most tasks at a time. More would show nothing new.
const MOST_TASKS: usize = 24;
const MOST_HANDLES: usize = 16;
/// The number of last events that a failure prints.
const MEMORY: usize = 60;

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// The payload of every panic that the machine raises itself.
#[derive(Debug)]
pub(crate) struct Planned;

/// Prints nothing about panics that are part of the program.
pub(crate) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Planned>() {
                loud(info);
            }
        }));
    });
}

/// The world of the episode that runs on this thread.
pub(crate) fn here() -> Option<Rc<World>> {
    WORLD
        .try_with(|world| world.borrow().clone())
        .ok()
        .flatten()
}

/// What a task's handle will say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Alive,
    Value(u64),
    Panic,
    Cancelled,
}

/// Where a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Between two turns: no loop is current.
    Host,
    Poll,
    Drop,
}

/// How a task comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Birth {
    Spawned,
    InGroup,
    /// Spawned from elsewhere: the loop makes the future at the beginning of the task's first poll.
    Running,
}

pub(crate) struct Handle {
    pub(crate) task: u64,
    pub(crate) join: JoinHandle<Output>,
    pub(crate) outcome: Rc<Cell<Outcome>>,
}

/// A task that is alive.
struct Task {
    /// `None` until its first poll.
    waker: Option<Waker>,
    /// Each of its wakes passes through the model. (The other tasks wait with the loop's own waker.)
    is_exact: bool,
    /// The task is a child of a group. It ends with the group, whatever its place in the queue.
    is_child: bool,
    /// The tasks were spawned in the order of their numbers.
    is_in_order: bool,
    is_aborted: bool,
    /// The task is dropped before its turn comes: it was aborted in its own poll, or not even spawned.
    is_dropped_at_once: bool,
    /// A second wake may have come before or after the poll for the first wake. Until this turn one more poll is right.
    maybe_until: u64,
}

/// The tasks that were woken in one way, in order, each with the turn of the wake.
#[derive(Default)]
struct Lane(VecDeque<(u64, u64)>);

impl Lane {
    fn has(&self, task: u64) -> bool {
        self.0.iter().any(|(other, _)| *other == task)
    }

    /// Takes a task's entries out, and gives their number.
    fn take(&mut self, task: u64) -> usize {
        let before = self.0.len();
        self.0.retain(|(other, _)| *other != task);
        before - self.0.len()
    }

    fn is_older(&self, turn: u64) -> Option<u64> {
        let (task, since) = self.0.front()?;
        (*since < turn).then_some(*task)
    }
}

pub(crate) struct World {
    home: ThreadId,
    random: RefCell<Random>,
    pub(crate) gear: Gear,
    pub(crate) helper: Helper,
    pub(crate) remote: RefCell<Option<Remote>>,

    tasks: RefCell<BTreeMap<u64, Task>>,
    /// Tasks that were woken or spawned on the thread of the current loop. Each has a place in the ready queue.
    local: RefCell<Lane>,
    /// Tasks that were woken from elsewhere. Each has a note in the inbox.
    mail: RefCell<Lane>,
    posts: RefCell<VecDeque<u64>>,
    pub(crate) handles: RefCell<Vec<Handle>>,
    pub(crate) aborts: RefCell<Vec<(u64, AbortHandle)>>,
    pub(crate) remotes: RefCell<Vec<RemoteHandle<()>>>,
    /// Wakers of living tasks, and of some tasks that have ended.
    wakers: RefCell<VecDeque<(u64, Waker)>>,
    /// Values that are alive.
    values: RefCell<BTreeMap<u64, &'static str>>,
    /// The tasks that were dropped by the end of the loop, in order.
    dropped: RefCell<Vec<u64>>,

    next: Cell<u64>,
    pub(crate) turn: Cell<u64>,
    pub(crate) in_turn: Cell<bool>,
    pub(crate) nested: Cell<u32>,
    pub(crate) depth: Cell<u32>,
    /// The task that is being polled, or 0.
    pub(crate) polling: Cell<u64>,
    /// Tasks poll what they wait for, and do nothing else.
    pub(crate) is_quiet: Cell<bool>,
    /// Nothing is ready. If a task finds something ready now, its wake was lost.
    pub(crate) is_probing: Cell<bool>,
    /// Tasks end as soon as they are polled.
    pub(crate) must_finish: Cell<bool>,
    /// The order within a batch is random. Each task is still polled in its turn.
    pub(crate) is_shuffled: Cell<bool>,
    /// The loop is being dropped.
    pub(crate) is_ending: Cell<bool>,
    /// A put or a send is being dropped, and its item with it.
    pub(crate) takes_back: Cell<u32>,

    pub(crate) steps: Cell<u64>,
    pub(crate) counts: RefCell<BTreeMap<&'static str, u64>>,
    fingerprint: Cell<u64>,
    events: RefCell<VecDeque<(&'static str, u64, u64)>>,
    violations: RefCell<Vec<String>>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Rc<Self> {
        Rc::new(Self {
            home: thread::current().id(),
            random: RefCell::new(Random::new(crate::next_seed(seed))),
            gear: Gear::new(),
            helper: Helper::start(),
            remote: RefCell::default(),
            tasks: RefCell::default(),
            local: RefCell::default(),
            mail: RefCell::default(),
            posts: RefCell::default(),
            handles: RefCell::default(),
            aborts: RefCell::default(),
            remotes: RefCell::default(),
            wakers: RefCell::default(),
            values: RefCell::default(),
            dropped: RefCell::default(),
            next: Cell::new(1),
            turn: Cell::new(1),
            in_turn: Cell::new(false),
            nested: Cell::new(0),
            depth: Cell::new(0),
            polling: Cell::new(0),
            is_quiet: Cell::new(false),
            is_probing: Cell::new(false),
            must_finish: Cell::new(false),
            is_shuffled: Cell::new(false),
            is_ending: Cell::new(false),
            takes_back: Cell::new(0),
            steps: Cell::new(0),
            counts: RefCell::default(),
            fingerprint: Cell::new(0xcbf2_9ce4_8422_2325),
            events: RefCell::default(),
            violations: RefCell::default(),
        })
    }

    /// Makes this the world of the thread. With `None` the thread has no world.
    pub(crate) fn enter(world: Option<&Rc<Self>>) {
        drop(WORLD.replace(world.cloned()));
    }

    // Random numbers, and the record of events.

    pub(crate) fn below(&self, end: usize) -> usize {
        self.random.borrow_mut().below(end)
    }

    pub(crate) fn one_in(&self, chance: usize) -> bool {
        self.below(chance) == 0
    }

    /// A new number, for a task or a value.
    pub(crate) fn number(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    pub(crate) fn tell(&self, what: &'static str, who: u64, whom: u64) {
        let mut hash = self.fingerprint.get();
        let bytes = what.as_bytes().iter().map(|byte| u64::from(*byte));
        for part in bytes.chain([who, whom]) {
            hash = (hash ^ part).wrapping_mul(0x0100_0000_01b3);
        }
        self.fingerprint.set(hash);
        let mut events = self.events.borrow_mut();
        if events.len() == MEMORY {
            events.pop_front();
        }
        events.push_back((what, who, whom));
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint.get()
    }

    /// Counts one step of this sort.
    pub(crate) fn step(&self, what: &'static str) {
        self.steps.set(self.steps.get() + 1);
        *self.counts.borrow_mut().entry(what).or_default() += 1;
        self.tell(what, self.steps.get(), 0);
    }

    /// The loop would catch a failed assertion inside of a poll or a destructor. So failures are kept until the turn has ended.
    pub(crate) fn expect(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.borrow_mut().push(what());
        }
    }

    pub(crate) fn assert_agreed(&self, seed: u64) {
        let violations = self.violations.take();
        if violations.is_empty() {
            return;
        }
        let events = self.events.borrow();
        let events: Vec<String> = events.iter().map(|event| format!("  {event:?}")).collect();
        let steps = self.steps.get();
        panic!(
            "the loop and the model disagree at step {steps} (turn {}):\n  {}\nthe last events:\n{}\nrun it again: \
             ROUNDELAY_SEED={seed} ROUNDELAY_STEPS={} cargo test --test machine",
            self.turn.get(),
            violations.join("\n  "),
            events.join("\n"),
            crate::EPISODE
        );
    }

    // Tasks.

    /// Whether there is room for one more task.
    pub(crate) fn has_room(&self) -> bool {
        self.tasks.borrow().len() < MOST_TASKS
    }

    pub(crate) fn born(&self, task: u64, is_exact: bool, birth: Birth) {
        self.tell("born", task, is_exact.into());
        let born = Task {
            waker: None,
            is_exact,
            is_child: birth == Birth::InGroup,
            is_in_order: birth == Birth::Spawned,
            is_aborted: false,
            is_dropped_at_once: false,
            maybe_until: match birth {
                Birth::Running => self.turn.get(),
                _ => 0,
            },
        };
        self.tasks.borrow_mut().insert(task, born);
        if birth != Birth::Running {
            self.queue(task);
        }
    }

    /// Adds a task at the end of the ready queue, unless it is there already.
    fn queue(&self, task: u64) {
        let is_exact = self.tasks.borrow().get(&task).map(|task| task.is_exact);
        let mut local = self.local.borrow_mut();
        if is_exact == Some(true) && !local.has(task) {
            local.0.push_back((task, self.turn.get()));
        }
    }

    fn is_local(&self) -> bool {
        self.in_turn.get() && self.nested.get() == 0
    }

    /// A task is about to be woken on this thread.
    pub(crate) fn woken(&self, task: u64) {
        self.tell("woken", task, self.is_local().into());
        match self.is_local() {
            true => self.queue(task),
            false => self.mailed(task),
        }
    }

    /// A task is about to be woken from elsewhere.
    pub(crate) fn mailed(&self, task: u64) {
        if self
            .tasks
            .borrow()
            .get(&task)
            .is_some_and(|task| task.is_exact)
        {
            let mut mail = self.mail.borrow_mut();
            mail.0.push_back((task, self.turn.get()));
        }
    }

    /// A task is about to be aborted. An abort queues the task, wherever the abort comes from.
    pub(crate) fn aborted(&self, task: u64) {
        self.tell("aborted", task, 0);
        let is_polled = self.polling.get() == task;
        if let Some(task) = self.tasks.borrow_mut().get_mut(&task) {
            task.is_aborted = true;
            task.is_dropped_at_once |= is_polled;
        }
        self.queue(task);
    }

    /// A task should have been spawned, but no loop is current, so the task is dropped.
    pub(crate) fn refused(&self, task: u64) {
        self.aborted(task);
        if let Some(task) = self.tasks.borrow_mut().get_mut(&task) {
            task.is_dropped_at_once = true;
        }
    }

    pub(crate) fn aborted_unless_ended(&self, task: u64) {
        if self.tasks.borrow().contains_key(&task) {
            self.aborted(task);
        }
    }

    /// A task is polled. Checks that it was woken, and that no other task should come first.
    pub(crate) fn polled(&self, id: u64, waker: &Waker) {
        self.tell("polled", id, 0);
        let is_first = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(&id) else {
                drop(tasks);
                return self.expect(false, || format!("task {id} is polled, but has ended"));
            };
            let is_first = task.waker.is_none();
            task.waker.get_or_insert_with(|| waker.clone());
            let is_aborted = task.is_aborted;
            drop(tasks);
            self.expect(!is_aborted, || {
                format!("task {id} is polled although it was aborted")
            });
            is_first
        };
        if is_first {
            let mut wakers = self.wakers.borrow_mut();
            if wakers.len() == 2 * MOST_TASKS {
                wakers.pop_front();
            }
            wakers.push_back((id, waker.clone()));
        }
        self.served(id, "polled");
    }

    /// Takes a task out of the lanes, and checks that no task was before it.
    fn served(&self, id: u64, how: &str) {
        let is_fuzzy = |task: u64| {
            let tasks = self.tasks.borrow();
            let maybe = tasks
                .get(&task)
                .is_none_or(|task| task.maybe_until >= self.turn.get());
            maybe || (self.local.borrow().has(task) && self.mail.borrow().has(task))
        };
        let first_of = |lane: &RefCell<Lane>| {
            let entries: Vec<u64> = lane.borrow().0.iter().map(|(task, _)| *task).collect();
            entries.into_iter().find(|task| !is_fuzzy(*task))
        };
        let was_fuzzy = is_fuzzy(id);
        let (local_first, mail_first) = (first_of(&self.local), first_of(&self.mail));
        let local = self.local.borrow_mut().take(id);
        let mail = self.mail.borrow_mut().take(id);
        let mut tasks = self.tasks.borrow_mut();
        let Some(task) = tasks.get_mut(&id) else {
            return;
        };
        if !task.is_exact {
            return;
        }
        let turn = self.turn.get();
        let had_maybe = task.maybe_until >= turn;
        if local + mail == 0 {
            task.maybe_until = 0;
        } else if local + mail > 1 {
            task.maybe_until = turn + 4;
        }
        drop(tasks);
        self.expect(local + mail > 0 || had_maybe, || {
            format!("task {id} is {how}, but was not woken")
        });
        let first = if local > 0 { local_first } else { mail_first };
        let is_free = was_fuzzy || self.is_shuffled.get();
        self.expect(is_free || local + mail == 0 || first == Some(id), || {
            format!("task {id} is {how} before its turn: task {first:?} was woken earlier")
        });
    }

    /// A task's future is dropped.
    pub(crate) fn ended(&self, id: u64, outcome: Outcome) {
        self.tell("ended", id, 0);
        let known = self.tasks.borrow().get(&id).map(|task| {
            let waits_its_turn = !task.is_child && !task.is_dropped_at_once;
            (
                task.is_aborted,
                task.is_child,
                task.is_in_order,
                waits_its_turn,
            )
        });
        let Some((is_aborted, is_child, is_in_order, waits_its_turn)) = known else {
            return self.expect(false, || format!("task {id} is dropped twice"));
        };
        if self.is_ending.get() {
            if is_in_order {
                self.dropped.borrow_mut().push(id);
            }
        } else if is_aborted && waits_its_turn && outcome == Outcome::Cancelled {
            self.served(id, "dropped after an abort");
        }
        self.expect(
            outcome != Outcome::Cancelled || is_aborted || is_child || self.is_ending.get(),
            || format!("task {id} was cancelled, but not aborted"),
        );
        self.local.borrow_mut().take(id);
        self.mail.borrow_mut().take(id);
        let task = self.tasks.borrow_mut().remove(&id);
        drop(task);
    }

    pub(crate) fn alive(&self) -> Vec<u64> {
        self.tasks.borrow().keys().copied().collect()
    }

    /// The tasks that were dropped by the end of the loop, in order.
    pub(crate) fn dropped(&self) -> Vec<u64> {
        self.dropped.take()
    }

    /// Checks the batch rule after a turn. A task that was ready when the turn began has been polled. A task that was woken from
    /// elsewhere before the turn before it has been polled too.
    pub(crate) fn check_turn(&self) {
        let turn = self.turn.get();
        let late = self.local.borrow().is_older(turn);
        self.expect(late.is_none(), || {
            format!("task {late:?} was ready before the turn, but was not polled in it")
        });
        let late = self.mail.borrow().is_older(turn.saturating_sub(2));
        self.expect(late.is_none(), || {
            format!("task {late:?} was woken from elsewhere two turns ago, but was not polled")
        });
    }

    /// A panic cut a turn short. The tasks that still wait for their poll are counted as woken now.
    pub(crate) fn forgive(&self) {
        for lane in [&self.local, &self.mail] {
            for (_, since) in &mut lane.borrow_mut().0 {
                *since = self.turn.get() + 1;
            }
        }
    }

    /// Nothing is ready, so no task and no call may be owed.
    pub(crate) fn check_rest(&self) {
        for (lane, how) in [(&self.local, "here"), (&self.mail, "from elsewhere")] {
            let owed = lane.borrow().0.front().map(|(task, _)| *task);
            self.expect(owed.is_none(), || {
                format!("nothing is ready, but task {owed:?}, woken {how}, was not polled")
            });
        }
        let posts = self.posts.borrow().len();
        self.expect(posts == 0, || {
            format!("nothing is ready, but {posts} posted calls did not run")
        });
        self.gear.check_rest(self);
    }

    // Handles and wakers.

    pub(crate) fn keep(&self, handle: Handle) {
        let mut handles = self.handles.borrow_mut();
        let oldest = (handles.len() == MOST_HANDLES).then(|| handles.remove(0));
        handles.push(handle);
        drop(handles);
        // This detaches the task, or drops its output.
        drop(oldest);
    }

    pub(crate) fn any_handle(&self) -> Option<Handle> {
        let count = self.handles.borrow().len();
        (count > 0).then(|| self.handles.borrow_mut().swap_remove(self.below(count)))
    }

    /// A handle to wait for. It is not the handle of the task that would wait.
    pub(crate) fn anothers_handle(&self) -> Option<Handle> {
        let handle = self.any_handle()?;
        if handle.task != self.polling.get() {
            return Some(handle);
        }
        self.keep(handle);
        None
    }

    /// A random waker, more often of a living task than one that may be stale.
    pub(crate) fn any_waker(&self) -> Option<(u64, Waker)> {
        let mut living = self.every_waker();
        if !living.is_empty() && !self.one_in(4) {
            return Some(living.swap_remove(self.below(living.len())));
        }
        let count = self.wakers.borrow().len();
        (count > 0).then(|| self.wakers.borrow()[self.below(count)].clone())
    }

    /// The wakers of all living tasks that have been polled.
    pub(crate) fn every_waker(&self) -> Vec<(u64, Waker)> {
        let tasks = self.tasks.borrow();
        let wakers = tasks
            .iter()
            .filter_map(|(id, task)| Some((*id, task.waker.clone()?)));
        wakers.collect()
    }

    pub(crate) fn post(&self) -> u64 {
        let number = self.number();
        self.posts.borrow_mut().push_back(number);
        number
    }

    pub(crate) fn post_runs(&self, number: u64) {
        let first = self.posts.borrow_mut().pop_front();
        self.expect(first == Some(number), || {
            format!("post {number} runs, but {first:?} was posted first")
        });
        self.expect(self.is_local(), || {
            format!("post {number} runs outside of its loop")
        });
    }

    // Values.

    /// An item that is dropped while `body` runs was not put: it goes back to its sender.
    pub(crate) fn taking_back(&self, body: impl FnOnce()) {
        self.takes_back.set(self.takes_back.get() + 1);
        body();
        self.takes_back.set(self.takes_back.get() - 1);
    }

    pub(crate) fn value(self: &Rc<Self>, what: &'static str) -> Value {
        let number = self.number();
        self.values.borrow_mut().insert(number, what);
        Value {
            world: Rc::clone(self),
            number,
        }
    }

    fn value_dropped(&self, number: u64) {
        let known = self.values.borrow_mut().remove(&number);
        self.expect(known.is_some(), || {
            format!("value {number} is dropped twice")
        });
        self.expect(self.home == thread::current().id(), || {
            format!("value {number}, {known:?}, is dropped on a foreign thread")
        });
    }

    /// Drops everything that the world holds, at the end.
    pub(crate) fn clear(&self) {
        self.posts.take();
        drop(self.handles.take());
        drop(self.aborts.take());
        drop(self.remotes.take());
        drop(self.wakers.take());
        self.remote.replace(None);
        self.gear.clear();
        let left = self.values.take();
        self.expect(left.is_empty(), || {
            format!("values that were not dropped: {left:?}")
        });
    }
}

/// A value that the world counts.
pub(crate) struct Value {
    pub(crate) world: Rc<World>,
    pub(crate) number: u64,
}

impl Drop for Value {
    fn drop(&mut self) {
        self.world.value_dropped(self.number);
    }
}
