//! What does an echo cost the thread that serves it?
//!
//! 50 connections on the loopback, 64 bytes each way. The client is a thread of its own that is the same for all: it writes
//! one request on every connection, then reads every answer, and so on. What counts is the *server's* time on the processor
//! per request, because the wall clock shows the slower side only. The bare mio loop is the limit: edge-triggered, one read and
//! one write per request, and no second read after a short one.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::rivals::{Rival, Roundelay, Tokio};
use crate::watch;

const CONNECTIONS: usize = 50;
const ROUNDS: usize = 400;
const REPETITIONS: usize = 9;
const REQUEST: [u8; 64] = [7; 64];
/// A sample takes a fifth of a second.
const LIMIT: Duration = Duration::from_secs(60);

type Serve = fn(Vec<TcpStream>);

pub(crate) fn report() {
    let servers: [(&str, Serve); 3] = [
        ("mio, bare", mio_bare),
        ("roundelay", roundelay),
        ("tokio", tokio),
    ];
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..REPETITIONS {
        for (samples, (name, serve)) in samples.iter_mut().zip(servers) {
            let sample = watch::row(&format!("echo, {name}"), LIMIT, || measure(serve));
            samples.push(sample.expect("sockets on the loopback"));
        }
    }
    println!(
        "\necho, {CONNECTIONS} connections of {} bytes, medians of {REPETITIONS}",
        REQUEST.len()
    );
    println!(
        "{:<12}{:>16}{:>16}{:>8}",
        "", "server us/req", "requests/s", ""
    );
    let limit = median(samples[0].iter().map(|sample| sample.cpu));
    for (samples, (name, _)) in samples.iter().zip(servers) {
        let cpu = median(samples.iter().map(|sample| sample.cpu));
        let wall = median(samples.iter().map(|sample| sample.wall)).as_secs_f64();
        let requests = (CONNECTIONS * ROUNDS) as f64;
        println!(
            "{name:<12}{:>16.3}{:>16.0}{:>8.3}",
            cpu.as_secs_f64() * 1e6 / requests,
            requests / wall,
            cpu.as_secs_f64() / limit.as_secs_f64(),
        );
    }
}

struct Sample {
    cpu: Duration,
    wall: Duration,
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}

/// Serves connections that exist already until the client closes them.
fn measure(serve: Serve) -> io::Result<Sample> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (go, ready) = mpsc::channel();
    let client = thread::spawn(move || client(address, &ready));
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        streams.push(stream);
    }
    let before = thread_time();
    go.send(()).expect("the client waits");
    serve(streams);
    let cpu = thread_time() - before;
    let wall = client.join().expect("no panic")?;
    Ok(Sample { cpu, wall })
}

fn client(address: SocketAddr, ready: &mpsc::Receiver<()>) -> io::Result<Duration> {
    let connect = |_| {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    let mut streams = (0..CONNECTIONS)
        .map(connect)
        .collect::<io::Result<Vec<_>>>()?;
    ready.recv().expect("the server is there");
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for stream in &mut streams {
            stream.write_all(&REQUEST)?;
        }
        for stream in &mut streams {
            let mut answer = [0; REQUEST.len()];
            stream.read_exact(&mut answer)?;
            assert_eq!(answer, REQUEST);
        }
    }
    Ok(start.elapsed())
}

fn mio_bare(streams: Vec<TcpStream>) {
    let mut poll = Poll::new().expect("a poll");
    let mut events = Events::with_capacity(1_024);
    let mut streams: Vec<_> = streams
        .into_iter()
        .map(|stream| Some(mio::net::TcpStream::from_std(stream)))
        .collect();
    for (index, stream) in streams.iter_mut().flatten().enumerate() {
        poll.registry()
            .register(stream, Token(index), Interest::READABLE)
            .expect("registered");
    }
    let mut open = streams.len();
    let mut buffer = [0; 4_096];
    while open > 0 {
        poll.poll(&mut events, None).expect("events");
        for event in &events {
            let place = &mut streams[event.token().0];
            // An end may come twice. The kernel wakes a poller for the new state of the connection, and again because there is
            // something to read. A poll between the two sees both.
            let Some(stream) = place else { continue };
            match stream.read(&mut buffer) {
                Ok(0) => {
                    *place = None;
                    open -= 1;
                }
                Ok(count) => stream
                    .write_all(&buffer[..count])
                    .expect("room for an answer"),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
    }
}

fn roundelay(streams: Vec<TcpStream>) {
    use roundelay::net::TcpStream;
    serve::<Roundelay, _>(streams, async |stream| {
        let stream = TcpStream::from_std(stream)?;
        let mut buffer = [0; 4_096];
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                count => stream.write_all(&buffer[..count]).await?,
            }
        }
    });
}

fn tokio(streams: Vec<TcpStream>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    serve::<Tokio, _>(streams, async |stream| {
        let mut stream = TcpStream::from_std(stream)?;
        let mut buffer = [0; 4_096];
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                count => stream.write_all(&buffer[..count]).await?,
            }
        }
    });
}

/// A task for each connection.
fn serve<R, S>(streams: Vec<TcpStream>, echo: S)
where
    R: Rival,
    S: AsyncFn(TcpStream) -> io::Result<()> + Copy + 'static,
{
    R::new().run(async {
        let connections: Vec<_> = streams
            .into_iter()
            .map(|stream| R::spawn(async move { echo(stream).await.expect("an echo") }))
            .collect();
        for connection in connections {
            drop(connection.await);
        }
    });
}

/// This thread's time on the processor.
fn thread_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` may be written to, and the clock's number is a constant of the system.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(code, 0, "this system does not know its threads' time");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
