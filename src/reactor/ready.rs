//! The readiness cache: what the reactor remembers of a source, in one byte.
//!
//! Pure: this file knows neither the poller nor the sources. A direction is *ready* when any of its
//! bits is set. Three kinds of news set bits, and they are forgotten at different moments:
//!
//! - *Readable, writable.* Set by "there is data", "there is room". A short transfer forgets them,
//!   and so does `WouldBlock`.
//! - *Closed, error.* Set by end of file, hang-up, a pending error. A short transfer does **not**
//!   forget them; `WouldBlock` does.
//! - *Urgent.* Set when out-of-band data is near. A short transfer does **not** forget it;
//!   `WouldBlock` does.
//!
//! A short read only *suggests* that nothing more can be had, so it must not hide an announced end
//! of file: no second edge would announce it. `WouldBlock` is the kernel's own answer and overrules
//! the whole byte. So a hung-up source whose reads still return `WouldBlock` (a FIFO that found a
//! new writer) does not spin the loop.

use std::fmt;
use std::ops::BitOr;

const READABLE: u8 = 1 << 0;
const WRITABLE: u8 = 1 << 1;
const READ_CLOSED: u8 = 1 << 2;
const WRITE_CLOSED: u8 = 1 << 3;
const READ_ERROR: u8 = 1 << 4;
const WRITE_ERROR: u8 = 1 << 5;
const READ_URGENT: u8 = 1 << 6;

const READ: u8 = READABLE | READ_CLOSED | READ_ERROR | READ_URGENT;
const WRITE: u8 = WRITABLE | WRITE_CLOSED | WRITE_ERROR;

/// The directions of an operation on a source.
///
/// ```
/// use roundelay::reactor::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Something can be read, or accepted, or the peer has ended its side.
    pub const READABLE: Interest = Interest(READ);
    /// Something can be written, or a connection attempt has ended.
    pub const WRITABLE: Interest = Interest(WRITE);
    pub(super) const NEITHER: Interest = Interest(0);

    /// Whether reading is included.
    pub const fn is_readable(self) -> bool {
        self.0 & READ != 0
    }

    /// Whether writing is included.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITE != 0
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_readable(), self.is_writable()) {
            (true, false) => "READABLE",
            (false, true) => "WRITABLE",
            _ => "READABLE | WRITABLE",
        })
    }
}

/// What the loop knows of a source's readiness.
///
/// It may be wrong in one way only: a source that counts as ready may not be ready. So try, and wait again on `WouldBlock`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ready(u8);

impl Ready {
    /// The state of a new source: nothing is known, so the first operation asks the kernel.
    pub(super) const UNASKED: Ready = Ready(READABLE | WRITABLE);

    /// The readiness that one event of the poller reports.
    ///
    /// An error concerns both directions: the next operation in either direction collects it.
    pub(super) fn from_event(event: &mio::event::Event) -> Ready {
        let news = [
            (event.is_readable(), READABLE),
            (event.is_writable(), WRITABLE),
            (event.is_read_closed(), READ_CLOSED),
            (event.is_write_closed(), WRITE_CLOSED),
            (event.is_error(), READ_ERROR | WRITE_ERROR),
            (event.is_priority(), READ_URGENT),
        ];
        Ready(
            news.into_iter()
                .filter(|(told, _)| *told)
                .fold(0, |bits, (_, bit)| bits | bit),
        )
    }

    /// The part that concerns these directions.
    pub(super) const fn only(self, interest: Interest) -> Ready {
        Ready(self.0 & interest.0)
    }

    /// This readiness and that of an event.
    pub(super) const fn with(self, news: Ready) -> Ready {
        Ready(self.0 | news.0)
    }

    /// After `WouldBlock`: clears all bits of these directions.
    #[must_use]
    pub(super) const fn after_would_block(self, interest: Interest) -> Ready {
        Ready(self.0 & !interest.0)
    }

