//! Descriptors: their numbers are used again, they have duplicates, and they may move from loop to loop.

use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::net::{poll_in, settle};
use crate::support::{PATIENCE, counting_waker, now_or_never, watchdog};
use roundelay::net::{TcpListener, TcpStream, UnixDatagram, UnixStream};
use roundelay::reactor::{Interest, Registered};
use roundelay::{EventLoop, run, spawn, yield_now};

/// Waits for the stream to be readable once, so that it is registered with the loop.
fn register(event_loop: &mut EventLoop, stream: &UnixStream) {
    let mut byte = [0];
    assert!(
        poll_in(
            event_loop,
            Box::pin(stream.read(&mut byte)).as_mut(),
            Waker::noop()
        )
        .is_pending()
    );
    settle(event_loop);
}

#[test]
fn a_stale_event_does_not_reach_the_next_tenant_of_the_slot() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (gone, gones_peer) = UnixStream::pair().unwrap();
        register(&mut event_loop, &gone);
        // The duplicate keeps the old registration alive in the kernel.
        let duplicate = gone.as_fd().try_clone_to_owned().unwrap();
        drop(gone);
        let (tenant, tenants_peer) = UnixStream::pair().unwrap();
        register(&mut event_loop, &tenant);
        let (waker, wakes) = counting_waker();
        let mut buf = [0; 8];
        let mut reader = Box::pin(tenant.read(&mut buf));
        assert!(poll_in(&mut event_loop, reader.as_mut(), &waker).is_pending());
        for _ in 0..10 {
            gones_peer.try_write(b"for one who is gone").unwrap();
            let woken = (settle(&mut event_loop).1, wakes.get());
            assert_eq!(
                woken,
                (0, 0),
                "a stale event reached the next tenant of the slot"
            );
        }
        tenants_peer.try_write(b"for you").unwrap();
        assert_eq!((settle(&mut event_loop).1, wakes.get()), (1, 1));
        assert!(matches!(
            poll_in(&mut event_loop, reader.as_mut(), &waker),
            Poll::Ready(Ok(7))
        ));
        drop(duplicate);
    });
}

#[test]
fn a_stale_event_ends_one_wait_and_not_the_next() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (gone, peer) = UnixStream::pair().unwrap();
        register(&mut event_loop, &gone);
        let duplicate = gone.as_fd().try_clone_to_owned().unwrap();
        drop(gone);
        // The duplicate is readable for as long as it lives, because this byte is never read.
        peer.try_write(b"unread").unwrap();
        settle(&mut event_loop);
        let (start, wait) = (Instant::now(), Duration::from_millis(20));
        assert_eq!(event_loop.turn(Some(wait)).unwrap().io_events, 0);
        assert!(
            start.elapsed() >= wait,
            "the loop did not sleep, although the edge is past"
        );
        drop(duplicate);
    });
}

/// Duplicates `duplicate`. Gives the copy if it got the number `wanted`, which other tests' threads may be using.
fn duplicate_under(duplicate: &OwnedFd, wanted: RawFd) -> Option<OwnedFd> {
    let copy = duplicate.try_clone().unwrap();
    (copy.as_raw_fd() == wanted).then_some(copy)
}

#[test]
fn a_duplicate_that_comes_back_under_the_old_number_is_served() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        for _ in 0..10_000 {
            let (near, far) = UnixStream::pair().unwrap();
            register(&mut event_loop, &near);
            let (number, duplicate) =
                (near.as_raw_fd(), near.as_fd().try_clone_to_owned().unwrap());
            drop(near);
            let Some(back) = duplicate_under(&duplicate, number) else {
                continue;
            };
            let back = UnixStream::from_std(back.into()).unwrap();
            let reader = event_loop.spawn(async move {
                let mut buf = [0; 8];
                back.read(&mut buf).await
            });
            event_loop.turn(Some(Duration::ZERO)).unwrap();
            far.try_write(b"again").unwrap();
            assert_eq!(event_loop.run(reader).unwrap().unwrap(), 5);
            return;
        }
        panic!("the number never came back");
    });
}

#[test]
fn a_new_socket_under_an_old_number_gets_its_own_events_only() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (gone, gones_peer) = UnixStream::pair().unwrap();
        register(&mut event_loop, &gone);
        let (number, duplicate) = (gone.as_raw_fd(), gone.as_fd().try_clone_to_owned().unwrap());
        drop(gone);
        let (mut unused, mut found) = (Vec::new(), None);
        while found.is_none() && unused.len() < 200 {
            let (near, far) = UnixStream::pair().unwrap();
            match number {
                number if near.as_raw_fd() == number => found = Some((near, far)),
                number if far.as_raw_fd() == number => found = Some((far, near)),
                _ => unused.push((near, far)),
            }
        }
        // If a thread of another test holds the number, this test shows nothing this time.
        let Some((near, far)) = found else { return };
        register(&mut event_loop, &near);
        gones_peer.try_write(b"stale").unwrap();
        assert_eq!(settle(&mut event_loop).1, 0);
        far.try_write(b"mine").unwrap();
        assert_eq!(settle(&mut event_loop).1, 1);
        drop(duplicate);
    });
}

