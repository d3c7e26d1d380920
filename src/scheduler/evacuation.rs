//! Tasks leave the end of the table, so that it can become smaller.
//!
//! A task stays in its slot as long as it lives. When the table is mostly empty, the few tasks that live may stand anywhere,
//! and the slot that was left last is used first: so in a server with little to do, each new task moves into the slot of the
//! last, at the end of the table, and the table cannot shrink. While the table is *evacuated*, slots from a limit on are not
//! used again. After a while only the tasks that live long stand there.

/// Whether the table is evacuated, and how far.
pub(super) struct Evacuation {
    /// Slots from this index on are not used again.
    limit: usize,
    /// Such slots, taken so that no task gets them.
    held: Vec<usize>,
}

impl Default for Evacuation {
    fn default() -> Self {
        Self {
            limit: usize::MAX,
            held: Vec::new(),
        }
    }
}

impl Evacuation {
    pub(super) fn begin(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(super) fn is_on(&self) -> bool {
        self.limit < usize::MAX
    }

    /// Whether a task may move into that slot. If not, the slot is held.
    pub(super) fn admits(&mut self, index: usize) -> bool {
        let may_be_used = index < self.limit;
        if !may_be_used {
            self.held.push(index);
        }
        may_be_used
    }

    /// Returns the slots that were held.
    pub(super) fn end(&mut self) -> Vec<usize> {
        std::mem::take(self).held
    }
}
