//! A source: where it is registered, whether it is ready, and which tasks wait for it. And the table that finds the source of
//! a token.
//!
//! A [`Source`] is shared (by `Rc`) between the reactor's slab, where an event finds it by its
//! token, and the `Registered` socket, through which the user's operations come. Neither side runs
//! user code during one of the borrows below: a waker is cloned before the borrow, and woken or
//! dropped after it.
//!
//! # Invariants
//!
//! **not-ready-means-registered**: a direction is remembered as *not* ready only while the source
//! is registered with a living reactor. The code that ends the registration sets "unasked" again.
//! So "not ready" needs no system call to be believed: when it becomes untrue, an event comes.
//! - **nothing-left**: an entry in `line` belongs to one waiting future, which takes it away when
//!   it is dropped; the entries of the `poll_` methods go with the source.
//!
//! # Every waiter is woken
//!
//! When a direction becomes ready, *all* its waiters are woken, in the order in which they came. To
//! wake one waiter, and to let it pass the news on, would save polls where many tasks accept from
//! one listener. But one edge may stand for many bytes or connections, and the woken waiter may be
//! dropped, or want less than there is, or be a `readable()` that takes nothing at all; in each
//! case a destructor would have to pass the news on. With all waiters woken nothing can be lost.
//! Nearly always there is a single waiter, and a single waiter pays nothing for this rule. A waiter
//! that was woken in vain has kept its place (`waiters.rs`).
//!
//! # Not needed here: a tick for clearing
//!
//! tokio numbers its events, and clears readiness only if no newer event came between the attempt
//! and the clearing: its driver may run on another thread at that very moment. Here the attempt and
//! the clearing are two statements on the thread that would have to deliver the event. The kernel
//! may of course *queue* one in between; it is delivered afterwards, and sets the bit again.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::mem;
use std::rc::Rc;
use std::task::Waker;

use mio::Token;
use slab::Slab;

use super::alone::{Key, Line};
use super::ready::{Interest, Ready};
use super::sys::Descriptor;
use crate::foreign;

/// What the log calls these wakers if one of them panics.
pub(super) const SOURCE: &str = "a source's waiter";

/// The part of a source that the reactor and the socket share.
pub(super) struct Source {
    ready: Cell<Ready>,
    /// The source's name in the poller, while it is registered with a living reactor.
    token: Cell<Option<Token>>,
    line: RefCell<Line>,
}

/// The place of one waiting operation: the key of its entry, while it stands in the line.
pub(crate) type Place = Cell<Option<Key>>;

impl Source {
    pub(super) fn new() -> Rc<Source> {
        Rc::new(Source {
            ready: Cell::new(Ready::UNASKED),
            token: Cell::new(None),
            line: RefCell::default(),
        })
    }

    /// What is known at this moment.
    pub(super) fn ready(&self) -> Ready {
        self.ready.get()
    }

    /// Remembers that the kernel returned `WouldBlock`. Only for a registered source: *not-ready-means-registered*.
    pub(super) fn would_block(&self, interest: Interest) {
        debug_assert!(self.is_registered(), "not-ready-means-registered");
        self.ready.set(self.ready.get().after_would_block(interest));
    }

    /// A stream moved fewer bytes than it could have.
    ///
    /// An unregistered source ignores it: "not ready" would make the next operation register a source that perhaps never has
    /// to wait.
    // Guarded by tests/io/edge.rs::a_short_read_before_registration_asks_the_kernel_again
    pub(super) fn moved_short(&self, interest: Interest) {
        if self.is_registered() {
            self.ready
                .set(self.ready.get().after_short_transfer(interest));
        }
    }

    /// Whether a living reactor watches the source.
    #[inline]
    fn is_registered(&self) -> bool {
        self.token.get().is_some()
    }

    /// The source has been registered: from here on "not ready" may be remembered.
    pub(super) fn settle(&self, token: Token) {
        self.token.set(Some(token));
    }

    /// Forgets the registration, and returns its token.
    pub(super) fn leave_home(&self) -> Option<Token> {
        self.ready.set(Ready::UNASKED);
        self.token.take()
    }

    /// Adds the readiness that the poller reports. Returns the waker of the first task that waits for it. The wakers of the
    /// others go into `others`.
    pub(super) fn deliver(&self, news: Ready, others: &mut Vec<Waker>) -> Option<Waker> {
        self.ready.set(self.ready.get().with(news));
        self.line.borrow_mut().take_wakers(news, others)
    }

    /// Wakes all waiting tasks when no event will come any more: the source has left its loop, or the loop is gone.
    ///
    /// Each task tries again, and then registers with its new loop or gets an error.
    pub(super) fn wake_everybody(&self) {
        self.part_with_wakers(foreign::wake);
    }

    // The loop stands here once, for wakes and for drops.
    #[inline(never)]
    fn part_with_wakers(&self, part_with: fn(Waker, &str)) {
        let mut others = Vec::new();
        let mut line = self.line.borrow_mut();
        let first = line.take_wakers(Ready::UNASKED, &mut others);
        drop(line);
        for waker in first.into_iter().chain(others) {
            part_with(waker, SOURCE);
        }
    }

    /// Calls `visit` with the waker of each waiting task, under the borrow.
    pub(super) fn each_waiter(&self, mut visit: impl FnMut(&Waker, Interest)) {
        self.line.borrow().each(|waiter| {
            if let Some(waker) = &waiter.waker {
                visit(waker, waiter.interest);
            }
        });
    }

