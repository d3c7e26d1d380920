//! Any number of futures of one type: waits for all of them, or for the first.

use std::fmt;
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::order;
use super::scan::{FEW, Scan};
use super::set::Set;

/// Waits for all futures and gives their outputs in the order of the arguments.
///
/// The futures are polled in place, by the awaiting task: they need not be `'static`, and may borrow from it. Up to
/// sixteen are all polled at each wake. Of more, each is polled once, and then once for each of its wakes, so a wake
/// costs the same among ten and among a million. An empty set gives an empty vector at once.
///
/// This is asyncio's `gather(*aws, return_exceptions=True)`: all outputs, errors too. For futures of several types use
/// [`join!`](crate::join).
///
/// # Cancellation
///
/// Dropping the future drops the futures that have not finished, and the outputs of the others.
///
/// # Wakes
///
/// The children hold wakers that lead to the awaiting task, and do nothing once this future is gone.
///
/// # Panics
///
/// A panic of a child passes through to the awaiting task, and the other children are dropped with that task.
///
/// ```
/// use roundelay::future::join_all;
///
/// roundelay::run(async {
///     let words = ["loop", "wheel", "waker"];
///     let lengths = join_all(words.iter().map(|word| async move { word.len() })).await;
///     assert_eq!(lengths, [4, 5, 5]);
/// });
/// ```
pub fn join_all<I>(futures: I) -> JoinAll<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let (group, outputs) = gather(futures);
    JoinAll { group, outputs }
}

/// Waits for all futures, or for the first error.
///
/// Gives the outputs in the order of the arguments. When one fails, the others are dropped, and after that the error is
/// returned. Otherwise as [`join_all`]; for futures of several types use [`try_join!`](crate::try_join).
///
/// This is asyncio's `gather(*aws)`: the first error drops the others, where asyncio lets them run on. If they must run on,
/// spawn them.
///
/// # Errors
///
/// The first error in the order of completion.
///
/// # Cancellation
///
/// Dropping the future drops the futures that have not finished, and the outputs of the others.
///
/// # Wakes
///
/// As [`join_all`].
///
/// # Panics
///
/// As [`join_all`].
///
/// ```
/// use roundelay::future::try_join_all;
///
/// roundelay::run(async {
///     let sum = try_join_all(["1", "2"].map(|digit| async move { digit.parse::<i32>() })).await;
///     assert_eq!(sum, Ok(vec![1, 2]));
///     let sum = try_join_all(["1", "x"].map(|digit| async move { digit.parse::<i32>() })).await;
///     assert!(sum.is_err());
/// });
/// ```
pub fn try_join_all<I, T, E>(futures: I) -> TryJoinAll<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>>>,
{
    let (group, outputs) = gather(futures);
    TryJoinAll { group, outputs }
}

/// Waits for the first future and drops the others.
///
/// The others are dropped before the output of the first is returned: their locks and borrows are free again. Gives
/// `None` at once if there are no futures. Of futures that are ready together, the future that is polled first wins.
/// The first to be polled is drawn, the others follow in the order of the arguments ([`reseed`](super::reseed)).
///
/// For futures of several types use [`race!`](crate::race), or [`select!`](crate::select), which tells which has won.
///
/// # Cancellation
///
/// Dropping the future drops all of them.
///
/// # Wakes
///
/// As [`join_all`].
///
/// # Panics
///
/// As [`join_all`].
///
/// ```
/// use roundelay::future::race_all;
///
/// roundelay::run(async {
///     let runners = [5, 1, 9].map(|hurdles| async move {
///         for _ in 0..hurdles {
///             roundelay::yield_now().await;
///         }
///         hurdles
///     });
///     assert_eq!(race_all(runners).await, Some(1));
/// });
/// ```
pub fn race_all<I>(futures: I) -> RaceAll<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let futures = boxed(futures);
    let first = if futures.is_empty() {
        0
    } else {
        order::draw(futures.len())
    };
    RaceAll {
        group: Group::new(futures, first),
    }
}

