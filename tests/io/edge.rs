//! Edges: readiness is reported once. It must be neither lost nor invented.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::support::net::{poll_in, settle, tcp_pair};
use crate::support::{Counter, PATIENCE, Trace, counted, counting_waker, now_or_never, watchdog};
use roundelay::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use roundelay::reactor::{Interest, Registered};
use roundelay::{EventLoop, run, spawn, yield_now};

/// Writes until the kernel takes no more. Returns the number of bytes.
fn fill(stream: &TcpStream) -> usize {
    let mut taken = 0;
    loop {
        match stream.try_write(&[7; 65536]) {
            Ok(count) => taken += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return taken;
            }
        }
    }
}

#[test]
fn part_of_a_message_then_silence_costs_no_poll() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = event_loop.run(tcp_pair()).unwrap();
        let polls = Counter::default();
        let reader = event_loop.spawn(counted(&polls, async move {
            let mut buf = [0; 16];
            near.read_exact(&mut buf).await.map(|()| buf)
        }));
        settle(&mut event_loop);
        assert_eq!(polls.get(), 1, "the reader waits");
        for (part, expected) in [(&b"01234"[..], 2), (b"56789", 3), (b"abcdef", 4)] {
            far.try_write(part).unwrap();
            settle(&mut event_loop);
            assert_eq!(polls.get(), expected, "there is one wake for each part");
            settle(&mut event_loop);
            assert_eq!(
                polls.get(),
                expected,
                "the reader was woken without a new byte"
            );
        }
        assert_eq!(
            &event_loop.run(reader).unwrap().unwrap(),
            b"0123456789abcdef"
        );
    });
}

#[test]
fn the_two_directions_of_one_socket_are_woken_apart() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = event_loop.run(tcp_pair()).unwrap();
        let (near, far) = (Rc::new(near), Rc::new(far));
        let (reads, writes) = (Counter::default(), Counter::default());
        let taken = event_loop.run(async { fill(&near) });
        let reader = event_loop.spawn(counted(&reads, {
            let near = Rc::clone(&near);
            async move { near.read(&mut [0; 8]).await }
        }));
        let writer = event_loop.spawn(counted(&writes, {
            let near = Rc::clone(&near);
            async move { near.write_all(b"one more").await }
        }));
        settle(&mut event_loop);
        assert_eq!(
            (reads.get(), writes.get()),
            (1, 1),
            "the reader and the writer wait"
        );
        far.try_write(b"answer").unwrap();
        assert_eq!(event_loop.run(reader).unwrap().unwrap(), 6);
        assert_eq!(
            (reads.get(), writes.get()),
            (2, 1),
            "bytes to read have woken the writer"
        );
        let drained = event_loop.spawn(async move {
            let mut all = vec![0; taken + 8];
            far.read_exact(&mut all)
                .await
                .map(|()| all.split_off(taken))
        });
        event_loop.run(writer).unwrap().unwrap();
        assert_eq!(event_loop.run(drained).unwrap().unwrap(), b"one more");
        assert_eq!(reads.get(), 2);
    });
}

#[test]
fn every_task_that_waits_on_one_direction_is_woken() {
    watchdog(PATIENCE, || {
        run(async {
            let (near, far) = tcp_pair().await.unwrap();
            let near = Rc::new(near);
            let readers: Vec<_> = (0..50)
                .map(|_| {
                    let near = Rc::clone(&near);
                    spawn(async move {
                        let mut byte = [0];
                        near.read_exact(&mut byte).await.map(|()| byte[0])
                    })
                })
                .collect();
            yield_now().await;
            // All bytes are sent at once. That is one edge for fifty waiters.
            let sent: Vec<u8> = (0..50).collect();
            far.write_all(&sent).await.unwrap();
            let mut received = Vec::new();
            for reader in readers {
                received.push(reader.await.unwrap().unwrap());
            }
            assert_eq!(
                received, sent,
                "the bytes do not go to the readers in the order of their waiting"
            );
        });
    });
}

