//! Why a type is not `Send`, in the words of the compiler's message.

use std::ops::Deref;

/// A value that belongs to the thread of its loop. When a type with such a field is sent to another thread, the
/// compiler's message contains this name:
///
/// ```text
/// error[E0277]: `Rc<Scheduler>` cannot be sent between threads safely
/// note: required because it appears within the type `StaysOnItsLoopSoSendARemoteInstead<Rc<Scheduler>>`
/// note: required because it appears within the type `JoinHandle<()>`
/// ```
///
/// A [`Remote`](crate::Remote), a [`remote::Sender`](crate::remote::Sender) or a
/// [`CancelTrigger`](crate::remote::CancelTrigger) may be sent, and so may a socket after `into_std`.
#[derive(Clone, Default)]
pub(crate) struct StaysOnItsLoopSoSendARemoteInstead<T>(pub(crate) T);

impl<T> Deref for StaysOnItsLoopSoSendARemoteInstead<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for StaysOnItsLoopSoSendARemoteInstead<T> {
    fn from(stays: T) -> Self {
        Self(stays)
    }
}
