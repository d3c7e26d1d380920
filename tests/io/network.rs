//! A network in memory: its delays and losses, and a whole server on it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use roundelay::future::join_all;
use roundelay::io::{BufReader, Read, Write};
use roundelay::net::{Network, serve};
use roundelay::sync::CancelToken;
use roundelay::time::{now, sleep, timeout};
use roundelay::{EventLoop, spawn, yield_now};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn run<T>(seed: u64, main: impl Future<Output = T>) -> T {
    let builder = EventLoop::builder().virtual_time().shuffle(seed);
    builder.build().unwrap().run(main)
}

async fn read_exact(stream: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let (mut bytes, mut filled) = (vec![0; count], 0);
    while filled < count {
        match stream.read(&mut bytes[filled..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => filled += more,
        }
    }
    Ok(bytes)
}

async fn echo(mut stream: impl Read + Write) -> io::Result<()> {
    let mut buf = [0; 50];
    loop {
        match stream.read(&mut buf).await? {
            0 => return stream.close().await,
            count => stream.write_all(&buf[..count]).await?,
        }
    }
}

// Connections.

#[test]
fn a_trip_takes_the_latency_to_the_nanosecond_and_pieces_follow_each_other() {
    let _watched = crate::support::watch();
    run(1, async {
        let network = Network::new(1).latency(10 * MS..=10 * MS);
        let listener = network.listen("server").unwrap();
        let start = now();
        let mut client = network.connect("server").await.unwrap();
        assert_eq!(
            now() - start,
            20 * MS,
            "to connect takes a trip there and back"
        );
        let (mut server, number) = listener.accept().await.unwrap();
        assert_eq!(number, 0);
        let start = now();
        for byte in 0..10 {
            client.write_all(&[byte]).await.unwrap();
        }
        assert_eq!(now(), start, "the writer has waited");
        assert_eq!(
            read_exact(&mut server, 10).await.unwrap(),
            (0..10).collect::<Vec<_>>()
        );
        assert_eq!(
            now() - start,
            10 * MS,
            "the pieces are not on the way at the same time"
        );
        drop(client);
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(now() - start, 20 * MS, "the end takes a trip of its own");
    });
}

#[test]
fn bytes_arrive_in_order_in_other_pieces_and_at_other_times_with_each_seed() {
    let _watched = crate::support::watch();
    let life = |seed| {
        run(seed, async move {
            let network = Network::new(seed).latency(MS..=100 * MS).pieces(7);
            let listener = network.listen("server").unwrap();
            let mut client = network.connect("server").await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            let sent: Vec<u8> = (0..=255).collect();
            let to_send = sent.clone();
            let sender = spawn(async move {
                let short = client.write(&to_send).await.unwrap();
                assert!((1..=7).contains(&short), "a write takes at most a piece");
                client.write_all(&to_send[short..]).await.unwrap();
            });
            let (start, mut got, mut pieces) = (now(), Vec::new(), Vec::new());
            let mut buf = [0; 100];
            loop {
                match server.read(&mut buf).await.unwrap() {
                    0 => break,
                    count => {
                        assert!(count <= 7, "a read gives at most a piece");
                        got.extend_from_slice(&buf[..count]);
                        pieces.push((count, now() - start));
                    }
                }
            }
            sender.await.unwrap();
            assert_eq!(got, sent);
            pieces
        })
    };
    let lives: Vec<_> = (0..10).map(life).collect();
    for (seed, first) in (0..).zip(&lives) {
        assert_eq!(life(seed), *first, "the same seed gives another life");
    }
    assert_eq!(lives.into_iter().collect::<BTreeSet<_>>().len(), 10);
}

#[test]
fn a_writer_waits_for_a_reader_that_is_slow() {
    let _watched = crate::support::watch();
    run(2, async {
        let network = Network::new(2).pieces(10);
        let listener = network.listen("server").unwrap();
        let mut client = network.connect("server").await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let written = Rc::new(Cell::new(0));
        let count = Rc::clone(&written);
        let writer = spawn(async move {
            for _ in 0..10_000 {
                client.write_all(&[7]).await?;
                count.set(count.get() + 1);
            }
            Ok::<_, io::Error>(())
        });
        sleep(HOUR).await;
        assert!((64..1_000).contains(&written.get()), "{written:?}");
        assert_eq!(read_exact(&mut server, 10_000).await.unwrap(), [7; 10_000]);
        writer.await.unwrap().unwrap();
    });
}

#[test]
fn who_listens_is_found_and_who_does_not_refuses() {
    let _watched = crate::support::watch();
    run(3, async {
        let network = Network::new(3).latency(MS..=MS);
        let kind = |error: io::Error| error.kind();
        let refused = network.connect("nobody").await.map(drop);
        assert_eq!(refused.map_err(kind), Err(io::ErrorKind::ConnectionRefused));
        let listener = network.listen("server").unwrap();
        let taken = network.clone().listen("server").map(drop);
        assert_eq!(taken.map_err(kind), Err(io::ErrorKind::AddrInUse));
        // This connection is in the backlog when the listener is dropped.
        let mut forgotten = network.connect("server").await.unwrap();
        drop(listener);
        assert_eq!(forgotten.read(&mut [0]).await.unwrap(), 0);
        assert!(network.connect("server").await.is_err());
        network.listen("server").unwrap();
    });
}

#[test]
fn when_one_end_goes_the_other_learns_it() {
    let _watched = crate::support::watch();
    run(4, async {
        let network = Network::new(4).latency(MS..=5 * MS);
        let listener = network.listen("server").unwrap();
        let mut client = network.connect("server").await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        let error = loop {
            match client.write(b"is anybody there?").await {
                Ok(_) => sleep(MS).await,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        drop(client);
        yield_now().await;
        sleep(SECOND).await;
        let alive = roundelay::task::all().len();
        assert_eq!(alive, 1, "a task of the connection is left");
    });
}

#[test]
fn half_a_connection_may_be_closed() {
    let _watched = crate::support::watch();
    run(5, async {
        let network = Network::new(5).latency(MS..=20 * MS).pieces(3);
        let listener = network.listen("echo").unwrap();
        spawn(async move { echo(listener.accept().await.unwrap().0).await }).detach();
        let mut client = network.connect("echo").await.unwrap();
        client.write_all(b"to be answered").await.unwrap();
        client.close().await.unwrap();
        assert_eq!(
            read_exact(&mut client, 14).await.unwrap(),
            b"to be answered"
        );
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    });
}

// Failures of the network.

#[test]
fn a_host_that_is_cut_off_gives_no_error_and_what_waits_arrives_later() {
    let _watched = crate::support::watch();
    run(6, async {
        let network = Network::new(6).latency(MS..=MS);
        let server = serve(network.listen("echo").unwrap(), |stream, _| echo(stream));
        spawn(server.into_future()).detach();
        let mut client = network.connect("echo").await.unwrap();
        network.cut_off("echo");
        client.write_all(b"hello").await.unwrap();
        assert!(timeout(HOUR, client.read(&mut [0])).await.is_err());
        assert!(timeout(HOUR, network.connect("echo")).await.is_err());
        network.join("echo");
        assert_eq!(read_exact(&mut client, 5).await.unwrap(), b"hello");
        network.connect("echo").await.unwrap();
    });
}

#[test]
fn a_reset_fails_both_ends_at_once_and_loses_what_was_on_its_way() {
    let _watched = crate::support::watch();
    run(7, async {
        let network = Network::new(7).latency(SECOND..=SECOND);
        let listener = network.listen("server").unwrap();
        let mut client = network.connect("server").await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"lost").await.unwrap();
        let reading = spawn(async move { server.read(&mut [0; 4]).await.unwrap_err().kind() });
        sleep(MS).await;
        let start = now();
        network.reset("server");
        assert_eq!(reading.await.unwrap(), io::ErrorKind::ConnectionReset);
        let writes = client.write(b"more").await.unwrap_err();
        let reads = client.read(&mut [0]).await.unwrap_err();
        let kinds = [writes.kind(), reads.kind()];
        assert_eq!(kinds, [io::ErrorKind::ConnectionReset; 2]);
        assert_eq!(now(), start);
        // The host is still there.
        network.connect("server").await.unwrap();
        sleep(HOUR).await;
        assert!(roundelay::task::all().len() <= 2);
    });
}

// A server as a whole.

/// Counts the words of the lines that it receives. After each line it sends the number of words so far.
async fn count_words<S: Read + Write>(stream: S, idle: Duration) -> io::Result<()> {
    let (mut reader, mut count) = (BufReader::new(stream), 0);
    let mut line = String::new();
    loop {
        line.clear();
        let read = timeout(idle, reader.read_line(&mut line)).await;
        if read?.map_err(io::Error::other)? == 0 {
            return Ok(());
        }
        count += line.split_whitespace().count();
        let answer = format!("{count}\n");
        reader.get_mut().write_all(answer.as_bytes()).await?;
    }
}

/// Forty clients on a bad network, one of which sends nothing, and then the shutdown. Gives each answer with its time.
fn an_afternoon(seed: u64) -> Vec<(usize, String, Duration)> {
    let answers = Rc::new(RefCell::new(Vec::new()));
    run(seed, async {
        let start = now();
        let network = Network::new(seed).latency(MS..=300 * MS).pieces(5);
        let stop = CancelToken::new();
        let handler = |stream, _| count_words(stream, 60 * SECOND);
        let server = serve(network.listen("words").unwrap(), handler)
            .grace(5 * SECOND)
            .shutdown(stop.clone().cancelled_owned());
        let server = spawn(server.into_future());
        let silent = network.connect("words").await.unwrap();
        let clients = (0..40).map(async |client: usize| {
            sleep(SECOND * client as u32 / 3).await;
            let stream = network.connect("words").await.unwrap();
            let mut stream = BufReader::new(stream);
            for round in 1..=3 {
                stream
                    .get_mut()
                    .write_all(b"three little words\n")
                    .await
                    .unwrap();
                let mut answer = String::new();
                stream.read_line(&mut answer).await.unwrap();
                assert_eq!(answer.trim().parse(), Ok(3 * round));
                answers.borrow_mut().push((client, answer, now() - start));
            }
        });
        join_all(clients).await;
        sleep(60 * SECOND).await;
        stop.cancel();
        let served = server.await.unwrap().unwrap();
        assert_eq!(
            (served.accepted, served.finished, served.failed),
            (41, 40, 1)
        );
        drop(silent);
    });
    answers.take()
}

#[test]
fn a_server_is_tried_as_a_whole_in_all_weathers_and_each_comes_again() {
    let _watched = crate::support::watch();
    let afternoons: Vec<_> = (0..5).map(an_afternoon).collect();
    assert!((0..5).map(an_afternoon).eq(afternoons.iter().cloned()));
    assert_ne!(afternoons[0], afternoons[1]);
    assert_eq!(afternoons[0].len(), 120);
}
