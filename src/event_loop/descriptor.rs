//! The loop as one descriptor, for a host that polls.

use std::os::fd::{AsFd, BorrowedFd};

use super::EventLoop;

/// The descriptor becomes readable when the loop needs a [`turn`](EventLoop::turn): because of a socket, another thread, or
/// what the host has done between two turns. A host polls it until [`next_deadline`](EventLoop::next_deadline). Poll it
/// level-triggered: a turn may leave an event for the next turn, and the descriptor then stays readable, without a new edge.
///
/// Not on Windows, where a poller is not a descriptor: there a host takes turns with a time-out.
impl AsFd for EventLoop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.context.reactor.registry().as_fd()
    }
}
