//! All calls of foreign code go through this file.
//!
//! *Before this:* [chapter 4](crate::scheduler). *Time:* 15 minutes. *Files, in reading order:*
//! this one.
//!
//! A loop calls code that is not this crate's: wakers, destructors, posted calls, jobs, and the
//! sink of the log. Such code may do anything: panic, wake a task, spawn a task, arm a timer, drop
//! a handle. Two rules keep that harmless, and this file keeps the two rules.
//!
//! **Contained.** A panic in foreign code never unwinds through code of this crate. The panic
//! becomes a value ([`catch`]), or it is logged once and goes no further ([`quietly`], [`wake`],
//! [`let_go`], [`tell`]). The loop then takes its next step: it wakes the waiter behind a waker
//! that panicked, and delivers the event behind a line that a sink could not write.
//!
//! **Never between a decision and its act.** This is the invariant *decide-then-do*:
//!
//! ```text
//!   wrong                                        right
//!   --------------------------------------       --------------------------------------
//!   no task is ready?                            tell "nothing is ready"
//!   tell "nothing is ready"                        the sink wakes a task
//!     the sink wakes a task                      no task is ready?   there is one: go on
//!   sleep ... beside a task that is ready        sleep
//! ```
//!
//! A line of the log is written before the decision, or after the act. The same holds for a timer:
//! the loop takes it out of the wheel, wakes its task, and then writes to the log.
//!
//! # One rule for wakers
//!
//! Any code may poll a leaf future: a task of this crate, whose waker is a number and cannot panic;
//! but also a combinator with wakers of its own, an executor inside a task, or a test. The panic of
//! such a waker would come out at an unrelated place: out of the loop itself, or out of the
//! `Semaphore::add_permits` of an unrelated task. So a panic in a waker that is woken or dropped is
//! logged, in timers, sockets, joins, groups and jobs alike, and in
//! [`yield_now`](fn@crate::yield_now) too.
//!
//! *Not contained:* the clone of a waker. A poll that cannot clone its waker cannot wait, so the
//! panic comes out of that poll, before anything has changed.
//!
//! # What it costs
//!
//! A `catch_unwind` that catches nothing costs two instructions, so this crate's wakers pass
//! through here as well: to distinguish the two kinds would cost as much. A line without a listener
//! costs a load and a comparison.
//!
//! Guarded by tests/scheduler/panic_waker.rs, one test for each kind of waiter, and by
//! tests/log_deeds.rs, one deed at each line.
//!
//! # Next
//!
//! [`chain`](crate::chain): a list that its nodes can leave from anywhere.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

pub(crate) use log::Level;

// The targets of the log.
pub(crate) const TURN: &str = "roundelay::turn";
pub(crate) const WAKE: &str = "roundelay::wake";
pub(crate) const TIMER: &str = "roundelay::timer";
pub(crate) const IO: &str = "roundelay::io";
pub(crate) const OFFLOAD: &str = "roundelay::offload";
pub(crate) const TASK: &str = "roundelay::task";
pub(crate) const SLOW: &str = "roundelay::slow";

/// The payload of a panic: the box that [`std::panic::catch_unwind`] returns.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Runs foreign code, and returns its panic as an error.
#[inline]
pub(crate) fn catch<R>(foreign: impl FnOnce() -> R) -> Result<R, Payload> {
    catch_unwind(AssertUnwindSafe(foreign))
}

/// Runs foreign code whose panic no caller can receive: the panic is logged, and the caller goes on.
///
/// After a panic, two more pieces of foreign code run: the log's sink and the destructor of the payload. Either may
/// panic in turn: see [`bury`].
/// Guarded by tests/scheduler/panic.rs::a_payload_whose_destructor_panics_harms_nobody.
#[inline]
pub(crate) fn quietly(target: &'static str, what: impl fmt::Display, foreign: impl FnOnce()) {
    if let Err(payload) = catch(foreign) {
        tell_and_bury(target, &what, payload);
    }
}

