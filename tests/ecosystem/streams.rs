//! `compat::stream`: the combinators of the `futures` crates, over items that come one by one.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt, TryStreamExt, stream};
use roundelay::compat::Here;
use roundelay::future::as_completed;
use roundelay::io::{BufReader, ReadError};
use roundelay::net::{TcpListener, TcpStream};
use roundelay::sync::{Queue, broadcast, mpsc, watch};
use roundelay::{interval, join, run, yield_now};

use crate::support;

fn in_loop<F: Future<Output = ()>>(body: impl FnOnce() -> F) {
    run(async { body().await });
}

/// Polls once, in the task that awaits this.
async fn poll_once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll_fn(|cx| Poll::Ready(poll(cx))).await
}

#[test]
fn an_interval_is_a_stream_of_ticks() {
    let _watched = support::watch();
    in_loop(|| async {
        let period = Duration::from_millis(1);
        let ticks: Vec<_> = interval(period).take(3).collect().await;
        assert!(ticks.windows(2).all(|pair| pair[1] - pair[0] >= period));
    });
}

#[test]
fn a_receiver_is_a_stream_that_ends_with_its_senders() {
    let _watched = support::watch();
    in_loop(|| async {
        let (sender, receiver) = mpsc::channel(2);
        let sending = async move {
            for n in 0..100 {
                sender.send(n).await.unwrap();
            }
        };
        let (received, ()) = join!(receiver.collect::<Vec<_>>(), sending);
        assert!(received.into_iter().eq(0..100));
    });
}

#[test]
fn a_queue_has_a_stream_and_a_sink() {
    let _watched = support::watch();
    in_loop(|| async {
        let queue = Queue::bounded(2);
        let putting = async {
            let mut sink = queue.sink();
            sink.send_all(&mut stream::iter((0..100).map(Ok)))
                .await
                .unwrap();
            sink.close().await.unwrap();
            queue.close();
        };
        let (got, ()) = join!(queue.stream().collect::<Vec<_>>(), putting);
        assert!(got.into_iter().eq(0..100));
    });
}

/// *nothing-left*: a dropped stream gives up its place in line, and the item that was kept for it.
#[test]
fn a_queues_stream_that_is_dropped_leaves_its_item_to_the_next() {
    let _watched = support::watch();
    in_loop(|| async {
        let queue = Queue::unbounded();
        let mut stream = queue.stream();
        assert!(
            poll_once(|cx| stream.poll_next_unpin(cx))
                .await
                .is_pending()
        );
        queue.try_put(1).unwrap();
        assert!(queue.try_get().is_err(), "the item was kept for the stream");
        drop(stream);
        assert_eq!(queue.try_get(), Ok(1));
    });
}

#[test]
fn a_queues_sink_waits_for_room_and_gives_an_item_back_if_the_queue_is_closed() {
    let _watched = support::watch();
    in_loop(|| async {
        let queue = Queue::bounded(1);
        let mut sink = queue.sink();
        sink.send(1).await.unwrap();
        sink.feed(2).await.unwrap();
        assert!(
            poll_once(|cx| Pin::new(&mut sink).poll_flush(cx))
                .await
                .is_pending()
        );
        queue.close();
        assert_eq!(sink.flush().await.unwrap_err().0, 2);
        sink.flush().await.unwrap();
    });
}

#[test]
fn completions_are_a_stream() {
    let _watched = support::watch();
    in_loop(|| async {
        let set = as_completed([3, 1, 2].map(|steps| async move {
            for _ in 0..steps {
                yield_now().await;
            }
            steps
        }));
        assert_eq!(Stream::size_hint(&set), (3, Some(3)));
        assert_eq!(StreamExt::collect::<Vec<_>>(set).await, [1, 2, 3]);
    });
}