/// The future of [`join_all`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct JoinAll<F: Future> {
    group: Group<F>,
    outputs: Vec<Option<F::Output>>,
}

/// The future of [`try_join_all`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct TryJoinAll<F: Future> {
    group: Group<F>,
    outputs: Vec<Option<F::Output>>,
}

/// The future of [`race_all`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct RaceAll<F> {
    group: Group<F>,
}

impl<F: Future> fmt::Debug for JoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAll").finish_non_exhaustive()
    }
}

impl<F: Future> fmt::Debug for TryJoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryJoinAll").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for RaceAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaceAll").finish_non_exhaustive()
    }
}

// The futures are in boxes, and an output is never pinned: so these types may be moved while they are awaited.
impl<F: Future> Unpin for JoinAll<F> {}
impl<F: Future> Unpin for TryJoinAll<F> {}
impl<F> Unpin for RaceAll<F> {}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<F::Output>> {
        let JoinAll { group, outputs } = self.get_mut();
        ready!(group.poll_each(cx, |index, output| {
            outputs[index] = Some(output);
            Continue(())
        }));
        Poll::Ready(take_all(outputs).collect())
    }
}

impl<F, T, E> Future for TryJoinAll<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Vec<T>, E>> {
        let TryJoinAll { group, outputs } = self.get_mut();
        ready!(group.poll_each(cx, |index, output| {
            let failed = output.is_err();
            if failed {
                outputs.clear();
                outputs.push(Some(output));
            } else {
                outputs[index] = Some(output);
            }
            if failed { Break(()) } else { Continue(()) }
        }));
        *group = Group::empty();
        Poll::Ready(take_all(outputs).collect())
    }
}

impl<F: Future> Future for RaceAll<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let RaceAll { group } = self.get_mut();
        let mut winner = None;
        ready!(group.poll_each(cx, |_, output| {
            winner = Some(output);
            Break(())
        }));
        *group = Group::empty();
        Poll::Ready(winner)
    }
}

/// Few futures, all polled at each wake; or many, of which the woken are polled.
enum Group<F> {
    Few(Scan<F>),
    Many(Set<F>),
}

impl<F: Future> Group<F> {
    fn new(futures: Vec<Pin<Box<F>>>, first: usize) -> Group<F> {
        if futures.len() <= FEW {
            return Group::Few(Scan::new(futures, first));
        }
        let mut set = Set::new(futures);
        set.start_at(first);
        Group::Many(set)
    }

    fn empty() -> Group<F> {
        Group::Few(Scan::new(Vec::new(), 0))
    }

    /// Hands each output to `finished`, until `finished` breaks; ready then, or once no child is left.
    fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        finished: impl FnMut(usize, F::Output) -> ControlFlow<()>,
    ) -> Poll<()> {
        match self {
            Group::Few(scan) => scan.poll_each(cx, finished),
            Group::Many(set) => set.poll_each(cx, finished),
        }
    }
}

/// The outputs, when all are there. `collect` reuses their memory.
fn take_all<T>(outputs: &mut Vec<Option<T>>) -> impl Iterator<Item = T> + use<T> {
    let outputs = std::mem::take(outputs).into_iter();
    outputs.map(|output| output.expect("a child that has finished has left its output"))
}

type Parts<F> = (Group<F>, Vec<Option<<F as Future>::Output>>);

fn gather<I>(futures: I) -> Parts<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let futures = boxed(futures);
    let outputs = futures.iter().map(|_| None).collect();
    (Group::new(futures, 0), outputs)
}

/// Each future in a box of its own: a pinned future may not move, and without `unsafe` only a box pins one of many
/// futures.
pub(super) fn boxed<I>(futures: I) -> Vec<Pin<Box<<I::Item as IntoFuture>::IntoFuture>>>
where
    I: IntoIterator<Item: IntoFuture>,
{
    futures
        .into_iter()
        .map(|future| Box::pin(future.into_future()))
        .collect()
}
