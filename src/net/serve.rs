//! A server around a listener: accept, spawn, survive, stop, report.
//!
//! *Before this:* [`group`](mod@crate::group). *Time:* 25 minutes. *Files, in reading order:* this
//! one.
//!
//! # The problem
//!
//! Every server begins with the same five lines, and each of the five is wrong:
//!
//! ```text
//! loop {
//!     let (stream, peer) = listener.accept().await?; // 1. one error ends the server
//!     spawn(handle(stream, peer));                   // 2. as many as come   3. a panic is lost
//! }                                                  // 4. nothing ends it   5. they run on
//! ```
//!
//! 1. `accept` fails when the process has no descriptor left (`EMFILE`), or the system has none
//!    (`ENFILE`). That is no reason to end, but the loop may not go straight on either: the
//!    connection stays in the queue, the listener stays readable, and the next `accept` fails at
//!    once. A naive server then asks thousands of times a second, with a log line each.
//! 2. Without a bound a server takes on work until something else breaks.
//! 3. to 5. are what a [`TaskGroup`] is for.
//!
//! # The idea
//!
//! ```text
//!            room in the group?            accept                  spawn into the room
//!   .---> reserve ----------------> listener.accept() ----Ok----> the handler's task -.
//!   |        | full: waits for            |                                           |
//!   |        | a connection to end        | no descriptor: log (once a second), wait  |
//!   '--------+----------------------------+-------------------------------------------'
//!
//!   shutdown: drop the listener; wait until all have ended, or for the grace; cancel; report
//! ```
//!
//! *Room first, then accept.* At its limit the server leaves the newcomer in the kernel's queue,
//! where the newcomer costs the server nothing: back-pressure. To accept first and refuse then
//! answers sooner, and spends a descriptor, a task and two packets on each refused client, most of
//! them when the server can afford them least.
//!
//! *A wait for descriptors has two ends.* It doubles from 5 ms to half a second; and it is over as
//! soon as one of the server's own connections ends, since that has freed a descriptor. The first
//! success starts it from 5 ms again.
//!
//! *A failure stays with its connection.* In a group the first error ends all children. Here errors
//! and panics are caught in the connection's own task and counted. A panic is told to the log;
//! errors are told once a second at most, with the number of those that had no line.
//!
//! # What it costs
//!
//! One allocation per connection at most, its task; a connection's end wakes no task unless a task
//! waits for it.
//!
//! # Not needed here
//!
//! A reserve descriptor, opened at the start and closed at the limit in order to accept and close
//! one connection: it turns clients away quickly, and races with every other thread that opens a
//! file.
//!
//! # Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Accepting::survive`, leave out the wait:
//!   `cargo run -p exercises -- serve.1`
//!
//! # Next
//!
//! [`remote`](mod@crate::remote): what other threads may hold.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use super::complaints::Complaints;
use super::connection::{Book, Served, connection};
use super::{TcpListener, TcpStream};
use crate::foreign::{self, Level};
use crate::group::{Discard, GroupError, Limited, Room, TaskGroup};
use crate::sync::CancelToken;
use crate::time::{sleep, timeout};

/// How long the server waits when the system has no descriptor for it: at first, and at most.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// A type that accepts connections. An `Rc` of it is one too, for a listener that outlives its server.
pub trait Accept: 'static {
    /// A connection.
    type Stream: 'static;
    /// The address of the client.
    type Peer: fmt::Debug + Clone + 'static;

    /// Waits for a connection.
    ///
    /// # Cancellation
    ///
    /// Must lose nothing: a server that is stopped drops the wait.
    ///
    /// # Errors
    ///
    /// `InvalidInput` (and `EBADF`) means that no `accept` can succeed any more. The server takes any other error as
    /// temporary.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>>;

    /// Sends small writes of a connection at once, if the kind of socket can; see [`Serve::nodelay`].
    ///
    /// # Errors
    ///
    /// The error of the system.
    #[inline]
    fn set_nodelay(_stream: &Self::Stream) -> io::Result<()> {
        Ok(())
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = std::net::SocketAddr;

    async fn accept(&self) -> io::Result<(TcpStream, Self::Peer)> {
        TcpListener::accept(self).await
    }

    #[inline]
    fn set_nodelay(stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)
    }
}