#[test]
fn tasks_that_accept_from_one_listener_take_turns() {
    watchdog(PATIENCE, || {
        run(async {
            let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            let address = listener.local_addr().unwrap();
            let trace = Trace::new();
            for name in ["a", "b", "c"] {
                let (listener, trace) = (Rc::clone(&listener), trace.clone());
                drop(spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        trace.push(name);
                        drop(stream);
                    }
                }));
            }
            yield_now().await;
            for _ in 0..6 {
                let client = TcpStream::connect(address).await.unwrap();
                assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
            }
            assert_eq!(trace.take(), ["a", "b", "c", "a", "b", "c"]);
        });
    });
}

#[test]
fn a_short_read_does_not_hide_the_end_of_file_behind_it() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = event_loop.run(tcp_pair()).unwrap();
        let reader = event_loop.spawn(async move {
            let mut counts = Vec::new();
            for _ in 0..4 {
                counts.push(near.read(&mut [0; 64]).await.unwrap());
            }
            counts
        });
        settle(&mut event_loop);
        // The data and the end come as one edge.
        far.try_write(b"last words").unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        assert_eq!(event_loop.run(reader).unwrap(), [10, 0, 0, 0]);
    });
}

#[test]
fn a_short_read_before_registration_asks_the_kernel_again() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = event_loop.run(tcp_pair()).unwrap();
        settle(&mut event_loop);
        event_loop.run(async {
            for message in [&b"one"[..], b"three"] {
                far.write_all(message).await.unwrap();
                assert_eq!(near.read(&mut [0; 64]).await.unwrap(), message.len());
            }
        });
        assert_eq!(
            settle(&mut event_loop),
            (0, 0),
            "no operation has blocked, but the socket is registered"
        );
    });
}

#[test]
fn a_reset_by_the_peer_reaches_reader_and_writer() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = event_loop.run(tcp_pair()).unwrap();
        let near = Rc::new(near);
        event_loop.run(async { fill(&near) });
        let reader = event_loop.spawn({
            let near = Rc::clone(&near);
            async move { near.read(&mut [0; 8]).await }
        });
        let writer = event_loop.spawn({
            let near = Rc::clone(&near);
            async move { near.write_all(&[0; 1 << 20]).await }
        });
        settle(&mut event_loop);
        // If a socket is closed with unread data, the kernel sends a reset instead of an end.
        drop(far);
        let results = (
            event_loop.run(reader).unwrap(),
            event_loop.run(writer).unwrap(),
        );
        let errors = [results.0.map(drop), results.1]
            .into_iter()
            .filter_map(Result::err);
        let kinds: Vec<ErrorKind> = errors.map(|error| error.kind()).collect();
        assert!(kinds.contains(&ErrorKind::ConnectionReset), "{kinds:?}");
        assert_eq!(settle(&mut event_loop), (0, 0));
    });
}

/// A read stops at the mark of an out-of-band byte, although there are more bytes behind it.
#[cfg(target_os = "linux")]
#[test]
fn data_behind_an_urgent_byte_is_not_forgotten() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = event_loop.run(tcp_pair()).unwrap();
        let reader = event_loop.spawn(async move {
            let mut all = [0; 6];
            near.read_exact(&mut all).await.map(|()| all)
        });
        settle(&mut event_loop);
        far.try_write(b"abc").unwrap();
        socket2::SockRef::from(&far).send_out_of_band(b"!").unwrap();
        far.try_write(b"def").unwrap();
        assert_eq!(&event_loop.run(reader).unwrap().unwrap(), b"abcdef");
    });
}

