//! Two mio loops that only echo: the best that a runtime on mio can reach, and the loop that one writes first. And a loop that
//! only sleeps.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use super::{LOOPBACK, Talk};

/// How the loop treats readiness.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// One registration per connection, one read per event, no second read after a short one. The answer is written at once.
    Optimal,
    /// Reads until nothing is left, then asks to be told when it may write, writes, and asks to be told when it may read.
    Naive,
}

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes that are read and not yet written.
    held: usize,
    written: usize,
}

pub fn serve(manner: Manner, talk: Talk, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let listener = TcpListener::bind(LOOPBACK.parse().expect("an address"))?;
    listening(listener.local_addr()?);
    serve_on(listener, manner, talk)
}

pub fn serve_on(mut listener: TcpListener, manner: Manner, talk: Talk) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1_024);
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut connections, mut free) = (Vec::new(), Vec::new());
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(
                    &listener,
                    poll.registry(),
                    talk,
                    &mut connections,
                    &mut free,
                )?;
                continue;
            }
            let place: &mut Option<Connection> = &mut connections[event.token().0];
            let Some(connection) = place else { continue };
            let is_open = match manner {
                Manner::Optimal => connection.serve_at_once(talk),
                Manner::Naive => connection.serve_in_turns(
                    talk,
                    poll.registry(),
                    event.token(),
                    event.is_writable(),
                ),
            };
            if !is_open.unwrap_or(false) {
                *place = None;
                free.push(event.token().0);
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    registry: &Registry,
    talk: Talk,
    connections: &mut Vec<Option<Connection>>,
    free: &mut Vec<usize>,
) -> io::Result<()> {
    let (Talk::Whole(size) | Talk::Framed(size) | Talk::Buffered(size)) = talk;
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nodelay(true)?;
                let index = free.pop().unwrap_or(connections.len());
                registry.register(&mut stream, Token(index), Interest::READABLE)?;
                let connection = Connection {
                    stream,
                    buffer: vec![0; size],
                    held: 0,
                    written: 0,
                };
                if index == connections.len() {
                    connections.push(None);
                }
                connections[index] = Some(connection);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

impl Connection {
    /// Returns whether the connection is still open.
    fn serve_at_once(&mut self, talk: Talk) -> io::Result<bool> {
        loop {
            let count = match self.stream.read(&mut self.buffer[self.held..]) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            let is_full = self.held + count == self.buffer.len();
            self.held += count;
            if is_full || matches!(talk, Talk::Whole(_)) {
                write_all(&mut self.stream, &self.buffer[..self.held])?;
                self.held = 0;
            }
            if !is_full {
                return Ok(true);
            }
        }
    }

    fn serve_in_turns(
        &mut self,
        talk: Talk,
        registry: &Registry,
        token: Token,
        is_writable: bool,
    ) -> io::Result<bool> {
        if is_writable && self.is_answering(talk) {
            while self.written < self.held {
                match self.stream.write(&self.buffer[self.written..self.held]) {
                    Ok(count) => self.written += count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                    Err(error) => return Err(error),
                }
            }
            (self.held, self.written) = (0, 0);
            registry.reregister(&mut self.stream, token, Interest::READABLE)?;
            return Ok(true);
        }
        while self.held < self.buffer.len() {
            match self.stream.read(&mut self.buffer[self.held..]) {
                Ok(0) => return Ok(false),
                Ok(count) => self.held += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.is_answering(talk) {
            registry.reregister(&mut self.stream, token, Interest::WRITABLE)?;
        }
        Ok(true)
    }

    fn is_answering(&self, talk: Talk) -> bool {
        match talk {
            Talk::Whole(_) => self.held > 0,
            Talk::Framed(size) | Talk::Buffered(size) => self.held == size,
        }
    }
}

/// The clients of these rows read their answers, so there is room soon.
fn write_all(stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A poller that watches a timer of the kernel.
pub struct Alarm {
    poll: Poll,
    events: Events,
    timer: OwnedFd,
}

impl Alarm {
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call takes two numbers.
        let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK) };
        if timer == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has made the descriptor, and nothing else owns it.
        let timer = unsafe { OwnedFd::from_raw_fd(timer) };
        let poll = Poll::new()?;
        poll.registry().register(
            &mut SourceFd(&timer.as_raw_fd()),
            Token(0),
            Interest::READABLE,
        )?;
        Ok(Alarm {
            poll,
            events: Events::with_capacity(1),
            timer,
        })
    }

    pub fn sleep(&mut self, duration: Duration) -> io::Result<()> {
        let no_time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = libc::itimerspec {
            it_interval: no_time,
            it_value: libc::timespec {
                tv_sec: duration.as_secs() as libc::time_t,
                tv_nsec: libc::c_long::from(duration.subsec_nanos() as i32),
            },
        };
        // SAFETY: `once` may be read, and the call writes nothing.
        let code =
            unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &once, ptr::null_mut()) };
        if code != 0 {
            return Err(io::Error::last_os_error());
        }
        self.poll.poll(&mut self.events, None)
    }
}
