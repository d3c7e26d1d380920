//! `io::FromTokio` and `io::FromFutures`, and the budget of which foreign futures know nothing.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::rc::Rc;

use roundelay::io::{BufReader, BufWriter, FromFutures, FromTokio, Read, Write, copy, duplex};
use roundelay::net::UnixStream;
use roundelay::task::cooperative;
use roundelay::{join, run, spawn, yield_now};

use crate::support;

fn in_loop<F: Future<Output = io::Result<()>>>(body: impl FnOnce() -> F) {
    run(async { body().await }).unwrap();
}

/// Sends lines through a pipe and back. The pipe holds only a few bytes, so each side has to wait for the other.
async fn echo_lines<S: Read + Write>(near: S, far: S) -> io::Result<()> {
    let server = async {
        let mut far = BufReader::new(BufWriter::new(far));
        let mut line = String::new();
        while far.read_line(&mut line).await? > 0 {
            far.write_all(line.to_uppercase().as_bytes()).await?;
            line.clear();
        }
        far.close().await
    };
    let client = async {
        let mut near = BufReader::new(near);
        for number in 0..100 {
            let text = format!("round and round, number {number}\n");
            near.write_all(text.as_bytes()).await?;
            let mut line = String::new();
            near.read_line(&mut line).await?;
            assert_eq!(line, text.to_uppercase());
        }
        near.close().await?;
        assert_eq!(near.read_to_end(&mut Vec::new()).await?, 0);
        Ok(())
    };
    let (served, asked) = join!(server, client);
    served.and(asked)
}

#[test]
fn our_lines_run_over_a_stream_of_tokios() {
    let _watched = support::watch();
    in_loop(|| async {
        let (near, far) = tokio::io::duplex(7);
        echo_lines(FromTokio::new(near), FromTokio::new(far)).await
    });
}

#[test]
fn a_stream_in_memory_is_one_of_tokios_and_one_of_futures() {
    let _watched = support::watch();
    in_loop(|| async {
        let (near, far) = duplex(7);
        echo_lines(FromTokio::new(near), FromTokio::new(far)).await?;
        let (near, far) = duplex(7);
        echo_lines(FromFutures::new(near), FromFutures::new(far)).await?;
        // The same with each half. The reader also sees the end of the writing half.
        let (near, far) = duplex(7);
        let ((mut read, write), (mut from, mut to)) = (near.into_split(), far.into_split());
        let (mut heard, text) = (Vec::new(), "round and round".repeat(100));
        let back = async {
            tokio::io::copy(&mut from, &mut to).await?;
            to.close().await
        };
        let there = async {
            use futures_util::AsyncWriteExt;
            let mut write = write;
            AsyncWriteExt::write_all(&mut write, text.as_bytes()).await?;
            AsyncWriteExt::close(&mut write).await
        };
        let listen = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut heard);
        roundelay::try_join!(back, there, listen)?;
        assert!(heard == text.as_bytes());
        Ok(())
    });
}

#[test]
fn our_lines_run_over_a_stream_of_futures() {
    let _watched = support::watch();
    use tokio_util::compat::TokioAsyncReadCompatExt;

    in_loop(|| async {
        let (near, far) = tokio::io::duplex(7);
        echo_lines(
            FromFutures::new(near.compat()),
            FromFutures::new(far.compat()),
        )
        .await
    });
}

#[test]
fn a_read_that_is_dropped_has_taken_nothing() {
    let _watched = support::watch();
    in_loop(|| async {
        let (near, far) = tokio::io::duplex(16);
        let (mut near, mut far) = (FromTokio::new(near), FromTokio::new(far));
        for _ in 0..3 {
            let mut buf = [0; 8];
            let read = async { far.read(&mut buf).await.map(Some) };
            let other = async {
                yield_now().await;
                Ok(None)
            };
            assert_eq!(roundelay::race!(read, other)?, None::<usize>);
        }
        near.write_all(b"all of it").await?;
        let mut buf = [0; 16];
        assert_eq!(far.read(&mut buf).await?, 9);
        Ok(())
    });
}

/// Reads from a source that is always ready spend the task's budget, so other tasks run too.
#[test]
fn a_copy_from_a_source_that_never_waits_steps_back() {
    let _watched = support::watch();
    in_loop(|| async {
        let turns = Rc::new(Cell::new(0));
        let counted = Rc::clone(&turns);
        let beside = spawn(async move {
            loop {
                counted.set(counted.get() + 1);
                yield_now().await;
            }
        });
        let mut source = BufReader::new(FromTokio::new(tokio::io::AsyncReadExt::take(
            tokio::io::repeat(7),
            1 << 24,
        )));
        let copied = copy(&mut source, &mut Vec::new()).await?;
        assert_eq!(copied, 1 << 24);
        assert!(turns.get() > 1, "no other task has run");
        beside.abort();
        Ok(())
    });
}

/// How often another task runs while a task receives a million values that are all there.
fn others_turns(is_cooperative: bool) -> u64 {
    const VALUES: u32 = 1_000_000;

    run(async {
        let turns = Rc::new(Cell::new(0));
        let counted = Rc::clone(&turns);
        let beside = spawn(async move {
            loop {
                counted.set(counted.get() + 1);
                yield_now().await;
            }
        });
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        for value in 0..VALUES {
            sender.send(value).unwrap();
        }
        let mut sum = 0_u64;
        for _ in 0..VALUES {
            let value = match is_cooperative {
                true => cooperative(receiver.recv()).await,
                false => receiver.recv().await,
            };
            sum += u64::from(value.unwrap());
        }
        assert_eq!(sum, u64::from(VALUES) * u64::from(VALUES - 1) / 2);
        drop(beside);
        turns.get()
    })
}

#[test]
fn a_foreign_channel_that_is_cooperative_lets_others_run_once_in_128_values() {
    let _watched = support::watch_for(support::PATIENCE * 3);
    assert_eq!(others_turns(true), 7_812);
    assert_eq!(
        others_turns(false),
        0,
        "a foreign channel knows nothing of our budget"
    );
}

#[test]
fn buffers_that_are_written_at_once_arrive_in_their_order_whether_they_are_few_or_many() {
    let _watched = support::watch();
    in_loop(|| async {
        let (mut near, far) = UnixStream::pair()?;
        for length in [0, 1, 2, 100, 510, 511, 512, 513, 514, 5_000] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let (head, body) = bytes.split_at(length / 3);
            let pieces = [head, &[], body].map(IoSlice::new);
            let written = tokio::io::AsyncWriteExt::write_vectored(&mut near, &pieces).await?;
            assert_eq!(written, length);
            let mut arrived = vec![0; length];
            far.read_exact(&mut arrived).await?;
            assert!(arrived == bytes, "{length} bytes");
        }
        Ok(())
    });
}
