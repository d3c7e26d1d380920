//! Lends the owner of the socket, which cannot be registered meanwhile.

use std::cell::Ref;

use super::{Registered, Watched};

impl<S: Watched> Registered<S> {
    /// What was given to [`new`](Registered::new).
    pub(crate) fn get_ref(&self) -> Ref<'_, S> {
        self.io.borrow()
    }
}
