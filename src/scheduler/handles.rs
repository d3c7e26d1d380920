//! What handles ask of the scheduler: abort, join, detach; and the end of all tasks.
//!
//! A handle pins its slot, so the slot's tenant is always the one that the handle means, and none of this needs a
//! generation to be sure. What user code these functions run (a future's destructor, an output's, a waker's) they run
//! after their borrow has ended.

use std::mem;
use std::task::{Poll, Waker};

use super::tasks::{Joiner, TaskInfo};
use super::{Scheduler, discard};
use crate::task::cell::TaskCell;
use crate::task::id::TaskId;

impl Scheduler {
    /// Asks for the end of a task. If it is not being polled at this moment, its future is dropped when its turn comes.
    pub(crate) fn abort(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let Some(slot) = tasks.slots.get_mut(id.slot()) else {
            return;
        };
        if slot.id == id && !slot.is_finished {
            slot.is_aborted = true;
            drop(tasks);
            self.wake(id);
        }
    }

    /// Drops a task's future here and now; one that is being polled is dropped as soon as that poll returns.
    pub(crate) fn drop_now(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let Some(slot) = tasks.slots.get_mut(id.slot()) else {
            return;
        };
        if slot.id != id || slot.is_finished {
            return;
        }
        slot.is_aborted = true;
        let Some(cell) = slot.cell.take() else {
            return;
        };
        drop(tasks);
        self.cancel(id, cell);
    }

    pub(crate) fn is_finished(&self, id: TaskId) -> bool {
        // A handle pins its slot, so the slot's tenant is the one that the handle means.
        self.tasks
            .borrow()
            .slots
            .get(id.slot())
            .is_none_or(|slot| slot.id != id || slot.is_finished)
    }

    /// The finished cell of a joinable task, which can be taken once. Until then who asks is remembered: by number if it is
    /// a task of this crate (`asker`), else by its waker.
    pub(crate) fn poll_join(
        &self,
        id: TaskId,
        asker: Option<TaskId>,
        waker: &Waker,
    ) -> Poll<Option<TaskCell>> {
        let Some(asker) = asker else {
            return self.poll_join_from_afar(id, waker);
        };
        let mut tasks = self.tasks.borrow_mut();
        if tasks.slots[id.slot()].is_finished {
            return Poll::Ready(tasks.leave(id.slot()));
        }
        let fresh = Joiner::Task(Some(asker));
        let old = mem::replace(&mut tasks.slots[id.slot()].joiner, fresh);
        drop(tasks);
        old.let_go();
        Poll::Pending
    }

    /// Somebody else's waker is cloned and dropped by somebody else's code: not under the borrow. And since that code may
    /// turn the loop, the task may have finished when the clone is there, and then nobody would wake it.
    fn poll_join_from_afar(&self, id: TaskId, waker: &Waker) -> Poll<Option<TaskCell>> {
        if !self.is_finished(id) {
            let fresh = Joiner::Waker(waker.clone());
            self.replace_joiner(id, fresh).let_go();
        }
        match self.is_finished(id) {
            true => Poll::Ready(self.leave(id)),
            false => Poll::Pending,
        }
    }

    /// What is left over: the one who was there, or `joiner` itself if the task has finished and will wake nobody.
    fn replace_joiner(&self, id: TaskId, joiner: Joiner) -> Joiner {
        let mut tasks = self.tasks.borrow_mut();
        let slot = &mut tasks.slots[id.slot()];
        if slot.is_finished {
            return joiner;
        }
        mem::replace(&mut slot.joiner, joiner)
    }

    /// The join handle of a finished task takes the output, and leaves.
    pub(crate) fn leave(&self, id: TaskId) -> Option<TaskCell> {
        self.tasks.borrow_mut().leave(id.slot())
    }

    /// One handle more on the slot.
    pub(crate) fn pin(&self, id: TaskId) {
        let pins = &mut self.tasks.borrow_mut().slots[id.slot()].pins;
        // Handles that are cloned and forgotten, over and over, must not bring the count round to zero.
        *pins = pins
            .checked_add(1)
            .expect("fewer than 2^32 handles of one task");
    }

    /// One handle less on the slot.
    pub(crate) fn unpin(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.slots[id.slot()].pins -= 1;
        tasks.release(id.slot());
    }

    /// The join handle is dropped: nobody will ask for the output.
    pub(crate) fn detach(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let joiner = tasks.slots[id.slot()].joiner.take();
        let output = tasks.leave(id.slot());
        drop(tasks);
        joiner.let_go();
        if let Some(cell) = output {
            discard(cell);
        }
    }

    /// Drops all tasks, in the order of their spawning. From now on, none is admitted.
    pub(crate) fn close(&self) {
        self.tasks.borrow_mut().is_closed = true;
        for id in self.alive() {
            self.drop_now(id);
        }
    }

    fn alive(&self) -> Vec<TaskId> {
        let tasks = self.tasks.borrow();
        let mut alive: Vec<TaskId> = tasks
            .slots
            .iter()
            .filter(|(_, slot)| !slot.is_finished)
            .map(|(_, slot)| slot.id)
            .collect();
        alive.sort_unstable_by_key(|id| std::cmp::Reverse(id.age(tasks.next_serial)));
        alive
    }

    /// Describes the tasks that are alive, in the order of their spawning.
    pub(crate) fn describe(&self) -> Vec<TaskInfo> {
        let alive = self.alive();
        let tasks = self.tasks.borrow();
        alive
            .into_iter()
            .map(|id| tasks.describe(id.slot()))
            .collect()
    }

    pub(crate) fn wakes(&self) -> u64 {
        self.tasks.borrow().wakes
    }

    pub(crate) fn task_count(&self) -> usize {
        self.tasks.borrow().alive
    }
}
