//! The bell: ends the sleep of a loop, by one system call.

use std::io;

use crate::fault;
use crate::foreign::{self, Level};
use crate::shim::{self, Mutex, lock};
use crate::trying::refused;

/// It has a lock of its own, so that a thread in the system call does not keep other threads from pushing.
pub(super) struct Bell(Mutex<Option<shim::Bell>>);

impl Bell {
    /// Before the loop has its bell it cannot park, so there is nothing to ring.
    pub(super) fn none() -> Self {
        Self(Mutex::new(None))
    }

    pub(super) fn hang(&self, bell: shim::Bell) {
        *lock(&self.0) = Some(bell);
    }

    pub(super) fn take_down(&self) {
        drop(lock(&self.0).take());
    }

    /// Makes the system call; a burst of notes makes only one.
    #[cold]
    pub(super) fn ring(&self, loop_index: usize) {
        // No other thread rings for this sleep, so a temporary failure is tried again.
        // Guarded by fault::tests::every_call_fails_and_unwinds_in_turn
        if self.pull().is_ok() {
            return;
        }
        let Err(error) = self.pull() else {
            return;
        };
        // An eventfd cannot fail in this way, and the caller is any code with a waker, so the error goes to the log.
        foreign::tell_apart(
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
            foreign::bury_payload(payload);
            Err(refused(io::ErrorKind::Other, &["it panicked"]))
        })
    }
}