#[test]
fn lines_are_a_stream_that_goes_on_behind_a_line_that_is_too_long() {
    let _watched = support::watch();
    in_loop(|| async {
        let text = &b"one\nnine long\nthree"[..];
        let lines = BufReader::with_limit(8, text).lines().into_stream();
        let lines: Vec<Result<String, ReadError>> = lines.collect().await;
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].as_deref().unwrap(), "one");
        assert!(matches!(lines[1], Err(ReadError::LineTooLong { .. })));
        assert_eq!(lines[2].as_deref().unwrap(), "three");
    });
}

#[test]
fn a_broadcast_is_a_stream_that_says_what_it_missed() {
    let _watched = support::watch();
    in_loop(|| async {
        let (sender, receiver) = broadcast::channel(2);
        for n in 0..3 {
            sender.send(n).unwrap();
        }
        drop(sender);
        let heard: Vec<_> = receiver.into_stream().collect().await;
        assert_eq!(heard, [Err(broadcast::RecvError::Lagged(1)), Ok(1), Ok(2)]);
    });
}

#[test]
fn a_watch_is_a_stream_of_the_latest_values() {
    let _watched = support::watch();
    in_loop(|| async {
        let (sender, receiver) = watch::channel(0);
        let sending = async move {
            for n in 1..=3 {
                yield_now().await;
                sender.send(n).unwrap();
            }
        };
        let values = receiver.into_stream().map(|value: Rc<i32>| *value);
        let (seen, ()) = join!(values.collect::<Vec<_>>(), sending);
        // The order of the polls decides which values between the first and the last it sees.
        assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
        assert_eq!((seen[0], seen[seen.len() - 1]), (0, 3));
    });
}

#[test]
fn the_connections_of_a_listener_are_a_stream() {
    let _watched = support::watch();
    in_loop(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clients = async {
            let mut clients = Vec::new();
            for _ in 0..3 {
                clients.push(TcpStream::connect(address).await.unwrap());
            }
            clients
        };
        let incoming = listener.incoming().take(3).try_collect::<Vec<_>>();
        let (accepted, clients) = join!(incoming, clients);
        for (stream, client) in accepted.unwrap().iter().zip(&clients) {
            assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
        }
    });
}

#[test]
fn a_sender_is_a_sink_that_holds_room_for_one() {
    let _watched = support::watch();
    in_loop(|| async {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut sink = pin!(sender.clone().into_sink());
        poll_fn(|cx| sink.as_mut().poll_ready(cx)).await.unwrap();
        assert_eq!(sender.capacity(), 0, "the sink has reserved the room");
        sink.as_mut().start_send(1).unwrap();
        assert!(
            poll_once(|cx| sink.as_mut().poll_ready(cx))
                .await
                .is_pending()
        );
        assert_eq!(receiver.recv().await, Some(1));
        let numbers = stream::iter((2..10).map(Ok));
        let sending = async {
            sink.send_all(&mut { numbers }).await.unwrap();
            sink.close().await.unwrap();
            assert!(sink.send(10).await.is_err(), "the sink was closed");
            drop(sender);
        };
        let (received, ()) = join!(receiver.collect::<Vec<_>>(), sending);
        assert!(received.into_iter().eq(2..10));
    });
}

#[test]
fn an_unbounded_sender_is_a_sink_until_nobody_receives() {
    let _watched = support::watch();
    in_loop(|| async {
        let (mut sender, receiver) = mpsc::unbounded_channel();
        sender
            .send_all(&mut stream::iter((0..100).map(Ok)))
            .await
            .unwrap();
        assert_eq!(receiver.len(), 100);
        drop(receiver);
        assert!(SinkExt::send(&mut sender, 100).await.is_err());
    });
}

#[test]
fn what_is_here_is_still_a_stream_and_a_sink() {
    let _watched = support::watch();
    fn crosses_threads<T: Send + Sync>(value: T) -> T {
        value
    }
    in_loop(|| async {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut sender = crosses_threads(Here::new(sender));
        let receiver = crosses_threads(Here::new(receiver));
        SinkExt::send(&mut sender, 1).await.unwrap();
        drop(sender);
        assert_eq!(receiver.collect::<Vec<_>>().await, [1]);
    });
}
