//! Lends the owner of the descriptor.

use std::os::fd::{AsFd, BorrowedFd};

use super::Registered;

impl<S: AsFd> Registered<S> {
    /// What was given to [`new`](Registered::new).
    pub fn get_ref(&self) -> &S {
        self.io.borrow()
    }

    /// What was given to [`new`](Registered::new), mutably. To exchange the descriptor itself, make a new
    /// `Registered`.
    pub fn get_mut(&mut self) -> &mut S {
        self.io.get_mut()
    }
}

impl<S: AsFd> AsFd for Registered<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}
