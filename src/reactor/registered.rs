//! `Registered`: a descriptor that can be awaited, and the loop of "try, and wait only when told to".
//!
//! Every socket of [`crate::net`] holds a `Registered`. It is the reactor's leaf future: the only file here that knows
//! which loop is running.

mod operation;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::cell::Cell;
use std::fmt;
use std::io;
use std::ptr;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use super::Reactor;
use super::narrator::tell_of_a_wait;
use super::ready::{Interest, Ready};
use super::source::{Place, Source};
use super::sys::{Handle, Held, SHORT_TRANSFER_DRAINS, Watched};
use crate::context;
use crate::record::Probe;
use crate::stays::StaysOnItsLoopSoSendARemoteInstead;

/// Makes a descriptor awaitable: any that a poller can watch, such as a pipe, a netlink socket, an inotify or a tun
/// descriptor.
///
/// `S` owns the descriptor: a mio source, a type of the standard library, an `OwnedFd`. **The descriptor must be in
/// non-blocking mode**, or the first operation that would have to wait stops the whole loop.
///
/// On Unix only: the poller of Windows watches nothing but sockets, and those are in [`net`](crate::net).
///
/// `new` registers nothing. The first operation that meets `WouldBlock` registers the descriptor, for both directions, with
/// the loop that runs on this thread. The registration ends when the `Registered` is dropped, when
/// [`into_inner`](Registered::into_inner) takes it apart, or when an operation has to wait in another loop, which then takes
/// the registration over. Any number of tasks may wait at the same time, in each direction.
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
    // Dropped before `io`, so that the slot is free when the descriptor is closed.
    registration: Registration,
    io: Held<S>,
    /// The places that the `poll_` functions share, since they have no future that could own one: one for each interest.
    standing: [Place; 3],
}

impl<S: Watched> Registered<S> {
    /// Wraps a descriptor that is in non-blocking mode. Makes no system call, and needs no running loop.
    pub fn new(io: S) -> Registered<S> {
        Registered {
            registration: Registration::new(),
            io: Held::new(io),
            standing: Default::default(),
        }
    }

    /// Returns the owner of the descriptor. The loop forgets the descriptor, which stays open and may go to another
    /// loop or thread.
    pub fn into_inner(self) -> S {
        self.registration.end(self.io.handle());
        self.io.into_inner()
    }

    /// Waits until one of the directions is ready, and returns which.
    ///
    /// The answer is a hint: it may be out of date, and if nothing is known it comes at once. So try the operation with
    /// [`try_io`](Registered::try_io), and wait again after `WouldBlock`. [`async_io`](Registered::async_io) does both.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: looking at readiness does not consume it.
    ///
    /// # Errors
    ///
    /// No loop is running on this thread, or the poller refuses the descriptor. The poller sees a descriptor only after its
    /// first `WouldBlock`, which a regular file never returns: a file counts as ready at once, and reading it blocks the
    /// thread as long as the disk takes. Use [`offload`](fn@crate::offload) for files. (If your own `f` returns `WouldBlock`
    /// for a file, epoll refuses the file: `PermissionDenied`, which is `EPERM`.)
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

