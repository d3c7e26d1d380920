//! Windows: the poller keeps its state in mio's own socket type, so registering takes the socket mutably.
//!
//! An edge comes once. mio asks for the next one only when an operation of its socket returns `WouldBlock`.

use std::cell::{Ref, RefCell, RefMut};
use std::io;
use std::os::windows::io::AsRawSocket;
pub(crate) use std::os::windows::io::RawSocket as Descriptor;

use mio::event::Source;
use mio::{Interest, Registry, Token};

/// The next bytes bring no edge, so an operation is tried until it returns `WouldBlock`.
pub(in crate::reactor) const SHORT_TRANSFER_DRAINS: bool = false;

/// The sockets of mio.
pub trait Watched: Source + AsRawSocket {}

impl<S: Source + AsRawSocket> Watched for S {}

/// The owner of the socket.
pub(in crate::reactor) struct Held<S> {
    io: RefCell<S>,
    /// The poller with which the socket is registered. mio keeps that poller alive as long, and has to be told the end of
    /// the registration even if the loop is gone.
    home: RefCell<Option<Registry>>,
}

impl<S: Watched> Held<S> {
    pub(in crate::reactor) fn new(io: S) -> Held<S> {
        Held {
            io: RefCell::new(io),
            home: RefCell::new(None),
        }
    }

    /// Lends the owner for one attempt. The socket cannot be registered during the attempt.
    pub(in crate::reactor) fn lend<T>(&self, f: impl FnOnce(&S) -> T) -> T {
        f(&self.io.borrow())
    }

    pub(in crate::reactor) fn borrow(&self) -> Ref<'_, S> {
        self.io.borrow()
    }

    pub(in crate::reactor) fn into_inner(self) -> S {
        self.io.into_inner()
    }

    pub(in crate::reactor) fn handle(&self) -> Handle<'_> {
        Handle(self)
    }
}

/// A source in the form that the poller takes.
#[derive(Clone, Copy)]
pub(in crate::reactor) struct Handle<'a>(&'a dyn Registers);

impl Handle<'_> {
    pub(in crate::reactor) fn descriptor(self) -> Descriptor {
        self.0.descriptor()
    }

    pub(in crate::reactor) fn register(
        self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.0.register(registry, token, interests)
    }

    pub(in crate::reactor) fn reregister(
        self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.0.register(registry, token, interests)
    }

    pub(in crate::reactor) fn deregister(self, _registry: &Registry) -> io::Result<()> {
        self.0.deregister()
    }
}

/// A [`Held`] socket of any type.
trait Registers {
    fn descriptor(&self) -> Descriptor;
    fn register(&self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()>;
    fn deregister(&self) -> io::Result<()>;
}

impl<S: Watched> Registers for Held<S> {
    fn descriptor(&self) -> Descriptor {
        self.io.borrow().as_raw_socket()
    }

    fn register(&self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.deregister()?;
        let home = registry.try_clone()?;
        registry.register(&mut *self.mutably()?, token, interests)?;
        self.home.replace(Some(home));
        Ok(())
    }

    /// Ends the registration even with a loop that is gone.
    fn deregister(&self) -> io::Result<()> {
        let mut io = self.mutably()?;
        match self.home.take() {
            Some(home) => home.deregister(&mut *io),
            None => Ok(()),
        }
    }
}

impl<S> Held<S> {
    fn mutably(&self) -> io::Result<RefMut<'_, S>> {
        self.io.try_borrow_mut().map_err(|_| {
            io::Error::other(
                "a socket cannot have to wait inside a system call on that very socket",
            )
        })
    }
}
