//! The table of sources: finds the source of a token.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::rc::Rc;

use mio::Token;
use slab::Slab;

use super::source::Source;
use super::sys::Descriptor;

/// The slab of sources, and the serial that tells the tenants of a slot apart.
#[derive(Default)]
pub(super) struct Sources {
    slots: Slab<Slot>,
    serial: usize,
    /// Set when the table grows.
    pub(super) has_grown: Rc<Cell<bool>>,
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
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All sources with their descriptors.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Descriptor, &Source)> {
        self.slots.iter().map(|(_, slot)| (slot.fd, &*slot.source))
    }

    /// Takes all sources out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Rc<Source>> {
        let slots = std::mem::take(&mut self.slots);
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
