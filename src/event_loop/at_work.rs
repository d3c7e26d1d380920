//! Whether the loop is at work, as other threads see it.

use crate::inbox::Inbox;

/// The loop is at work as long as this exists. Between two runs it counts as parked, so that a wake from any thread makes
/// its descriptor readable for the host.
pub(super) struct AtWork<'a>(&'a Inbox);

impl<'a> AtWork<'a> {
    pub(super) fn begin(inbox: &'a Inbox) -> Self {
        inbox.begin();
        Self(inbox)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