    /// After a short transfer: clears the plain bit, unless a bit that must not be lost is set beside it.
    #[must_use]
    pub(super) const fn after_short_transfer(self, interest: Interest) -> Ready {
        let held = self.0 & interest.0 & !(READABLE | WRITABLE);
        if held != 0 {
            self
        } else {
            self.after_would_block(interest)
        }
    }

    /// Whether nothing is known to be ready.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a read can go on: there is data, an end of file, or an error to collect.
    pub const fn is_readable(self) -> bool {
        self.0 & READ != 0
    }

    /// Whether a write can go on: there is room, the peer is gone, or there is an error to collect.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITE != 0
    }

    /// Whether the peer has ended its side, or hung up.
    pub const fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether the peer reads nothing any more.
    pub const fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Whether the next operation will collect an error.
    pub const fn is_error(self) -> bool {
        self.0 & (READ_ERROR | WRITE_ERROR) != 0
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(u8, &str); 7] = [
            (READABLE, "readable"),
            (WRITABLE, "writable"),
            (READ_CLOSED, "read closed"),
            (WRITE_CLOSED, "write closed"),
            (READ_ERROR, "read error"),
            (WRITE_ERROR, "write error"),
            (READ_URGENT, "urgent"),
        ];
        let mut before = "Ready(";
        for (_, name) in NAMES.iter().filter(|(bit, _)| self.0 & bit != 0) {
            f.write_str(before)?;
            f.write_str(name)?;
            before = ", ";
        }
        f.write_str(if self.is_empty() { "Ready()" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_transfer_forgets_plain_readiness_of_its_own_direction_only() {
        let after = Ready(READABLE | WRITABLE).after_short_transfer(Interest::READABLE);
        assert_eq!(after, Ready(WRITABLE));
    }

    #[test]
    fn a_short_transfer_keeps_what_must_still_be_seen() {
        for held in [READ_CLOSED, READ_ERROR, READ_URGENT] {
            let ready = Ready(READABLE | held);
            let after = ready.after_short_transfer(Interest::READABLE);
            assert_eq!(
                after, ready,
                "a short transfer cleared an end, an error or urgent data"
            );
        }
    }

    #[test]
    fn each_bit_of_the_news_says_one_thing() {
        let read = [READABLE, READ_CLOSED, READ_ERROR, READ_URGENT];
        let write = [WRITABLE, WRITE_CLOSED, WRITE_ERROR];
        for bit in (0..8).map(|shift| 1 << shift) {
            let ready = Ready(bit);
            let told = [
                ready.is_readable(),
                ready.is_writable(),
                ready.is_read_closed(),
                ready.is_write_closed(),
                ready.is_error(),
            ];
            let meant = [
                read.contains(&bit),
                write.contains(&bit),
                bit == READ_CLOSED,
                bit == WRITE_CLOSED,
                [READ_ERROR, WRITE_ERROR].contains(&bit),
            ];
            assert_eq!(told, meant, "{bit:#b}");
        }
        assert!(Ready(0).is_empty() && !Ready(READ_URGENT).is_empty());
        assert_eq!(
            format!("{:?}", Ready(READABLE | WRITE_ERROR)),
            "Ready(readable, write error)"
        );
    }

    #[test]
    fn an_interest_twice_is_that_interest() {
        let (read, write) = (Interest::READABLE, Interest::WRITABLE);
        assert_eq!((read | read, write | write), (read, write));
        assert_eq!(read | write, Interest(READ | WRITE));
        assert!(!read.is_writable() && !write.is_readable());
        assert_eq!(
            format!("{read:?}, {write:?}, {:?}", read | write),
            "READABLE, WRITABLE, READABLE | WRITABLE"
        );
    }

    #[test]
    fn would_block_overrules_even_end_of_file() {
        let after = Ready(u8::MAX).after_would_block(Interest::READABLE);
        assert!(
            !after.is_readable(),
            "the source stays readable, so the task would try again for ever"
        );
        assert!(after.is_writable());
        assert!(
            after
                .after_would_block(Interest::WRITABLE)
                .only(Interest::WRITABLE)
                .is_empty()
        );
    }
}
