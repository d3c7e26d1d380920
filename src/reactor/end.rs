//! What is to be told at the end of a wait. *decide-then-do*: nothing of it is told before.

use std::cell::{Cell, OnceCell};
use std::io;
use std::rc::Rc;
use std::time::Instant;

use crate::foreign::{self, Level};

#[derive(Default)]
pub(super) struct End {
    /// There is something to tell. One flag for all, which is all that a wait looks at.
    is_to_tell: Cell<bool>,
    /// Why there is no alarm, until the log has heard of it.
    untold: Cell<Option<io::Error>>,
    /// Where the end of each wait is noted, in a loop that is observed.
    noted: OnceCell<Rc<Cell<Instant>>>,
}

impl End {
    /// From now on the end of each wait is noted there. To be called once.
    pub(super) fn note(&self, ends: Rc<Cell<Instant>>) {
        self.is_to_tell.set(self.noted.set(ends).is_ok());
    }

    /// There is no alarm.
    pub(super) fn tell_later(&self, error: io::Error) {
        self.untold.set(Some(error));
        self.is_to_tell.set(true);
    }

    /// The wait is over, and what it has brought is not looked at yet.
    #[inline]
    pub(super) fn has_come(&self) {
        if self.is_to_tell.get() {
            self.tell();
        }
    }

    #[cold]
    fn tell(&self) {
        if let Some(error) = self.untold.take() {
            let line = format_args!("waits by the millisecond, without a timer: {error}");
            foreign::tell(Level::Debug, foreign::TIMER, line);
        }
        match self.noted.get() {
            Some(noted) => noted.set(Instant::now()),
            None => self.is_to_tell.set(false),
        }
    }
}
