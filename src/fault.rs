//! The places of the system calls, which tests can make fail.
//!
//! A descriptor that the system refuses, a wait that fails, a thread that is refused: the code for these errors never
//! runs on a healthy machine, and its mistakes stay unseen for years. So each system call of this crate has a line
//! before it, `fault::at(Call::Accept)?`. In the crate's own tests a plan makes the n-th call of one kind fail, or
//! unwind, for every kind and every n (`fault/tests.rs`). In every other build the line is a constant, and compiles to
//! no instruction.

#[cfg(test)]
mod plan;
#[cfg(all(test, target_os = "linux", not(any(loom, miri))))]
mod tests;

#[cfg(test)]
pub(crate) use plan::{Deed, Plan, at, heir};

/// A request to the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code))] // there is no `timerfd`
pub(crate) enum Call {
    /// `epoll_create`.
    OpenPoller,
    /// `dup` of the poller.
    ClonePoller,
    /// `eventfd`, and its registration.
    HangBell,
    /// `write` to the eventfd.
    RingBell,
    /// `epoll_ctl`, to add or change.
    Watch,
    /// `epoll_ctl`, to delete.
    Unwatch,
    /// `epoll_wait`.
    Wait,
    /// `timerfd_create`.
    MakeTimer,
    /// `timerfd_settime`.
    SetTimer,
    /// `socket`, `bind` and `listen`.
    Bind,
    /// `socket` and `connect`.
    Connect,
    Accept,
    Read,
    Write,
    /// The start of a thread.
    Start,
    /// No system call: a step of a worker, which may unwind.
    Work,
}

/// Called before each request to the operating system.
#[cfg(not(test))]
#[inline(always)]
#[expect(clippy::unnecessary_wraps, reason = "it fails in tests")]
pub(crate) const fn at(_call: Call) -> std::io::Result<()> {
    Ok(())
}

/// What a thread gives to a thread that it starts: in tests, the plan.
#[cfg(not(test))]
pub(crate) struct Heir;

#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn heir() -> Heir {
    Heir
}

#[cfg(not(test))]
impl Heir {
    #[inline(always)]
    pub(crate) const fn enter(self) {}
}
