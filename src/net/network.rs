//! A network in memory, whose delays and failures a test decides.
//!
//! A server that is generic over [`io::Read`] and [`io::Write`] can be tested here as a whole: with delays, with reads and
//! writes that stop short, with a peer that is cut off or does not answer. All of this is drawn from a seed, and all time is
//! the loop's. So with [virtual time](crate::Builder::virtual_time) and a [shuffled order](crate::Builder::shuffle) the same
//! seed gives the same run, and no test waits for real time.
//!
//! ```text
//!   client                   a task of the loop, for each connection             server
//!   Duplex  -- a few bytes --> take a piece, draw its latency, wait, hand it on --> Duplex
//!           <-----------------        the same, the other way               <------
//! ```
//!
//! The network keeps what a program can see of TCP. Bytes arrive in order, but not in the pieces in which they were written.
//! A listener has a backlog, so a connection may exist before it is accepted. The end of a stream arrives after the bytes
//! before it. There is no congestion, and no loss.
//!
//! *What others do:* turmoil gives each of tokio's programs a simulated host. madsim replaces tokio and `libc`, so that
//! programs run unchanged. Here a program has to be generic over its streams.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::pending;
use std::io;
use std::ops::RangeInclusive;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::serve::Accept;
use crate::draw::Draw;
use crate::io::{Cord, Duplex, DuplexReader, DuplexWriter, Read, Write, duplex};
use crate::sync::{Event, Queue};
use crate::task::spawn;
use crate::task::yield_now;
use crate::time::{now, sleep, sleep_until};

/// The most bytes of a piece, unless [`Network::pieces`] says otherwise.
const LARGEST_PIECE: usize = 64 * 1024;
/// The most pieces on their way in one direction of a connection. The next piece waits at its sender.
const ON_THE_WAY: usize = 64;

/// A network in memory, for tests: named hosts, and connections between them that are slow, split and unreliable as the test
/// asks. A clone is the same network.
///
/// ```
/// use roundelay::io::{Read, Write};
/// use roundelay::net::{Network, serve};
/// use roundelay::{EventLoop, spawn, time::now};
/// use std::{future::IntoFuture, io, time::Duration};
///
/// async fn echo<S: Read + Write>(mut stream: S) -> io::Result<()> {
///     let mut buf = [0; 64];
///     loop {
///         match stream.read(&mut buf).await? {
///             0 => return Ok(()),
///             count => stream.write_all(&buf[..count]).await?,
///         }
///     }
/// }
///
/// let mut event_loop = EventLoop::builder().virtual_time().shuffle(7).build()?;
/// event_loop.run(async {
///     let second = Duration::from_secs(1);
///     let network = Network::new(7).latency(second..=second).pieces(3);
///     let server = serve(network.listen("echo")?, |stream, _| echo(stream));
///     spawn(server.into_future()).detach();
///
///     let start = now();
///     let mut client = network.connect("echo").await?; // there and back: two seconds
///     client.write_all(b"hello, echo").await?;
///     let mut answer = [0; 11];
///     let mut filled = 0;
///     while filled < answer.len() {
///         filled += client.read(&mut answer[filled..]).await?; // three bytes at most
///     }
///     assert_eq!((&answer, now() - start), (b"hello, echo", 4 * second));
///     Ok::<_, io::Error>(())
/// })?;
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Clone)]
pub struct Network(Rc<Inner>);

struct Inner {
    draw: Draw,
    shortest: Cell<Duration>,
    longest: Cell<Duration>,
    largest_piece: Cell<usize>,
    connections: Cell<usize>,
    /// A test has few.
    hosts: RefCell<Vec<Rc<Host>>>,
}

/// Connections that wait to be accepted, with their numbers.
type Backlog = Queue<(Duplex, usize)>;

/// The host behind a name.
struct Host {
    name: String,
    /// `Some` while the host has a listener.
    backlog: RefCell<Option<Rc<Backlog>>>,
    is_reachable: Event,
    wires: RefCell<Vec<Weak<Wire>>>,
}

/// The network's two ends of a connection: towards its client, and towards its server.
struct Wire([Cord; 2]);

