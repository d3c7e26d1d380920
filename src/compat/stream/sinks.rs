//! The channels' senders as sinks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pin_project_lite::pin_project;

use crate::sync::mpsc::{OwnedPermit, SendError, Sender, UnboundedSender};

/// Always ready until the channel is closed.
impl<T> Sink<T> for UnboundedSender<T> {
    type Error = SendError<()>;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        Poll::Ready(match self.is_closed() {
            true => Err(SendError(())),
            false => Ok(()),
        })
    }

    fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), SendError<()>> {
        self.send(value).map_err(|_| SendError(()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        Poll::Ready(Ok(()))
    }
}

impl<T> Sender<T> {
    /// The sender as a sink. The sink is ready when it has room for a value, and holds the room until the value comes.
    /// With the feature `stream`.
    ///
    /// Closing the sink drops the sender.
    ///
    /// # Cancellation
    ///
    /// Dropping the sink gives the room back.
    ///
    /// # Errors
    ///
    /// If the channel is closed. A value that was accepted before may still be received.
    ///
    /// ```
    /// # use std::{future::poll_fn, pin::{Pin, pin}};
    /// # use futures_sink::Sink;
    /// # async fn send<T, S: Sink<T>>(sink: &mut Pin<&mut S>, item: T) -> Result<(), S::Error> {
    /// #     poll_fn(|cx| sink.as_mut().poll_ready(cx)).await?;
    /// #     sink.as_mut().start_send(item)?;
    /// #     poll_fn(|cx| sink.as_mut().poll_flush(cx)).await
    /// # }
    /// use roundelay::sync::mpsc;
    ///
    /// roundelay::run(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     let mut sink = pin!(sender.into_sink());
    ///     send(&mut sink, 1).await.unwrap(); // as in futures_util::SinkExt
    ///     assert_eq!(receiver.recv().await, Some(1));
    ///     drop(receiver);
    ///     assert!(send(&mut sink, 2).await.is_err());
    /// });
    /// ```
    pub fn into_sink(self) -> impl Sink<T, Error = SendError<()>> {
        SenderSink {
            state: State::Idle { sender: Some(self) },
            reserve: Sender::reserve_owned,
        }
    }
}

pin_project! {
    /// `R` is [`Sender::reserve_owned`], whose future `N` has no name.
    struct SenderSink<T, R, N> {
        #[pin]
        state: State<T, N>,
        reserve: R,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<T, N> {
        /// `None` once the sink is closed.
        Idle { sender: Option<Sender<T>> },
        Reserving { #[pin] room: N },
        Ready { permit: Option<OwnedPermit<T>> },
    }
}

impl<T, R, N> Sink<T> for SenderSink<T, R, N>
where
    R: Fn(Sender<T>) -> N,
    N: Future<Output = Result<OwnedPermit<T>, SendError<()>>>,
{
    type Error = SendError<()>;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Ready { .. } => return Poll::Ready(Ok(())),
                StateProjection::Idle { sender } => {
                    let Some(sender) = sender.take() else {
                        return Poll::Ready(Err(SendError(())));
                    };
                    let reserve = &*this.reserve;
                    let room = reserve(sender);
                    this.state.set(State::Reserving { room });
                }
                StateProjection::Reserving { room } => {
                    let reserved = ready!(room.poll(cx));
                    this.state.set(match reserved {
                        Ok(permit) => State::Ready {
                            permit: Some(permit),
                        },
                        Err(_) => State::Idle { sender: None },
                    });
                }
            }
        }
    }

    /// # Panics
    ///
    /// If the sink was not ready.
    fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), SendError<()>> {
        let mut state = self.project().state;
        let permit = match state.as_mut().project() {
            StateProjection::Ready { permit } => permit.take(),
            _ => None,
        };
        let permit = permit.expect("the sink is not ready: poll_ready says when");
        let sender = Some(permit.send(value));
        state.set(State::Idle { sender });
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        let state = State::Idle { sender: None };
        self.project().state.set(state);
        Poll::Ready(Ok(()))
    }
}
