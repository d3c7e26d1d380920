//! A few futures, all of them polled at each wake.
//!
//! A set of up to [`FEW`] futures needs no list: its children get the parent's waker, and each wake
//! polls all of them. That saves an allocation for each child, and the operations on the list for
//! each wake. Among four children a scan takes about half as long as the list, among sixteen
//! about as long, and among thirty-two about twice as long: the [appendix](crate::appendix) has the
//! figures.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::order::Rounds;

/// Up to this number futures are scanned, not listed.
pub(super) const FEW: usize = 16;

/// Futures that are polled by scan.
pub(super) struct Scan<F> {
    /// `None` where a child has finished.
    children: Vec<Option<Pin<Box<F>>>>,
    unfinished: usize,
    rounds: Rounds,
}

impl<F: Future> Scan<F> {
    pub(super) fn new(futures: Vec<Pin<Box<F>>>, first: usize) -> Scan<F> {
        let unfinished = futures.len();
        let children = futures.into_iter().map(Some).collect();
        Scan {
            children,
            unfinished,
            rounds: Rounds::starting_at(first, unfinished),
        }
    }

    /// Polls every child once. Hands each output to `finished`, until `finished` breaks; ready once no child is left.
    pub(super) fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        mut finished: impl FnMut(usize, F::Output) -> ControlFlow<()>,
    ) -> Poll<()> {
        for index in self.rounds.pass() {
            let child = &mut self.children[index];
            let Some(Poll::Ready(output)) = child.as_mut().map(|future| future.as_mut().poll(cx))
            else {
                continue;
            };
            self.unfinished -= 1;
            *child = None;
            if finished(index, output).is_break() {
                return Poll::Ready(());
            }
        }
        if self.unfinished == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
