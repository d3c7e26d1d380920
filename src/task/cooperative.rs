//! A budget for futures that know none.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::context;
use crate::pinned::Beside;

/// Makes a foreign future one of the operations that a poll's budget counts.
///
/// Each poll of a task may complete 128 operations of this crate, and the next one steps back, so that a socket that is always
/// ready cannot hold the thread. The futures of other crates count nothing: a task that receives from a channel of
/// `tokio::sync` or of the `futures` crates, and never finds it empty, runs until it does. With this around each of those
/// futures it steps back as it would for one of ours.
///
/// A future that waits by itself for something of this crate (a TLS stream over a socket of ours) need not be wrapped, and
/// spends two operations where it is.
///
/// # Cancellation
///
/// As the future inside: dropping this drops it. While the budget is spent, the future inside is not polled.
///
/// # Wakes
///
/// As the future inside; and the task wakes itself where its budget is spent.
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

/// What is beside a future that counts as one operation.
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
