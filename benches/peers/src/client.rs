//! The client of all socket rows: a bare mio loop in a process of its own.
//!
//! Each connection has one request under way (or `depth` requests, which are written at once and awaited together). The
//! client counts the answers and the time of each. It reads the server's processor clock from outside, so nothing is measured
//! inside the server. The figures go to its standard output, in one line.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{process, thread};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::clock;
use crate::results::Metrics;

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// `size` bytes, which come back.
    Echo,
    /// A page, by HTTP.
    Page,
    /// A page, by HTTP, for which `size` bytes are sent first.
    Upload,
    /// A value, by the protocol of Redis.
    Get,
}

impl Asks {
    const ALL: [Asks; 4] = [Asks::Echo, Asks::Page, Asks::Upload, Asks::Get];

    fn request(self, size: usize) -> Vec<u8> {
        match self {
            Asks::Echo => vec![7; size],
            Asks::Page => b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
            Asks::Upload => {
                let head =
                    format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {size}\r\n\r\n");
                [head.into_bytes(), vec![7; size]].concat()
            }
            Asks::Get => b"*2\r\n$3\r\nGET\r\n$4\r\nsong\r\n".to_vec(),
        }
    }

    /// The length of an answer. All answers have the same length, so the server is asked once.
    fn answer(self, size: usize, address: SocketAddr) -> io::Result<usize> {
        let mut stream = std::net::TcpStream::connect(address)?;
        match self {
            Asks::Echo => return Ok(size),
            Asks::Page | Asks::Upload => stream.write_all(&self.request(size))?,
            Asks::Get => {
                stream.write_all(b"*3\r\n$3\r\nSET\r\n$4\r\nsong\r\n$5\r\nround\r\n")?;
                stream.read_exact(&mut [0; b"+OK\r\n".len()])?;
                return Ok(b"$5\r\nround\r\n".len());
            }
        }
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let length = String::from_utf8_lossy(&head).lines().find_map(|line| {
            let length = line.to_ascii_lowercase();
            length
                .strip_prefix("content-length: ")?
                .parse::<usize>()
                .ok()
        });
        let length = length.ok_or_else(|| io::Error::other("an answer without its length"))?;
        Ok(head.len() + length)
    }
}

/// The work of the client.
#[derive(Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub asks: Asks,
    /// The bytes that are sent with a request.
    pub size: usize,
    /// Requests written at once.
    pub depth: usize,
    /// A new connection for each request, one after the other.
    pub is_reconnecting: bool,
    /// One request on each connection, and then silence.
    pub is_idle: bool,
    /// The client may run on any processor, because the server may too.
    pub is_everywhere: bool,
}

impl Default for Load {
    fn default() -> Self {
        Load {
            connections: 1,
            asks: Asks::Echo,
            size: 64,
            depth: 1,
            is_reconnecting: false,
            is_idle: false,
            is_everywhere: false,
        }
    }
}

const NAMES: [&str; 6] = ["per_s", "cpu", "p50", "p99", "p999", "client_cpu"];

impl Load {
    pub fn to_arguments(self, address: SocketAddr, server: u32, time: Duration) -> Vec<String> {
        let numbers = [
            u64::from(address.port()),
            u64::from(server),
            time.as_millis() as u64,
            self.connections as u64,
            self.asks as u64,
            self.size as u64,
            self.depth as u64,
            self.is_reconnecting.into(),
            self.is_idle.into(),
            self.is_everywhere.into(),
        ];
        let mut arguments = vec!["client".to_string()];
        arguments.extend(numbers.map(|number| number.to_string()));
        arguments
    }

    /// Runs in the client's process, with the arguments that [`to_arguments`](Self::to_arguments) made.
    pub fn run(arguments: &[u64]) -> io::Result<()> {
        let &[
            port,
            server,
            time,
            connections,
            asks,
            size,
            depth,
            is_reconnecting,
            is_idle,
            is_everywhere,
        ] = arguments
        else {
            return Err(io::Error::other("the client is started by the server"));
        };
        if is_everywhere == 0 {
            clock::pin_to(1);
        }
        let load = Load {
            connections: connections as usize,
            asks: Asks::ALL[asks as usize],
            size: size as usize,
            depth: depth as usize,
            is_reconnecting: is_reconnecting == 1,
            is_idle: is_idle == 1,
            is_everywhere: is_everywhere == 1,
        };
        let address = SocketAddr::from(([127, 0, 0, 1], port as u16));
        let time = Duration::from_millis(time);
        let window = Window::new(server as u32, time);
        let server_is_gone = thread::spawn(end_with_the_server);
        let tell = |report: [f64; NAMES.len()]| {
            println!("{}", report.map(|figure| figure.to_string()).join(" "));
        };
        if load.is_reconnecting {
            tell(reconnect(address, load.size, window)?);
            return Ok(());
        }
        let mut fleet = Fleet::connect(address, load)?;
        tell(fleet.run(window)?);
        if load.is_idle {
            // The connections stay open, because their memory is measured.
            let _ = server_is_gone.join();
        }
        Ok(())
    }

    pub fn read_report(line: &str) -> Option<Metrics> {
        let figures = line.split_whitespace().map(|figure| figure.parse().ok());
        let metrics: Metrics = NAMES
            .into_iter()
            .zip(figures.collect::<Option<Vec<f64>>>()?)
            .collect();
        (metrics.len() == NAMES.len()).then_some(metrics)
    }
}

/// The server holds the other end of the standard input. When the server has ended, the figures are not needed any more.
fn end_with_the_server() {
    let _ = io::stdin().read_to_end(&mut Vec::new());
    process::exit(1);
}

