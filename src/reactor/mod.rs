//! Chapter 7. The reactor: on which sockets a loop waits.
//!
//! # Chapter 7. The reactor
//!
//! *Before this:* [chapter 6](crate::time::wheel). *Time:* 60 minutes. *Files, in reading order:*
//! this one, [`ready`], [`source`], [`waiters`], [`registered`], [`wait`], [`timerfd`].
//!
//! ## The smallest loop
//!
//! This chapter replaces `Socket`, `when_ready` and the events in `park` of
//! `examples/00_smallest_loop.rs`. A socket there has room for one waker: of two tasks that wait
//! for it, the first is never woken. And a token that is used again names another socket than the
//! event means.
//!
//! ## The problem
//!
//! One thread serves ten thousand sockets. The naive loop asks each in turn: `read` says
//! `WouldBlock`, next. That is ten thousand system calls to learn that nothing happened. So the
//! loop asks the kernel once, for all of them: `epoll_wait` on Linux, `kevent` on the BSDs, both
//! behind `mio`. The naive version of *that* is one line: wait, and for each event wake the task
//! that registered the descriptor. The line goes wrong in four ways, and each is a bug that a real
//! runtime has shipped:
//!
//! ```text
//! the naive line                   what happens
//! "the event's number is the fd"   the fd is another socket's by now: the wrong task is woken
//! "one waker a direction"          two tasks accept on one listener: one is woken no more
//! "wake it when the event comes"   the event came before the task waited: it waits for ever
//! "wake it under the borrow"       the waker drops a socket, which borrows again: panic
//! ```
//!
//! ## Some facts about epoll, and what they mean for us
//!
//! *Edge-triggered* events come when readiness *changes*; level-triggered events come for as long
//! as readiness lasts. With levels the kernel must be told of each wait's begin and end: two system
//! calls around every call that blocks. With edges, one registration serves for a source's whole
//! life, in both directions. The price: an edge that the reactor forgets never comes back, so the
//! reactor must remember. Its memory is the **readiness cache** ([`ready`]), one byte for each
//! source.
//!
//! A socket that never blocks need not be known to the kernel's poller at all. So nothing is
//! registered when a socket is made: **try first, wait only when told to**. The first `WouldBlock`
//! registers the socket. Registering reports what is ready at that moment, so an edge in between is
//! not lost.
//!
//! ## The idea
//!
//! ```text
//!                attempt ---- done ------------------------------> the caller has it
//!                  ^   | WouldBlock: clear the cache, register if need be
//!          (again) |   '----------------------------------------.
//!                  |                                            v
//!     the task is polled                   the wait: joined in the source's line
//!                  ^                                            |
//!                  | wake, after all borrows                    v
//!     +------------+---------+      event     +-----------------+----------+
//!     | scratch list of      | <------------- | slab of sources            |
//!     | wakers               |   token =      | slot --> ready, a line     |
//!     +----------------------+ serial + slot  +----------------------------+
//! ```
//!
//! Closing a descriptor removes it from the poller *if* it was the last descriptor of that open
//! file. When a `dup` of it lives on, events keep coming for a source that is gone. Therefore a
//! token holds not only the slot but also a serial, counted up for every registration. A stale
//! token finds another serial in the slot, or none, and is dropped: *stale-is-inert*. So closing
//! costs no `EPOLL_CTL_DEL`: drop frees the slot, and `close` does the rest. (The serial has 36
//! bits. Should a serial come round while a stale registration of the same slot still lives, one
//! source would be tried once in vain. A false *ready* never does more than that, for the kernel's
//! `WouldBlock` overrules it.)
//!
//! ## A read that blocks, in five columns
//!
//! ```text
//!  task                source            kernel              reactor            scheduler
//!   | read(fd)          |                 |                   |                  |
//!   |------------------------------------>|                   |                  |
//!   |<-------------------- WouldBlock ----|                   |                  |
//!   |------------------>| epoll_ctl, the  |                   |                  |
//!   |                   | first time only |                   |                  |
//!   |                   |---------------->|                   |                  |
//!   |-- not readable -->|                 |                   |                  |
//!   |-- joins the line->|                 |                   |                  |
//!   | Pending           |                 |  epoll_wait       |                  |
//!   .                   |                 |<------------------|                  |
//!   .                   |     data comes: |------- token ---->|                  |
//!   .                   |<------ readable, takes the wakers --|                  |
//!   .                   |                 |                   |-- wake(number)-->|
//!   |<--------------------------------- poll ------------------------------------|
//!   | read(fd)          |                 |                   |                  |
//!   |------------------------------------>|                   |                  |
//!   |<------------------------ 5 bytes ---|                   |                  |
//!   | fewer than asked for: not readable, and no third read   |                  |
//! ```
//!
//! ## How it goes wrong: between the attempt and the clearing
//!
//! ```text
//! read says WouldBlock                     |
//!                                          | data comes, the kernel queues an edge
//! we remember "not readable"               |
//! we wait                                  | the edge is delivered: "readable", we are woken
//! ```
//!
//! In a runtime whose poller runs on another thread the last two steps may come in the other order,
//! and the edge is lost. Here they cannot: only this thread delivers. See [`source`], *Not needed
//! here*.
//!
//! ## Why not otherwise
//!
//! - *io_uring*: the kernel takes whole operations instead of telling of readiness. Buffers must
//!   then belong to the kernel while it works, which changes the face of every read; containers
//!   often forbid it. mio is portable and enough.
//! - *The descriptor as the token*, with a table by descriptor: no slab, but then stale events
//!   misfire (RUSTSEC-2024-0019).
//! - *`EPOLLONESHOT`*: one waiter, one event, one system call to re-arm. The cache gives the same
//!   without that call.
//!
//! *What others do.* tokio is edge-triggered with a readiness cache, as here, and atomic. smol is
//! one-shot. libuv and Python's asyncio are level-triggered. Go keeps one edge-triggered
//! registration for each descriptor, with one waiter a direction.
//!
//! ## What it costs
//!
//! Registering, finding, joining and leaving are O(1). A turn costs one `epoll_wait`, and O(1) for
//! each event. A blocked read costs no system call but the `read` that said so. In the steady state
//! nothing is allocated. `cargo bench --bench core`: `echo`, `sleep`.
//!
//! ## What is promised
//!
//! Any number of tasks may wait on each direction of a source. Readiness may be told in vain, never
//! forgotten. A source belongs to one loop at a time: the loop in which it last had to wait. *How
//! it is done today*: every task that waits for a direction is woken; the line is first-come, so
//! tasks that accept from one listener take turns.
//!
//! ## Sources
//!
//! D. C. Schmidt, "Reactor", in *Pattern Languages of Program Design*, 1995; J. Lemon, "Kqueue: A
//! generic and scalable event notification facility", USENIX ATC (FREENIX) 2001; L. Gammo et al.,
//! "Comparing and Evaluating epoll, select, and poll Event Mechanisms", OLS 2004; epoll(7),
//! "Questions and answers" 0, 6 and 9; timerfd_create(2).
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Sources::find`, take the source by its slot alone:
//!   `cargo run -p exercises -- 7.1`
//! - Let a short transfer clear the end of file too:
//!   `cargo run -p exercises -- 7.2`
//! - Let `WouldBlock` keep the end of file:
//!   `cargo run -p exercises -- 7.3`
//!
//! ## Next
//!
//! [Chapter 8](mod@crate::offload): calls that block, and the threads that make them.

mod alone;
mod end;
mod give_back;
mod narrator;
mod ready;
mod registered;
mod rounded;
mod source;
mod sys;
#[cfg(all(test, unix))]
mod tests;
// Miri, which runs the tests under an interpreter, has no timerfd, and no urgent data.
#[cfg(all(target_os = "linux", not(miri)))]
mod timerfd;
mod wait;
mod waiters;

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::mem;
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Token};

use self::end::End;
use self::narrator::tell_of_an_event;
pub use self::ready::{Interest, Ready};
#[cfg(unix)]
pub use self::registered::Registered;
#[cfg(windows)]
pub(crate) use self::registered::Registered;
#[cfg(any(miri, not(target_os = "linux")))]
use self::rounded::Alarm;
pub(crate) use self::source::Place;
use self::source::{Source, Sources};
use self::sys::Handle;
pub(crate) use self::sys::{Descriptor, Watched};
#[cfg(all(target_os = "linux", not(miri)))]
use self::timerfd::Alarm;
pub(crate) use self::wait::Wait;
use crate::fault::{self, Call};
use crate::foreign;
use crate::record::Probe;
use crate::shim::Bell;
use crate::trying::while_trying;

/// The token of the inbox's `mio::Waker`.
const INBOX: Token = Token(usize::MAX);
/// The token of the timer that ends a wait.
const ALARM: Token = Token(usize::MAX - 1);

/// What the kernel watches in every source. Urgent data is included because a read stops short at the urgent mark, and
/// then a short read does not mean "drained".
// Guarded by tests/io/edge.rs::data_behind_an_urgent_byte_is_not_forgotten
#[cfg(all(target_os = "linux", not(miri)))]
const INTERESTS: mio::Interest = mio::Interest::READABLE
    .add(mio::Interest::WRITABLE)
    .add(mio::Interest::PRIORITY);
#[cfg(any(miri, not(target_os = "linux")))]
const INTERESTS: mio::Interest = mio::Interest::READABLE.add(mio::Interest::WRITABLE);

/// The most wakers that one poll wakes: *bounded-look*, for a source on which a crowd of tasks waits.
const MAX_WAKES: usize = 1024;

/// The poller, and the sources that it watches.
pub(crate) struct Reactor {
    poll: RefCell<mio::Poll>,
    /// A second handle on the poller, so that registering and `as_fd` need no borrow.
    registry: mio::Registry,
    events: Cell<Option<Events>>,
    max_io_events: usize,
    sources: RefCell<Sources>,
    /// Wakers that were taken out of the lines and are still to be woken.
    woken: Cell<Vec<Waker>>,
    /// Whether some of them are left for the next poll.
    is_behind: Cell<bool>,
    /// Made for the first wait that has a deadline.
    alarm: OnceCell<Alarm>,
    end: End,
    probe: Probe,
}

impl Reactor {
    /// Opens the poller. `probe` records the readiness that reaches the sources, and `has_grown` is set when the table of
    /// sources grows.
    ///
    /// # Errors
    ///
    /// The error of the system. Mostly no descriptor is left: the poller takes two, and the inbox's waker one.
    pub(crate) fn new(
        max_io_events: usize,
        probe: Probe,
        has_grown: Rc<Cell<bool>>,
    ) -> io::Result<Rc<Reactor>> {
        let poll = fault::at(Call::OpenPoller)
            .and_then(|()| mio::Poll::new())
            .map_err(|error| while_trying("opening the poller", error))?;
        let registry = fault::at(Call::ClonePoller)
            .and_then(|()| poll.registry().try_clone())
            .map_err(|error| while_trying("duplicating the poller's descriptor", error))?;
        let max_io_events = max_io_events.max(1);
        // Made in its place: a reactor that moves there has to be dropped if there is no place, which takes 1 KB.
        Ok(Rc::new_cyclic(|_| Reactor {
            poll: RefCell::new(poll),
            registry,
            events: Cell::new(Some(Events::with_capacity(max_io_events))),
            max_io_events,
            sources: RefCell::new(Sources::new(has_grown)),
            woken: Cell::default(),
            is_behind: Cell::new(false),
            alarm: OnceCell::new(),
            end: End::default(),
            probe,
        }))
    }

    /// From now on the end of each wait is noted in `ends`, before any task is woken. To be called once.
    pub(crate) fn note_ends(&self, ends: Rc<Cell<Instant>>) {
        self.end.note(ends);
    }

    /// Makes the handle by which other threads end a wait. To be called once, for the inbox.
    pub(crate) fn new_waker(&self) -> io::Result<Bell> {
        fault::at(Call::HangBell)
            .and_then(|()| Bell::new(&self.registry, INBOX))
            .map_err(|error| while_trying("making the bell for other threads", error))
    }

    /// Waits for events, remembers their readiness, and wakes the tasks that wait for it: at most [`MAX_WAKES`], and the
    /// others at the next poll. Returns how many events reached a source.
    ///
    /// A signal that interrupts the wait is not an error: the wait ends and has found nothing.
    ///
    /// *decide-then-do*: no foreign code runs between this call and the end of the wait.
    pub(crate) fn poll(&self, wait: Wait) -> io::Result<usize> {
        let wait = if self.is_behind.get() {
            Wait::Now
        } else {
            wait
        };
        let timeout = self.timeout(wait)?;
        let mut events = self
            .events
            .take()
            .unwrap_or_else(|| Events::with_capacity(self.max_io_events));
        let mut poll = self.poll.borrow_mut();
        let polled = fault::at(Call::Wait).and_then(|()| poll.poll(&mut events, timeout));
        drop(poll);
        self.end.has_come();
        self.probe.unparks();
        let mut woken = self.woken.take();
        let found = match polled {
            Ok(()) => Ok(self.dispatch(&events, &mut woken)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(while_trying("waiting for events", error)),
        };
        // The place is empty. `set` would contain the code that drops what was there; so below.
        mem::forget(self.events.replace(Some(events)));
        if !woken.is_empty() {
            self.wake(&mut woken);
        }
        self.probe.has_reached_all();
        mem::forget(self.woken.replace(woken));
        found
    }

    /// Wakes the first [`MAX_WAKES`] tasks. The next poll wakes the others.
    fn wake(&self, woken: &mut Vec<Waker>) {
        let count = woken.len().min(MAX_WAKES);
        for waker in woken.drain(..count) {
            self.probe.because_of_the_next_waker();
            foreign::wake(waker, source::SOURCE);
        }
        self.is_behind.set(!woken.is_empty());
    }

    /// Sets the alarm for this wait, and returns the time-out for the poller.
    ///
    /// A loop whose waits have no deadline needs no timer, and saves the three system calls that make, watch and close one.
    /// If no descriptor is left for the timer, the wait ends by the poller's own time-out, at most a millisecond late, and
    /// the next wait tries again: a server at its limit of descriptors waits by a timer until it can go on.
    // Guarded by tests/descriptors.rs::a_deadline_is_kept_when_no_descriptor_is_left_for_the_timer
    fn timeout(&self, wait: Wait) -> io::Result<Option<Duration>> {
        if let (Wait::Until(_), None) = (wait, self.alarm.get()) {
            match Alarm::new(&self.registry, ALARM) {
                Ok(alarm) => drop(self.alarm.set(alarm)),
                Err(error) => self.end.tell_later(error),
            }
        }
        match self.alarm.get().map(|alarm| alarm.timeout(wait)) {
            Some(Ok(timeout)) => return Ok(timeout),
            Some(Err(error)) => self.end.tell_later(error),
            None => {}
        }
        rounded::Alarm.timeout(wait)
    }

    /// Whether a source could become ready, or a waker is still to be woken.
    pub(crate) fn has_work(&self) -> bool {
        !self.sources.borrow().is_empty() || self.is_behind.get()
    }

    /// Whether the last poll took as many events or wakers as it may, so that more may be left.
    #[cfg(all(unix, feature = "tokio-guest"))]
    pub(crate) fn may_hold_more(&self) -> bool {
        let events = self.events.take();
        let count = events.as_ref().map_or(0, |events| events.iter().count());
        self.events.set(events);
        count >= self.max_io_events || self.is_behind.get()
    }

    /// Calls `visit` with each waker that waits for a source, the source's descriptor, and the direction. `visit` runs under
    /// a borrow.
    pub(crate) fn each_waiter(&self, mut visit: impl FnMut(&Waker, Descriptor, Interest)) {
        for (fd, source) in self.sources.borrow().iter() {
            source.each_waiter(|waker, interest| visit(waker, fd, interest));
        }
    }

    /// The poller. On Unix it is a descriptor that is readable when there are events to fetch.
    #[cfg(unix)]
    pub(crate) fn registry(&self) -> &mio::Registry {
        &self.registry
    }

    /// Remembers the readiness of all the events. The caller wakes afterwards, when nothing is borrowed.
    fn dispatch(&self, events: &Events, woken: &mut Vec<Waker>) -> usize {
        let of_sources = events
            .iter()
            .filter(|event| ![INBOX, ALARM].contains(&event.token()));
        of_sources
            .filter(|event| self.deliver(event, woken))
            .count()
    }

    fn deliver(&self, event: &Event, woken: &mut Vec<Waker>) -> bool {
        let (token, news) = (event.token(), Ready::from_event(event));
        let sources = self.sources.borrow();
        let source = sources.find(token);
        let found = source.map(|source| source.deliver(news, woken));
        drop(sources);
        if self.probe.is_recording() {
            self.record(token, news, woken.len());
        }
        tell_of_an_event(token, news, found.is_some());
        let Some(first) = found else {
            return false;
        };
        if let Some(first) = first {
            foreign::wake(first, source::SOURCE);
        }
        true
    }

    /// Records an event: the wakers up to index `wakers` belong to this source or to the sources before it.
    #[cold]
    fn record(&self, token: Token, news: Ready, wakers: usize) {
        if let Some(fd) = self.sources.borrow().descriptor(token) {
            let (readable, writable) = (news.is_readable(), news.is_writable());
            self.probe.is_ready(fd as u32, readable, writable);
            self.probe.reaches(wakers);
        }
    }

    /// Registers a descriptor with the kernel, and gives the source its token.
    fn register(&self, source: &Rc<Source>, handle: Handle<'_>) -> io::Result<()> {
        let fd = handle.descriptor();
        let token = self.sources.borrow_mut().next_token()?;
        self.watch(handle, token).map_err(|error| {
            while_trying(
                format_args!("the event loop cannot watch descriptor {fd}"),
                error,
            )
        })?;
        self.sources.borrow_mut().insert(token, fd, source);
        source.settle(token);
        narrator::tell(token, format_args!("registered descriptor {fd}"));
        Ok(())
    }

    /// Registers a descriptor, and takes over a stale registration if there is one.
    ///
    /// A poller knows a registration by descriptor *and* open file. When a source is dropped while a `dup` of its
    /// descriptor lives on, the poller keeps the registration. If that `dup` later gets the number `fd` again, the
    /// kernel says that `fd` is registered already. No living source has the old registration, so it can be taken over.
    // Guarded by tests/io/descriptors.rs::a_duplicate_that_comes_back_under_the_old_number_is_served
    fn watch(&self, handle: Handle<'_>, token: Token) -> io::Result<()> {
        fault::at(Call::Watch)?;
        match handle.register(&self.registry, token, INTERESTS) {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists
                    && !self.sources.borrow().has(handle.descriptor()) =>
            {
                fault::at(Call::Watch)?;
                handle.reregister(&self.registry, token, INTERESTS)
            }
            result => result,
        }
    }

    /// Frees the slot of a source that is being closed. The kernel needs no call: `close` ends the registration.
    fn forget(&self, token: Token) {
        let source = self.sources.borrow_mut().remove(token);
        drop(source);
        narrator::tell(token, "dropped");
    }

    /// Ends the registration of a descriptor that stays open.
    fn deregister(&self, token: Token, handle: Handle<'_>) {
        self.forget(token);
        let ended = fault::at(Call::Unwatch).and_then(|()| handle.deregister(&self.registry));
        if let Err(error) = ended {
            narrator::complain(token, handle.descriptor(), &error);
        }
    }
}

impl Drop for Reactor {
    /// The sockets may live on and move to another loop. Each waiting task is woken, and learns that this loop is gone.
    fn drop(&mut self) {
        for source in self.sources.get_mut().drain() {
            source.leave_home();
            source.wake_everybody();
        }
    }
}
