//! Tuning: the cells of tasks that were queued together are fetched together.
//!
//! The cells of many tasks that one look has woken lie far apart in memory, and each poll would wait for its own. Looked at one
//! right after the other, they are fetched side by side: a sixth less processor time where 100,000 timers fire within 200 ms
//! (`cargo bench --bench compare`, row `storm`).

use std::hint::black_box;

use super::Scheduler;

impl Scheduler {
    /// Looks at the cells of the tasks that were queued last.
    pub(crate) fn prefetch(&self, count: usize) {
        let tasks = self.tasks.borrow();
        for &slot in tasks.ready.iter().rev().take(count) {
            if let Some(cell) = &tasks.slots[slot as usize].cell {
                black_box((cell.location(), cell.error().is_some()));
            }
        }
    }
}
