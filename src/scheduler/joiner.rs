//! Tuning: the task that awaits a handle, in one word.
//!
//! The plain form is an `Option<Waker>`: 16 bytes, a clone and a drop for each await, and an indirect call for the wake. But
//! a task is mostly awaited by another task of the same loop, whose number is enough: the scheduler queues the waiting task
//! by its number, and calls no waker. Any other waker lies in a table of its own ([`Tasks::afar`](super::tasks::Tasks)), and
//! the word is the waker's index there.

use crate::task::id::TaskId;

/// A task's number is large: its upper bits are the number of its loop, and loops are numbered from one. So small values of
/// the word are free for other meanings.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Joiner(u64);

/// What a [`Joiner`] means.
pub(super) enum Who {
    /// The `JoinHandle` is gone, so the output will not be asked for.
    Gone,
    Nobody,
    /// A task of this loop.
    Task(TaskId),
    /// The waker at this index of the table.
    Afar(usize),
}

impl Joiner {
    pub(super) const GONE: Self = Self(0);
    pub(super) const NOBODY: Self = Self(1);
    const AFAR: u64 = 2;

    pub(super) fn task(id: TaskId) -> Self {
        Self(id.bits())
    }

    pub(super) fn afar(index: usize) -> Self {
        Self(index as u64 + Self::AFAR)
    }

    pub(super) fn who(self) -> Who {
        match TaskId::from_bits(self.0) {
            Some(id) if id.loop_index() > 0 => Who::Task(id),
            None => Who::Gone,
            Some(_) if self.0 == Self::NOBODY.0 => Who::Nobody,
            Some(_) => Who::Afar((self.0 - Self::AFAR) as usize),
        }
    }

    /// In a spare slot, which no task awaits, the word holds the size of the cell.
    pub(super) fn size_of_spare(size: usize) -> Self {
        Self(size as u64)
    }

    pub(super) fn spare_size(self) -> usize {
        self.0 as usize
    }
}
