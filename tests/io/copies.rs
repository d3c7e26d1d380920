//! Tests of buffered streams over real sockets, and of the two kinds of copy.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::rc::Rc;

use crate::support::pair::{Stream, pair};
use roundelay::io::{BufReader, BufWriter, Write, copy, copy_bidirectional};
use roundelay::net::{TcpListener, TcpStream};
use roundelay::{join, run, spawn, try_join, yield_now};

/// A connection of two TCP sockets.
async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (near, accepted) = try_join!(TcpStream::connect(address), listener.accept())?;
    Ok((near, accepted.0))
}

#[test]
fn lines_go_there_and_back_over_borrowed_owned_and_halved_sockets() {
    async fn echo_lines(reader: impl roundelay::io::Read, writer: impl Write) -> io::Result<usize> {
        let mut lines = BufReader::new(reader).lines();
        let mut writer = BufWriter::new(writer);
        let mut count = 0;
        while let Some(line) = lines.next_line().await? {
            writer.write_all(format!("<{line}>\n").as_bytes()).await?;
            writer.flush().await?;
            count += 1;
        }
        writer.close().await?;
        Ok(count)
    }
    async fn ask(stream: &Stream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut answer = String::new();
        for number in 0..100 {
            stream
                .write_all(format!("question {number}\n").as_bytes())
                .await?;
            answer.clear();
            reader.read_line(&mut answer).await?;
            assert_eq!(answer, format!("<question {number}>\n"));
        }
        stream.shutdown(Shutdown::Write)?;
        assert_eq!(reader.read_line(&mut answer).await?, 0);
        Ok(())
    }
    crate::support::watchdog(crate::support::PATIENCE, || {
        run(async {
            let (near, far) = pair()?;
            assert_eq!(try_join!(ask(&near), echo_lines(&far, &far))?.1, 100);

            let (near, far) = pair()?;
            let (read, write) = far.split();
            assert_eq!(try_join!(ask(&near), echo_lines(read, write))?.1, 100);

            let (near, far) = pair()?;
            let (read, write) = far.into_split();
            let server = spawn(echo_lines(read, write));
            ask(&near).await?;
            assert_eq!(server.await.unwrap()?, 100);
            io::Result::Ok(())
        })
        .unwrap();
    });
}

#[test]
fn a_proxy_passes_both_directions_on_and_keeps_the_one_that_is_still_open() {
    crate::support::watchdog(crate::support::PATIENCE, || {
        run(async {
            let (client, front) = tcp_pair().await?;
            let (back, server) = tcp_pair().await?;
            let request: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
            let asks = async {
                client.write_all(&request).await?;
                client.shutdown(Shutdown::Write)?;
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await?;
                io::Result::Ok(answer)
            };
            let answers = async {
                let mut all = Vec::new();
                server.read_to_end(&mut all).await?;
                all.reverse();
                server.write_all(&all[..1_000_000]).await?;
                server.shutdown(Shutdown::Write)?;
                io::Result::Ok(all.len())
            };
            let (answer, asked, passed) =
                try_join!(asks, answers, copy_bidirectional(&front, &back))?;
            assert_eq!((asked, passed), (3_000_000, (3_000_000, 1_000_000)));
            assert!(answer.iter().eq(request.iter().rev().take(1_000_000)));
            io::Result::Ok(())
        })
        .unwrap();
    });
}

#[test]
fn a_failure_in_one_direction_ends_the_proxy() {
    struct Broken;
    impl roundelay::io::Read for &Broken {
        async fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    impl Write for &Broken {
        async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            Ok(buf.len())
        }

        async fn close(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    crate::support::watchdog(crate::support::PATIENCE, || {
        run(async {
            let (near, _far) = pair().unwrap();
            let error = copy_bidirectional(&near, &Broken).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        });
    });
}

#[test]
fn a_copy_of_an_endless_stream_lets_the_other_tasks_run() {
    crate::support::watchdog(crate::support::PATIENCE, || {
        run(async {
            let (near, far) = pair().unwrap();
            let stop = Cell::new(false);
            let feeder = async {
                while !stop.get() {
                    near.write_all(&[0; 4096]).await.unwrap();
                }
                near.shutdown(Shutdown::Write).unwrap();
            };
            let others = async {
                for _ in 0..50 {
                    spawn(async {}).await.unwrap();
                }
                stop.set(true);
            };
            let mut sink = Vec::new();
            let (_, _, copied) = join!(feeder, others, copy(&mut &far, &mut sink));
            assert_eq!(copied.unwrap(), sink.len() as u64);
        });
    });
}

#[test]
fn a_write_through_a_poll_method_leaves_the_waiting_reader_in_line() {
    crate::support::watchdog(crate::support::PATIENCE, || {
        run(async {
            let (near, far) = pair().unwrap();
            let near = Rc::new(near);
            let reader = spawn({
                let near = Rc::clone(&near);
                async move { poll_fn(|cx| near.poll_read(cx, &mut [0; 16])).await }
            });
            yield_now().await;
            poll_fn(|cx| near.poll_write(cx, b"question"))
                .await
                .unwrap();
            far.write_all(b"answer").await.unwrap();
            assert_eq!(reader.await.unwrap().unwrap(), 6);
        });
    });
}
