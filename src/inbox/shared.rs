//! The part of the inbox that the loop and all other threads share.

use std::sync::OnceLock;

use super::bell::Bell;
use super::queue::{Call, Note, Queue};
use super::word::{Put, Word};
use crate::shim::atomic::AtomicUsize;
use crate::shim::atomic::Ordering::Relaxed;
use crate::shim::{Mutex, lock_in_place as lock};

pub(super) struct Shared {
    pub(super) index: usize,
    pub(super) word: Word,
    pub(super) queue: Mutex<Queue>,
    /// How many calls were posted and are not delivered.
    pub(super) posts: AtomicUsize,
    pub(super) bell: Bell,
    /// The next entry of its place in the table.
    pub(super) later: OnceLock<&'static Shared>,
}

/// Whether a post obeys the bound of the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Bounded,
    Unbounded,
}

/// Why a call was not posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    Full,
}

impl Shared {
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            word: Word::closed(),
            queue: Mutex::new(Queue::new()),
            posts: AtomicUsize::new(0),
            bell: Bell::none(),
            later: OnceLock::new(),
        }
    }

    /// Queues a wake. A wake for a loop that has ended does nothing: *stale-is-inert*.
    pub(super) fn wake(&self, number: u64) {
        match self.word.put(number) {
            Put::Seen => {}
            Put::Ring => self.ring(),
            Put::Occupied => {
                let mut queue = lock(&self.queue);
                if queue.post_queue.is_some() && self.push(&mut queue, Note::Wake(number)) {
                    drop(queue);
                    self.ring();
                }
            }
        }
    }

    pub(super) fn post(
        &self,
        generation: u64,
        call: Call,
        room: Room,
    ) -> Result<(), (Call, Refusal)> {
        let mut queue = lock(&self.queue);
        let Some(post_queue) = queue.post_queue_of(generation) else {
            return Err((call, Refusal::Closed));
        };
        // ORDERING: a count that grows only under the lock. If it is too high, because a call is being delivered at this
        // moment, a post is refused that would have found room a moment later.
        if room == Room::Bounded && self.posts.load(Relaxed) >= post_queue {
            return Err((call, Refusal::Full));
        }
        // ORDERING: as above.
        self.posts.fetch_add(1, Relaxed);
        let is_parked = self.push(&mut queue, Note::Post(call));
        drop(queue);
        if is_parked {
            self.ring();
        }
        Ok(())
    }

    /// Calls the host of a resting loop, as a note would, but leaves no note: the queue may be empty behind the notice.
    pub(super) fn announce(&self) {
        if self.word.announce_if_parked() {
            self.ring();
        }
    }

    /// Returns whether the loop is parked. If so, the caller rings after it has released the lock.
    // Inlined by force: this saves 20 of 366 instructions of each wake in a burst.
    #[inline(always)]
    #[must_use]
    fn push(&self, queue: &mut Queue, note: Note) -> bool {
        let before = self.word.announce();
        if let Some(number) = before.wake {
            queue.push(Note::Wake(number));
        }
        queue.push(note);
        before.is_parked
    }

    pub(super) fn ring(&self) {
        self.bell.ring(self.index);
    }
}
