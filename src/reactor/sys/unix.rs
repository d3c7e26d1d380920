//! Unix: the poller knows a source by its descriptor, whatever type owns that.

use std::io;
pub(crate) use std::os::fd::{AsFd as Watched, RawFd as Descriptor};
use std::os::fd::{AsRawFd, BorrowedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

/// An edge comes with new bytes and with new room, even if no operation has met `WouldBlock`.
pub(in crate::reactor) const SHORT_TRANSFER_DRAINS: bool = true;

/// The owner of the descriptor.
pub(in crate::reactor) struct Held<S>(S);

impl<S: Watched> Held<S> {
    pub(in crate::reactor) fn new(io: S) -> Held<S> {
        Held(io)
    }

    /// Lends the owner for one attempt.
    #[inline(always)]
    pub(in crate::reactor) fn lend<T>(&self, f: impl FnOnce(&S) -> T) -> T {
        f(&self.0)
    }

    #[inline]
    pub(in crate::reactor) fn borrow(&self) -> &S {
        &self.0
    }

    pub(in crate::reactor) fn get_mut(&mut self) -> &mut S {
        &mut self.0
    }

    pub(in crate::reactor) fn into_inner(self) -> S {
        self.0
    }

    pub(in crate::reactor) fn handle(&self) -> Handle<'_> {
        Handle(self.0.as_fd())
    }
}

/// A source in the form that the poller takes.
#[derive(Clone, Copy)]
pub(in crate::reactor) struct Handle<'a>(pub(in crate::reactor) BorrowedFd<'a>);

impl Handle<'_> {
    pub(in crate::reactor) fn descriptor(self) -> Descriptor {
        self.0.as_raw_fd()
    }

    pub(in crate::reactor) fn register(
        self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.descriptor()), token, interests)
    }

    pub(in crate::reactor) fn reregister(
        self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        registry.reregister(&mut SourceFd(&self.descriptor()), token, interests)
    }

    pub(in crate::reactor) fn deregister(self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut SourceFd(&self.descriptor()))
    }
}
