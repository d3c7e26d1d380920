//! HTTP by hyper 1, on one thread: its traits for the stream sockets, its executor, its timer.
//!
//! With the feature `hyper` the stream sockets are `hyper::rt::{Read, Write}`, and hyper's builders take
//! [`LoopExecutor`] and [`LoopTimer`]. Hyper needs no more, for clients and for servers, HTTP/1 and HTTP/2:
//!
#![cfg_attr(feature = "hyper-server", doc = "```")]
#![cfg_attr(not(feature = "hyper-server"), doc = "```ignore")]
//! use std::convert::Infallible;
//! use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
//! use roundelay::{compat::hyper::LoopTimer, net::UnixStream};
//!
//! roundelay::run(async {
//!     let (client, server) = UnixStream::pair()?;
//!     let hello = service_fn(async |_: Request<Incoming>| {
//!         Ok::<_, Infallible>(Response::new(String::from("hello")))
//!     });
//!     let connection = http1::Builder::new().timer(LoopTimer).serve_connection(server, hello);
//!     roundelay::spawn(async move { connection.await.unwrap() });
//!     client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await?;
//!     let mut answer = Vec::new();
//!     client.read_to_end(&mut answer).await?;
//!     assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"hello"));
//!     std::io::Result::Ok(())
//! })
//! .unwrap();
//! ```
//!
//! Two features build on it. `hyper-server` has [`serve_http`], a server for a listener. `hyper-client` has
//! [`Connector`] and [`pooled_client`], for the client of hyper-util that keeps connections.
//!
//! # Which builder needs what
//!
//! - `server::conn::http1::Builder`: give it `.timer(LoopTimer)`. Otherwise a client that never
//!   ends its headers holds its connection for ever.
//! - `server::conn::http2::Builder`: give it `new(LoopExecutor)`, `.timer(LoopTimer)`. Otherwise it
//!   cannot be made; and pings are not sent.
//! - `client::conn::http2::Builder`: give it the same.
//! - `client::legacy::Client` of hyper-util: give it `builder(LoopExecutor)`,
//!   `.pool_timer(LoopTimer)`. Otherwise unused connections are kept for ever.
//! - `.with_upgrades()`: give it a [`Here`] around the socket. Otherwise the compiler says that the
//!   socket is not `Send`.

#[cfg(feature = "hyper-client")]
mod connector;
mod io;
#[cfg(feature = "hyper-server")]
mod serve;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Executor, Timer};

use super::Here;
use crate::time::{Sleep, now, sleep, sleep_ahead};

#[cfg(feature = "hyper-client")]
pub use connector::{Connecting, Connector, pooled_client};
#[cfg(feature = "hyper-server")]
pub use serve::{HttpConnection, ServeHttp, serve_connection, serve_http, serve_http_each};

/// Runs hyper's tasks (those of HTTP/2 and of the pooled client) on the loop that is running on this thread.
///
/// # Panics
///
/// [`execute`](Executor::execute), if no loop is running on this thread.
///
/// ```
/// use hyper::rt::Executor;
/// use roundelay::compat::hyper::LoopExecutor;
///
/// roundelay::run(async {
///     let (sender, receiver) = roundelay::sync::oneshot::channel();
///     LoopExecutor.execute(async { sender.send("from a task").unwrap() });
///     assert_eq!(receiver.await, Ok("from a task"));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LoopExecutor;

impl<F> Executor<F> for LoopExecutor
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, future: F) {
        drop(crate::task::spawn(future));
    }
}

/// Gives hyper the timers of the loop that is running on this thread.
///
/// Without a timer hyper's own time limits are off, such as its default of thirty seconds for the headers of a request.
///
/// Hyper asks for sleeps that are `Send`. Like a [`Here`], these check their thread.
///
/// # Panics
///
/// A sleep panics if it is polled without a running loop, or on another thread than it was made on.
///
/// ```
/// use std::time::{Duration, Instant};
/// use hyper::rt::Timer;
/// use roundelay::compat::hyper::LoopTimer;
///
/// roundelay::run(async {
///     let begin = Instant::now();
///     let mut sleep = LoopTimer.sleep(Duration::MAX);
///     LoopTimer.reset(&mut sleep, begin + Duration::from_millis(1));
///     sleep.await;
///     assert!(begin.elapsed() >= Duration::from_millis(1));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LoopTimer;

impl Timer for LoopTimer {
    fn now(&self) -> Instant {
        now()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(SleepHere(Here::new(sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(SleepHere(Here::new(sleep_ahead(deadline))))
    }

    /// Keeps the box and, if possible, the timer's place in the wheel.
    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<SleepHere>() {
            Some(ours) => ours.get_mut().0.reset(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

/// A type of its own, because a `Here` that is polled as a future moves to one more box.
struct SleepHere(Here<Sleep>);

impl Future for SleepHere {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).inner().poll(cx)
    }
}

impl hyper::rt::Sleep for SleepHere {}