impl Network {
    /// A network without latency, whose pieces are as large as the writes.
    #[inline]
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(Inner {
            draw: Draw::new(seed),
            shortest: Cell::new(Duration::ZERO),
            longest: Cell::new(Duration::ZERO),
            largest_piece: Cell::new(LARGEST_PIECE),
            connections: Cell::new(0),
            hosts: RefCell::default(),
        }))
    }

    /// How long a piece takes. The time is drawn for each piece; a later piece does not overtake an earlier one.
    #[inline]
    pub fn latency(self, range: RangeInclusive<Duration>) -> Self {
        self.0.shortest.set(*range.start());
        self.0.longest.set(*range.end());
        self
    }

    /// The most bytes of a piece; zero counts as one. The size of each piece is drawn, and so is the buffer of each end of a
    /// connection. So reads and writes stop short, at other places with each seed.
    #[inline]
    pub fn pieces(self, most: usize) -> Self {
        self.0.largest_piece.set(most.max(1));
        self
    }

    /// Listens at `name` until the listener is dropped. Give the listener to [`serve`](fn@crate::net::serve).
    ///
    /// # Errors
    ///
    /// `AddrInUse` if `name` has a listener already.
    #[inline]
    pub fn listen(&self, name: &str) -> io::Result<NetworkListener> {
        let host = self.0.host(name);
        let mut backlog = host.backlog.borrow_mut();
        if backlog.is_some() {
            return Err(failed(io::ErrorKind::AddrInUse, "listen at", name));
        }
        let queue = Rc::new(Queue::unbounded());
        *backlog = Some(Rc::clone(&queue));
        drop(backlog);
        Ok(NetworkListener { host, queue })
    }

    /// Connects to `name`, which takes one latency there and one back. While the host is [cut off](Self::cut_off) the call
    /// waits, so that a test can see its time-out.
    ///
    /// A task of the running loop carries the connection, and ends when both ends are gone.
    ///
    /// # Cancellation
    ///
    /// The connection is given up. The server may accept a connection that has ended.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if `name` has no listener.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    pub async fn connect(&self, name: &str) -> io::Result<Duplex> {
        let (inner, host) = (&self.0, self.0.host(name));
        sleep(inner.draw_latency()).await;
        host.is_reachable.wait().await;
        let connected = self.enter(&host);
        sleep(inner.draw_latency()).await;
        host.is_reachable.wait().await;
        connected.ok_or_else(|| failed(io::ErrorKind::ConnectionRefused, "connect to", name))
    }

    /// Puts a connection into the backlog. `None` if the host has no listener.
    #[inline]
    fn enter(&self, host: &Rc<Host>) -> Option<Duplex> {
        let backlog = host.backlog.borrow().clone()?;
        let inner = &self.0;
        let number = inner.connections.get();
        inner.connections.set(number + 1);
        let (client, near) = duplex(inner.draw_piece());
        let (far, server) = duplex(inner.draw_piece());
        let wire = Rc::new(Wire([near.cord(), far.cord()]));
        let mut wires = host.wires.borrow_mut();
        wires.retain(|wire| wire.strong_count() > 0);
        wires.push(Rc::downgrade(&wire));
        drop(wires);
        spawn(carry(Rc::clone(inner), Rc::clone(host), wire, near, far)).detach();
        backlog.try_put((server, number)).ok()?;
        Some(client)
    }

    /// Stops all traffic from and to `name` until [`join`](Self::join): bytes, ends and new connections wait, as packets
    /// that TCP sends again and again. No call returns an error, so only a time-out notices.
    #[inline]
    pub fn cut_off(&self, name: &str) {
        self.0.host(name).is_reachable.clear();
    }

    /// Ends a [`cut_off`](Self::cut_off): the traffic that has waited arrives.
    #[inline]
    pub fn join(&self, name: &str) {
        self.0.host(name).is_reachable.set();
    }

    /// Resets the connections to `name`, as a crash of the host does: both ends of each return `ConnectionReset` from now
    /// on, and bytes on their way are lost.
    #[inline]
    pub fn reset(&self, name: &str) {
        let wires = self.0.host(name).wires.take();
        for wire in wires.into_iter().filter_map(|wire| wire.upgrade()) {
            wire.0.iter().for_each(Cord::cut);
        }
    }
}

impl Inner {
    #[inline]
    fn host(&self, name: &str) -> Rc<Host> {
        let mut hosts = self.hosts.borrow_mut();
        for host in &*hosts {
            if host.name == name {
                return Rc::clone(host);
            }
        }
        let is_reachable = Event::new();
        is_reachable.set();
        let host = Rc::new(Host {
            name: name.to_owned(),
            backlog: RefCell::default(),
            is_reachable,
            wires: RefCell::default(),
        });
        hosts.push(Rc::clone(&host));
        host
    }

