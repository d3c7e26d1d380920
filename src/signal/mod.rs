//! Signals of the operating system, awaited. asyncio's `loop.add_signal_handler`. Feature `signal`.
//!
//! *Before this:* [chapter 7](crate::reactor). *Time:* 15 minutes. *Files, in reading order:* this
//! one, [`kind`], [`table`], [`show`].
//!
//! # The problem
//!
//! A handler of a signal runs between any two instructions of the program. The handler may not
//! allocate, lock, or wake a task, because the interrupted code may hold the lock. A handler may
//! set a flag, and write one byte to a socket. So the handler does only these two things, and the
//! loop reads the byte as from any socket (the *self-pipe*):
//!
//! ```text
//!   the kernel          the handler, on any thread        the loop
//!   SIGINT  ----------> flag = true
//!                       send(socket, one byte) ---------> Signals::recv: which flags are set?
//! ```
//!
//! The handlers are those of the crate [`signal-hook`](https://docs.rs/signal-hook), which has a
//! safe interface, and calls the earlier handlers too.
//!
//! # The second Ctrl-C
//!
//! A program that awaits one Ctrl-C and then tidies up may hang while it tidies up, and the user
//! presses Ctrl-C again. If the handler is still there and no task listens, the second Ctrl-C does
//! nothing, and the program can only be killed. So a signal is caught for as long as a [`Signals`]
//! for it exists, **and not longer**. When the last `Signals` is dropped, the signal has its
//! earlier effect again: it ends the process, stops it, or is ignored.
//!
//! ```no_run
//! use roundelay::{net::{TcpListener, serve}, signal};
//!
//! # use std::{io, net::SocketAddr};
//! # async fn handle(_: roundelay::net::TcpStream, _: SocketAddr) -> io::Result<()> { Ok(()) }
//! # fn main() -> std::io::Result<()> {
//! roundelay::run(async {
//!     let stop = signal::listen([signal::Kind::INTERRUPT, signal::Kind::TERMINATE])?;
//!     let listener = TcpListener::bind("127.0.0.1:8080").await?;
//!     let served = serve(listener, handle)
//!         .shutdown(async move {
//!             // `stop` is dropped with this future: a second Ctrl-C ends the process at once.
//!             let _ = { stop }.recv().await;
//!         })
//!         .await?;
//!     println!("{served}");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # What a signal is not
//!
//! A signal is not a queue. The kernel keeps one pending signal of a kind, not ten, and [`Signals`]
//! does the same: a signal that comes several times between two calls counts once.
//!
//! # What it costs
//!
//! Nothing before the first call. Each [`Signals`] has a pair of sockets, and one more descriptor
//! for each kind. No thread.
//!
//! Guarded by tests/system/signal.rs.
//!
//! # Next
//!
//! [`process`](../process/index.html): child processes.

mod kind;
mod show;
mod table;

use std::fmt;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll, ready};

pub use self::kind::Kind;
pub use self::show::show_tasks;
use self::table::Watch;
use crate::reactor::{Interest, Registered};
use crate::trying::while_trying;

/// Waits for one Ctrl-C (`SIGINT`).
///
/// # Cancellation
///
/// Nothing is lost. Once the future is ready or dropped, a Ctrl-C ends the process again.
///
/// # Errors
///
/// As [`listen`].
///
/// ```no_run
/// # roundelay::run(async {
/// println!("running; Ctrl-C ends it");
/// roundelay::signal::ctrl_c().await?;
/// println!("tidying up; a second Ctrl-C ends it at once");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    listen([Kind::INTERRUPT])?.recv().await.map(drop)
}

/// Waits for a request to end: `SIGINT` (Ctrl-C) or `SIGTERM` (`kill`, a service manager, a container's end). Returns
/// the kind of the signal.
///
/// # Cancellation
///
/// As [`ctrl_c`].
///
/// # Errors
///
/// As [`listen`].
pub async fn termination() -> io::Result<Kind> {
    listen([Kind::INTERRUPT, Kind::TERMINATE])?.recv().await
}

/// Catches signals of these kinds from now on, for as long as the [`Signals`] exists.
///
/// Any number of `Signals` may listen to one kind, on any loop of the process; each gets the signal.
///
/// # Errors
///
/// `InvalidInput` if a kind cannot be caught (`SIGKILL` and a few others), or the list is empty. Other errors: the
/// system has no descriptor for the sockets.
///
/// ```
/// use roundelay::signal::{self, Kind};
///
/// roundelay::run(async {
///     let mut hangups = signal::listen([Kind::HANGUP])?;
///     std::process::Command::new("kill").args(["-HUP", &std::process::id().to_string()]).status()?;
///     assert_eq!(hangups.recv().await?, Kind::HANGUP); // a daemon reads its configuration again
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
pub fn listen(kinds: impl IntoIterator<Item = Kind>) -> io::Result<Signals> {
    let (reader, writer) = UnixStream::pair()
        .map_err(|error| while_trying("making a pair of sockets for signals", error))?;
    reader.set_nonblocking(true)?;
    let watches = kinds.into_iter().map(|kind| Watch::begin(kind, &writer));
    let watches = watches.collect::<io::Result<Vec<_>>>()?;
    if watches.is_empty() {
        // Without a listener to write to it, the pipe would be at its end.
        let told = "cannot listen to signals: no kind of signal was named";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
    }
    Ok(Signals {
        watches,
        pipe: Registered::new(reader),
    })
}

/// Signals of one or several kinds, one after the other. Made by [`listen`].
///
/// Dropping it gives up the kinds, and forgets the signals that were not received.
#[must_use = "the signals are given up as soon as this is dropped"]
pub struct Signals {
    watches: Vec<Watch>,
    pipe: Registered<UnixStream>,
}

impl Signals {
    /// Waits for a signal of one of the kinds. If several have come, they are returned in the order of the list that
    /// [`listen`] got.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Wakes
    ///
    /// The loop keeps the task's waker while the future waits. Dropping the future removes it.
    ///
    /// # Errors
    ///
    /// The signal has not come yet, and no loop is running on this thread.
    pub async fn recv(&mut self) -> io::Result<Kind> {
        loop {
            if let Some(kind) = self.try_recv() {
                return Ok(kind);
            }
            self.pipe.async_io(Interest::READABLE, drain).await?;
        }
    }

    /// Returns a signal that has already come.
    pub fn try_recv(&mut self) -> Option<Kind> {
        let mut watches = self.watches.iter();
        watches.find(|watch| watch.take()).map(Watch::kind)
    }

    /// [`recv`](Self::recv) for adapters. A new waker replaces the last one.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Kind>> {
        loop {
            if let Some(kind) = self.try_recv() {
                return Poll::Ready(Ok(kind));
            }
            ready!(self.pipe.poll_io(cx, Interest::READABLE, drain))?;
        }
    }
}

/// Empties the pipe. The flags hold the signals, and are set before a byte is sent.
fn drain(mut pipe: &UnixStream) -> io::Result<()> {
    let mut bytes = [0; 64];
    // The stream does not end: the writing end is kept in the watches.
    pipe.read(&mut bytes).map(drop)
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.watches.iter().map(Watch::kind);
        f.debug_list().entries(kinds).finish()
    }
}
