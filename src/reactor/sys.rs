//! The parts of the reactor that differ between Unix and Windows.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{Descriptor, Watched};
#[cfg(unix)]
pub(super) use unix::{Handle, Held, SHORT_TRANSFER_DRAINS};
#[cfg(windows)]
pub(crate) use windows::{Descriptor, Watched};
#[cfg(windows)]
pub(super) use windows::{Handle, Held, SHORT_TRANSFER_DRAINS};
