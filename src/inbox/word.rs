//! The word: the atomic integer on which a loop and all other threads agree.
//!
//! Each step of either side is one read-modify-write, so all steps on the word have one order, and
//! the side that comes second sees what the first has done. The [chapter](super) has the figure.

use crossbeam_utils::CachePadded;

use crate::shim::atomic::AtomicU64;
use crate::shim::atomic::Ordering::SeqCst;

// The values of the word apart from the numbers of woken tasks. A task's number is larger than each of them, since its upper
// bits are the index of its loop.
const AWAKE: u64 = 0;
const PARKED: u64 = 1;
/// No loop owns the inbox.
const CLOSED: u64 = 2;
/// There is something in the queue, or a task became ready between two turns. This value and every larger one is a note;
/// smaller values are not.
const NOTIFIED: u64 = 3;

pub(super) struct Word(CachePadded<AtomicU64>);

/// The result of putting a wake into the word.
#[must_use]
pub(super) enum Put {
    /// The loop is awake, and will see the wake.
    Seen,
    /// The loop sleeps: ring.
    Ring,
    /// The word holds a note already: use the queue.
    Occupied,
}

/// The word's value before the notice that the queue is not empty.
#[must_use]
pub(super) struct Before {
    /// A wake, which has to go into the queue.
    pub(super) wake: Option<u64>,
    /// The loop sleeps: ring.
    pub(super) is_parked: bool,
}

impl Word {
    pub(super) fn closed() -> Self {
        Self(CachePadded::new(AtomicU64::new(CLOSED)))
    }

    /// Wakes a task from another thread: the task's number becomes the whole note if the word holds no note.
    pub(super) fn put(&self, number: u64) -> Put {
        // ORDERING: one step, so of this step and the loop's step one comes second. Partners: `park` and `take`.
        let put = |instead_of| self.0.compare_exchange(instead_of, number, SeqCst, SeqCst);
        match put(AWAKE) {
            Ok(_) => Put::Seen,
            Err(PARKED) if put(PARKED).is_ok() => Put::Ring,
            Err(_) => Put::Occupied,
        }
    }

    /// Announces that another thread pushes into the queue. That thread holds the queue's lock.
    pub(super) fn announce(&self) -> Before {
        // ORDERING: under the lock, which the loop needs for the queue after it has taken the notice. Partners: `park` and
        // `take`.
        let before = self.0.swap(NOTIFIED, SeqCst);
        Before {
            wake: number(before),
            is_parked: before == PARKED,
        }
    }

    /// Announces on the loop's own thread that a task became ready between two turns. Returns `true` if the loop is parked,
    /// so that its host has to be told. A loop at work needs no notice, and a loop with a note has one already.
    #[must_use]
    pub(super) fn announce_if_parked(&self) -> bool {
        // ORDERING: the load is a hint, read on the only thread that parks this loop. The step is one of the steps on this
        // word: the side that comes second sees a notice, and does not ring.
        self.0.load(SeqCst) == PARKED
            && self
                .0
                .compare_exchange(PARKED, NOTIFIED, SeqCst, SeqCst)
                .is_ok()
    }

    /// The loop is about to sleep. Returns `false` if a note has come since the last `take`, so that the loop must not
    /// sleep.
    #[must_use]
    pub(super) fn park(&self) -> bool {
        // ORDERING: SeqCst, partner of `put` and `announce`: of two steps one comes second and sees the other. With a load
        // and a store here a push could miss `PARKED` while this misses its note, and the loop would sleep for ever.
        self.0
            .compare_exchange(AWAKE, PARKED, SeqCst, SeqCst)
            .is_ok()
    }

    /// The loop is awake again. A note that came during the sleep stays in the word.
    pub(super) fn unpark(&self) {
        // ORDERING: as in `park`. A note stays in the word for the next `take`.
        let _ = self.0.compare_exchange(PARKED, AWAKE, SeqCst, SeqCst);
    }

