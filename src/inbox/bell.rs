//! The bell: ends the sleep of a loop, by one system call.

use std::io;

use crate::fault;
use crate::foreign::{self, Level};
use crate::shim::{self, Mutex, lock};

/// Has a lock of its own, so that a thread in the middle of the system call does not keep other threads from pushing.
pub(super) struct Bell(Mutex<Option<shim::Bell>>);

impl Bell {
    /// Nobody can have parked yet, so there is nothing to ring.
    pub(super) fn none() -> Self {
        Self(Mutex::new(None))
    }

    pub(super) fn hang(&self, bell: shim::Bell) {
        *lock(&self.0) = Some(bell);
    }

    pub(super) fn take_down(&self) {
        drop(lock(&self.0).take());
    }

    /// The one system call of a burst.
    #[cold]
    pub(super) fn ring(&self, loop_index: usize) {
        // Nobody else will ring for this sleep, so a failure that passes must not be the last word.
        // Guarded by fault::tests::every_call_fails_and_unwinds_in_turn
        let Err(error) = self.pull().or_else(|_| self.pull()) else {
            return;
        };
        // An eventfd cannot fail so, and nobody here could be told: the waker belongs to anybody.
        foreign::tell(
            Level::Error,
            foreign::WAKE,
            format_args!("loop {loop_index} could not be interrupted: {error}"),
        );
    }

    fn pull(&self) -> io::Result<()> {
        let pulled = foreign::catch(|| {
            let bell = lock(&self.0);
            fault::at(fault::Call::RingBell)?;
            bell.as_ref().map_or(Ok(()), shim::Bell::wake)
        });
        pulled.unwrap_or_else(|payload| {
            foreign::bury(payload);
            Err(io::Error::other("it panicked"))
        })
    }
}