impl<L: Accept> Accept for Rc<L> {
    type Stream = L::Stream;
    type Peer = L::Peer;

    async fn accept(&self) -> io::Result<(L::Stream, L::Peer)> {
        L::accept(self).await
    }

    fn set_nodelay(stream: &L::Stream) -> io::Result<()> {
        L::set_nodelay(stream)
    }
}

/// Serves the connections of `listener`. A task for each connection runs `handler`. Awaiting the result runs the
/// server.
///
/// ```
/// use std::{io, rc::Rc, time::Duration};
/// use roundelay::net::{TcpListener, TcpStream, serve};
/// use roundelay::sync::CancelToken;
///
/// roundelay::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     let stop = CancelToken::new();
///
///     let echo = |stream: TcpStream, _peer| async move {
///         let mut buffer = [0; 1024];
///         loop {
///             match stream.read(&mut buffer).await? {
///                 0 => return io::Result::Ok(()),
///                 n => stream.write_all(&buffer[..n]).await?,
///             }
///         }
///     };
///     let server = serve(listener, echo)
///         .limit(100)
///         .shutdown(stop.clone().cancelled_owned())
///         .grace(Duration::from_secs(5));
///     let server = roundelay::spawn(server.into_future());
///
///     let client = TcpStream::connect(address).await?;
///     client.write_all(b"ping").await?;
///     let mut answer = [0; 4];
///     client.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"ping");
///     drop(client);
///
///     stop.cancel();
///     let report = server.await??;
///     assert_eq!((report.accepted, report.finished), (1, 1));
///     io::Result::Ok(())
/// })
/// .unwrap();
/// ```
pub fn serve<L, H, F, E>(listener: L, handler: H) -> Serve<L, H>
where
    L: Accept,
    H: Fn(L::Stream, L::Peer) -> F + 'static,
    F: Future<Output = Result<(), E>> + 'static,
    E: fmt::Display + 'static,
{
    Serve {
        listener,
        handler,
        limit: 1_000,
        grace: Duration::from_secs(10),
        shutdown: pending(),
        nodelay: false,
        closing: None,
    }
}

/// A server that has not started, from [`serve`]. It runs when it is awaited.
///
/// It ends when its [`shutdown`](Self::shutdown) future does, and returns a [`Served`].
///
/// # Cancellation
///
/// Dropping the running server closes the listener and drops all connections: when `drop` returns, all are gone, as
/// [`TaskGroup::scope`] says.
///
/// # Errors
///
/// If the listener itself is broken. After any other error of `accept` the server tries again a little later. Panics of
/// handlers are logged and counted. Errors that handlers return are counted, and logged once a second at most. Under
/// [`OnPanic::EndRun`](crate::OnPanic::EndRun) a handler's panic also ends the run, as any task's does; the server goes on
/// in the next run.
#[derive(Debug)]
#[must_use = "a server runs when it is awaited"]
pub struct Serve<L, H, S = Pending<()>> {
    listener: L,
    handler: H,
    limit: usize,
    grace: Duration,
    shutdown: S,
    nodelay: bool,
    closing: Option<CancelToken>,
}

impl<L, H, S> Serve<L, H, S> {
    /// How many connections are served at once. Further connections wait in the kernel's queue until one ends. Default:
    /// 1,000, which stays below the usual limit of 1,024 descriptors; zero counts as one. A server at its limit logs this,
    /// once a second at most.
    pub fn limit(mut self, connections: usize) -> Self {
        self.limit = connections;
        self
    }

