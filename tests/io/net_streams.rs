//! Streams and their halves in ordinary use: each way to read and to write.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::pin;

use crate::support::net::{in_loop, kind, tcp_pair};
use crate::support::pair::{is_shut, pair};
use crate::support::poll_once;
use roundelay::spawn;

#[test]
fn what_one_end_writes_the_other_reads_in_every_way_there_is() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let mut buf = [0; 16];
        assert_eq!(near.write(b"write").await?, 5);
        assert_eq!(far.peek(&mut buf).await?, 5);
        assert_eq!(far.try_peek(&mut buf)?, 5);
        assert_eq!(poll_fn(|cx| far.poll_peek(cx, &mut buf)).await?, 5);
        assert_eq!(far.read(&mut buf).await?, 5);
        assert_eq!(kind(far.try_read(&mut buf)), ErrorKind::WouldBlock);
        near.writable().await?;
        assert_eq!(near.try_write(b"try_write")?, 9);
        far.readable().await?;
        assert_eq!(far.try_read(&mut buf)?, 9);
        poll_fn(|cx| near.poll_write_ready(cx)).await?;
        assert_eq!(poll_fn(|cx| near.poll_write(cx, b"poll_write")).await?, 10);
        poll_fn(|cx| far.poll_read_ready(cx)).await?;
        assert_eq!(poll_fn(|cx| far.poll_read(cx, &mut buf)).await?, 10);
        assert_eq!(&buf[..10], b"poll_write");
        Ok(())
    });
}

#[test]
fn nothing_to_move_is_moved_at_once_whatever_the_socket_says() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, _far) = tcp_pair().await?;
        while near.try_write(&[0; 65536]).is_ok() {}
        assert_eq!(kind(near.try_read(&mut [0])), ErrorKind::WouldBlock);
        assert_eq!((near.read(&mut []).await?, near.write(&[]).await?), (0, 0));
        assert_eq!((near.try_read(&mut [])?, near.try_write(&[])?), (0, 0));
        assert_eq!(poll_fn(|cx| near.poll_read(cx, &mut [])).await?, 0);
        assert_eq!(poll_fn(|cx| near.poll_write(cx, &[])).await?, 0);
        assert_eq!(
            near.read_vectored(&mut [IoSliceMut::new(&mut [])]).await?,
            0
        );
        assert_eq!(near.write_vectored(&[]).await?, 0);
        assert_eq!(
            near.try_read_vectored(&mut [])? + near.try_write_vectored(&[])?,
            0
        );
        assert_eq!(poll_fn(|cx| near.poll_read_vectored(cx, &mut [])).await?, 0);
        assert_eq!(poll_fn(|cx| near.poll_write_vectored(cx, &[])).await?, 0);
        near.write_all(b"").await?;
        near.read_exact(&mut []).await
    });
}

#[test]
fn vectored_io_gathers_and_scatters_in_order() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let (mut one, mut two) = ([0; 3], [0; 8]);
        assert_eq!(
            near.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")])
                .await?,
            5
        );
        assert_eq!(
            far.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)])
                .await?,
            5
        );
        assert_eq!((&one, &two[..2]), (b"abc", &b"de"[..]));
        assert_eq!(
            near.try_write_vectored(&[IoSlice::new(b"f"), IoSlice::new(b"g")])?,
            2
        );
        far.readable().await?;
        assert_eq!(far.try_read_vectored(&mut [IoSliceMut::new(&mut one)])?, 2);
        let slices = [IoSlice::new(b"h"), IoSlice::new(b"i")];
        assert_eq!(
            poll_fn(|cx| near.poll_write_vectored(cx, &slices)).await?,
            2
        );
        assert_eq!(
            poll_fn(|cx| far.poll_read_vectored(cx, &mut [IoSliceMut::new(&mut one)])).await?,
            2
        );
        // These are more buffers than the system takes at once, and more bytes than the socket holds.
        let parts: Vec<Vec<u8>> = (0..3000).map(|part| vec![part as u8; 1000]).collect();
        let expected = parts.concat();
        let reader = spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.map(|_| all)
        });
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        near.write_all_vectored(&mut slices).await?;
        near.write_all_vectored(&mut [IoSlice::new(b"")]).await?;
        drop(near);
        assert!(reader.await.unwrap()? == expected);
        Ok(())
    });
}

#[test]
fn a_megabyte_arrives_whole_in_both_directions_at_once() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| ((n * 31) >> 3) as u8).collect();
        let tasks: Vec<_> = [near, far]
            .into_iter()
            .flat_map(|stream| {
                let (read, write) = stream.into_split();
                let (sent, expected) = (sent.clone(), sent.clone());
                let writer = spawn(async move { write.write_all(&sent).await });
                let reader = spawn(async move {
                    let mut all = Vec::new();
                    assert_eq!(read.read_to_end(&mut all).await?, expected.len());
                    assert!(all == expected);
                    Ok(())
                });
                [writer, reader]
            })
            .collect();
        for task in tasks {
            task.await.unwrap()?;
        }
        Ok(())
    });
}

