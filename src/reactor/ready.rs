//! What the reactor remembers about a source: the readiness cache's one byte.
//!
//! Pure: this file knows neither the poller nor the sources. A direction is *ready* when any of its
//! bits is set. Three kinds of news set bits, and they are forgotten at different moments:
//!
//! | bit | set by | forgotten by a short transfer | forgotten by `WouldBlock` |
//! |---|---|---|---|
//! | readable, writable | "there is data", "there is room" | yes | yes |
//! | closed, error | end of file, hang-up, a pending error | **no** | yes |
//! | urgent | out-of-band data is near | **no** | yes |
//!
//! A short read only *suggests* that nothing more can be had, so it may not hide an end of file
//! that has been announced: no second edge would ever tell of it. `WouldBlock` is the kernel's own
//! word and overrules the whole byte. So a hung-up source whose reads go on to say `WouldBlock` (a
//! FIFO that found a new writer) does not spin the loop.

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

/// Which directions of a source an operation is about.
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
    pub(super) const EITHER: Interest = Interest(READ | WRITE);

    /// Whether reading is meant.
    pub const fn is_readable(self) -> bool {
        self.0 & READ != 0
    }

    /// Whether writing is meant.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITE != 0
    }

    /// Does something for each direction that is meant. Not a loop: so that what is not meant is not even compiled where
    /// the interest is a constant.
    #[inline]
    pub(super) fn each(self, mut something: impl FnMut(Direction)) {
        if self.is_readable() {
            something(Direction::Read);
        }
        if self.is_writable() {
            something(Direction::Write);
        }
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

/// One of the two ways through a source; each has a waiting line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read = 0,
    Write = 1,
}

/// What the loop last heard about a source.
///
/// It may be out of date in one direction only: a source that is said to be ready may turn out not to be. The answer
/// to that is always to try, and to wait again on `WouldBlock`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ready(u8);

impl Ready {
    /// Nothing is known at all, so the kernel is asked: how a source starts, before any loop has been told of it.
    pub(super) const UNASKED: Ready = Ready(READABLE | WRITABLE);

    /// The news in one event of the poller.
    ///
    /// An error concerns both directions: whoever tries next, on either side, is the one to collect it.
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

    /// Only what concerns these directions.
    pub(super) const fn only(self, interest: Interest) -> Ready {
        Ready(self.0 & interest.0)
    }

    /// The directions that these news are about.
    pub(super) const fn interest(self) -> Interest {
        Interest(self.0)
    }

    /// With the news of an event added.
    pub(super) const fn with(self, news: Ready) -> Ready {
        Ready(self.0 | news.0)
    }

    /// After `WouldBlock`: nothing is left of these directions.
    #[must_use]
    pub(super) const fn after_would_block(self, interest: Interest) -> Ready {
        Ready(self.0 & !interest.0)
    }

    /// After a transfer that moved less than it could have: the plain bit goes, unless something that must be seen
    /// stands beside it.
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

    /// Whether a read may get on: there is data, or an end of file, or an error to collect.
    pub const fn is_readable(self) -> bool {
        self.0 & READ != 0
    }

    /// Whether a write may get on: there is room, or the peer is gone, or there is an error to collect.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITE != 0
    }

    /// Whether the peer has ended its side, or hung up.
    pub const fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether nobody will read what is written any more.
    pub const fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Whether an error is waiting to be collected by the next operation.
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
        let told = NAMES
            .iter()
            .filter(|(bit, _)| self.0 & bit != 0)
            .map(|(_, name)| format_args!("{name}").to_string());
        f.write_str("Ready(")?;
        f.write_str(&told.collect::<Vec<_>>().join(", "))?;
        f.write_str(")")
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
                "a short transfer hides what must still be seen"
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
        assert_eq!(read | write, Interest::EITHER);
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
            "the task would try for ever what would block"
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
