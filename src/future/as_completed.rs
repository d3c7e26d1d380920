//! The outputs of futures, in the order in which the futures finish.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker, ready};

use super::all::boxed;
use super::set::Set;

/// Gives the outputs in the order of completion, one at each [`next`](AsCompleted::next).
///
/// The futures are polled in place, and only while you await one of the methods: they need not be `'static`, and may
/// borrow. Each is polled once, and then once for each of its wakes. Futures may be added at any time.
///
/// It is asyncio's `as_completed`, and its `wait`:
///
/// - `for f in as_completed(aws): await f` is `while let Some(output) = set.next().await`.
/// - `wait(aws, return_when=FIRST_COMPLETED)` is `set.next().await`: one output, where `done` may
///   have several.
/// - `wait(aws, return_when=FIRST_EXCEPTION)` is `set.until(Result::is_err).await`.
/// - `wait(aws, return_when=ALL_COMPLETED)` is `set.until(|_| false).await`.
/// - `wait(aws, timeout=t)` is `timeout(t, set.until(..)).await`.
///
/// The futures that asyncio returns as `pending` are left in the set; dropping the set drops them.
///
/// With handles of tasks `Result::is_err` would stop at a cancellation, and not at an error that a task returned. For
/// asyncio only an error of a task (or a panic) is an exception:
///
/// ```
/// use roundelay::{future::as_completed, spawn};
///
/// roundelay::run(async {
///     let cancelled = spawn(std::future::pending::<Result<(), &str>>());
///     cancelled.abort();
///     let fine = spawn(async { Ok(()) });
///     let failed = spawn(async { Err("no") });
///     let mut set = as_completed([cancelled, fine, failed]);
///     let done = set
///         .until(|joined| match joined {
///             Ok(output) => output.is_err(),
///             Err(error) => !error.is_cancelled(),
///         })
///         .await;
///     assert_eq!(done.last().unwrap().0, 2);
///     assert_eq!(done.len(), 3);
/// });
/// ```
///
/// ```
/// use roundelay::future::as_completed;
///
/// roundelay::run(async {
///     let mut runners = as_completed([3, 1, 2].map(|hurdles| async move {
///         for _ in 0..hurdles {
///             roundelay::yield_now().await;
///         }
///         hurdles
///     }));
///     let mut order = Vec::new();
///     while let Some(hurdles) = runners.next().await {
///         order.push(hurdles);
///     }
///     assert_eq!(order, [1, 2, 3]);
/// });
/// ```
pub fn as_completed<I>(futures: I) -> AsCompleted<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    AsCompleted {
        set: Set::new(boxed(futures)),
        finished: VecDeque::new(),
    }
}

/// Futures of one type and their outputs in the order of completion; see [`as_completed`].
///
/// Each future has a number: how many futures were in the set, or added to it, before.
pub struct AsCompleted<F: Future> {
    set: Set<F>,
    /// The outputs that an `until` has met and not yet returned.
    finished: VecDeque<(usize, F::Output)>,
}

impl<F: Future> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").finish_non_exhaustive()
    }
}

// The futures are in boxes, and an output is never pinned.
impl<F: Future> Unpin for AsCompleted<F> {}

impl<F: Future> AsCompleted<F> {
    /// Adds a future. The next `next`, `next_numbered` or `until` polls it, after the futures that have been woken.
    ///
    /// ```
    /// use roundelay::future::as_completed;
    ///
    /// roundelay::run(async {
    ///     let mut set = as_completed([std::future::ready(1)]);
    ///     set.push(std::future::ready(2));
    ///     assert_eq!((set.next().await, set.next().await, set.next().await), (Some(1), Some(2), None));
    /// });
    /// ```
    pub fn push(&mut self, future: F) {
        self.set.push(Box::pin(future));
    }

    /// How many outputs have not been given yet.
    pub fn len(&self) -> usize {
        self.set.unfinished() + self.finished.len()
    }

    /// Whether all outputs have been given.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next output; `None` if all have been given.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: the futures and their outputs stay in the set.
    ///
    /// # Wakes
    ///
    /// The children hold wakers that lead to the task that polled the set last. They may wake that task after `next`
    /// has returned, and do nothing once the set is gone.
    ///
    /// # Panics
    ///
    /// A panic of a child passes through; the others stay in the set.
    pub async fn next(&mut self) -> Option<F::Output> {
        self.next_numbered().await.map(|(_, output)| output)
    }

    /// The next output with the number of its future; `None` if all have been given.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost, as with [`next`](AsCompleted::next).
    pub async fn next_numbered(&mut self) -> Option<(usize, F::Output)> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// An output that is there already; `None` if there is no output at this moment. After a
    /// [`next`](AsCompleted::next), it gives the outputs of the futures that finished meanwhile: asyncio's `done`.
    ///
    /// It polls the futures that have been woken, or never polled. It does not wait, and wakes no task later.
    ///
    /// ```
    /// use roundelay::future::as_completed;
    ///
    /// roundelay::run(async {
    ///     let mut set = as_completed([1, 2, 3].map(std::future::ready));
    ///     assert_eq!(set.next().await, Some(1));
    ///     assert_eq!((set.try_next(), set.try_next(), set.try_next()), (Some(2), Some(3), None));
    /// });
    /// ```
    pub fn try_next(&mut self) -> Option<F::Output> {
        // The next poll of the set brings a waker, and looks at all wakes that came in between.
        // Guarded by tests/future/as_completed.rs::what_a_try_missed_is_met_by_the_next_wait
        match self.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output.map(|(_, output)| output),
            Poll::Pending => None,
        }
    }

    /// [`next_numbered`](AsCompleted::next_numbered) for a future or stream of your own.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, F::Output)>> {
        match self.finished.pop_front() {
            Some(output) => Poll::Ready(Some(output)),
            None => self.set.poll_next(cx),
        }
    }

    /// Waits until `stop` is true of an output, or all have finished. Gives the outputs up to then, with the numbers of
    /// their futures, in the order of completion. The futures that have not finished stay in the set.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: the outputs so far stay in the set, and the next call of any method gives them.
    ///
    /// ```
    /// use roundelay::future::as_completed;
    ///
    /// roundelay::run(async {
    ///     let mut set = as_completed([Ok(1), Err("no"), Ok(3)].map(std::future::ready));
    ///     let done = set.until(Result::is_err).await;
    ///     assert_eq!(done, [(0, Ok(1)), (1, Err("no"))]);
    ///     assert_eq!(set.len(), 1);
    /// });
    /// ```
    pub async fn until(
        &mut self,
        mut stop: impl FnMut(&F::Output) -> bool,
    ) -> Vec<(usize, F::Output)> {
        let mut seen = 0;
        poll_fn(|cx| {
            loop {
                while let Some((_, output)) = self.finished.get(seen) {
                    seen += 1;
                    if stop(output) {
                        return Poll::Ready(self.finished.drain(..seen).collect());
                    }
                }
                match ready!(self.set.poll_next(cx)) {
                    Some(output) => self.finished.push_back(output),
                    None => return Poll::Ready(self.finished.drain(..).collect()),
                }
            }
        })
        .await
    }
}
