//! `Registered`: a descriptor that can be awaited, and the loop of "try, and wait only when told to".
//!
//! Every socket of [`crate::net`] is one of these underneath. It is the reactor's leaf future: the only file here
//! that knows which loop is running.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use super::Reactor;
use super::ready::{Interest, Ready};
use super::source::{Place, Source};
use super::sys::{Handle, Held, SHORT_TRANSFER_DRAINS, Watched};
use crate::context;
use crate::foreign::{self, Level};
use crate::record::Probe;
use crate::stays::StaysOnItsLoopSoSendARemoteInstead;

/// Any descriptor that a poller can watch, made awaitable: a pipe, a netlink socket, an inotify or a tun descriptor.
///
/// `S` is whatever owns the descriptor: any mio source, a type of the standard library, an `OwnedFd`. **It must be in
/// non-blocking mode**, or the first operation that would have to wait stops the whole loop.
///
/// On Unix only: the poller of Windows watches sockets and nothing else, and those are in [`net`](crate::net).
///
/// Nothing is registered when it is made. The first operation that meets `WouldBlock` registers it with the loop that
/// runs on this thread, for both directions, and it stays registered until it is dropped, taken apart by
/// [`into_inner`](Registered::into_inner), or has to wait in another loop, which then takes it over. Any number of
/// tasks may wait at the same time, in each direction.
///
/// ```
/// use std::io::{Read, Write};
/// use roundelay::reactor::{Interest, Registered};
///
/// roundelay::run(async {
///     let (sender, receiver) = mio::unix::pipe::new()?;
///     let (sender, receiver) = (Registered::new(sender), Registered::new(receiver));
///     let reader = roundelay::spawn(async move {
///         let mut buffer = [0; 16];
///         let count = receiver.async_io(Interest::READABLE, |mut pipe| pipe.read(&mut buffer)).await?;
///         std::io::Result::Ok(buffer[..count].to_vec())
///     });
///     sender.async_io(Interest::WRITABLE, |mut pipe| pipe.write(b"through a pipe")).await?;
///     assert_eq!(reader.await.unwrap()?, b"through a pipe");
///     std::io::Result::Ok(())
/// }).unwrap();
/// ```
pub struct Registered<S: Watched> {
    // Before `io`: the slot is free by the time that the descriptor is closed.
    registration: Registration,
    io: Held<S>,
}

impl<S: Watched> Registered<S> {
    /// Takes a descriptor that is in non-blocking mode. No system call is made, and no loop need be running.
    pub fn new(io: S) -> Registered<S> {
        Registered {
            registration: Registration {
                source: Source::new().into(),
                reactor: RefCell::default(),
            },
            io: Held::new(io),
        }
    }

    /// Takes it apart: the loop forgets the descriptor, which stays open and may go to another loop or thread.
    pub fn into_inner(self) -> S {
        self.registration.end(self.io.handle());
        self.io.into_inner()
    }

    /// Waits until one of the directions is ready, and says how.
    ///
    /// The answer is a hint: it may be out of date, and it is given at once if nothing is known. So try, with
    /// [`try_io`](Registered::try_io), and wait again after `WouldBlock`; or let [`async_io`](Registered::async_io)
    /// do both.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: readiness is not consumed by being seen.
    ///
    /// # Errors
    ///
    /// No loop is running on this thread, or the poller refuses the descriptor. A descriptor is shown to the poller
    /// after its first `WouldBlock` only, and a regular file never says that: its readiness is given at once, whatever the
    /// disk does, and reading it blocks the thread. Hand files to [`offload`](fn@crate::offload). (If an operation of yours says
    /// `WouldBlock` for a file all the same, epoll refuses the file: `PermissionDenied`, which is `EPERM`.)
    ///
    /// ```
    /// use roundelay::reactor::{Interest, Registered};
    /// # roundelay::run(async {
    /// let (sender, _receiver) = mio::unix::pipe::new()?;
    /// let ready = Registered::new(sender).readiness(Interest::WRITABLE).await?;
    /// assert!(ready.is_writable());
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn readiness(&self, interest: Interest) -> io::Result<Ready> {
        self.operation(interest, |_| Ok(self.ready(interest))).await
    }

