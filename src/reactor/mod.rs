//! reactor (provisional: no source exists yet)
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;
pub(crate) enum Wait {
    Now,
    Until(Instant),
    Forever,
}
pub(crate) struct Reactor {
    poll: RefCell<mio::Poll>,
    events: RefCell<mio::Events>,
    registry: mio::Registry,
}
impl Reactor {
    pub(crate) fn new(max: usize) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        Ok(Self {
            poll: RefCell::new(poll),
            events: RefCell::new(mio::Events::with_capacity(max)),
            registry,
        })
    }
    pub(crate) fn new_waker(&self) -> io::Result<mio::Waker> {
        mio::Waker::new(&self.registry, mio::Token(usize::MAX))
    }
    pub(crate) fn has_sources(&self) -> bool {
        false
    }
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.registry.as_fd()
    }
    pub(crate) fn poll(&self, wait: Wait) -> io::Result<usize> {
        let timeout = match wait {
            Wait::Now => Some(std::time::Duration::ZERO),
            Wait::Forever => None,
            Wait::Until(at) => Some(at.saturating_duration_since(Instant::now())),
        };
        match self
            .poll
            .borrow_mut()
            .poll(&mut self.events.borrow_mut(), timeout)
        {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => Err(e),
            _ => Ok(0),
        }
    }
}
