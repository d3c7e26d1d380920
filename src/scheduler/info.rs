//! What the scheduler tells of its live tasks: their state, their place in the queue, and which task awaits which.

use std::fmt;
use std::panic::Location;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::Scheduler;
use super::joiner::Who;
use super::slot::{Life, Slot};
use super::tasks::Tasks;
use crate::task::id::TaskId;

/// The state of a task in its scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// The task is being polled, or its future is being dropped. A task that runs another loop inside its poll is in
    /// this state too.
    Running,
    /// The task is in the ready queue.
    Ready {
        /// How many entries stand before it in the ready queue.
        ahead: usize,
    },
    /// The task waits for a wake.
    Waiting,
    /// The task was aborted. Its future is dropped at the task's turn.
    Ending,
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::Ready { ahead: 0 } => f.write_str("ready, next"),
            Self::Ready { ahead } => write!(f, "ready, behind {ahead}"),
            Self::Waiting => f.write_str("waiting"),
            Self::Ending => f.write_str("ending"),
        }
    }
}

/// A task, as a line of the log names it.
pub(crate) struct Label {
    pub(crate) id: TaskId,
    name: Option<String>,
    /// The line that spawned the task; `None` while the task is polled.
    pub(crate) location: Option<&'static Location<'static>>,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " '{name}'")?;
        }
        match self.location {
            Some(location) => write!(f, " spawned at {location}"),
            None => f.write_str(" running now"),
        }
    }
}

/// What the scheduler knows of a live task.
pub(crate) struct Described {
    pub(crate) id: TaskId,
    pub(crate) name: Option<String>,
    pub(crate) location: Option<&'static Location<'static>>,
    pub(crate) state: TaskState,
    pub(crate) parent: Option<TaskId>,
    pub(crate) age: Option<Duration>,
}

/// What awaits a join handle.
pub(crate) enum Asker<'a> {
    Task(TaskId),
    Other(&'a Waker),
}

impl Scheduler {
    /// From now on the scheduler remembers for each spawned task its parent and the time of its spawn.
    pub(crate) fn observe(&self) {
        self.tasks_mut().observe();
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.tasks().ages.is_observed()
    }

    /// Describes the tasks that are alive, in the order of their spawning. One pass over the slots and one over the queue.
    pub(crate) fn describe(&self) -> Vec<Described> {
        let alive = self.alive();
        let mut tasks = self.tasks_mut();
        let mut places = vec![0; tasks.slots.capacity()];
        for (place, &slot) in tasks.ready.iter().enumerate() {
            places[slot as usize] = place;
        }
        let now = Instant::now();
        let described = alive.into_iter().map(|id| Described {
            state: state(&tasks.slots[id.slot()], places[id.slot()]),
            ..tasks.describe(id, now)
        });
        described.collect()
    }

    /// Calls `visit` with each task that is awaited, and with what awaits it. `visit` runs under the borrow.
    pub(crate) fn each_awaited(&self, mut visit: impl FnMut(TaskId, Asker<'_>)) {
        let tasks = self.tasks();
        for (index, slot) in tasks.slots.iter() {
            // The slot of a finished task may use this word for something else.
            if slot.is_finished() {
                continue;
            }
            match slot.joiner.who() {
                Who::Task(asker) => visit(tasks.id_of(index), Asker::Task(asker)),
                Who::Afar(afar) => visit(tasks.id_of(index), Asker::Other(&tasks.afar[afar])),
                Who::Gone | Who::Nobody => {}
            }
        }
    }

    /// The task at the head of the ready queue.
    pub(crate) fn head(&self) -> Option<Label> {
        let mut tasks = self.tasks_mut();
        let slot = *tasks.ready.front()?;
        Some(label(&mut tasks, slot as usize))
    }

    /// The task in the ready queue behind the first `others`.
    pub(crate) fn queued_behind(&self, others: usize) -> Option<TaskId> {
        let tasks = self.tasks();
        let slot = *tasks.ready.get(others)?;
        Some(tasks.id_of(slot as usize))
    }
}

impl Scheduler {
    /// How many entries the ready queue has had since the loop was made.
    pub(crate) fn entries_ever(&self) -> u64 {
        let tasks = self.tasks();
        tasks.wakes + tasks.spawned
    }

    /// Calls `visit` with the last `count` tasks of the ready queue. `visit` runs under the borrow.
    pub(crate) fn each_newest(&self, count: usize, visit: impl FnMut(TaskId)) {
        let tasks = self.tasks();
        let others = tasks.ready.len().saturating_sub(count);
        let slots = tasks.ready.iter().skip(others);
        slots
            .map(|&slot| tasks.id_of(slot as usize))
            .for_each(visit);
    }
}

impl Tasks {
    fn describe(&mut self, id: TaskId, now: Instant) -> Described {
        let birth = self.ages.birth_of(id);
        let of_birth = || birth.map(|birth| (birth.name.as_deref(), birth.location));
        let cell = self.slots[id.slot()].cell.as_mut();
        let about = cell.map(|cell| cell.as_mut().about()).or_else(of_birth);
        Described {
            id,
            name: about.and_then(|(name, _)| name).map(str::to_owned),
            location: about.map(|(_, location)| location),
            state: TaskState::Waiting,
            parent: birth.and_then(|birth| birth.parent),
            age: birth.map(|birth| now.saturating_duration_since(birth.at)),
        }
    }
}

fn state(slot: &Slot, place: usize) -> TaskState {
    match slot {
        // The cell has been taken out to be polled or dropped.
        Slot { cell: None, .. } => TaskState::Running,
        Slot {
            life: Life::Aborted,
            ..
        } => TaskState::Ending,
        Slot {
            is_queued: true, ..
        } => TaskState::Ready { ahead: place },
        _ => TaskState::Waiting,
    }
}

fn label(tasks: &mut Tasks, slot: usize) -> Label {
    let id = tasks.id_of(slot);
    let cell = tasks.slots[slot].cell.as_mut();
    let about = cell.map(|cell| cell.as_mut().about());
    Label {
        id,
        name: about.and_then(|(name, _)| name).map(str::to_owned),
        location: about.map(|(_, location)| location),
    }
}
