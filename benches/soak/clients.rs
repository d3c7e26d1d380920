//! The clients. They are processes of their own, so they can be killed, and the low limit is only for the server.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::load::Random;

pub(crate) const PATIENT: &str = "patient-client";
pub(crate) const DOOMED: &str = "doomed-client";

/// Long enough for each answer, even while no descriptor is free.
const PATIENCE: Duration = Duration::from_secs(30);
/// A datagram may be lost.
const UDP_PATIENCE: Duration = Duration::from_secs(2);
const LARGEST: usize = 8 << 10;

/// The addresses of the server.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) tcp: String,
    pub(crate) unix: String,
    pub(crate) udp: String,
}

impl Addresses {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        Some(Self {
            tcp: words.next()?,
            unix: words.next()?,
            udp: words.next()?,
        })
    }

    /// Starts this program as a client.
    pub(crate) fn client(&self, kind: &str) -> io::Result<Child> {
        Command::new(std::env::current_exe()?)
            .args([kind, &self.tcp, &self.unix, &self.udp])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
    }
}

/// The counts of the patient client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    /// Connections that were reset by the client while a request was under way.
    pub(crate) abandoned: u64,
    pub(crate) datagrams: u64,
    pub(crate) datagrams_lost: u64,
}

impl Answers {
    /// Reads the counts that the client prints at its end.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            asked: next()?,
            answered: next()?,
            abandoned: next()?,
            datagrams: next()?,
            datagrams_lost: next()?,
        })
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "requests: {}, answered: {}, abandoned: {}; datagrams: {}, lost: {}",
            self.asked, self.answered, self.abandoned, self.datagrams, self.datagrams_lost
        )
    }
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    asked: AtomicU64,
    answered: AtomicU64,
    abandoned: AtomicU64,
    datagrams: AtomicU64,
    datagrams_lost: AtomicU64,
}

fn prepare(words: impl Iterator<Item = String>) -> Option<Addresses> {
    // The client inherits the low limit, which is only for the server.
    rlimit::increase_nofile_limit(u64::MAX).ok()?;
    Addresses::read(words)
}

/// Asks and checks until its standard input ends, and then prints the counts.
pub(crate) fn patient(words: impl Iterator<Item = String>) -> ExitCode {
    let Some(addresses) = prepare(words) else {
        return ExitCode::FAILURE;
    };
    let shared = Arc::new(Shared::default());
    let mut threads = Vec::new();
    for number in 0..4 {
        let (addresses, shared) = (addresses.clone(), Arc::clone(&shared));
        threads.push(thread::spawn(move || {
            let mut random = Random::new(number + 1);
            while !shared.is_over.load(SeqCst) {
                let talked = match number {
                    0 => TcpStream::connect(&addresses.tcp)
                        .and_then(|stream| talk(stream, &shared, &mut random)),
                    1 => UnixStream::connect(&addresses.unix)
                        .and_then(|stream| talk(stream, &shared, &mut random)),
                    2 => send_datagrams(&addresses.udp, &shared, &mut random),
                    _ => be_rude(&addresses.tcp, &shared, &mut random),
                };
                if let Err(error) = talked {
                    eprintln!("client {number}: {error}");
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }));
    }
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    shared.is_over.store(true, SeqCst);
    let is_whole = threads
        .into_iter()
        .map(thread::JoinHandle::join)
        .all(|joined| joined.is_ok());
    let [asked, answered, abandoned, datagrams, lost] = [
        &shared.asked,
        &shared.answered,
        &shared.abandoned,
        &shared.datagrams,
        &shared.datagrams_lost,
    ]
    .map(|number| number.load(SeqCst));
    println!("{asked} {answered} {abandoned} {datagrams} {lost}");
    match is_whole {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

trait Stream: Read + Write {
    fn be_patient(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn be_patient(&self) -> io::Result<()> {
        self.set_read_timeout(Some(PATIENCE))
    }
}

impl Stream for UnixStream {
    fn be_patient(&self) -> io::Result<()> {
        self.set_read_timeout(Some(PATIENCE))
    }
}

/// A hundred requests on one connection.
fn talk(mut stream: impl Stream, shared: &Shared, random: &mut Random) -> io::Result<()> {
    stream.be_patient()?;
    for _ in 0..100 {
        let request = random.bytes(LARGEST);
        shared.asked.fetch_add(1, SeqCst);
        stream.write_all(&request)?;
        let mut answer = vec![0; request.len()];
        stream.read_exact(&mut answer)?;
        if answer != request {
            return Err(io::Error::other("another answer than the request"));
        }
        shared.answered.fetch_add(1, SeqCst);
        if shared.is_over.load(SeqCst) {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn send_datagrams(address: &str, shared: &Shared, random: &mut Random) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(UDP_PATIENCE))?;
    socket.connect(address)?;
    for _ in 0..100 {
        let request = random.bytes(1000);
        shared.datagrams.fetch_add(1, SeqCst);
        socket.send(&request)?;
        let mut answer = [0; 1024];
        match socket.recv(&mut answer) {
            Ok(length) if answer[..length] == request => {}
            Ok(_) => return Err(io::Error::other("another datagram than was sent")),
            Err(_) => {
                shared.datagrams_lost.fetch_add(1, SeqCst);
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Hangs up with a reset in the middle of a request.
fn be_rude(address: &str, shared: &Shared, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    let request = random.bytes(64 << 10);
    stream.set_nonblocking(true)?;
    let _ = stream.write(&request)?;
    thread::sleep(Duration::from_millis(random.below(10) as u64));
    shared.abandoned.fetch_add(1, SeqCst);
    Ok(())
}

/// Opens more connections than the server has descriptors, writes to all and reads from half of them, until it is killed.
pub(crate) fn doomed(words: impl Iterator<Item = String>) -> ExitCode {
    let Some(addresses) = prepare(words) else {
        return ExitCode::FAILURE;
    };
    // The client ends with the server, even if the server is killed.
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1);
    });
    let mut streams: Vec<Box<dyn Stream>> = Vec::new();
    for _ in 0..30 {
        if let Ok(stream) = TcpStream::connect(&addresses.tcp) {
            if stream.set_nonblocking(true).is_ok() {
                streams.push(Box::new(stream));
            }
        }
        if let Ok(stream) = UnixStream::connect(&addresses.unix) {
            if stream.set_nonblocking(true).is_ok() {
                streams.push(Box::new(stream));
            }
        }
    }
    let request = [7; 4096];
    let mut answer = [0; 4096];
    loop {
        for (index, stream) in streams.iter_mut().enumerate() {
            // This client is here to meet errors.
            let _ = stream.write(&request);
            if index % 2 == 0 {
                let _ = stream.read(&mut answer);
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}
