//! `TaskId`: which loop, which spawn, which slot, in one number.
//!
//! ```text
//!  63        52 51                        24 23                    0
//! +------------+----------------------------+-----------------------+
//! | loop (12)  |        serial (28)         |       slot (24)       |
//! +------------+----------------------------+-----------------------+
//! ```
//!
//! *Loop* is an index into the table of inboxes, so that a wake from any thread finds its way home.
//! *Slot* is an index into that loop's slab, so that a wake on the loop's own thread finds the task
//! in one step. *Serial* counts the loop's spawns: the slab stores nothing about the earlier
//! tenants of a slot, and the serial tells them apart. One 64-bit comparison compares all three at
//! once: loop, slot and tenant.
//!
//! Loop 0 does not exist, which leaves zero free for `Option<TaskId>`.

use std::fmt;
use std::num::NonZeroU64;

const SLOT_BITS: u32 = 24;
const SERIAL_BITS: u32 = 28;
const LOOP_BITS: u32 = 12;

const _: () = assert!(SLOT_BITS + SERIAL_BITS + LOOP_BITS == u64::BITS);

/// How many tasks one loop can hold at a time.
pub(crate) const MAX_TASKS: usize = 1 << SLOT_BITS;
/// How many loops a process can hold at a time, counting the loop 0 that does not exist.
pub(crate) const MAX_LOOPS: usize = 1 << LOOP_BITS;
/// How many spawns it takes until a serial comes round.
pub(crate) const SERIALS: u64 = 1 << SERIAL_BITS;

const SERIAL_MASK: u32 = (1 << SERIAL_BITS) - 1;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

/// Names one task among all tasks of the process.
///
/// Identifiers are unique among live tasks. A loop reuses one only after 2^28 further spawns.
///
/// ```
/// roundelay::run(async {
///     let handle = roundelay::spawn(async { roundelay::task::current() });
///     let id = handle.id();
///     assert_eq!(handle.await.unwrap(), Some(id));
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId(NonZeroU64);

impl TaskId {
    /// Packs the three parts; `loop_index` is in `1..MAX_LOOPS`, `slot` below `MAX_TASKS`, and the serial wraps.
    #[inline]
    pub(crate) fn new(loop_index: usize, serial: u32, slot: usize) -> Self {
        debug_assert!(0 < loop_index && loop_index < MAX_LOOPS && slot < MAX_TASKS);
        let serial = u64::from(serial & SERIAL_MASK);
        let bits =
            (loop_index as u64) << (SERIAL_BITS + SLOT_BITS) | serial << SLOT_BITS | slot as u64;
        Self(NonZeroU64::new(bits).expect("the loop's part is not zero"))
    }

    /// The number of another task of the same loop. This number has the serial zero and the slot zero.
    #[inline]
    pub(crate) fn with(self, serial: u32, slot: usize) -> Self {
        debug_assert!(self.serial() == 0 && self.slot() == 0 && slot < MAX_TASKS);
        Self(self.0 | u64::from(serial & SERIAL_MASK) << SLOT_BITS | slot as u64)
    }

    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0.get()
    }

    /// The inverse of [`bits`](Self::bits); `None` if no task can have this number.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self)
    }

    #[inline]
    pub(crate) fn loop_index(self) -> usize {
        (self.bits() >> (SERIAL_BITS + SLOT_BITS)) as usize
    }

    #[inline]
    pub(crate) fn serial(self) -> u32 {
        (self.bits() >> SLOT_BITS) as u32 & SERIAL_MASK
    }

    #[inline]
    pub(crate) fn slot(self) -> usize {
        (self.bits() & SLOT_MASK) as usize
    }
}

impl fmt::Display for TaskId {
    /// Writes the loop and the serial, as in `1.42`, which tell tasks apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.loop_index(), self.serial())
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({self} in slot {})", self.slot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_parts_come_back_as_they_went_in() {
        for (loop_index, serial, slot) in [
            (1, 0, 0),
            (MAX_LOOPS - 1, SERIAL_MASK, MAX_TASKS - 1),
            (7, 42, 9),
        ] {
            let id = TaskId::new(loop_index, serial, slot);
            assert_eq!(
                (id.loop_index(), id.serial(), id.slot()),
                (loop_index, serial, slot)
            );
            assert_eq!(TaskId::from_bits(id.bits()), Some(id));
        }
    }

    #[test]
    fn a_serial_comes_round() {
        let first = TaskId::new(1, 5, 0);
        assert_eq!(TaskId::new(1, 5 + SERIALS as u32, 0), first);
    }

    #[test]
    fn a_person_reads_the_loop_and_the_serial() {
        let id = TaskId::new(1, 42, 7);
        assert_eq!(id.to_string(), "1.42");
        assert_eq!(format!("{id:?}"), "TaskId(1.42 in slot 7)");
    }
}
