//! The table of sources gives back what a burst has left: see `event_loop/give_back.rs`.

use std::cell::Cell;
use std::rc::Rc;

use super::Reactor;

impl Reactor {
    /// From now on `has_grown` is set when the table of sources grows.
    pub(crate) fn telling(mut self, has_grown: Rc<Cell<bool>>) -> Reactor {
        self.sources.get_mut().has_grown = has_grown;
        self
    }

    /// How many sources there are, and how many have room.
    pub(crate) fn used_and_room(&self) -> (usize, usize) {
        self.sources.borrow().used_and_room()
    }

    /// Frees the room behind the last source.
    pub(crate) fn shrink(&self) {
        self.sources.borrow_mut().shrink();
    }
}
