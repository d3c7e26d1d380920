//! Which task stands behind a waker: for the list of tasks.
//!
//! The waker of a task is its number. But a set of futures ([`future`](crate::future)) polls each
//! child with a waker of the set's own, and a timer that the child arms then keeps the set's waker.
//! A waker has no method that names its task. It has four methods, and one of them can be made to
//! answer: [`task_of`] raises a flag of this thread and calls `wake_by_ref`; the set's waker sees
//! the flag, and [answers](answer) instead of waking. Only a waker of our own making may be asked
//! in this way, for any other would wake. So the set [introduces](introduce) its kind of wakers
//! first, and the table of functions tells the kinds apart.
//!
//! A set within a set passes the question on. A waker of another crate's combinator has no answer.

use std::cell::Cell;
use std::sync::OnceLock;
use std::task::{RawWakerVTable, Waker};

use super::id::TaskId;
use super::waker;
use crate::foreign;

static KIND: OnceLock<&'static RawWakerVTable> = OnceLock::new();

thread_local! {
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
    static ANSWER: Cell<Option<TaskId>> = const { Cell::new(None) };
}

/// From now on wakers with this waker's table of functions can be asked.
#[inline]
pub(crate) fn introduce(waker: &Waker) {
    KIND.get_or_init(|| waker.vtable());
}

/// The task that a waker wakes in the end; `None` if it cannot be known. Runs no foreign code.
pub(crate) fn task_of(waker: &Waker) -> Option<TaskId> {
    waker::id_of(waker).or_else(|| ask(waker))
}

fn ask(waker: &Waker) -> Option<TaskId> {
    if KIND.get().is_none_or(|kind| *kind != waker.vtable()) {
        return None;
    }
    ANSWER.set(None);
    IS_ASKED.set(true);
    foreign::wake_by_ref(waker, "a set of futures");
    IS_ASKED.set(false);
    ANSWER.take()
}

/// Whether the running `wake_by_ref` is a question. Then the waker has to [`answer`] it, and wakes no task.
#[inline]
pub(crate) fn is_asked() -> bool {
    IS_ASKED.get()
}

/// Answers the question: the asked waker would wake `parent`.
#[cold]
pub(crate) fn answer(parent: Option<&Waker>) {
    IS_ASKED.set(false);
    let task = parent.and_then(task_of);
    ANSWER.set(task);
}
