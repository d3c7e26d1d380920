//! The table of sources gives back what a burst has left: see `event_loop/give_back.rs`.

use super::Reactor;

impl Reactor {
    /// How many sources there are, and how many have room.
    pub(crate) fn used_and_room(&self) -> (usize, usize) {
        self.sources.borrow().used_and_room()
    }

    /// Frees the room behind the last source.
    pub(crate) fn shrink(&self) {
        self.sources.borrow_mut().shrink();
    }
}