    /// How long connections may go on after [`shutdown`](Self::shutdown). Connections that have not ended by then are
    /// dropped. Default: ten seconds.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The future that ends the server: a signal, a token's [`cancelled_owned`](crate::sync::CancelToken::cancelled_owned),
    /// or any other. Default: the server does not end.
    ///
    /// The listener is closed at once, and the system turns away the clients in its queue. If a handler's clients do not
    /// hang up by themselves, the handler should watch the token of [`closing`](Self::closing).
    pub fn shutdown<T: Future<Output = ()>>(self, shutdown: T) -> Serve<L, H, T> {
        Serve {
            listener: self.listener,
            handler: self.handler,
            limit: self.limit,
            grace: self.grace,
            shutdown,
            nodelay: self.nodelay,
            closing: self.closing,
        }
    }

    /// Whether small writes of a handler are sent at once (`TCP_NODELAY`). Servers that answer requests need this: otherwise
    /// an answer in two writes waits for the client's acknowledgement of the first, up to 40 ms. Default: no, as in the
    /// system. Unix sockets have no such delay.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// A token that the server cancels when it stops accepting, so that handlers with a clone of the token learn that the
    /// grace has begun.
    ///
    /// ```
    /// use std::io;
    /// use roundelay::net::{TcpListener, TcpStream, serve};
    /// use roundelay::sync::CancelToken;
    ///
    /// roundelay::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let address = listener.local_addr()?;
    ///     let (stop, closing) = (CancelToken::new(), CancelToken::new());
    ///     let told = closing.clone();
    ///     let handler = move |stream: TcpStream, _| {
    ///         let closing = told.clone();
    ///         async move {
    ///             closing.cancelled().await;
    ///             stream.write_all(b"goodbye").await // and not cut off in the middle of a word
    ///         }
    ///     };
    ///     let server = serve(listener, handler).shutdown(stop.clone().cancelled_owned()).closing(closing);
    ///     let server = roundelay::spawn(server);
    ///     let client = TcpStream::connect(address).await?;
    ///     client.writable().await?;
    ///     # roundelay::sleep(std::time::Duration::from_millis(1)).await;
    ///     stop.cancel();
    ///     let mut words = Vec::new();
    ///     client.read_to_end(&mut words).await?;
    ///     assert_eq!(words, b"goodbye");
    ///     assert_eq!(server.await??.finished, 1);
    ///     io::Result::Ok(())
    /// })
    /// .unwrap();
    /// ```
    pub fn closing(mut self, token: CancelToken) -> Self {
        self.closing = Some(token);
        self
    }
}

impl<L, H, F, E, S> Serve<L, H, S>
where
    L: Accept,
    H: Fn(L::Stream, L::Peer) -> F + 'static,
    F: Future<Output = Result<(), E>> + 'static,
    E: fmt::Display + 'static,
    S: Future<Output = ()>,
{
    async fn run(self) -> io::Result<Served> {
        let book = Rc::new(Book::default());
        let noted = Rc::clone(&book);
        let outcome = TaskGroup::scope(async |group: TaskGroup<Infallible>| {
            let accepting = Accepting {
                listener: self.listener,
                handler: Rc::new(self.handler),
                room: group.with_limit(self.limit),
                book: Rc::clone(&noted),
                wait: SHORTEST_WAIT,
                refusals: Complaints::default(),
                limits: Complaints::default(),
                limit: self.limit.max(1),
                nodelay: self.nodelay,
            };
            let ended = unless(self.shutdown, accepting.run()).await;
            if let Some(closing) = self.closing {
                closing.cancel();
            }
            foreign::tell(
                Level::Debug,
                foreign::IO,
                format_args!("a server stops, {} connections are open", noted.alive()),
            );
            // A grace that has run out is not an error: the remaining connections are cut off, and their entries count
            // them.
            let _in_time = timeout(self.grace, noted.all_ended()).await;
            noted.close();
            group.cancel();
            Ok(ended)
        })
        .await;
        match outcome {
            Ok(None) => Ok(book.served()),
            Ok(Some(broken)) => Err(broken),
            // Only a panic fails here. The shutdown future's panic goes on; a panic of a destructor of a connection that was
            // cut off is logged.
            Err(panics) if !book.is_closed() => panic_on(panics),
            Err(panics) => {
                foreign::tell(
                    Level::Error,
                    foreign::IO,
                    format_args!("as a server cut off its last connections: {panics}"),
                );
                Ok(book.served())
            }
        }
    }
}

