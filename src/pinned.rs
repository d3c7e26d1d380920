//! Two ways to hold a pinned future that the language does not have: [`Beside`] another value, and [lent](lend) for a
//! while.
//!
//! A time-out is a future and a timer. To poll the future, the time-out must reach through a pin. An `async fn` does
//! that without `unsafe`, but keeps room for the future twice: as the argument, and as the local that it is moved to.
//! Each nesting doubles that.
//!
//! A task's future is `'static`, but the main future of `run` may borrow. The main future can still be a task, because
//! `run` does not return before that task has ended: `run` lends it.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll};

/// `future` is pinned with the whole, `state` is not.
pub(crate) struct Beside<F, S> {
    future: F,
    state: S,
}

impl<F, S> Beside<F, S> {
    pub(crate) fn new(future: F, state: S) -> Self {
        Self { future, state }
    }

    pub(crate) fn project(self: Pin<&mut Self>) -> (Pin<&mut F>, &mut S) {
        // SAFETY: `future` is never moved out, nothing here implements `Drop`, and `Unpin` is left to the compiler, which
        // grants it only if the future has it; `state` is never handed out pinned. Guarded by
        // tests/time/time_out_size.rs::a_time_out_keeps_room_for_its_future_once. Buys 1,000 bytes instead of 2,088 for a
        // time-out around a future of 962, and 1,032 instead of 4,264 for one within another.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: it came out of a pin in the line above.
        let future = unsafe { Pin::new_unchecked(&mut this.future) };
        (future, &mut this.state)
    }
}

/// Runs `body` with a `'static` stand-in for a future that is not.
///
/// The stand-in polls the real future for as long as `body` runs. After that the loan is broken: a stand-in that still
/// exists polls as if it were finished, and owns nothing.
pub(crate) fn lend<R>(
    future: Pin<&mut (dyn Future<Output = Lent> + '_)>,
    body: impl FnOnce(Loan) -> R,
) -> R {
    // SAFETY: erases the lifetime only; the vtable and the address stay the same. Only `Loan::poll` uses the pointer,
    // and only until `broken` clears it, which happens before the borrow ends, by return or by unwinding.
    // Guarded by tests/event_loop/panic_run.rs::a_main_future_whose_run_is_ended_by_another_task_is_not_touched_again. Buys `run`
    // with borrows.
    let future: Pin<&mut (dyn Future<Output = Lent> + 'static)> =
        unsafe { std::mem::transmute(future) };
    // SAFETY: the pointer is turned back into a pinned reference only, so the pin holds.
    let future = NonNull::from(unsafe { Pin::into_inner_unchecked(future) });
    let lent = Rc::new(Cell::new(Some(future)));
    let broken = BreakOnDrop(Rc::clone(&lent));
    let result = body(Loan(lent));
    drop(broken);
    result
}

/// The output of a lent future. The real output stays with its owner, and `Err` says that it is an `Err`.
pub(crate) type Lent = Result<(), ()>;

/// A future that another owner holds; see [`lend`].
pub(crate) struct Loan(Rc<Cell<Option<NonNull<dyn Future<Output = Lent>>>>>);

impl Future for Loan {
    type Output = Lent;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Lent> {
        let Some(mut future) = self.0.get() else {
            return Poll::Ready(Ok(()));
        };
        // SAFETY: not cleared yet, so `lend` is still running further down this stack (`Loan` is not `Send`) and holds
        // the exclusive borrow. No second reference exists: the scheduler polls a cell only while it holds the cell, so
        // a poll never nests in itself.
        let future = unsafe { future.as_mut() };
        // SAFETY: it was pinned when it was lent, and has not been moved since.
        let future = unsafe { Pin::new_unchecked(future) };
        future.poll(cx)
    }
}

struct BreakOnDrop(Rc<Cell<Option<NonNull<dyn Future<Output = Lent>>>>>);

impl Drop for BreakOnDrop {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
