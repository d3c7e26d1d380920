//! What the end of a wait reports. *decide-then-do*: it reports nothing earlier.

use std::cell::{Cell, OnceCell};
use std::io;
use std::rc::Rc;
use std::time::Instant;

use crate::foreign::{self, Level};

#[derive(Default)]
pub(super) struct End {
    /// Whether there is something to report. A wait reads only this flag.
    is_to_tell: Cell<bool>,
    /// Why there is no alarm, until the log has been told.
    untold: Cell<Option<io::Error>>,
    /// Where an observed loop notes the end of each wait.
    noted: OnceCell<Rc<Cell<Instant>>>,
}

impl End {
    /// From now on the end of each wait is noted in `ends`. To be called once.
    pub(super) fn note(&self, ends: Rc<Cell<Instant>>) {
        self.is_to_tell.set(self.noted.set(ends).is_ok());
    }

    /// Remembers that there is no alarm, and why.
    pub(super) fn tell_later(&self, error: io::Error) {
        self.untold.set(Some(error));
        self.is_to_tell.set(true);
    }

    /// The wait is over, and its events have not been looked at.
    #[inline]
    pub(super) fn has_come(&self) {
        if self.is_to_tell.get() {
            self.tell();
        }
    }

    #[cold]
    fn tell(&self) {
        if let Some(error) = self.untold.take() {
            foreign::tell(
                Level::Debug,
                foreign::TIMER,
                format_args!("waits by the millisecond, without a timer: {error}"),
            );
        }
        match self.noted.get() {
            Some(noted) => noted.set(Instant::now()),
            None => self.is_to_tell.set(false),
        }
    }
}
