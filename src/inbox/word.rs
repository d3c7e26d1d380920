//! The word: one atomic integer, by which a loop and all other threads agree.
//!
//! Each step of either side is one read-modify-write, so all steps on the word have one order, and
//! the side that comes second sees what the first has done. The [chapter](super) has the figure.

use crossbeam_utils::CachePadded;

use crate::shim::atomic::AtomicU64;
use crate::shim::atomic::Ordering::SeqCst;

// What the word can be, if it is not the number of a task that is to be woken. The number of a task is larger than each of
// these, since the index of its loop is in its upper bits.
const AWAKE: u64 = 0;
const PARKED: u64 = 1;
/// There is no loop.
const CLOSED: u64 = 2;
/// Something is in the queue, or has become ready between two turns. This, and every number, is a note; what is smaller is none.
const NOTIFIED: u64 = 3;

pub(super) struct Word(CachePadded<AtomicU64>);

/// What became of a wake that was to be put into the word.
#[must_use]
pub(super) enum Put {
    /// The loop is awake, and will see it.
    Seen,
    /// The loop sleeps: ring.
    Ring,
    /// Something is there already: use the queue.
    Occupied,
}

/// What stood in the word before the notice that there is something in the queue.
#[must_use]
pub(super) struct Before {
    /// A wake, which now belongs into the queue.
    pub(super) wake: Option<u64>,
    /// The loop sleeps: ring.
    pub(super) is_parked: bool,
}

impl Word {
    pub(super) fn closed() -> Self {
        Self(CachePadded::new(AtomicU64::new(CLOSED)))
    }

    /// Another thread wakes a task: its number stands in for the whole note, if nothing else is there.
    pub(super) fn put(&self, number: u64) -> Put {
        // ORDERING: one step, so that of this and the loop's one comes second. Partners: `park` and `take`.
        let put = |instead_of| self.0.compare_exchange(instead_of, number, SeqCst, SeqCst);
        match put(AWAKE) {
            Ok(_) => Put::Seen,
            Err(PARKED) if put(PARKED).is_ok() => Put::Ring,
            Err(_) => Put::Occupied,
        }
    }

    /// Another thread is about to push into the queue, whose lock it holds.
    pub(super) fn announce(&self) -> Before {
        // ORDERING: under the lock, which the loop needs for the queue once it has taken the notice down. Partners: `park`
        // and `take`.
        let before = self.0.swap(NOTIFIED, SeqCst);
        Before {
            wake: number(before),
            is_parked: before == PARKED,
        }
    }

    /// Something has become ready on the loop's own thread, between two turns. `true`: the loop counted as asleep, and its host
    /// has not been told yet. A loop at work needs no notice, and neither does one that has a note already.
    #[must_use]
    pub(super) fn announce_if_parked(&self) -> bool {
        // ORDERING: the load is a hint for the one thread that parks this loop, which is the one that asks. The step is one of
        // those on this word: whoever comes second sees a notice, and rings no more.
        self.0.load(SeqCst) == PARKED
            && self
                .0
                .compare_exchange(PARKED, NOTIFIED, SeqCst, SeqCst)
                .is_ok()
    }

    /// The loop is going to sleep. `false`: something has come since the last `take`, so the loop must not sleep.
    #[must_use]
    pub(super) fn park(&self) -> bool {
        // ORDERING: SeqCst, partner of `put` and `announce`: of two steps one comes second and sees the other.
        // With a load and a store here a push could miss `PARKED` while this misses its note: the loop sleeps for ever.
        self.0
            .compare_exchange(AWAKE, PARKED, SeqCst, SeqCst)
            .is_ok()
    }

    /// The loop is awake again. What came meanwhile stays.
    pub(super) fn unpark(&self) {
        // ORDERING: as in `park`. If something is there, it stays there, and the next `take` has it.
        let _ = self.0.compare_exchange(PARKED, AWAKE, SeqCst, SeqCst);
    }

    /// Whether there may be a note.
    #[inline]
    pub(super) fn is_notified(&self) -> bool {
        // ORDERING: a hint; `take` and `park` decide by swaps. A notice missed here is seen at the next look.
        self.0.load(SeqCst) >= NOTIFIED
    }

    /// The loop takes the notice down, before it looks into the queue. `Some`: this wake is all there is.
    pub(super) fn take(&self) -> Option<u64> {
        // ORDERING: before the queue is taken, see "The idea". Partners: `put` and `announce`.
        number(self.0.swap(AWAKE, SeqCst))
    }

    /// A loop moves in. The lock of the queue is held.
    pub(super) fn open(&self) {
        // ORDERING: under the lock. A stale number may come at once; it wakes nobody. A swap though nobody asks for what was
        // there: a read-modify-write, as every step on this word, has one place among the others.
        self.0.swap(AWAKE, SeqCst);
    }

    /// The loop has moved out.
    pub(super) fn close(&self) {
        // ORDERING: nobody can push any more, and from here on nobody leaves a number. A swap, as in `open`.
        self.0.swap(CLOSED, SeqCst);
    }
}

/// The word, if it is the number of a task that is to be woken.
fn number(word: u64) -> Option<u64> {
    (word > NOTIFIED).then_some(word)
}
