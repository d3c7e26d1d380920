//! Waiting for a future on a thread that runs no loop.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::context;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls the future on this thread, and blocks the thread in between.
///
/// # Panics
///
/// If the future has to wait, and a loop is running on this thread.
pub(super) fn wait<F: Future + Unpin>(call: &str, future: F) -> F::Output {
    match wait_until(call, future, None) {
        Ok(output) => output,
        Err(_) => unreachable!("a wait without a deadline ends by the output only"),
    }
}

/// [`wait`], for `limit` at most. After it, returns the future.
pub(super) fn wait_for<F: Future + Unpin>(
    call: &str,
    future: F,
    limit: Duration,
) -> Result<F::Output, F> {
    // A limit that no clock reaches is no limit.
    wait_until(call, future, Instant::now().checked_add(limit))
}

fn wait_until<F: Future + Unpin>(
    call: &str,
    mut future: F,
    deadline: Option<Instant>,
) -> Result<F::Output, F> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(&mut cx) {
            return Ok(output);
        }
        assert!(
            context::current().is_none(),
            "`{call}` would block the loop that is running on this thread, with all its tasks: use the form to await"
        );
        match deadline {
            None => thread::park(),
            Some(deadline) => match deadline.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Err(future),
                rest => thread::park_timeout(rest),
            },
        }
    }
}