/// A Unix message that carries a descriptor also ends a read early.
#[cfg(target_os = "linux")]
#[test]
fn bytes_behind_a_passed_descriptor_are_not_forgotten() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        let reader = event_loop.spawn(async move {
            let mut all = [0; 6];
            near.read_exact(&mut all).await.map(|()| all)
        });
        settle(&mut event_loop);
        // A control message by hand: its length, SOL_SOCKET, SCM_RIGHTS, the descriptor, padding.
        let mut rights = 20_usize.to_ne_bytes().to_vec();
        for word in [1, 1, far.as_raw_fd(), 0] {
            rights.extend(word.to_ne_bytes());
        }
        let message = [io::IoSlice::new(b"abc")];
        let message = socket2::MsgHdr::new()
            .with_buffers(&message)
            .with_control(&rights);
        assert_eq!(
            socket2::SockRef::from(&far).sendmsg(&message, 0).unwrap(),
            3
        );
        far.try_write(b"def").unwrap();
        assert_eq!(&event_loop.run(reader).unwrap().unwrap(), b"abcdef");
    });
}

#[test]
fn a_hung_up_socket_that_nobody_reads_does_not_spin() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = event_loop.run(tcp_pair()).unwrap();
        let near = Rc::new(near);
        event_loop.run(async {
            now_or_never(near.read(&mut [0]))
                .is_none()
                .then_some(())
                .unwrap()
        });
        drop(far);
        assert!(
            event_loop.turn(Some(PATIENCE)).unwrap().io_events > 0,
            "the hang-up was not reported"
        );
        settle(&mut event_loop);
        for _ in 0..100 {
            let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
            assert_eq!(
                (turn.polls, turn.io_events),
                (0, 0),
                "the hang-up was reported again"
            );
        }
        assert_eq!(
            event_loop.run(async { near.read(&mut [0]).await.unwrap() }),
            0
        );
    });
}

/// A pipe hangs up when its last writer goes. When it gets a new writer, a read says `WouldBlock` again.
#[cfg(target_os = "linux")]
#[test]
fn a_hang_up_that_is_taken_back_does_not_spin() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (sender, receiver) = mio::unix::pipe::new().unwrap();
        let path = format!("/proc/self/fd/{}", receiver.as_raw_fd());
        let receiver = Rc::new(Registered::new(receiver));
        let read = |receiver: Rc<Registered<mio::unix::pipe::Receiver>>| async move {
            receiver
                .async_io(Interest::READABLE, |mut pipe| pipe.read(&mut [0; 8]))
                .await
        };
        let reader = event_loop.spawn(read(Rc::clone(&receiver)));
        settle(&mut event_loop);
        drop(sender);
        assert_eq!(event_loop.run(reader).unwrap().unwrap(), 0);
        let mut sender = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let polls = Counter::default();
        let reader = event_loop.spawn(counted(&polls, read(Rc::clone(&receiver))));
        settle(&mut event_loop);
        for _ in 0..100 {
            event_loop.turn(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!(
            polls.get(),
            1,
            "the remembered hang-up counts more than the kernel's `WouldBlock`"
        );
        sender.write_all(b"back").unwrap();
        assert_eq!(event_loop.run(reader).unwrap().unwrap(), 4);
    });
}

#[test]
fn a_cancelled_waiter_leaves_nothing_behind() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    let (waker, wakes) = counting_waker();
    for _ in 0..3 {
        let (mut first, mut second, mut third) = ([0; 1], [0; 1], [0; 1]);
        let mut stays = [
            Box::pin(near.read(&mut first)),
            Box::pin(near.read(&mut second)),
        ];
        let mut goes = Box::pin(near.read(&mut third));
        assert!(poll_in(&mut event_loop, stays[0].as_mut(), &waker).is_pending());
        assert!(poll_in(&mut event_loop, goes.as_mut(), &waker).is_pending());
        assert!(poll_in(&mut event_loop, stays[1].as_mut(), &waker).is_pending());
        assert_eq!(Arc::strong_count(&wakes), 2 + 3);
        drop(goes);
        assert_eq!(
            Arc::strong_count(&wakes),
            2 + 2,
            "the dropped waiter has left its waker"
        );
        let before = wakes.get();
        far.try_write(b"xy").unwrap();
        settle(&mut event_loop);
        assert_eq!(
            wakes.get() - before,
            2,
            "the waiters before it and behind it are woken"
        );
        for reader in &mut stays {
            assert!(poll_in(&mut event_loop, reader.as_mut(), &waker).is_ready());
        }
        drop(stays);
        assert_eq!(Arc::strong_count(&wakes), 2);
    }
}

