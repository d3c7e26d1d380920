//! The things that the tests of the server share.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::rc::Rc;

use roundelay::net::{Accept, Served, TcpStream};
use roundelay::yield_now;

const EMFILE: i32 = 24;

pub(crate) async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

pub(crate) async fn ping(stream: &TcpStream) {
    stream.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
}

/// A listener without sockets. It gives the items of the script one after the other, and then waits for ever.
pub(crate) struct Script {
    lines: RefCell<VecDeque<io::Result<u32>>>,
    /// How often the server has asked for a connection.
    pub(crate) asked: Rc<Cell<usize>>,
}

impl Script {
    pub(crate) fn new(lines: impl IntoIterator<Item = io::Result<u32>>) -> Self {
        Self {
            lines: RefCell::new(lines.into_iter().collect()),
            asked: Rc::default(),
        }
    }
}

impl Accept for Script {
    type Stream = u32;
    type Peer = &'static str;

    async fn accept(&self) -> io::Result<(u32, &'static str)> {
        self.asked.set(self.asked.get() + 1);
        yield_now().await;
        let line = self.lines.borrow_mut().pop_front();
        match line {
            Some(line) => Ok((line?, "somebody")),
            None => pending().await,
        }
    }
}

pub(crate) fn no_descriptor() -> io::Result<u32> {
    Err(io::Error::from_raw_os_error(EMFILE))
}

pub(crate) fn assert_adds_up(served: &Served) {
    let ends = served.finished + served.failed + served.panicked + served.cancelled;
    assert_eq!(ends, served.accepted, "{served:?}");
}
