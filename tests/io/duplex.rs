//! A pair of streams in memory: bytes, room, ends, and dropped calls.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::support::counting_waker;
use roundelay::io::{BufReader, Read, Write, copy, duplex};
use roundelay::{run, spawn};

#[test]
fn a_megabyte_goes_through_a_buffer_of_any_size() {
    let _watched = crate::support::watch();
    for capacity in [0, 1, 7, 4096] {
        run(async {
            let (mut near, mut far) = duplex(capacity);
            let size = if capacity < 8 { 10_000 } else { 1 << 20 };
            let bytes: Vec<u8> = (0..size).map(|n| n as u8).collect();
            let sent = bytes.clone();
            let writing = spawn(async move {
                near.write_all(&sent).await.unwrap();
                near.close().await.unwrap();
                near
            });
            let mut received = Vec::new();
            copy(&mut far, &mut received).await.unwrap();
            assert!(received == bytes, "capacity {capacity}");
            // The other direction is still open.
            let mut near = writing.await.unwrap();
            let answer = spawn(async move { far.write_all(b"thanks").await });
            let mut thanks = [0; 6];
            BufReader::new(&mut near)
                .read_exact(&mut thanks)
                .await
                .unwrap();
            assert_eq!(&thanks, b"thanks");
            answer.await.unwrap().unwrap();
        });
    }
}

#[test]
fn an_end_that_is_dropped_leaves_what_was_written_and_breaks_what_will_be() {
    let _watched = crate::support::watch();
    run(async {
        let (mut near, mut far) = duplex(16);
        far.write_all(b"last words").await.unwrap();
        drop(far);
        let mut buf = [0; 32];
        assert_eq!(near.read(&mut buf).await.unwrap(), 10);
        assert_eq!(near.read(&mut buf).await.unwrap(), 0);
        assert_eq!(
            near.write(b"x").await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

#[test]
fn a_writer_that_waits_for_room_hears_that_nobody_will_read() {
    let _watched = crate::support::watch();
    run(async {
        let (near, far) = duplex(1);
        let (_reader, mut writer) = near.into_split();
        let writing = spawn(async move { writer.write_all(b"too much").await });
        roundelay::yield_now().await;
        let (reader, _writer) = far.into_split();
        drop(reader);
        assert_eq!(
            writing.await.unwrap().unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

#[test]
fn an_end_that_is_closed_takes_no_more() {
    let _watched = crate::support::watch();
    run(async {
        let (mut near, _far) = duplex(4);
        near.close().await.unwrap();
        assert_eq!(
            near.write(b"x").await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

/// *nothing-left*
#[test]
fn calls_that_are_dropped_leave_no_waker_and_move_no_byte() {
    let _watched = crate::support::watch();
    let (mut near, mut far) = duplex(1);
    let (waker, wakes) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    let before = Arc::strong_count(&wakes);
    {
        let mut buf = [0; 1];
        let mut read = pin!(near.read(&mut buf));
        assert!(read.as_mut().poll(&mut cx).is_pending());
        assert_eq!(Arc::strong_count(&wakes), before + 1);
    }
    assert!(pin!(far.write(b"a")).poll(&mut cx).is_ready());
    {
        let mut write = pin!(far.write(b"b"));
        assert!(write.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!((Arc::strong_count(&wakes), wakes.get()), (before, 0));
    let mut buf = [0; 2];
    assert!(matches!(
        pin!(near.read(&mut buf)).poll(&mut cx),
        std::task::Poll::Ready(Ok(1))
    ));
    assert_eq!(buf[0], b'a');
}

#[test]
fn several_buffers_go_in_and_out_as_far_as_there_is_room() {
    let _watched = crate::support::watch();
    let (near, far) = duplex(5);
    let mut cx = Context::from_waker(Waker::noop());
    let mut pieces = ["ab", "", "cd", "ef"].map(|piece| IoSlice::new(piece.as_bytes()));
    let written = near.poll_write_vectored(&mut cx, &pieces);
    assert!(matches!(written, Poll::Ready(Ok(5))), "{written:?}");
    assert!(near.poll_write_vectored(&mut cx, &pieces).is_pending());
    let (mut one, mut two, mut three) = ([0; 2], [0; 0], [0; 9]);
    let mut bufs = [&mut one[..], &mut two, &mut three].map(IoSliceMut::new);
    let read = far.poll_read_vectored(&mut cx, &mut bufs);
    assert!(matches!(read, Poll::Ready(Ok(5))), "{read:?}");
    assert!(far.poll_read_vectored(&mut cx, &mut bufs).is_pending());
    assert_eq!((&one, &three[..3]), (b"ab", &b"cde"[..]));
    // A call that asks for no byte does not wait.
    pieces = [(); 4].map(|()| IoSlice::new(b""));
    assert!(near.poll_write_vectored(&mut cx, &pieces).is_ready());
    assert!(far.poll_read_vectored(&mut cx, &mut []).is_ready());
}