/// The time in which answers count. The first quarter is a warm-up.
struct Window {
    server: u32,
    time: Duration,
    begin: Option<Begin>,
    start: Instant,
    /// In microseconds.
    times: Vec<f64>,
    answers: usize,
}

struct Begin {
    at: Instant,
    server: Duration,
    own: Duration,
}

impl Window {
    fn new(server: u32, time: Duration) -> Self {
        Window {
            server,
            time,
            begin: None,
            start: Instant::now(),
            times: Vec::new(),
            answers: 0,
        }
    }

    /// Notes that the connections are there.
    fn start(&mut self) {
        self.start = Instant::now();
    }

    /// Counts answers. Returns whether the time is over.
    fn count(&mut self, asked: Instant, answers: usize) -> io::Result<bool> {
        let now = Instant::now();
        if let Some(begin) = &self.begin {
            self.times.push((now - asked).as_nanos() as f64 / 1e3);
            self.answers += answers;
            return Ok(now - begin.at >= self.time);
        }
        if now - self.start >= self.time / 4 {
            self.begin = Some(Begin {
                at: now,
                server: clock::cpu_of(self.server)?,
                own: clock::cpu(),
            });
        }
        Ok(false)
    }

    fn report(mut self) -> io::Result<[f64; NAMES.len()]> {
        let begin = self
            .begin
            .ok_or_else(|| io::Error::other("nothing was answered in time"))?;
        let wall = begin.at.elapsed().as_secs_f64();
        let answers = self.answers as f64;
        let each = |time: Duration| time.as_nanos() as f64 / 1e3 / answers;
        self.times.sort_by(f64::total_cmp);
        let quantile = |share: f64| self.times[((self.times.len() - 1) as f64 * share) as usize];
        Ok([
            answers / wall,
            each(clock::cpu_of(self.server)? - begin.server),
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
            each(clock::cpu() - begin.own),
        ])
    }
}

struct Fleet {
    load: Load,
    /// All the requests that are written at once.
    batch: Vec<u8>,
    /// How many bytes their answers have together.
    answer: usize,
    connections: Vec<Connection>,
    poll: Poll,
}

struct Connection {
    stream: TcpStream,
    to_write: usize,
    to_read: usize,
    asked: Instant,
}

impl Fleet {
    fn connect(address: SocketAddr, load: Load) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(load.connections);
        let batch = load.asks.request(load.size).repeat(load.depth);
        let answer = load.depth * load.asks.answer(load.size, address)?;
        for index in 0..load.connections {
            // Each ten thousand connections have another address of the client, because an address has only so many ports.
            let from = SocketAddr::from(([127, 0, 1, 1 + (index / 10_000) as u8], 0));
            let mut stream = connect_from(from, address)?;
            stream.set_nodelay(true)?;
            // A listener's queue holds only so many connections. When it is full, a connection tries again after a second.
            if index % 64 == 63 {
                stream.write_all(&batch)?;
                stream.read_exact(&mut vec![0; answer])?;
            }
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(
                &mut stream,
                Token(index),
                Interest::READABLE | Interest::WRITABLE,
            )?;
            connections.push(Connection {
                stream,
                to_write: 0,
                to_read: 0,
                asked: Instant::now(),
            });
        }
        Ok(Fleet {
            load,
            batch,
            answer,
            connections,
            poll,
        })
    }

    fn run(&mut self, mut window: Window) -> io::Result<[f64; NAMES.len()]> {
        let mut buffer = vec![0; 65_536];
        let mut events = Events::with_capacity(1_024);
        window.start();
        for connection in &mut self.connections {
            connection.ask(&self.batch, self.answer)?;
        }
        let mut answered = 0;
        loop {
            self.poll.poll(&mut events, Some(Duration::from_secs(3)))?;
            if events.is_empty() {
                return Err(io::Error::other("the server is silent"));
            }
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                if !connection.go_on(&self.batch, &mut buffer)? {
                    continue;
                }
                answered += 1;
                if self.load.is_idle {
                    if answered == self.connections.len() {
                        thread::sleep(Duration::from_millis(50));
                        return Ok([0.0; NAMES.len()]);
                    }
                    continue;
                }
                if window.count(connection.asked, self.load.depth)? {
                    return window.report();
                }
                connection.ask(&self.batch, self.answer)?;
            }
        }
    }
}

impl Connection {
    fn ask(&mut self, batch: &[u8], answer: usize) -> io::Result<()> {
        (self.to_write, self.to_read) = (batch.len(), answer);
        self.asked = Instant::now();
        self.write(batch)
    }

    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        while self.to_write > 0 {
            match self.stream.write(&batch[batch.len() - self.to_write..]) {
                Ok(count) => self.to_write -= count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns whether all answers are there.
    fn go_on(&mut self, batch: &[u8], buffer: &mut [u8]) -> io::Result<bool> {
        self.write(batch)?;
        while self.to_read > 0 {
            match self.stream.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.to_read = self
                        .to_read
                        .checked_sub(count)
                        .ok_or_else(|| io::Error::other("too many answers"))?;
                    if self.to_read == 0 {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// Connects, asks once, reads the answer, and closes, for as long as it takes.
fn reconnect(
    address: SocketAddr,
    size: usize,
    mut window: Window,
) -> io::Result<[f64; NAMES.len()]> {
    let batch = vec![7; size];
    let mut buffer = vec![0; size];
    window.start();
    loop {
        let start = Instant::now();
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(&batch)?;
        stream.read_exact(&mut buffer)?;
        close_at_once(stream)?;
        if window.count(start, 1)? {
            return window.report();
        }
    }
}

fn connect_from(from: SocketAddr, to: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&from.into())?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

/// Closes with a reset, so that the port is free at once.
fn close_at_once(stream: std::net::TcpStream) -> io::Result<()> {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}
