//! The things that the tests of sockets share, beside the rest of `support`.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use roundelay::net::{TcpListener, TcpStream};
use roundelay::{EventLoop, run};

use crate::support::{PATIENCE, watchdog};

type Boxed = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// Runs a test that uses `?` in a loop of its own, under a watchdog.
pub(crate) fn in_loop<F: Future<Output = io::Result<()>> + 'static>(
    body: impl FnOnce() -> F + Send + 'static,
) {
    // Boxed, so that the compiler translates `run` once, and not once for each test.
    let begin: Box<dyn FnOnce() -> Boxed + Send> = Box::new(|| Box::pin(async { body().await }));
    watchdog(PATIENCE, || run(begin())).unwrap();
}

/// Both ends of a connection over the loopback.
pub(crate) async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    Ok((near, listener.accept().await?.0))
}

/// Polls a future once inside the loop, but with the test's own waker.
pub(crate) fn poll_in<F: Future + ?Sized>(
    event_loop: &mut EventLoop,
    future: Pin<&mut F>,
    waker: &Waker,
) -> Poll<F::Output> {
    let mut future = Some(future);
    event_loop.run(poll_fn(|_| {
        let future = future.take().expect("polled once");
        Poll::Ready(future.poll(&mut Context::from_waker(waker)))
    }))
}

/// Turns until nothing is ready and the kernel has no more events. Returns the numbers of polls and of events.
pub(crate) fn settle(event_loop: &mut EventLoop) -> (usize, usize) {
    let (mut polls, mut events) = (0, 0);
    loop {
        let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
        polls += turn.polls;
        events += turn.io_events;
        if turn.polls == 0 && turn.io_events == 0 {
            return (polls, events);
        }
    }
}

/// The kind of the error.
#[track_caller]
pub(crate) fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

/// A path for a socket, whose file is removed at the end.
pub(crate) struct SocketPath(PathBuf);

impl SocketPath {
    pub(crate) fn new() -> SocketPath {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "roundelay-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        SocketPath(std::env::temp_dir().join(name))
    }
}

impl AsRef<Path> for SocketPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        // An error is ignored: the file may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}
