//! Yielding: a task lets other tasks run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::context;
use crate::foreign;

/// Lets every other task that is ready now run before this one goes on. asyncio's `sleep(0)`.
///
/// # What it promises
///
/// The task goes to the end of the ready queue, behind all tasks that are ready now. So two tasks that yield to each other
/// take turns, and neither is polled twice before the other is polled once.
///
/// # What it does not promise
///
/// A yield is not a look at the sockets and the timers. The loop looks once in 64 polls, or in as few as take 25 us, and
/// when no task is ready, because a system call for each yield would cost more than the yield. A due timer or a ready socket
/// waits at most that long.
///
/// # Cancellation
///
/// Nothing is lost.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
///
/// let order = Rc::new(RefCell::new(Vec::new()));
/// let log = order.clone();
/// roundelay::run(async move {
///     let other = log.clone();
///     roundelay::spawn(async move { other.borrow_mut().push("other") });
///     roundelay::yield_now().await;
///     log.borrow_mut().push("main");
/// });
/// assert_eq!(*order.borrow(), ["other", "main"]);
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { has_yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "yields when it is awaited"]
pub struct YieldNow {
    has_yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_yielded {
            return Poll::Ready(());
        }
        self.has_yielded = true;
        foreign::wake_by_ref(cx.waker(), "a task that yields");
        Poll::Pending
    }
}

/// Yields if this poll of the task has used up its budget.
/// Each poll of a task may complete 128 operations: a read, a lock, an item from a queue. The 129th operation yields as
/// [`yield_now`] does, so that a socket that is always ready cannot hold the thread. A long computation can take part by
/// awaiting this function in its loop: each call spends one operation.
/// awaiting this in its loop; it spends one operation.
///
/// # Cancellation
/// Nothing is lost.
/// Loses nothing.
///
/// ```
/// roundelay::run(async {
///     let mut sum = 0_u64;
///     for n in 0..1_000 {
///         sum += n * n;
///         roundelay::task::consume_budget().await; // steps back seven times
///     }
///     assert_eq!(sum, 332_833_500);
/// });
/// ```
pub fn consume_budget() -> ConsumeBudget {
    ConsumeBudget(())
}

/// The future of [`consume_budget`].
#[derive(Debug)]
#[must_use = "spends an operation when it is awaited"]
pub struct ConsumeBudget(());

impl Future for ConsumeBudget {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(context::poll_budget(cx));
        context::spend_budget();
        Poll::Ready(())
    }
}
