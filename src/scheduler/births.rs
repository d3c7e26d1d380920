//! Notes a spawn, out of line because most spawns need no note.

use super::current;
use super::tasks::Tasks;
use crate::task::id::TaskId;

impl Tasks {
    /// Called from the second round of serials on. In an observed loop that is the first spawn.
    #[cold]
    #[inline(never)]
    pub(super) fn note_spawn(&mut self, id: TaskId) {
        let slots = self.slots.capacity();
        self.ages.note_round(id.slot(), slots, self.spawned);
        let Some(cell) = self.slots[id.slot()].cell.as_mut() else {
            return;
        };
        let parent = current::running();
        let (name, location) = cell.as_mut().about();
        self.probe.spawned(id, parent, name, location);
        if let Some(births) = &mut self.ages.births {
            births.note(slots, id, parent, (name, location));
        }
    }
}
