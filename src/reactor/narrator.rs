//! What the reactor tells the log. The steps themselves stay free of it.

use std::fmt;
use std::io;

use mio::Token;

use super::ready::{Interest, Ready};
use super::source::Name;
use super::sys::Descriptor;
use crate::foreign::{self, Level};

/// An event has come. `is_known`: its source is still there.
#[inline]
pub(super) fn tell_of_an_event(token: Token, news: Ready, is_known: bool) {
    if foreign::is_traced(foreign::IO) {
        match is_known {
            true => tell(token, format_args!("{news:?}")),
            false => tell(token, "dropped a stale event: the source is gone"),
        }
    }
}

/// Tells of a source.
#[cold]
pub(super) fn tell(token: Token, what: impl fmt::Display) {
    foreign::tell(
        Level::Trace,
        foreign::IO,
        format_args!("{}: {what}", Name(token)),
    );
}

/// A registration could not be ended.
#[cold]
pub(super) fn complain(token: Token, fd: Descriptor, error: &io::Error) {
    foreign::tell(
        Level::Warn,
        foreign::IO,
        format_args!(
            "{}: cannot deregister descriptor {fd}: {error}",
            Name(token)
        ),
    );
}

/// Tells that an operation waits.
#[inline]
pub(super) fn tell_of_a_wait(fd: Descriptor, interest: Interest) {
    if foreign::is_traced(foreign::IO) {
        tell_of_it(fd, interest);
    }
}

#[cold]
fn tell_of_it(fd: Descriptor, interest: Interest) {
    foreign::tell(
        Level::Trace,
        foreign::IO,
        format_args!("descriptor {fd}: {interest:?} would block"),
    );
}
