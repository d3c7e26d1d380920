//! A queue's two ends.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use crate::sync::{Fifo, Get, Put, Queue, Store};

impl<T, S: Store<T>> Queue<T, S> {
    /// The items as a stream, which ends when the queue is closed and drained. With the feature `stream`.
    ///
    /// The stream is one of the queue's getters. Its place in the line begins with its first poll that waits.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost. But a stream that is kept and not polled keeps its place in the line, and its item. To let
    /// another getter have the item, drop the stream.
    ///
    /// ```
    /// # use std::{future::poll_fn, pin::Pin};
    /// # use futures_core::Stream;
    /// # async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    /// #     poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
    /// # }
    /// use roundelay::sync::Queue;
    ///
    /// roundelay::run(async {
    ///     let queue = Queue::unbounded();
    ///     queue.try_put(1).unwrap();
    ///     queue.close();
    ///     let mut items = queue.stream();
    ///     // `next` as in futures_util::StreamExt
    ///     assert_eq!((next(&mut items).await, next(&mut items).await), (Some(1), None));
    /// });
    /// ```
    pub fn stream(&self) -> QueueStream<'_, T, S> {
        QueueStream {
            queue: self,
            get: None,
        }
    }

    /// The queue as a sink. If the queue is closed, the error returns the item that was waiting. With the feature
    /// `stream`.
    ///
    /// The sink holds one item, which waits for room. When that item is in the queue, the sink is ready for the next.
    /// Closing the sink leaves the queue open, because others may put into it.
    ///
    /// # Cancellation
    ///
    /// Dropping the sink drops the item that waits.
    ///
    /// # Errors
    ///
    /// If the queue is closed before the item is in the queue.
    ///
    /// ```
    /// # use std::{future::poll_fn, pin::Pin};
    /// # use futures_sink::Sink;
    /// # async fn send<T, S: Sink<T> + Unpin>(sink: &mut S, item: T) -> Result<(), S::Error> {
    /// #     poll_fn(|cx| Pin::new(&mut *sink).poll_ready(cx)).await?;
    /// #     Pin::new(&mut *sink).start_send(item)?;
    /// #     poll_fn(|cx| Pin::new(&mut *sink).poll_flush(cx)).await
    /// # }
    /// use roundelay::sync::Queue;
    ///
    /// roundelay::run(async {
    ///     let queue = Queue::bounded(1);
    ///     let mut sink = queue.sink();
    ///     send(&mut sink, 1).await.unwrap(); // as in futures_util::SinkExt
    ///     queue.close();
    ///     assert_eq!(send(&mut sink, 2).await.unwrap_err().0, 2);
    /// });
    /// ```
    pub fn sink(&self) -> QueueSink<'_, T, S> {
        QueueSink {
            queue: self,
            put: None,
        }
    }
}

/// The items of a queue. Made by [`Queue::stream`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct QueueStream<'a, T, S: Store<T> = Fifo<T>> {
    queue: &'a Queue<T, S>,
    /// From the first poll for an item until the item is there.
    get: Option<Get<'a, T, S>>,
}

impl<T, S: Store<T>> Stream for QueueStream<'_, T, S> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let queue = self.queue;
        let get = self.get.get_or_insert_with(|| queue.get());
        let item = ready!(Pin::new(get).poll(cx));
        self.get = None;
        Poll::Ready(item)
    }
}

/// Puts items into a queue. Made by [`Queue::sink`].
#[must_use = "a sink does nothing unless it is polled"]
pub struct QueueSink<'a, T, S: Store<T> = Fifo<T>> {
    queue: &'a Queue<T, S>,
    /// The item that waits for room.
    put: Option<Put<'a, T, S>>,
}

/// The item is never pinned.
impl<T, S: Store<T>> Unpin for QueueSink<'_, T, S> {}

impl<T, S: Store<T>> Sink<T> for QueueSink<'_, T, S> {
    type Error = crate::sync::PutError<T>;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_flush(cx)
    }

    /// # Panics
    ///
    /// If the sink was not ready.
    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), Self::Error> {
        assert!(
            self.put.is_none(),
            "the sink is not ready: poll_ready says when"
        );
        self.put = Some(self.queue.put(item));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Some(put) = &mut self.put else {
            return Poll::Ready(Ok(()));
        };
        let result = ready!(Pin::new(put).poll(cx));
        self.put = None;
        Poll::Ready(result)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_flush(cx)
    }
}

impl<T, S: Store<T>> fmt::Debug for QueueStream<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueStream").field(self.queue).finish()
    }
}

impl<T, S: Store<T>> fmt::Debug for QueueSink<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueSink").field(self.queue).finish()
    }
}