#[test]
fn waiting_for_both_directions_ends_with_either_and_leaves_neither() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (sender, receiver) = mio::unix::pipe::new().unwrap();
    let (mut sender, receiver) = (sender, Registered::new(receiver));
    let (waker, wakes) = counting_waker();
    let both = Interest::READABLE | Interest::WRITABLE;
    let mut wait = Box::pin(receiver.async_io(both, |mut pipe| pipe.read(&mut [0; 8])));
    assert!(poll_in(&mut event_loop, wait.as_mut(), &waker).is_pending());
    assert_eq!(Arc::strong_count(&wakes), 2 + 1);
    sender.write_all(b"abc").unwrap();
    settle(&mut event_loop);
    assert_eq!(wakes.get(), 1);
    assert!(matches!(
        poll_in(&mut event_loop, wait.as_mut(), &waker),
        Poll::Ready(Ok(3))
    ));
    assert_eq!(Arc::strong_count(&wakes), 2);
}

#[test]
fn of_the_poll_methods_the_last_waker_counts_and_awaiting_tasks_are_not_concerned() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    let (old, new, waiting) = (counting_waker(), counting_waker(), counting_waker());
    let mut buf = [0; 1];
    let mut reader = Box::pin(near.read(&mut buf));
    assert!(poll_in(&mut event_loop, reader.as_mut(), &waiting.0).is_pending());
    for (waker, _) in [&old, &new] {
        let mut poll = pin!(poll_fn(|cx| near.poll_read(cx, &mut [0; 1])));
        assert!(poll_in(&mut event_loop, poll.as_mut(), waker).is_pending());
    }
    assert_eq!(
        Arc::strong_count(&old.1),
        2,
        "the old waker was not replaced"
    );
    far.try_write(b"xy").unwrap();
    settle(&mut event_loop);
    assert_eq!((old.1.get(), new.1.get(), waiting.1.get()), (0, 1, 1));
    drop(reader);
    drop(near);
    assert_eq!(Arc::strong_count(&new.1), 2);
}

#[test]
fn a_socket_that_is_always_ready_yields_after_its_budget() {
    watchdog(PATIENCE, || {
        run(async {
            let (near, far) = UnixStream::pair().unwrap();
            far.write_all(&[0; 10_000]).await.unwrap();
            let polls = Counter::default();
            let greedy = spawn(counted(&polls, async move {
                for _ in 0..10_000 {
                    near.read_exact(&mut [0]).await.unwrap();
                }
            }));
            greedy.await.unwrap();
            // One poll completes 128 operations.
            assert_eq!(polls.get(), 10_000_usize.div_ceil(128));
        });
    });
}

#[test]
fn an_error_that_a_datagram_met_is_told_once_and_the_socket_lives_on() {
    watchdog(PATIENCE, || {
        run(async {
            let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let nobody = far.local_addr().unwrap();
            near.connect(nobody).await.unwrap();
            drop(far);
            near.send(b"anybody?").await.unwrap();
            assert_eq!(
                near.recv(&mut [0; 8]).await.unwrap_err().kind(),
                ErrorKind::ConnectionRefused
            );
            let far = UdpSocket::bind(nobody).await.unwrap();
            far.send_to(b"yes", near.local_addr().unwrap())
                .await
                .unwrap();
            assert_eq!(near.recv(&mut [0; 8]).await.unwrap(), 3);
        });
    });
}