    /// Puts the waker at the end of the line, or into the entry that the operation has already.
    ///
    /// Cloning and dropping a waker may run any code, so both happen outside the borrow. The clone may change the place, so
    /// the place is read after it.
    #[inline(never)]
    pub(super) fn join(&self, place: &Place, interest: Interest, waker: &Waker) {
        if place.get().is_some_and(|key| self.holds(key, waker)) {
            return;
        }
        let waker = waker.clone();
        match place.get() {
            Some(key) => self.stay(key, waker),
            None => place.set(Some(self.line.borrow_mut().append(interest, waker))),
        }
    }

    #[inline(never)]
    fn holds(&self, key: Key, waker: &Waker) -> bool {
        self.line.borrow_mut().entry(key).holds(waker)
    }

    #[inline(never)]
    fn stay(&self, key: Key, waker: Waker) {
        let replaced = self.line.borrow_mut().entry(key).waker.replace(waker);
        foreign::let_go(replaced, SOURCE);
    }

    /// Takes an operation out of the line: *nothing-left*.
    #[inline]
    pub(super) fn leave(&self, place: &Place) {
        if let Some(key) = place.take() {
            self.leave_at(key);
        }
    }

    fn leave_at(&self, key: Key) {
        let waker = self.line.borrow_mut().leave(key);
        foreign::let_go(waker, SOURCE);
    }

    /// How many entries are in the line.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.line.borrow().len()
    }
}

impl Drop for Source {
    /// The futures have removed their own wakers. The wakers of the `poll_` methods are dropped here.
    fn drop(&mut self) {
        self.part_with_wakers(foreign::let_go);
    }
}

/// The slab of sources, and the serial that tells the tenants of a slot apart.
pub(super) struct Sources {
    slots: Slab<Slot>,
    serial: usize,
    has_grown: Rc<Cell<bool>>,
}

struct Slot {
    serial: usize,
    fd: Descriptor,
    source: Rc<Source>,
}

/// A token's lower bits are the slot, and its upper bits the serial.
const SLOT_BITS: u32 = 28;
const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;

pub(super) fn slot_of(token: Token) -> usize {
    token.0 & SLOT_MASK
}

fn serial_of(token: Token) -> usize {
    token.0 >> SLOT_BITS
}

impl Sources {
    /// `has_grown` is set when the table grows.
    pub(super) fn new(has_grown: Rc<Cell<bool>>) -> Self {
        Self {
            slots: Slab::new(),
            serial: 0,
            has_grown,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All sources with their descriptors.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Descriptor, &Source)> {
        self.slots.iter().map(|(_, slot)| (slot.fd, &*slot.source))
    }

    /// Takes all sources out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Rc<Source>> {
        let slots = mem::take(&mut self.slots);
        slots.into_iter().map(|(_, slot)| slot.source)
    }

    /// The token of the source that will be inserted next: a slot and a fresh serial. Nothing is taken yet, so a system call
    /// that fails before the insertion has nothing to undo.
    pub(super) fn next_token(&mut self) -> io::Result<Token> {
        let slot = self.slots.vacant_key();
        // The last slots are not used: their tokens could be equal to those of the inbox and the alarm.
        if slot >= SLOT_MASK - 1 {
            return Err(io::Error::other(
                "the event loop has no room for more than 2^28 sources",
            ));
        }
        self.serial = (self.serial + 1) & (usize::MAX >> SLOT_BITS);
        Ok(Token(self.serial << SLOT_BITS | slot))
    }

    pub(super) fn insert(&mut self, token: Token, fd: Descriptor, source: &Rc<Source>) {
        if self.slots.len() == self.slots.capacity() {
            self.has_grown.set(true);
        }
        let slot = self.slots.insert(Slot {
            serial: serial_of(token),
            fd,
            source: Rc::clone(source),
        });
        debug_assert_eq!(slot, slot_of(token), "no source was inserted in between");
    }

    /// The source of this token, if it is still there.
    // Guarded by tests/io/descriptors.rs::a_stale_event_does_not_reach_the_next_tenant_of_the_slot
    pub(super) fn find(&self, token: Token) -> Option<&Source> {
        let slot = self.slots.get(slot_of(token))?;
        (slot.serial == serial_of(token)).then_some(&*slot.source)
    }

    /// The descriptor of this token's source.
    pub(super) fn descriptor(&self, token: Token) -> Option<Descriptor> {
        self.find(token)?;
        Some(self.slots[slot_of(token)].fd)
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<Rc<Source>> {
        self.find(token)?;
        Some(self.slots.remove(slot_of(token)).source)
    }

    pub(super) fn used_and_room(&self) -> (usize, usize) {
        (self.slots.len(), self.slots.capacity())
    }

    /// Frees the slots behind the last one that is in use.
    pub(super) fn shrink(&mut self) {
        self.slots.shrink_to_fit();
    }

    /// Whether a source has this descriptor.
    ///
    /// Searches all sources; called only after the rare error in `watch`.
    pub(super) fn has(&self, fd: Descriptor) -> bool {
        self.slots.iter().any(|(_, other)| other.fd == fd)
    }
}

/// A token as the log shows it.
pub(super) struct Name(pub(super) Token);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source {}/{}", slot_of(self.0), serial_of(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_apart_into_what_it_was_made_of() {
        for (slot, serial) in [(3, 1), (0, 300), (SLOT_MASK - 2, usize::MAX >> SLOT_BITS)] {
            let token = Token(serial << SLOT_BITS | slot);
            assert_eq!((slot_of(token), serial_of(token)), (slot, serial));
            assert_eq!(Name(token).to_string(), format!("source {slot}/{serial}"));
        }
    }
}