#[test]
fn a_duplicate_may_be_a_source_beside_its_original() {
    watchdog(PATIENCE, || {
        run(async {
            let (near, far) = UnixStream::pair().unwrap();
            let copy =
                UnixStream::from_std(near.as_fd().try_clone_to_owned().unwrap().into()).unwrap();
            let near = spawn(async move { near.read(&mut [0; 1]).await });
            let copy = spawn(async move { copy.read(&mut [0; 1]).await });
            yield_now().await;
            far.write_all(b"xy").await.unwrap();
            assert_eq!(
                (near.await.unwrap().unwrap(), copy.await.unwrap().unwrap()),
                (1, 1)
            );
        });
    });
}

#[test]
fn a_socket_crosses_threads_and_loops_by_into_std() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        register(&mut event_loop, &near);
        let (near, far) = (near.into_std(), far.into_std());
        let echo = thread::spawn(move || {
            run(async {
                let near = UnixStream::from_std(near).unwrap();
                let mut buf = [0; 4];
                near.read_exact(&mut buf).await.unwrap();
                near.write_all(&buf).await.unwrap();
            });
        });
        event_loop.run(async {
            let far = UnixStream::from_std(far).unwrap();
            far.write_all(b"over").await.unwrap();
            let mut buf = [0; 4];
            far.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"over");
        });
        echo.join().unwrap();
    });
}

#[test]
fn into_std_makes_the_loop_forget_the_descriptor() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        register(&mut event_loop, &near);
        let near = near.into_std();
        far.try_write(b"unheard").unwrap();
        let (start, wait) = (Instant::now(), Duration::from_millis(20));
        assert_eq!(event_loop.turn(Some(wait)).unwrap().io_events, 0);
        assert!(
            start.elapsed() >= wait,
            "the loop did not sleep: a stale event came"
        );
        drop(near);
    });
}

#[test]
fn a_socket_that_outlives_its_loop_meets_the_next() {
    watchdog(PATIENCE, || {
        let mut first = EventLoop::new().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        register(&mut first, &near);
        drop(first);
        far.try_write(b"abc").unwrap();
        assert_eq!(
            near.try_read(&mut [0; 8]).unwrap(),
            3,
            "a try needs no loop"
        );
        let mut second = EventLoop::new().unwrap();
        let reader = second.spawn(async move { near.read(&mut [0; 8]).await });
        second.turn(Some(Duration::ZERO)).unwrap();
        far.try_write(b"defgh").unwrap();
        assert_eq!(second.run(reader).unwrap().unwrap(), 5);
    });
}

#[test]
fn another_loop_takes_a_socket_over_and_who_waited_in_the_first_is_woken() {
    watchdog(PATIENCE, || {
        let (mut first, mut second) = (EventLoop::new().unwrap(), EventLoop::new().unwrap());
        let (near, far) = UnixStream::pair().unwrap();
        let ((waker, wakes), (other_waker, other_wakes)) = (counting_waker(), counting_waker());
        let (mut buf, mut other_buf) = ([0; 1], [0; 1]);
        let (mut reader, mut other) = (
            Box::pin(near.read(&mut buf)),
            Box::pin(near.read(&mut other_buf)),
        );
        assert!(poll_in(&mut first, reader.as_mut(), &waker).is_pending());
        assert!(poll_in(&mut second, other.as_mut(), &other_waker).is_pending());
        assert_eq!(
            (wakes.get(), other_wakes.get()),
            (1, 0),
            "only the first reader is woken, because it must wait again in its own loop"
        );
        far.try_write(b"xy").unwrap();
        assert_eq!(settle(&mut first).1, 0);
        assert_eq!((settle(&mut second).1, other_wakes.get()), (1, 1));
        assert!(poll_in(&mut first, reader.as_mut(), &waker).is_ready());
        assert!(poll_in(&mut second, other.as_mut(), &other_waker).is_ready());
    });
}

#[test]
fn a_waiter_whose_loop_is_dropped_is_woken_and_told_where_it_is() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    let (waker, wakes) = counting_waker();
    let mut buf = [0; 1];
    let mut reader = Box::pin(near.read(&mut buf));
    assert!(poll_in(&mut event_loop, reader.as_mut(), &waker).is_pending());
    drop(event_loop);
    assert_eq!((wakes.get(), Arc::strong_count(&wakes)), (1, 2));
    let error = now_or_never(reader)
        .expect("an error, at once")
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no roundelay loop is running on this thread"),
        "{error}"
    );
}

