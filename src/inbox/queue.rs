//! The queue behind the word: the notes that do not fit into the word, and the loop that owns the
//! inbox at present.

use std::collections::{BTreeSet, VecDeque};

/// How many notes a queue has room for from the beginning.
pub(super) const ROOM: usize = 8;

/// What another thread has to say to a loop.
pub(crate) enum Note {
    /// The task with this number is to be woken.
    Wake(u64),
    Post(Call),
}

/// A posted call.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// What stands behind the inbox's lock.
pub(super) struct Queue {
    pub(super) notes: VecDeque<Note>,
    /// How many calls may wait before one more is [full](super::Refusal::Full). `None`: no loop has this inbox at present.
    pub(super) post_queue: Option<usize>,
    /// Counts the loops that have had this inbox, so that an `Address` of an earlier one finds itself closed.
    pub(super) generation: u64,
    /// The serial of the next loop's first task: serials go on where the last loop stopped.
    pub(super) next_serial: u32,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            notes: VecDeque::with_capacity(ROOM),
            post_queue: None,
            generation: 0,
            next_serial: 0,
        }
    }

    /// How many calls may wait for the loop of that generation. `None`: that loop is gone.
    pub(super) fn post_queue_of(&self, generation: u64) -> Option<usize> {
        self.post_queue.filter(|_| self.generation == generation)
    }

    pub(super) fn push(&mut self, note: Note) {
        if self.notes.len() == self.notes.capacity() {
            self.thin_out();
        }
        self.notes.push_back(note);
    }

    /// Before the queue grows: two wakes of one task are as good as one. So a loop that does not look for an hour, while a
    /// thread wakes the same tasks again and again, holds at most twice as many notes as there are tasks and posts.
    #[cold]
    fn thin_out(&mut self) {
        let mut seen = BTreeSet::new();
        self.notes.retain(|note| match note {
            Note::Wake(number) => seen.insert(*number),
            Note::Post(_) => true,
        });
        let room = self.notes.len().max(ROOM);
        // Exactly, or it would hold more.
        self.notes.reserve_exact(room);
    }

    /// The loop moves out, and leaves the notes that nobody has read.
    pub(super) fn close(&mut self, next_serial: u32) -> VecDeque<Note> {
        self.post_queue = None;
        self.generation += 1;
        self.next_serial = next_serial;
        std::mem::replace(&mut self.notes, VecDeque::with_capacity(ROOM))
    }
}
