//! The table of entries becomes smaller.

use std::cell::Cell;
use std::rc::Rc;

use super::{FREE, NIL, Wheel};

impl<T> Wheel<T> {
    /// From now on `has_grown` is set when the table grows.
    pub(crate) fn telling(mut self, has_grown: Rc<Cell<bool>>) -> Self {
        self.has_grown = has_grown;
        self
    }

    /// For how many timers there is memory.
    pub(crate) fn room(&self) -> usize {
        self.entries.capacity()
    }

    /// Uses no entry from `limit` on for a new timer, until [`shrink`](Self::shrink) or until the others are all in use. An
    /// entry that is free is used first, so without this a timer that is armed again and again keeps the place that it has.
    pub(crate) fn evacuate(&mut self, limit: usize) {
        self.limit = u32::try_from(limit).map_or(NIL, |limit| limit.min(NIL));
        self.list_free();
    }

    /// Ends the evacuation, and frees the entries behind the last one that is in use if the table is loose. The entries
    /// before it stay where they are, since a key is an index. While a slot is dealt out in parts no entry is freed, because
    /// the scout may stand on one that is free.
    pub(crate) fn shrink(&mut self, is_loose: bool) {
        if is_loose && self.dealing == 0 {
            let last = self.entries.iter().rposition(|entry| entry.prev != FREE);
            self.entries.truncate(last.map_or(0, |last| last + 1));
            self.entries.shrink_to_fit();
        } else if self.limit == NIL {
            return;
        }
        self.limit = NIL;
        self.list_free();
    }

    /// Brings a free entry below the limit to the head of the list, and ends the evacuation if there is none. Returns
    /// whether there is a free entry.
    #[cold]
    pub(super) fn find_free(&mut self) -> bool {
        while self.free != NIL && self.free >= self.limit {
            self.free = self.entry(self.free).next;
        }
        if self.free == NIL && self.limit != NIL {
            self.limit = NIL;
            self.list_free();
        }
        self.free != NIL
    }

    /// Lists the free entries below the limit, the first one first.
    fn list_free(&mut self) {
        self.free = NIL;
        for index in (0..self.limit.min(self.entries.len() as u32)).rev() {
            if self.entry(index).prev == FREE {
                self.entry_mut(index).next = self.free;
                self.free = index;
            }
        }
    }
}
