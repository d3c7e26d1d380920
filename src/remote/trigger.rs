//! Cancelling a token from another thread.

use std::fmt;

use super::{Closed, Remote};
use crate::sync::CancelToken;

/// Cancels a [`CancelToken`] from any thread. Made by [`CancelToken::trigger`]. Clones cancel the same token.
///
/// A trigger does not keep its token alive: once all clones of the token are gone, the trigger does nothing.
///
/// ```
/// use roundelay::sync::CancelToken;
///
/// roundelay::run(async {
///     let stop = CancelToken::new();
///     let trigger = stop.trigger();
///     std::thread::spawn(move || trigger.cancel());
///     stop.cancelled().await;
/// });
/// ```
#[derive(Clone)]
pub struct CancelTrigger {
    remote: Remote,
    number: u64,
}

impl CancelTrigger {
    /// Posts the cancellation to the token's own thread, where the waiting tasks are woken. Does not wait for it.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the loop that was running when the trigger was made is gone.
    #[inline]
    pub fn cancel(&self) -> Result<(), Closed> {
        let number = self.number;
        self.remote
            .post(move || CancelToken::cancel_numbered(number))
    }
}

impl fmt::Debug for CancelTrigger {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelTrigger")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

impl CancelToken {
    /// Makes a trigger that cancels this token from other threads, through the loop that is running on this thread.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    #[inline]
    pub fn trigger(&self) -> CancelTrigger {
        CancelTrigger {
            remote: Remote::current(),
            number: self.number(),
        }
    }
}
