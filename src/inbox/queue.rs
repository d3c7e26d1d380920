//! The queue behind the word: the notes that do not fit into the word, and which loop owns the
//! inbox.

use std::collections::{BinaryHeap, VecDeque};
use std::mem;

/// How many notes a new queue has room for.
pub(super) const ROOM: usize = 8;

/// A note from another thread to the loop.
pub(crate) enum Note {
    /// Wake the task with this number.
    Wake(u64),
    Post(Call),
}

/// A posted call.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// The state under the inbox's lock.
pub(super) struct Queue {
    pub(super) notes: VecDeque<Note>,
    /// With so many notes the queue is [thinned out](Self::thin_out).
    most: usize,
    /// How many calls may wait before a post is refused as [full](super::Refusal::Full). `None`: no loop owns this inbox.
    pub(super) post_queue: Option<usize>,
    /// Counts the loops that have owned this inbox, so that an `Address` of an earlier loop is closed.
    pub(super) generation: u64,
    /// The serial of the next loop's first task. Serials go on where the last loop stopped.
    pub(super) next_serial: u32,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            notes: VecDeque::new(),
            most: ROOM,
            post_queue: None,
            generation: 0,
            next_serial: 0,
        }
    }

    /// A loop moves in.
    pub(super) fn open(&mut self, post_queue: usize) {
        self.post_queue = Some(post_queue);
        if self.notes.capacity() == 0 {
            // Not an assignment, which would contain the code that drops notes.
            mem::forget(mem::replace(&mut self.notes, VecDeque::with_capacity(ROOM)));
        }
    }

    /// How many calls may wait for the loop of this generation. `None`: that loop is gone.
    pub(super) fn post_queue_of(&self, generation: u64) -> Option<usize> {
        self.post_queue.filter(|_| self.generation == generation)
    }

    pub(super) fn push(&mut self, note: Note) {
        if self.notes.len() >= self.most {
            self.thin_out();
        }
        self.notes.push_back(note);
    }

    /// Removes repeated wakes of a task before the queue grows, since one wake is enough. So a loop that does not look for
    /// an hour, while a thread wakes the same tasks again and again, holds at most twice as many notes as there are tasks
    /// and posts.
    #[cold]
    fn thin_out(&mut self) {
        // Of each wake its number and its place, sorted.
        let mut wakes = Vec::new();
        for place in 0..self.notes.len() {
            if let Note::Wake(number) = self.notes[place] {
                wakes.push((number, place as u64));
            }
        }
        let mut is_repeated = vec![false; self.notes.len()];
        for wakes in BinaryHeap::from(wakes).into_sorted_vec().windows(2) {
            let [(before, _), (number, place)] = [wakes[0], wakes[1]];
            is_repeated[place as usize] = number == before;
        }
        // Once around: each note goes from the front to the back.
        for is_repeated in is_repeated {
            match self.notes.pop_front() {
                Some(note) if !is_repeated => self.notes.push_back(note),
                _ => {}
            }
        }
        self.most = 2 * self.notes.len().max(ROOM);
    }

    /// The loop leaves the inbox, and takes the unread notes.
    pub(super) fn close(&mut self, next_serial: u32, taken: &mut VecDeque<Note>) {
        self.post_queue = None;
        self.generation += 1;
        self.next_serial = next_serial;
        while let Some(note) = self.notes.pop_front() {
            taken.push_back(note);
        }
        self.shrink();
    }

    /// Frees most of the room. The queue grows again if need be.
    pub(super) fn shrink(&mut self) {
        self.notes.shrink_to(ROOM);
        self.most = ROOM;
    }
}