    /// Tries an operation if one of the directions may be ready. Otherwise returns `WouldBlock` without trying.
    ///
    /// `f` makes one non-blocking system call on the descriptor, in one of these directions, and returns its `WouldBlock`.
    /// Then, and only then, the direction counts as not ready until the kernel reports it ready.
    ///
    /// # Errors
    ///
    /// `WouldBlock`, the error of `f`, or the poller refuses the descriptor.
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
        let told_here = self.registration.is_told_here();
        // If this loop does not watch the descriptor, the cache proves nothing, and only the kernel knows.
        if told_here == Some(true) && self.ready(interest).is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = self.io.lend(f);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            && told_here.is_some()
        {
            self.registration.enroll(self.io.handle())?;
            self.registration.source.would_block(interest);
        }
        result
    }

    /// Tries an operation until it returns something else than `WouldBlock`, and waits between the attempts.
    ///
    /// `f` is as for [`try_io`](Registered::try_io). After `Interrupted` it is called again at once.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: while the future waits, `f` has moved no data.
    ///
    /// # Wakes
    ///
    /// The loop keeps the task's waker. When the kernel reports the direction ready, the loop wakes all tasks that wait for
    /// it. Dropping the future removes the waker.
    ///
    /// # Errors
    ///
    /// The error of `f`. Or the operation has to wait, and no loop is running on this thread, or the poller refuses the
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

    /// [`async_io`](Registered::async_io) as a poll function, for adapters.
    ///
    /// # Wakes
    ///
    /// The `poll_` functions have no future that could be dropped. All `poll_` calls for one direction of a source share one
    /// place in the line, and a new waker replaces the old one: so *one* task a direction may use them. Tasks that await the
    /// other methods have their own places.
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
        let place = self.standing(interest);
        let polled = self.poll_at(place, cx, interest, f);
        if polled.is_ready() {
            self.leave(place);
        }
        polled
    }

    /// [`readiness`](Registered::readiness) as a poll function, for adapters. It keeps its waker as
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

    /// A stream moved fewer bytes than it was offered: the direction counts as not ready until an event comes.
    pub(crate) fn moved_short(&self, interest: Interest) {
        if SHORT_TRANSFER_DRAINS {
            self.registration.source.moved_short(interest);
        }
    }

    /// The place of the `poll_` functions that wait for these directions. A writer that is done leaves its own place, and so
    /// the reader's entry stays.
    // Guarded by tests/io/copies.rs::a_write_through_a_poll_method_leaves_the_waiting_reader_in_line
    fn standing(&self, interest: Interest) -> &Place {
        match (interest.is_readable(), interest.is_writable()) {
            (true, false) => &self.standing[0],
            (false, _) => &self.standing[1],
            (true, true) => &self.standing[2],
        }
    }

    fn ready(&self, interest: Interest) -> Ready {
        self.registration.source.ready().only(interest)
    }

    /// Each operation on a source: try; on `WouldBlock` register the source with the loop, join the line, and wait. The
    /// owner of the place [leaves](Self::leave) when the operation is done or dropped.
    // Inlined by force, and the further attempts are not: this saves 74 of the 752 instructions of an echo.
    #[inline(always)]
    pub(crate) fn poll_at<T>(
        &self,
        place: &Place,
        cx: &mut Context<'_>,
        interest: Interest,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        ready!(context::poll_budget(cx));
        match self.try_or_wait(place, cx, interest, &mut attempt) {
            Some(polled) => polled,
            None => self.try_on(place, cx, interest, attempt),
        }
    }

    // Takes the attempt by value: with its address taken in `poll_at`, an echo takes 2 instructions more, in one loop 18.
    #[cold]
    #[inline(never)]
    fn try_on<T>(
        &self,
        place: &Place,
        cx: &mut Context<'_>,
        interest: Interest,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.try_until_it_waits(place, cx, interest, &mut attempt)
    }

    // Compiled once for all operations whose results have one type.
    fn try_until_it_waits<T>(
        &self,
        place: &Place,
        cx: &mut Context<'_>,
        interest: Interest,
        attempt: &mut dyn FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            if let Some(polled) = self.try_or_wait(place, cx, interest, &mut *attempt) {
                return polled;
            }
        }
    }

    /// One attempt if the direction may be ready, and otherwise one wait. `None` means that it is to be tried again at once.
    #[inline(always)]
    fn try_or_wait<T>(
        &self,
        place: &Place,
        cx: &mut Context<'_>,
        interest: Interest,
        attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> Option<Poll<io::Result<T>>> {
        if self.ready(interest).is_empty() {
            return match self.wait(place, cx, interest) {
                Poll::Ready(Ok(())) => None,
                Poll::Ready(Err(error)) => Some(Poll::Ready(Err(error))),
                Poll::Pending => Some(Poll::Pending),
            };
        }
        let result = match self.io.lend(attempt) {
            Ok(moved) => Ok(moved),
            Err(error) => match self.accept_error(error, interest) {
                Ok(()) => return None,
                Err(error) => Err(error),
            },
        };
        context::spend_budget();
        Some(Poll::Ready(result))
    }

    /// Joins the line, and waits. Comes back at once, to try again, if something is ready by then.
    #[inline]
    fn wait(
        &self,
        place: &Place,
        cx: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<io::Result<()>> {
        // If the source is registered just now, then "not ready" is what its last loop knew, so it is tried again.
        if self.registration.enroll(self.io.handle())? == Enrolled::Already {
            self.registration.source.join(place, interest, cx.waker());
            // Cloning a foreign waker may run any code, so the cache is read again: only now is "not ready" certain.
            if self.ready(interest).is_empty() {
                self.tell_of_the_wait(interest);
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn accept_error(&self, error: io::Error, interest: Interest) -> io::Result<()> {
        self.registration
            .accept_error(error, interest, self.io.handle())
    }

    /// Takes an operation that waits no longer out of the line.
    #[inline]
    pub(crate) fn leave(&self, place: &Place) {
        self.registration.source.leave(place);
    }

    #[inline]
    fn tell_of_the_wait(&self, interest: Interest) {
        let fd = self.io.handle().descriptor();
        if Probe::EXISTS {
            context::peek(|context| context.probe.awaits_source(fd as u32));
        }
        tell_of_a_wait(fd, interest);
    }
}

/// Whether `enroll` had to register the descriptor.
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

/// The home of a descriptor that no loop watches: an address that no reactor has, and that is not null either.
const NOWHERE: *const Reactor = ptr::without_provenance(usize::MAX);

/// Which loop watches the descriptor, and the source that it keeps there. What is here is compiled once for all types of
/// descriptors. A type of its own also so that `into_inner` can take the other fields.
struct Registration {
    source: StaysOnItsLoopSoSendARemoteInstead<Rc<Source>>,
    /// The address of that loop's reactor, or [`NOWHERE`]. No other reactor can have it, because `reactor` keeps the
    /// memory even of a dropped one.
    home: Cell<*const Reactor>,
    /// The loop that watches this source.
    ///
    /// A `Weak`: a socket that outlives its loop must not keep the loop's descriptors open.
    reactor: Cell<Weak<Reactor>>,
}

impl Registration {
    fn new() -> Registration {
        Registration {
            source: Source::new().into(),
            home: Cell::new(NOWHERE),
            reactor: Cell::default(),
        }
    }

    /// After an interruption, or a `WouldBlock` that is remembered, the operation is to be tried again. Any other error is the
    /// result of the operation.
    #[cold]
    fn accept_error(
        &self,
        error: io::Error,
        interest: Interest,
        handle: Handle<'_>,
    ) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => {
                self.enroll(handle)?;
                self.source.would_block(interest);
            }
            _ => return Err(error),
        }
        Ok(())
    }

    /// Whether the loop that runs on this thread watches the descriptor; `None` if no loop runs.
    #[inline]
    fn is_told_here(&self) -> Option<bool> {
        if context::is_driven_by(self.home.get()) {
            return Some(true);
        }
        context::peek(|context| self.home.get() == Rc::as_ptr(&context.reactor))
    }

    /// Registers the descriptor with the current loop, unless that loop watches it already.
    #[inline]
    fn enroll(&self, handle: Handle<'_>) -> io::Result<Enrolled> {
        if context::is_driven_by(self.home.get()) {
            return Ok(Enrolled::Already);
        }
        self.enroll_now(handle)
    }

    #[cold]
    #[inline(never)]
    fn enroll_now(&self, handle: Handle<'_>) -> io::Result<Enrolled> {
        let context = context::current().ok_or_else(no_loop)?;
        // Between two turns no loop is the current one, and `context` is the resting loop.
        if self.home.get() == Rc::as_ptr(&context.reactor) {
            return Ok(Enrolled::Already);
        }
        self.end(handle);
        self.begin(&context.reactor, handle)?;
        Ok(Enrolled::Now)
    }

    fn begin(&self, reactor: &Rc<Reactor>, handle: Handle<'_>) -> io::Result<()> {
        reactor.register(&self.source, handle)?;
        self.home.set(Rc::as_ptr(reactor));
        self.reactor.set(Rc::downgrade(reactor));
        Ok(())
    }

    /// Ends the registration of a descriptor that stays open: tells the loop, and wakes all waiting tasks.
    fn end(&self, handle: Handle<'_>) {
        if let Some((reactor, token)) = self.leave_home() {
            reactor.deregister(token, handle);
            self.source.wake_everybody();
        }
    }

    /// Ends the registration. Returns where the source was registered, if that loop still lives.
    fn leave_home(&self) -> Option<(Rc<Reactor>, mio::Token)> {
        let token = self.source.leave_home()?;
        self.home.set(NOWHERE);
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

impl<S: Watched + fmt::Debug> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = self.registration.source.ready();
        f.debug_struct("Registered")
            .field("io", &self.io.borrow())
            .field("ready", &ready)
            .finish()
    }
}
