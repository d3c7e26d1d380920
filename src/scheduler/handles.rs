//! What handles ask of the scheduler beside the join: abort, detach, a join by a waker that is not of this loop; and the end
//! of all tasks.
//!
//! A handle holds its slot, so the slot's tenant is always the task of the handle, and no function here needs a generation
//! to be sure. User code (the destructor of a future or an output, and a waker) runs after the borrow has ended.

use std::any::Any;
use std::task::{Poll, Waker};

use super::current::is_current;
use super::joiner::Joiner;
use super::slot::Life;
use super::{JOIN_HANDLE, Scheduler, Unobserved};
use crate::foreign;
use crate::task::id::TaskId;

impl Scheduler {
    /// Asks for the end of a task. If the task is not being polled at this moment, its future is dropped at the task's turn.
    pub(crate) fn abort(&self, id: TaskId) {
        let mut tasks = self.tasks_mut();
        let Some(slot) = tasks.slots.get_mut(id.slot()) else {
            return;
        };
        if slot.serial == id.serial() && !slot.is_finished() {
            slot.life = Life::Aborted;
            tasks.probe.aborted(id);
            drop(tasks);
            self.wake(id);
        }
    }

    /// Drops a task's future at once. If the task is being polled, its future is dropped as soon as that poll returns.
    #[inline(never)]
    pub(crate) fn drop_now(&self, id: TaskId) {
        let mut tasks = self.tasks_mut();
        let Some(slot) = tasks.slots.get_mut(id.slot()) else {
            return;
        };
        if slot.serial != id.serial() || slot.is_finished() {
            return;
        }
        slot.life = Life::Aborted;
        let Some(cell) = slot.cell.take() else {
            return;
        };
        tasks.probe.is_dropped(id);
        drop(tasks);
        self.cancel(id, cell, &Unobserved);
    }

    pub(crate) fn is_finished(&self, id: TaskId) -> bool {
        // A handle holds its slot, so the slot's tenant is the task of the handle.
        self.tasks()
            .slots
            .get(id.slot())
            .is_none_or(|slot| slot.serial != id.serial() || slot.is_finished())
    }

    /// Cloning and dropping another waker runs foreign code, so it is not done under the borrow. That code may turn the loop
    /// and finish the task, which then would not wake the clone: so `is_finished` is asked again.
    pub(super) fn poll_join_from_afar(
        &self,
        id: TaskId,
        waker: &Waker,
        output: &mut dyn Any,
    ) -> Poll<()> {
        if self.running() == Some(id) && is_current(self) {
            let life = self.tasks().slots[id.slot()].life;
            return Self::refuse_self(life);
        }
        if !self.is_finished(id) {
            let waker = waker.clone();
            let old = self.tasks_mut().join_from_afar(id.slot(), waker);
            foreign::let_go(old, JOIN_HANDLE);
        }
        if !self.is_finished(id) {
            return Poll::Pending;
        }
        self.leave(id, output);
        Poll::Ready(())
    }

    /// A task that was aborted during its poll (it cancelled its own handle) is dropped as soon as its poll returns, so it
    /// may return `Pending`.
    #[cold]
    pub(super) fn refuse_self(life: Life) -> Poll<()> {
        match life {
            Life::Aborted => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// Counts one handle more on the slot.
    pub(crate) fn hold(&self, id: TaskId) {
        self.tasks_mut().slots[id.slot()].hold();
    }

    /// Counts one handle less on the slot.
    pub(crate) fn let_go(&self, id: TaskId) {
        let mut tasks = self.tasks_mut();
        tasks.slots[id.slot()].let_go();
        tasks.release(id.slot());
    }

    /// The join handle is dropped, so the output will not be asked for.
    pub(crate) fn detach(&self, id: TaskId) {
        let mut tasks = self.tasks_mut();
        let joiner = tasks.set_joiner(id.slot(), Joiner::GONE);
        let slot = &mut tasks.slots[id.slot()];
        if slot.is_finished() {
            let output = slot.cell.take();
            drop(tasks);
            if let Some(cell) = output {
                self.discard(id, cell);
            }
            return;
        }
        slot.let_go();
        drop(tasks);
        foreign::let_go(joiner, JOIN_HANDLE);
    }

    /// Drops all tasks, in the order of their spawning. From now on no task is admitted.
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
        for id in self.alive() {
            self.drop_now(id);
        }
        self.tasks_mut().drop_spares();
    }

    pub(super) fn alive(&self) -> Vec<TaskId> {
        let tasks = self.tasks();
        let slots = tasks.slots.iter().filter(|(_, slot)| !slot.is_finished());
        tasks
            .ages
            .oldest_first(slots.map(|(index, _)| tasks.id_of(index)))
    }

    /// Sorts tasks by the order of their spawning. The tasks must still have their slots.
    pub(crate) fn oldest_first(&self, ids: impl Iterator<Item = TaskId>) -> Vec<TaskId> {
        self.tasks().ages.oldest_first(ids)
    }

    /// The serial of the next task.
    pub(crate) fn next_serial(&self) -> u32 {
        self.tasks().spawned as u32
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.tasks().ready.len()
    }

    /// Shuffles the ready queue (Fisher and Yates, in Durstenfeld's form). `draw` returns a number below its argument.
    pub(crate) fn shuffle(&self, draw: impl Fn(usize) -> usize) {
        let ready = &mut self.tasks_mut().ready;
        for last in (1..ready.len()).rev() {
            ready.swap(last, draw(last + 1));
        }
    }

    pub(crate) fn wakes(&self) -> u64 {
        self.tasks().wakes
    }

    pub(crate) fn task_count(&self) -> usize {
        self.tasks().alive
    }
}