impl<L, H, F, E, S> IntoFuture for Serve<L, H, S>
where
    L: Accept,
    H: Fn(L::Stream, L::Peer) -> F + 'static,
    F: Future<Output = Result<(), E>> + 'static,
    E: fmt::Display + 'static,
    S: Future<Output = ()> + 'static,
{
    type Output = io::Result<Served>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<Served>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// The accepting part of a server.
struct Accepting<L, H> {
    listener: L,
    handler: Rc<H>,
    room: Limited<Infallible, Discard>,
    book: Rc<Book>,
    /// How long the next wait for a descriptor lasts.
    wait: Duration,
    refusals: Complaints,
    limits: Complaints,
    limit: usize,
    nodelay: bool,
}

impl<L, H, F, E> Accepting<L, H>
where
    L: Accept,
    H: Fn(L::Stream, L::Peer) -> F + 'static,
    F: Future<Output = Result<(), E>> + 'static,
    E: fmt::Display + 'static,
{
    /// Accepts until the listener breaks.
    async fn run(mut self) -> io::Error {
        loop {
            let room = self.reserve().await;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    self.wait = SHORTEST_WAIT;
                    if self.nodelay {
                        // If this fails, the connection is gone, and its handler gets the error at its first read.
                        let _ = L::set_nodelay(&stream);
                    }
                    let handler = Rc::clone(&self.handler);
                    let entry = self.book.enter();
                    room.spawn(connection(entry, handler, stream, peer));
                }
                Err(error) if is_broken(&error) => return error,
                Err(error) => self.survive(&error).await,
            }
        }
    }

    async fn reserve(&self) -> Room<Infallible, Discard> {
        if let Some(room) = self.room.try_reserve() {
            return room;
        }
        self.book.limited();
        self.tell_of_the_limit();
        let room = self.room.reserve().await;
        room.expect("the group does not end while its body accepts")
    }

    fn tell_of_the_limit(&self) {
        let limit = self.limit;
        if let Some(unsaid) = self.limits.one_more() {
            foreign::tell(
                Level::Warn,
                foreign::IO,
                format_args!(
                    "a server stands at its limit of {limit} connections, and accepts the next when one ends ({unsaid} more times since the last line)"
                ),
            );
        }
    }

    /// Logs that `accept` failed, and waits until it may succeed.
    async fn survive(&mut self, error: &io::Error) {
        self.book.refused();
        self.complain(error);
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST_WAIT);
        // Guarded by tests/io/serve_limits.rs::a_listener_that_fails_is_asked_a_few_times_a_second.
        crate::race!(sleep(wait), self.book.one_ended());
    }

    fn complain(&self, error: &io::Error) {
        let Some(unsaid) = self.refusals.one_more() else {
            return;
        };
        let open = self.book.alive();
        foreign::tell(
            Level::Warn,
            foreign::IO,
            format_args!(
                "cannot accept a connection, trying again: {error} ({open} open, {unsaid} more failures since the last line)"
            ),
        );
    }
}

#[inline]
fn panic_on(panics: GroupError<Infallible>) -> ! {
    let error = panics.resume_panic();
    unreachable!("without an error type there are panics only: {error}")
}

/// Whether no later `accept` can succeed: `EINVAL` or `EBADF`, which have these numbers on every Unix.
#[inline]
fn is_broken(error: &io::Error) -> bool {
    const EBADF: i32 = 9;
    error.kind() == io::ErrorKind::InvalidInput || error.raw_os_error() == Some(EBADF)
}

/// Runs `work` until `stop` is ready; then drops it, and returns `None`.
async fn unless<W: Future>(stop: impl Future<Output = ()>, work: W) -> Option<W::Output> {
    let stopped = async {
        stop.await;
        None
    };
    crate::race!(stopped, async { Some(work.await) })
}
