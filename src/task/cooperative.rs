//! A budget for futures of other crates.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::context;
use crate::pinned::Beside;

/// Counts a foreign future as one of the operations of a poll's budget.
///
/// Each poll of a task may complete 128 operations of this crate, and the next operation yields, so that a socket that is
/// always ready cannot hold the thread. The futures of other crates are not counted: a task that receives from a channel of
/// `tokio::sync` or of the `futures` crates runs as long as the channel is not empty. Wrapped in `cooperative`, each such
/// future counts as one operation.
///
/// A foreign future that waits for something of this crate inside (a TLS stream over a socket of ours) need not be wrapped.
/// If it is, it spends two operations.
///
/// # Cancellation
///
/// As of the future inside, which is dropped with this one. While the budget is spent, the future inside is not polled.
///
/// # Wakes
///
/// As of the future inside. When the budget is spent, the task wakes itself.
///
/// ```
/// use roundelay::{spawn, task::cooperative};
///
/// roundelay::run(async {
///     let beside = spawn(async {});
///     for _ in 0..200 {
///         cooperative(std::future::ready(())).await; // steps back once
///     }
///     assert!(beside.is_finished());
/// });
/// ```
pub fn cooperative<F: IntoFuture>(future: F) -> impl Future<Output = F::Output> {
    Beside::new(future.into_future(), Counted)
}

/// Marks a future that counts as one operation.
struct Counted;

impl<F: Future> Future for Beside<F, Counted> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        ready!(context::poll_budget(cx));
        let (future, Counted) = self.project();
        let output = ready!(future.poll(cx));
        context::spend_budget();
        Poll::Ready(output)
    }
}
