//! The list of the tasks, made from the loop's tables.

use std::collections::HashMap;
use std::ops::Deref;
use std::slice;
use std::task::Waker;
use std::time::{Duration, Instant};
use std::vec;

use super::descriptors;
use super::info::{Source, TaskInfo, WaitsFor};
use crate::context::Context;
use crate::declared::Made;
use crate::foreign;
use crate::reactor::{Descriptor, Interest};
use crate::scheduler::{Asker, TaskState};
use crate::task::behind;
use crate::task::id::TaskId;

/// The live tasks of a loop, in the order of their spawning. As text it is a [table](Self::ps).
#[derive(Clone, Debug, Default)]
#[must_use = "the list of the tasks is not used"]
pub struct Tasks {
    tasks: Vec<TaskInfo>,
    is_observed: bool,
}

impl Tasks {
    /// Lists the live tasks of a loop.
    #[inline]
    pub(crate) fn of(context: &Context) -> Self {
        let tasks = context.scheduler.describe();
        let mut list = Listing::new(tasks.into_iter().map(TaskInfo::from).collect());
        list.add_accounts(context);
        list.add_joins(context);
        list.add_sources(context);
        list.add_timers(context);
        list.add_jobs(context);
        list.add_declared(context);
        list.name_sources();
        list.add_riddles();
        Self {
            tasks: list.tasks,
            is_observed: context.scheduler.is_observed(),
        }
    }

    /// The task with this identifier.
    #[inline]
    pub fn find(&self, id: TaskId) -> Option<&TaskInfo> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// Whether the loop [is observed](crate::Builder::observe), and so knows the parent of each task.
    #[inline]
    pub fn is_observed(&self) -> bool {
        self.is_observed
    }

    /// The tasks as a vector.
    #[inline]
    pub fn into_vec(self) -> Vec<TaskInfo> {
        self.tasks
    }
}

impl Deref for Tasks {
    type Target = [TaskInfo];

    #[inline]
    fn deref(&self) -> &[TaskInfo] {
        &self.tasks
    }
}

impl IntoIterator for Tasks {
    type Item = TaskInfo;
    type IntoIter = vec::IntoIter<TaskInfo>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.tasks.into_iter()
    }
}

impl<'a> IntoIterator for &'a Tasks {
    type Item = &'a TaskInfo;
    type IntoIter = slice::Iter<'a, TaskInfo>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.tasks.iter()
    }
}

/// A list that is being made.
struct Listing {
    tasks: Vec<TaskInfo>,
    /// For each slot, the position of its task in the list.
    places: Vec<u32>,
    /// The descriptors that tasks wait for.
    watched: Vec<Descriptor>,
}

const NOWHERE: u32 = u32::MAX;

impl Listing {
    #[inline]
    fn new(tasks: Vec<TaskInfo>) -> Self {
        let slots = tasks.iter().map(|task| task.id.slot() + 1).max();
        let mut places = vec![NOWHERE; slots.unwrap_or(0)];
        for (place, task) in tasks.iter().enumerate() {
            places[task.id.slot()] = place as u32;
        }
        Self {
            tasks,
            places,
            watched: Vec::new(),
        }
    }

    /// Adds a wait to a task. A task that is not in the list is of another loop, or has ended.
    #[inline]
    fn add(&mut self, task: Option<TaskId>, what: WaitsFor) {
        let Some(id) = task else { return };
        let place = self.places.get(id.slot()).copied().unwrap_or(NOWHERE);
        if let Some(task) = self.tasks.get_mut(place as usize) {
            // *stale-is-inert*: the slot may have another tenant by now.
            // Guarded by tests/inspect/waits.rs::a_waker_of_a_task_that_has_ended_is_not_told_of_the_task_in_its_slot
            if task.id == id {
                // Nearly always it is the only wait.
                task.waits_for.reserve_exact(1);
                task.waits_for.push(what);
            }
        }
    }

    #[inline]
    fn add_accounts(&mut self, context: &Context) {
        let Some(accounts) = context.accounts() else {
            return;
        };
        let now = Instant::now();
        for task in &mut self.tasks {
            let entry = accounts.account.of(task.id);
            task.polls = Some(entry.map_or(0, |entry| entry.polls));
            task.busy = Some(entry.map_or(Duration::ZERO, |entry| entry.busy));
            let since = entry.and_then(|entry| entry.ready_since);
            task.ready_for = since.map(|since| now.saturating_duration_since(since));
        }
    }

    #[inline]
    fn add_joins(&mut self, context: &Context) {
        context.scheduler.each_awaited(|awaited, asker| {
            let asker = match asker {
                Asker::Task(asker) => Some(asker),
                Asker::Other(waker) => behind::task_of(waker),
            };
            self.add(asker, WaitsFor::Task(awaited));
        });
    }

    #[inline]
    fn add_sources(&mut self, context: &Context) {
        let visit = |waker: &Waker, descriptor, interest: Interest| {
            self.watched.push(descriptor);
            let task = behind::task_of(waker);
            let source = Source {
                descriptor,
                name: None,
            };
            if interest.is_readable() {
                self.add(task, WaitsFor::Read(source.clone()));
            }
            if interest.is_writable() {
                self.add(task, WaitsFor::Write(source));
            }
        };
        context.reactor.each_waiter(visit);
    }

    #[inline]
    fn add_timers(&mut self, context: &Context) {
        let Some(timers) = context.timers.get() else {
            return;
        };
        timers.each_waiter(|waker, left| self.add(behind::task_of(waker), WaitsFor::Timer(left)));
    }

    #[inline]
    fn add_jobs(&mut self, context: &Context) {
        let Some(pool) = context.offload.get() else {
            return;
        };
        pool.each_waiter(|number, location, state| {
            let what = WaitsFor::Job { location, state };
            self.add(TaskId::from_bits(number), what);
        });
    }

    #[inline]
    fn add_declared(&mut self, context: &Context) {
        let Some(accounts) = context.accounts() else {
            return;
        };
        for declared in accounts.declarations.list() {
            let Made { what, at } = declared.what;
            let location = at;
            self.add(Some(declared.task), WaitsFor::Sync { what, location });
            foreign::bury(declared);
        }
    }

    /// Asks the system for the names of all descriptors, in one pass.
    #[inline]
    fn name_sources(&mut self) {
        if self.watched.is_empty() {
            return;
        }
        let names: HashMap<_, _> = descriptors::names(&self.watched);
        for what in self.tasks.iter_mut().flat_map(|task| &mut task.waits_for) {
            if let WaitsFor::Read(source) | WaitsFor::Write(source) = what {
                source.name = names.get(&source.descriptor).cloned();
            }
        }
    }

    /// Adds an unknown wait to each waiting task without a known one.
    #[inline]
    fn add_riddles(&mut self) {
        for task in &mut self.tasks {
            if task.state == TaskState::Waiting && task.waits_for.is_empty() {
                task.waits_for.push(WaitsFor::Other);
            }
        }
    }
}