#[test]
fn read_exact_says_when_the_stream_ended_too_early() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        near.write_all(b"abc").await?;
        near.shutdown(Shutdown::Write)?;
        assert_eq!(
            kind(far.read_exact(&mut [0; 4]).await),
            ErrorKind::UnexpectedEof
        );
        Ok(())
    });
}

#[test]
fn read_to_end_appends_and_is_exact() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        for size in [0, 1, 31, 32, 33, 4095, 4096, 4097, 100_000] {
            let (near, far) = pair()?;
            let writer = spawn(async move { near.write_all(&vec![9; size]).await });
            let mut all = b"before".to_vec();
            assert_eq!(far.read_to_end(&mut all).await?, size);
            assert_eq!((&all[..6], all.len()), (&b"before"[..], 6 + size));
            assert!(all[6..].iter().all(|byte| *byte == 9));
            writer.await.unwrap()?;
        }
        Ok(())
    });
}

#[test]
fn read_to_end_keeps_what_it_has_when_it_is_cancelled() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = pair()?;
        let mut all = Vec::new();
        for expected in [&b"one"[..], b"onetwo"] {
            near.write_all(&expected[all.len()..]).await?;
            far.readable().await?;
            {
                let mut reading = pin!(far.read_to_end(&mut all));
                assert!(poll_once(reading.as_mut()).is_pending());
            }
            assert_eq!(all, expected);
        }
        drop(near);
        assert_eq!(far.read_to_end(&mut all).await?, 0);
        Ok(())
    });
}

#[test]
fn a_half_closed_stream_still_answers() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let server = spawn(async move {
            let mut question = Vec::new();
            far.read_to_end(&mut question).await?;
            question.reverse();
            far.write_all(&question).await?;
            far.shutdown(Shutdown::Both)
        });
        near.write_all(b"stressed").await?;
        near.shutdown(Shutdown::Write)?;
        assert!(is_shut(&near.write(b"more").await.unwrap_err()));
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await?;
        assert_eq!(answer, b"desserts");
        server.await.unwrap()
    });
}

#[test]
fn borrowed_halves_serve_two_futures_of_one_task() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let (read, write) = near.split();
        let (far_read, far_write) = far.split();
        let mut buf = [0; 4];
        let mut answer = Box::pin(read.read_exact(&mut buf));
        assert!(poll_once(answer.as_mut()).is_pending());
        write.write_all(b"ping").await?;
        let mut question = [0; 4];
        far_read.read_exact(&mut question).await?;
        far_write.write_all(&question).await?;
        answer.await?;
        write.shutdown()?;
        assert_eq!(far_read.read(&mut [0]).await?, 0);
        assert_eq!(read.as_ref().local_addr()?, write.as_ref().local_addr()?);
        assert_eq!(&buf, b"ping");
        Ok(())
    });
}

#[test]
fn dropping_the_owned_writing_half_ends_the_stream_and_forgetting_it_does_not() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let (read, write) = near.into_split();
        write.write_all(b"end").await?;
        drop(write);
        let mut all = Vec::new();
        far.read_to_end(&mut all).await?;
        assert_eq!(all, b"end");
        far.write_all(b"ok").await?;
        assert_eq!(
            read.read(&mut [0; 8]).await?,
            2,
            "the other direction has changed"
        );

        let (near, far) = pair()?;
        let (read, write) = near.into_split();
        write.forget();
        assert_eq!(kind(far.try_read(&mut [0])), ErrorKind::WouldBlock);
        drop(read);
        assert_eq!(far.read(&mut [0]).await?, 0);

        let (near, far) = pair()?;
        let (read, write) = near.into_split();
        drop(read);
        write.write_all(b"still").await?;
        write.shutdown()?;
        assert_eq!(far.read(&mut [0; 8]).await?, 5);
        Ok(())
    });
}

#[test]
fn halves_come_together_only_with_their_own() {
    let _watched = crate::support::watch();
    in_loop(|| async {
        let (near, far) = pair()?;
        let (read, write) = near.into_split();
        let (far_read, far_write) = far.into_split();
        let wrong = read.reunite(far_write).unwrap_err();
        assert!(
            wrong.to_string().contains("different streams")
                && format!("{wrong:?}").contains("Reunite")
        );
        let near = write.reunite(wrong.0).unwrap();
        let far = far_read.reunite(wrong.1).unwrap();
        near.write_all(b"whole").await?;
        assert_eq!(far.read(&mut [0; 8]).await?, 5);
        Ok(())
    });
}
