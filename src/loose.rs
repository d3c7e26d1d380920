//! How full a table is, and when it gives memory back.

/// A table with room for so few is left alone.
const SMALL: usize = 1024;

/// The entries of a table that are in use, and those for which there is memory.
#[derive(Clone, Copy)]
pub(crate) struct Fill {
    pub(crate) used: usize,
    pub(crate) room: usize,
}

impl Fill {
    pub(crate) fn is_large(self) -> bool {
        is_large(self.room)
    }

    /// How many entries the table shall have.
    pub(crate) fn goal(self) -> usize {
        SMALL.max(2 * self.used)
    }

    /// Whether less than half of a large table is in use.
    pub(crate) fn is_loose(self) -> bool {
        self.is_large() && self.used < self.room / 2
    }
}

pub(crate) fn is_large(room: usize) -> bool {
    room > SMALL
}