    #[inline]
    fn draw_latency(&self) -> Duration {
        let (shortest, longest) = (self.shortest.get(), self.longest.get());
        let range = longest.saturating_sub(shortest).as_nanos();
        let range = u64::try_from(range).unwrap_or(u64::MAX - 1);
        shortest.saturating_add(Duration::from_nanos(self.draw.below(range + 1)))
    }

    #[inline]
    fn draw_piece(&self) -> usize {
        match self.largest_piece.get() {
            LARGEST_PIECE => LARGEST_PIECE,
            most => 1 + self.draw.below(most as u64) as usize,
        }
    }
}

#[inline]
fn failed(kind: io::ErrorKind, what: &str, name: &str) -> io::Error {
    io::Error::new(kind, format!("cannot {what} '{name}': {kind}"))
}

/// Carries a connection, both ways, until both ends are gone.
async fn carry(inner: Rc<Inner>, host: Rc<Host>, wire: Rc<Wire>, near: Duplex, far: Duplex) {
    let (from_client, to_client) = near.into_split();
    let (from_server, to_server) = far.into_split();
    let there = carry_one_way(&inner, &host, from_client, to_server);
    let back = carry_one_way(&inner, &host, from_server, to_client);
    crate::join!(there, back);
    drop(wire);
}

/// Takes pieces from one end, and hands each to the other end at its arrival time. When the reader is gone, the writer gets
/// an error.
async fn carry_one_way(inner: &Inner, host: &Host, mut from: DuplexReader, mut to: DuplexWriter) {
    let on_the_way = Queue::bounded(ON_THE_WAY);
    let take = async {
        let (mut arrival, mut room) = (now(), vec![0; inner.largest_piece.get()]);
        while let Some(piece) = take_piece(inner, &mut from, &mut room).await {
            arrival = arrival.max(now() + inner.draw_latency());
            if on_the_way.put((arrival, piece)).await.is_err() {
                break;
            }
        }
        // The end of the stream takes as long as a piece.
        let end = arrival.max(now() + inner.draw_latency());
        drop(on_the_way.put((end, Vec::new())).await);
        on_the_way.close();
        pending::<()>().await;
    };
    let hand_on = async {
        while let Some(piece) = on_the_way.get().await {
            if hand_on_piece(host, &mut to, piece).await.is_err() {
                break;
            }
        }
    };
    crate::race!(hand_on, take);
}

/// Takes a piece from an end; `None` at the end of the stream.
async fn take_piece(inner: &Inner, from: &mut DuplexReader, room: &mut [u8]) -> Option<Vec<u8>> {
    let most = inner.draw_piece().min(room.len());
    let count = from.read(&mut room[..most]).await.ok()?;
    (count > 0).then(|| room[..count].to_vec())
}

async fn hand_on_piece(
    host: &Host,
    to: &mut DuplexWriter,
    (arrival, piece): (Instant, Vec<u8>),
) -> io::Result<()> {
    sleep_until(arrival).await;
    host.is_reachable.wait().await;
    to.write_all(&piece).await?;
    // Lets a reader that is awake read this piece before the next one comes.
    yield_now().await;
    Ok(())
}

/// Listens at a name of a [`Network`]. Dropping it ends the connections that were not accepted, and new ones are refused.
pub struct NetworkListener {
    host: Rc<Host>,
    queue: Rc<Backlog>,
}

impl NetworkListener {
    /// Waits for a connection. Returns a stream, and the number of the connection in this network.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// Never.
    pub async fn accept(&self) -> io::Result<(Duplex, usize)> {
        let connection = self.queue.get().await;
        Ok(connection.expect("the backlog is open while the listener lives"))
    }
}

impl Accept for NetworkListener {
    type Stream = Duplex;
    type Peer = usize;

    async fn accept(&self) -> io::Result<(Duplex, usize)> {
        NetworkListener::accept(self).await
    }
}

impl Drop for NetworkListener {
    #[inline]
    fn drop(&mut self) {
        let backlog = self.host.backlog.take();
        drop(backlog);
        self.queue.close_now();
    }
}

impl fmt::Debug for Network {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("latency", &(self.0.shortest.get()..=self.0.longest.get()))
            .field("connections", &self.0.connections.get())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NetworkListener {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkListener")
            .field("waiting", &self.queue.len())
            .finish_non_exhaustive()
    }
}