#[test]
fn without_a_loop_only_waiting_is_an_error() {
    let _watched = crate::support::watch();
    let (near, far) = UnixStream::pair().unwrap();
    assert_eq!(now_or_never(far.write_all(b"ab")).unwrap().unwrap(), ());
    assert_eq!(now_or_never(near.read(&mut [0; 8])).unwrap().unwrap(), 2);
    for _ in 0..2 {
        assert_eq!(
            near.try_read(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let error = now_or_never(near.read(&mut [0; 8])).unwrap().unwrap_err();
        assert!(
            error.to_string().contains("inside `roundelay::run`"),
            "{error}"
        );
        far.try_write(b"c").unwrap();
        assert_eq!(
            near.try_read(&mut [0; 8]).unwrap(),
            1,
            "each try asks the kernel"
        );
    }
}

#[test]
fn trying_in_a_loop_without_ever_waiting_sees_what_comes() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        for _ in 0..3 {
            let kind = event_loop.run(async { near.try_read(&mut [0; 8]).unwrap_err().kind() });
            assert_eq!(kind, ErrorKind::WouldBlock);
            far.try_write(b"frame").unwrap();
            event_loop.turn(Some(PATIENCE)).unwrap();
            assert_eq!(
                event_loop.run(async { near.try_read(&mut [0; 8]).unwrap() }),
                5
            );
        }
    });
}

#[test]
fn from_std_forces_non_blocking_mode() {
    watchdog(PATIENCE, || {
        run(async {
            let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
            let near = UnixStream::from_std(near).unwrap();
            assert!(now_or_never(near.read(&mut [0; 1])).is_none());
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let stream = TcpStream::from_std(stream).unwrap();
            assert!(now_or_never(stream.read(&mut [0; 1])).is_none());
            let (accepted, _) = listener.accept().unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            assert!(now_or_never(listener.accept()).is_none());
            let (datagram, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
            let datagram = UnixDatagram::from_std(datagram).unwrap();
            assert!(now_or_never(datagram.recv(&mut [0; 1])).is_none());
            drop(accepted);
        });
    });
}

#[test]
fn what_cannot_be_watched_says_so() {
    let _watched = crate::support::watch();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let error = run(async {
        let file = Registered::new(file);
        let blocked = |_: &std::fs::File| Err::<(), _>(ErrorKind::WouldBlock.into());
        file.async_io(Interest::READABLE, blocked)
            .await
            .unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(
        error.to_string().contains("cannot watch descriptor"),
        "{error}"
    );
}

/// The test below runs this in a process of its own, under a limit of 64 descriptors.
#[test]
#[ignore = "run by `at_the_descriptor_limit_accept_fails_and_recovers`"]
fn child_at_the_descriptor_limit() {
    watchdog(PATIENCE, || {
        run(async {
            let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            let address = listener.local_addr().unwrap();
            let mut client = Some(TcpStream::connect(address).await.unwrap());
            let mut hoard = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                hoard.push(file);
            }
            for _ in 0..3 {
                let error = listener.accept().await.unwrap_err();
                assert_eq!(
                    error.raw_os_error(),
                    Some(24),
                    "EMFILE, and the loop goes on: {error}"
                );
                yield_now().await;
            }
            hoard.clear();
            let (stream, _) = listener
                .accept()
                .await
                .expect("the connection is no longer in the queue");
            drop(client.take());
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        });
    });
}

#[test]
fn at_the_descriptor_limit_accept_fails_and_recovers() {
    let _watched = crate::support::watch();
    let test = std::env::current_exe().unwrap();
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "ulimit -n 64 && exec \"$0\" --exact descriptors::child_at_the_descriptor_limit --ignored --nocapture",
    ]);
    let output = shell.arg(test).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_pipe_is_a_source_and_may_be_half_of_two() {
    watchdog(PATIENCE, || {
        run(async {
            let (sender, receiver) = mio::unix::pipe::new().unwrap();
            let receiver = Registered::new(receiver);
            let reader = spawn(async move {
                receiver.readiness(Interest::READABLE).await.unwrap();
                let mut buf = [0; 8];
                let read =
                    |mut pipe: &mio::unix::pipe::Receiver| std::io::Read::read(&mut pipe, &mut buf);
                let count = receiver.async_io(Interest::READABLE, read).await.unwrap();
                (count, receiver.into_inner())
            });
            yield_now().await;
            let mut sender = Registered::new(sender);
            assert!(
                sender
                    .readiness(Interest::WRITABLE)
                    .await
                    .unwrap()
                    .is_writable()
            );
            sender
                .try_io(Interest::WRITABLE, |mut pipe| pipe.write(b"abc"))
                .unwrap();
            sender.get_mut().write_all(b"def").unwrap();
            let (count, receiver) = reader.await.unwrap();
            assert!(count == 3 || count == 6);
            drop(receiver);
            let error = sender
                .async_io(Interest::WRITABLE, |mut pipe| pipe.write(b"x"))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
    });
}