    /// Tries an operation if one of the directions may be ready, and otherwise says `WouldBlock` without trying.
    ///
    /// `f` makes one non-blocking system call on the descriptor, in one of these directions, and reports `WouldBlock`
    /// faithfully: then, and only then, the direction counts as not ready until the kernel tells the opposite.
    ///
    /// # Errors
    ///
    /// `WouldBlock`, or what `f` returns, or the poller refuses the descriptor.
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use roundelay::reactor::{Interest, Registered};
    ///
    /// let (_sender, receiver) = mio::unix::pipe::new().unwrap();
    /// let receiver = Registered::new(receiver);
    /// let error = receiver.try_io(Interest::READABLE, |mut pipe| pipe.read(&mut [0])).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
    /// ```
    pub fn try_io<T>(
        &self,
        interest: Interest,
        f: impl FnOnce(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        let told_here = self.is_told_here();
        // Another loop's news, or none: then only the kernel knows.
        if told_here == Some(true) && self.ready(interest).is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = self.io.lend(f);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            && told_here.is_some()
        {
            self.enroll()?;
            self.registration.source.would_block(interest);
        }
        result
    }

    /// Tries an operation until it does not say `WouldBlock`, and waits in between.
    ///
    /// `f` is as for [`try_io`](Registered::try_io). `Interrupted` is tried again at once.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost while it waits: `f` has then moved nothing.
    ///
    /// # Wakes
    ///
    /// The loop keeps the task's waker and wakes it, with all that wait for the same direction, when the kernel tells
    /// of readiness. Dropping the future takes the waker out again.
    ///
    /// # Errors
    ///
    /// What `f` returns; or it would have to wait, and no loop is running on this thread or the poller refuses the
    /// descriptor.
    ///
    /// See the example of [`Registered`].
    pub async fn async_io<T>(
        &self,
        interest: Interest,
        f: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.operation(interest, f).await
    }

    /// [`async_io`](Registered::async_io) in the shape that adapters need.
    ///
    /// # Wakes
    ///
    /// These `poll_` forms have no future that could be dropped. All that are about the same direction of this source
    /// share one place in the line, and the last waker replaces the one before: they are for *one* task a direction.
    /// Tasks that await the other methods are not concerned.
    ///
    /// # Errors
    ///
    /// As [`async_io`](Registered::async_io).
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::io::Write;
    /// use roundelay::reactor::{Interest, Registered};
    /// # roundelay::run(async {
    /// let (sender, _receiver) = mio::unix::pipe::new()?;
    /// let sender = Registered::new(sender);
    /// let count = poll_fn(|cx| sender.poll_io(cx, Interest::WRITABLE, |mut pipe| pipe.write(b"abc"))).await?;
    /// assert_eq!(count, 3);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn poll_io<T>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        f: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_at(self.registration.source.standing(), cx, interest, f)
    }

    /// [`readiness`](Registered::readiness) in the shape that adapters need. Keeps its waker as
    /// [`poll_io`](Registered::poll_io) does.
    ///
    /// # Errors
    ///
    /// As [`readiness`](Registered::readiness).
    pub fn poll_readiness(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<io::Result<Ready>> {
        self.poll_io(cx, interest, |_| Ok(self.ready(interest)))
    }

    /// A stream moved fewer bytes than it was offered: that direction is drained, or full, until an event says
    /// otherwise.
    pub(crate) fn moved_short(&self, interest: Interest) {
        if SHORT_TRANSFER_DRAINS {
            self.registration.source.moved_short(interest);
        }
    }

    /// The future under all the awaited methods.
    pub(crate) fn operation<T, F>(&self, interest: Interest, attempt: F) -> Operation<'_, S, F>
    where
        F: FnMut(&S) -> io::Result<T>,
    {
        Operation {
            io: self,
            interest,
            place: Cell::default(),
            attempt,
        }
    }

    fn ready(&self, interest: Interest) -> Ready {
        self.registration.source.ready().only(interest)
    }

    /// Every operation on a source: try; if that would block, register the source with the loop, join the line of the direction,
    /// and wait.
    fn poll_at<T>(
        &self,
        place: &Cell<Place>,
        cx: &mut Context<'_>,
        interest: Interest,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        ready!(context::poll_budget(cx));
        let source = &self.registration.source;
        loop {
            while !self.ready(interest).is_empty() {
                match self.io.lend(&mut attempt) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.enroll()?;
                        source.would_block(interest);
                    }
                    result => {
                        source.leave_lines(place, interest);
                        context::spend_budget();
                        return Poll::Ready(result);
                    }
                }
            }
            if self.enroll()? == Enrolled::Already {
                source.join(place, interest, cx.waker());
                // The clone of a foreign waker may have done anything, so it is only now that "not ready" is sure.
                if self.ready(interest).is_empty() {
                    self.tell_of_the_wait(interest);
                    return Poll::Pending;
                }
            }
            // The source was enrolled just now: its last loop may have remembered "not ready", and this loop has to try by itself.
        }
    }

    /// Whether the loop that runs on this thread watches the descriptor; `None` if no loop does.
    fn is_told_here(&self) -> Option<bool> {
        context::peek(|context| self.registration.lives_on(&context.reactor))
    }

    /// Sees to it that the current loop watches the descriptor.
    #[inline]
    fn enroll(&self) -> io::Result<Enrolled> {
        match self.is_told_here() {
            Some(true) => Ok(Enrolled::Already),
            _ => self.enroll_now(),
        }
    }

    #[cold]
    fn enroll_now(&self) -> io::Result<Enrolled> {
        let context = context::current().ok_or_else(no_loop)?;
        self.registration.end(self.io.handle());
        self.registration
            .begin(&context.reactor, self.io.handle())?;
        Ok(Enrolled::Now)
    }

    fn tell_of_the_wait(&self, interest: Interest) {
        let fd = self.io.handle().descriptor();
        if Probe::EXISTS {
            context::peek(|context| context.probe.awaits_source(fd as u32));
        }
        foreign::tell(
            Level::Trace,
            foreign::IO,
            format_args!("descriptor {fd}: {interest:?} would block"),
        );
    }
}