#[cold]
fn tell_and_bury(target: &'static str, what: &dyn fmt::Display, payload: Payload) {
    let text = message(payload.as_ref()).unwrap_or("with a payload that is no text");
    tell_apart(
        Level::Error,
        target,
        format_args!("{what} panicked: {text}"),
    );
    bury_payload(payload);
}

/// Writes a line to the log. Returns even if the sink panics.
#[inline]
pub(crate) fn tell(level: Level, target: &'static str, line: impl fmt::Display) {
    if level <= log::STATIC_MAX_LEVEL && level <= log::max_level() {
        tell_aloud(level, target, &line);
    }
}

#[cold]
fn tell_aloud(level: Level, target: &'static str, line: &dyn fmt::Display) {
    let told = catch(|| log::log!(target: target, level, "{line}"));
    told.unwrap_or_else(bury_payload);
}

/// Whether the log has no listener, for instance because no logger is installed.
pub(crate) fn is_deaf() -> bool {
    log::max_level() == log::LevelFilter::Off
}

/// Writes a line to the log, or to standard error if the log is [deaf](is_deaf).
pub(crate) fn tell_somebody(level: Level, target: &'static str, line: impl fmt::Display) {
    match is_deaf() {
        true => tell_stderr(target, line),
        false => tell(level, target, line),
    }
}

/// Writes a line to standard error. If that is closed, `eprintln` panics, and the panic is logged.
pub(crate) fn tell_stderr(target: &'static str, line: impl fmt::Display) {
    quietly(target, "a line on standard error", || eprintln!("{line}"));
}

/// Whether the log listens at `trace`. Call it before work that only the log needs.
#[inline]
pub(crate) fn is_traced(target: &'static str) -> bool {
    Level::Trace <= log::max_level() && listens_to(target)
}

#[cold]
#[inline(never)]
fn listens_to(target: &'static str) -> bool {
    catch(|| log::log_enabled!(target: target, Level::Trace)).unwrap_or(false)
}

/// [`tell`] out of line, for code that is cold.
#[cold]
#[inline(never)]
pub(crate) fn tell_apart(level: Level, target: &'static str, line: fmt::Arguments<'_>) {
    tell(level, target, line);
}

/// Wakes the owner of a waker. `of` completes "the waker of".
#[inline]
pub(crate) fn wake(waker: Waker, of: &str) {
    contain(of, || waker.wake());
}

/// [`wake`], for a waker that is still needed.
#[inline]
pub(crate) fn wake_by_ref(waker: &Waker, of: &str) {
    contain(of, || waker.wake_by_ref());
}

/// Drops a waker, if there is one.
#[inline]
pub(crate) fn let_go(waker: impl Into<Option<Waker>>, of: &str) {
    if let Some(waker) = waker.into() {
        contain(of, || drop(waker));
    }
}

#[inline]
fn contain(of: &str, use_of_a_waker: impl FnOnce()) {
    if let Err(payload) = catch(use_of_a_waker) {
        complain(of, payload);
    }
}

#[cold]
fn complain(of: &str, payload: Payload) {
    tell_and_bury(WAKE, &format_args!("the waker of {of}"), payload);
}

/// Drops a value that may hold the payload of a panic. The payload's destructor may panic too, and so may the payload
/// of *that* panic. A normal chain ends soon; the rest of an endless chain is leaked.
#[inline]
pub(crate) fn bury(remains: impl Sized) {
    if let Err(payload) = catch(|| drop(remains)) {
        bury_payload(payload);
    }
}

/// [`bury`] for the payload alone. It is not generic, so that a program contains it once.
#[cold]
#[inline(never)]
pub(crate) fn bury_payload(mut payload: Payload) {
    for _ in 0..8 {
        match drop_payload(payload) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    mem::forget(payload);
}

// A function of its own, or a program contains it eight times.
#[inline(never)]
fn drop_payload(payload: Payload) -> Result<(), Payload> {
    catch(|| drop(payload))
}

/// The text of a panic, if it was raised with text, as `panic!` does.
pub(crate) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