    /// Whether there may be a note.
    #[inline]
    pub(super) fn is_notified(&self) -> bool {
        // ORDERING: a hint; the swaps of `take` and `park` decide. A note that is missed here is seen at the next look.
        self.0.load(SeqCst) >= NOTIFIED
    }

    /// Takes the note out of the word, before the loop looks into the queue. `Some`: this wake is the only note.
    pub(super) fn take(&self) -> Option<u64> {
        // ORDERING: before the queue is taken, see "The idea". Partners: `put` and `announce`.
        number(self.0.swap(AWAKE, SeqCst))
    }

    /// A loop takes the inbox over, under the lock of the queue.
    pub(super) fn open(&self) {
        // ORDERING: under the lock. A stale number may come at once, and wakes nothing. A swap although the old value is not
        // needed: a read-modify-write has its place in the order of all steps on this word.
        self.0.swap(AWAKE, SeqCst);
    }

    /// The loop has left the inbox.
    pub(super) fn close(&self) {
        // ORDERING: no thread can push any more, and from here on none leaves a number. A swap, as in `open`.
        self.0.swap(CLOSED, SeqCst);
    }
}

/// The number of the task that the word wakes, if it is one.
fn number(word: u64) -> Option<u64> {
    (word > NOTIFIED).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: u64 = 1_000;
    const N: u64 = 2_000;

    /// A value of the word, as the table names it.
    fn name(word: &Word) -> &'static str {
        // ORDERING: there is one thread.
        match word.0.load(SeqCst) {
            AWAKE => "AWAKE",
            PARKED => "PARKED",
            NOTIFIED => "NOTIFIED",
            M => "m",
            N => "n",
            value => panic!("the word is {value}"),
        }
    }

    /// Pushes `what`. Returns what the word and the queue have then, in the words of the table.
    fn pushed(word: &Word, what: &str) -> String {
        let before = word.announce();
        let first = before.wake.map_or("", |_| " +m");
        let ring = if before.is_parked { ", ring" } else { "" };
        format!("{}{first} +{what}{ring}", name(word))
    }

    fn wake(word: &Word) -> String {
        match word.put(N) {
            Put::Seen => name(word).to_owned(),
            Put::Ring => format!("{}, ring", name(word)),
            Put::Occupied => pushed(word, "n"),
        }
    }

    fn push(word: &Word) -> String {
        pushed(word, "post")
    }

    fn park(word: &Word) -> String {
        let sleeps = word.park();
        assert_eq!(sleeps, name(word) == "PARKED");
        name(word).to_owned()
    }

    fn unpark(word: &Word) -> String {
        word.unpark();
        name(word).to_owned()
    }

    fn take(word: &Word) -> String {
        match word.take() {
            Some(M) => format!("{}, m", name(word)),
            Some(number) => panic!("the answer is {number}"),
            None => format!("{}, queue", name(word)),
        }
    }

    #[test]
    fn each_step_leaves_the_word_that_the_table_shows() {
        let _watched = crate::watch::watch();
        let steps = [wake, push, park, unpark, take];
        let found = [
            (AWAKE, "AWAKE"),
            (PARKED, "PARKED"),
            (M, "a number m"),
            (NOTIFIED, "NOTIFIED"),
        ];
        let mut checked = 0;
        for (value, found) in found {
            let line = include_str!("mod.rs")
                .lines()
                .filter_map(|line| line.strip_prefix("//!   "))
                .find(|line| line.starts_with(&format!("{found}  ")))
                .expect("a line of the table");
            let cells = line
                .split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty());
            for (step, left) in steps.iter().zip(cells.skip(1)) {
                if left != "-" {
                    let word = Word(CachePadded::new(AtomicU64::new(value)));
                    assert_eq!(step(&word), left, "{line}");
                    checked += 1;
                }
            }
        }
        assert_eq!(checked, 17);
    }
}
