//! The tour: real sockets, timers and threads, all served by one thread, with every result checked.
//!
//! `cargo run --release --example tour`
//!
//! A TCP echo server and up to 1,000 clients that check every byte, 100,000 sleeping tasks, a file that is hashed on
//! the offload pool, and a greedy task that yields, so no other task starves. A wrong result is an error.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, IsTerminal, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::future::try_join_all;
use roundelay::net::{TcpListener, TcpStream};
use roundelay::{Metrics, offload, sleep, spawn, yield_now};
#[cfg(unix)]
use socket2::SockRef;

const CLIENTS: usize = 1_000;
const MESSAGES: usize = 50;
const MESSAGE: usize = 64;
const SLEEPERS: u64 = 100_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The results of the tasks so far. One thread, so no locks.
#[derive(Default)]
struct Seen {
    connected: Cell<usize>,
    messages: Cell<usize>,
    bytes: Cell<usize>,
    yields: Cell<u64>,
    lateness: RefCell<Vec<Duration>>,
    is_over: Cell<bool>,
}

fn main() -> Result<()> {
    roundelay::run(tour())
}

async fn tour() -> Result<()> {
    let start = Instant::now();
    let seen = Rc::new(Seen::default());
    let clients = clients_that_fit()?;

    let listener = listen().await?;
    let address = listener.local_addr()?;
    println!(
        "one thread serves an echo server at {address}, {clients} clients, and {SLEEPERS} sleeping tasks\n"
    );
    let server = spawn(serve(listener));
    let greedy = spawn(greed(Rc::clone(&seen)));
    let progress = spawn(progress(Rc::clone(&seen), clients));
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|n| spawn(nap(n, Rc::clone(&seen))))
        .collect();
    let chats: Vec<_> = (0..clients)
        .map(|n| spawn(chat(address, n, Rc::clone(&seen))))
        .collect();

    let hashes = try_join_all((0..4).map(|_| offload(hash_of_this_program))).await?;
    for chat in chats {
        chat.await?
            .map_err(|error| format!("a client failed: {error}"))?;
    }
    for sleeper in sleepers {
        sleeper.await?;
    }
    seen.is_over.set(true);
    progress.await?;
    greedy.abort();
    server.abort();

    let (hash, size) = hashes[0]
        .as_ref()
        .map_err(|error| format!("cannot hash this program: {error}"))?;
    check(
        hashes
            .iter()
            .all(|other| matches!(other, Ok((h, _)) if h == hash)),
        "the hashes differ",
    )?;
    check(
        seen.messages.get() == clients * MESSAGES,
        "messages are missing",
    )?;
    check(
        seen.bytes.get() == clients * MESSAGES * MESSAGE,
        "bytes are missing",
    )?;
    check(
        seen.lateness.borrow().len() as u64 == SLEEPERS,
        "sleepers are missing",
    )?;
    check(seen.yields.get() > 0, "the greedy task was never polled")?;

    let metrics = Metrics::current().ok_or("no loop is running")?;
    let mut lateness = seen.lateness.take();
    lateness.sort_unstable();
    let percentile = |p: usize| lateness[(lateness.len() - 1) * p / 100];
    println!("\n\n  polls                  {:>12}", metrics.polls);
    println!("  wakes                  {:>12}", metrics.wakes);
    println!(
        "  timers fired           {:>12}   late: {:.0?} p50, {:.0?} p99",
        metrics.timers,
        percentile(50),
        percentile(99)
    );
    println!(
        "  messages checked       {:>12}   {} bytes",
        seen.messages.get(),
        seen.bytes.get()
    );
    println!("  yields of a greedy task{:>12}", seen.yields.get());
    println!("  readiness events       {:>12}", metrics.io_events);
    println!(
        "  offloaded jobs         {:>12}   {size} bytes hashed each, {hash:016x}",
        hashes.len()
    );
    println!(
        "  peak memory            {:>12}",
        peak_memory().map_or("unknown".to_owned(), |kib| format!("{} MiB", kib / 1024))
    );
    println!(
        "  wall time              {:>12.2?}\n\neverything checked out",
        start.elapsed()
    );
    Ok(())
}

