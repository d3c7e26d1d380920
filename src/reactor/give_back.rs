//! The table of sources gives back what a burst has left: see `event_loop/give_back.rs`.

use std::cell::Cell;
use std::rc::Rc;

use super::Reactor;
use crate::loose::Fill;

impl Reactor {
    /// From now on `has_grown` is set when the table of sources has grown large.
    pub(crate) fn telling(mut self, has_grown: Rc<Cell<bool>>) -> Reactor {
        self.sources.get_mut().has_grown = has_grown;
        self
    }

    pub(crate) fn fill(&self) -> Fill {
        self.sources.borrow().fill()
    }

    /// Frees the room behind the last source, if the table is loose.
    pub(crate) fn shrink(&self) {
        if self.fill().is_loose() {
            self.sources.borrow_mut().shrink();
        }
    }
}
