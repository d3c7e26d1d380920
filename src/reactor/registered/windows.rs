//! The socket, lent. While it is, it cannot be registered.

use std::cell::Ref;

use super::{Registered, Watched};

impl<S: Watched> Registered<S> {
    /// What was given to [`new`](Registered::new).
    pub(crate) fn get_ref(&self) -> Ref<'_, S> {
        self.io.borrow()
    }
}