/// `TcpListener::bind` keeps 128 connections waiting, as the standard library does. A thousand connections at once need
/// a longer line, or most of them try again after a second.
#[cfg(unix)]
async fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    SockRef::from(&listener).listen(CLIENTS as i32)?;
    Ok(listener)
}

/// A listener lends only its number there, so the line stays short. The clients come some milliseconds apart.
#[cfg(windows)]
async fn listen() -> Result<TcpListener> {
    Ok(TcpListener::bind("127.0.0.1:0").await?)
}

/// Echoes all bytes, with a task for each connection.
async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        drop(spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                match stream.read(&mut buffer).await? {
                    0 => return io::Result::Ok(()),
                    length => stream.write_all(&buffer[..length]).await?,
                }
            }
        }));
    }
}

/// One client: sends messages that no other client sends, and checks the answers.
async fn chat(address: SocketAddr, client: usize, seen: Rc<Seen>) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    seen.connected.set(seen.connected.get() + 1);
    let mut answer = [0; MESSAGE];
    for number in 0..MESSAGES {
        let message: [u8; MESSAGE] =
            std::array::from_fn(|at| (client * 31 + number * 7 + at) as u8);
        stream.write_all(&message).await?;
        stream.read_exact(&mut answer).await?;
        if answer != message {
            return Err(io::Error::other(format!(
                "client {client}: message {number} came back changed"
            )));
        }
        seen.messages.set(seen.messages.get() + 1);
        seen.bytes.set(seen.bytes.get() + MESSAGE);
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// One of the sleepers: between half a second and two seconds, all different.
async fn nap(number: u64, seen: Rc<Seen>) {
    let length = Duration::from_micros(500_000 + number * 15);
    let start = Instant::now();
    sleep(length).await;
    let late = start.elapsed().checked_sub(length);
    seen.lateness
        .borrow_mut()
        .push(late.expect("a sleep is never early"));
}

/// Never stops, but yields each time round, so no other task has to wait for it.
async fn greed(seen: Rc<Seen>) {
    loop {
        seen.yields.set(seen.yields.get() + 1);
        yield_now().await;
    }
}

/// The progress line: rewritten in place on a terminal, a few lines otherwise.
async fn progress(seen: Rc<Seen>, clients: usize) {
    let is_terminal = io::stdout().is_terminal();
    let (every, end) = if is_terminal { (50, "\r") } else { (500, "\n") };
    loop {
        let is_over = seen.is_over.get();
        print!(
            "  {:>5} of {clients} connected   {:>7} messages   {:>7} of {SLEEPERS} awake   {:>9} yields{end}",
            seen.connected.get(),
            seen.messages.get(),
            seen.lateness.borrow().len(),
            seen.yields.get(),
        );
        let _ = io::stdout().flush();
        if is_over {
            return;
        }
        sleep(Duration::from_millis(every)).await;
    }
}

/// Reads a real file, and blocks meanwhile: a job for another thread.
fn hash_of_this_program() -> io::Result<(u64, usize)> {
    let bytes = std::fs::read(std::env::current_exe()?)?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Ok((hasher.finish(), bytes.len()))
}

/// Each client takes two descriptors, one at either end.
#[cfg(unix)]
fn clients_that_fit() -> Result<usize> {
    let (limit, _) = rlimit::Resource::NOFILE.get()?;
    let fit = (limit.saturating_sub(32) / 2).min(CLIENTS as u64) as usize;
    if fit < CLIENTS {
        println!(
            "the limit of {limit} descriptors leaves room for {fit} of {CLIENTS} clients (see `ulimit -n`)"
        );
    }
    check(fit > 0, "no descriptor is left for a single client")?;
    Ok(fit)
}

/// Windows has no such limit.
#[cfg(windows)]
fn clients_that_fit() -> Result<usize> {
    Ok(CLIENTS)
}

fn check(holds: bool, otherwise: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// In KiB, if the system reports it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
