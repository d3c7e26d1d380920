//! What people are told of the tasks that are alive: their list, and a line for each.

use std::fmt;
use std::panic::Location;

use super::Scheduler;
use super::tasks::Tasks;
use crate::task::id::TaskId;

/// A live task, described for people.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// The task's identifier.
    pub id: TaskId,
    /// What [`task::Builder::name`](crate::task::Builder::name) called it.
    pub name: Option<String>,
    /// The line that spawned it; `None` for the task that is running at this moment.
    pub location: Option<&'static Location<'static>>,
}

impl fmt::Display for TaskInfo {
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

impl Scheduler {
    /// Describes the tasks that are alive, in the order of their spawning.
    pub(crate) fn describe(&self) -> Vec<TaskInfo> {
        let alive = self.alive();
        let tasks = self.tasks.borrow();
        let slots = alive.into_iter().map(TaskId::slot);
        slots.map(|slot| describe(&tasks, slot)).collect()
    }

    /// The task that is to be polled next.
    pub(crate) fn head(&self) -> Option<TaskInfo> {
        let tasks = self.tasks.borrow();
        let slot = tasks.ready.front()?;
        Some(describe(&tasks, *slot as usize))
    }

    /// The tasks in the ready queue, without the first `others`.
    pub(crate) fn queued_behind(&self, others: usize) -> Vec<TaskId> {
        let tasks = self.tasks.borrow();
        let slots = tasks.ready.iter().skip(others);
        slots.map(|&slot| tasks.id_of(slot as usize)).collect()
    }
}

fn describe(tasks: &Tasks, slot: usize) -> TaskInfo {
    let cell = tasks.slots[slot].cell.as_ref();
    TaskInfo {
        id: tasks.id_of(slot),
        name: cell.and_then(|cell| cell.name()).map(str::to_owned),
        location: cell.map(|cell| cell.location()),
    }
}