/// Whether the descriptor had to be registered to be watched.
#[derive(PartialEq, Eq)]
enum Enrolled {
    Already,
    Now,
}

#[cold]
fn no_loop() -> io::Error {
    io::Error::other(
        "this operation would have to wait, and no roundelay loop is running on this thread to wait with: \
         await it inside `roundelay::run`, `EventLoop::run` or a spawned task",
    )
}

/// Ends the registration when the source is dropped. A type of its own, so that `into_inner` can take the rest.
struct Registration {
    source: StaysOnItsLoopSoSendARemoteInstead<Rc<Source>>,
    /// The loop that tells of this source.
    ///
    /// Not an owner: a socket that outlives its loop must not keep the loop's descriptors open.
    reactor: RefCell<Weak<Reactor>>,
}

impl Registration {
    /// Whether this is the loop that tells of the source. No other loop's reactor can have the address of one that is gone,
    /// while this `Weak` holds its memory.
    #[inline]
    fn lives_on(&self, reactor: &Rc<Reactor>) -> bool {
        self.reactor.borrow().as_ptr() == Rc::as_ptr(reactor)
    }

    fn begin(&self, reactor: &Rc<Reactor>, handle: Handle<'_>) -> io::Result<()> {
        reactor.register(&self.source, handle)?;
        self.reactor.replace(Rc::downgrade(reactor));
        Ok(())
    }

    /// The descriptor stays open: its loop must be told, and everybody who waits there as well.
    fn end(&self, handle: Handle<'_>) {
        if let Some((reactor, token)) = self.leave_home() {
            reactor.deregister(token, handle);
            self.source.wake_everybody();
        }
    }

    /// The registration is over. Gives back where it was, if that loop still lives.
    fn leave_home(&self) -> Option<(Rc<Reactor>, mio::Token)> {
        let token = self.source.leave_home()?;
        Some((self.reactor.take().upgrade()?, token))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some((reactor, token)) = self.leave_home() {
            reactor.forget(token);
        }
    }
}

/// One operation, tried until it does not block. It owns its places in line, and gives them back when it is dropped.
pub(crate) struct Operation<'a, S: Watched, F> {
    io: &'a Registered<S>,
    interest: Interest,
    place: Cell<Place>,
    attempt: F,
}

/// `attempt` is called, never pinned.
impl<S: Watched, F> Unpin for Operation<'_, S, F> {}

impl<S: Watched, T, F: FnMut(&S) -> io::Result<T>> Future for Operation<'_, S, F> {
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = self.get_mut();
        this.io
            .poll_at(&this.place, cx, this.interest, &mut this.attempt)
    }
}

impl<S: Watched, F> Drop for Operation<'_, S, F> {
    // Guarded by tests/io/edge.rs::a_cancelled_waiter_leaves_nothing_behind
    fn drop(&mut self) {
        self.io.registration.source.leave(&self.place);
    }
}

impl<S: Watched + fmt::Debug> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = self.registration.source.ready();
        f.debug_struct("Registered")
            .field("io", &self.io.borrow())
            .field("ready", &ready)
            .finish()
    }
}
