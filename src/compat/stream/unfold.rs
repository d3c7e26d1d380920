//! Streams out of `async` methods.
//!
//! A method like `next_line(&mut self)` borrows its value, and a stream would have to keep both the value and the
//! borrow. So the future owns the value, and returns it with each item.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::io::{Lines, Read, ReadError};
use crate::sync::{broadcast, watch};

impl<R: Read> Lines<R> {
    /// The lines as a stream. The stream ends with the reader, and after an error of the reader ([`ReadError::Io`]).
    /// After a line that is too long or not UTF-8 it goes on. With the feature `stream`.
    ///
    /// # Cancellation
    ///
    /// Dropping a `next` of the stream loses nothing. Dropping the stream drops the reader, with its buffered bytes.
    ///
    /// # Errors
    ///
    /// As [`next_line`](Lines::next_line).
    ///
    /// ```
    /// # use std::{future::poll_fn, pin::{Pin, pin}};
    /// # use futures_core::Stream;
    /// # async fn next<S: Stream>(stream: &mut Pin<&mut S>) -> Option<S::Item> {
    /// #     poll_fn(|cx| stream.as_mut().poll_next(cx)).await
    /// # }
    /// use roundelay::io::BufReader;
    ///
    /// roundelay::run(async {
    ///     let mut lines = pin!(BufReader::new(&b"one\ntwo\n"[..]).lines().into_stream());
    ///     // `next` as in futures_util::StreamExt
    ///     assert_eq!(next(&mut lines).await.unwrap().unwrap(), "one");
    ///     assert_eq!(next(&mut lines).await.unwrap().unwrap(), "two");
    ///     assert!(next(&mut lines).await.is_none());
    /// });
    /// ```
    pub fn into_stream(self) -> impl Stream<Item = Result<String, ReadError>> {
        unfold(self, |mut lines| async {
            let line = lines.next_line().await;
            let is_last = matches!(line, Err(ReadError::Io(_)));
            let rest = (!is_last).then_some(lines);
            line.transpose().map(|line| (line, rest))
        })
    }
}

impl<T: Clone> broadcast::Receiver<T> {
    /// The values as a stream, and a [`Lagged`](broadcast::RecvError::Lagged) where some were missed. The stream ends
    /// when all senders are gone and all their values have been received. With the feature `stream`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub fn into_stream(self) -> impl Stream<Item = Result<T, broadcast::RecvError>> {
        unfold(self, |mut receiver| async {
            match receiver.recv().await {
                Err(broadcast::RecvError::Closed) => None,
                heard => Some((heard, Some(receiver))),
            }
        })
    }
}

impl<T> watch::Receiver<T> {
    /// The present value and then, at each poll, the latest one. The stream ends when all senders are gone and their
    /// last value has been seen. With the feature `stream`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub fn into_stream(self) -> impl Stream<Item = Rc<T>> {
        unfold((self, true), |(mut receiver, is_first)| async move {
            if !is_first {
                receiver.changed().await.ok()?;
            }
            let value = receiver.borrow_and_update();
            Some((value, Some((receiver, false))))
        })
    }
}

/// A stream of the items that `step` returns, until `step` returns no item, or no next state.
fn unfold<S, I, F, N>(state: S, step: F) -> Unfold<S, F, N>
where
    F: FnMut(S) -> N,
    N: Future<Output = Option<(I, Option<S>)>>,
{
    Unfold {
        state: Some(state),
        step,
        next: None,
    }
}

pin_project! {
    /// At most one of `state` and `next` is set; at the end neither.
    struct Unfold<S, F, N> {
        state: Option<S>,
        step: F,
        #[pin]
        next: Option<N>,
    }
}

impl<S, I, F, N> Stream for Unfold<S, F, N>
where
    F: FnMut(S) -> N,
    N: Future<Output = Option<(I, Option<S>)>>,
{
    type Item = I;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I>> {
        let mut this = self.project();
        if let Some(state) = this.state.take() {
            let step = this.step;
            this.next.set(Some(step(state)));
        }
        let Some(next) = this.next.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let item = ready!(next.poll(cx));
        this.next.set(None);
        Poll::Ready(item.map(|(item, state)| {
            *this.state = state;
            item
        }))
    }
}
