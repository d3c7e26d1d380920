//! The loop as one descriptor, for a host that polls.

use std::os::fd::{AsFd, BorrowedFd};

use super::EventLoop;

/// The descriptor that becomes readable when a socket, another thread, or what the host does between two turns, wants a
/// [`turn`](EventLoop::turn). A host polls it until [`next_deadline`](EventLoop::next_deadline). A turn may leave an
/// event for the turn after it. The descriptor is readable still then, of which a host hears that asks for levels, and a host that
/// asks for edges does not.
///
/// On Windows, where a poller is not a descriptor that another one could poll, a loop has no such thing: a host takes turns with a
/// time-out.
impl AsFd for EventLoop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.context.reactor.registry().as_fd()
    }
}
