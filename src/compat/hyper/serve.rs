//! An HTTP server around a listener.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};

use super::{Here, LoopTimer};
use crate::net::{Accept, Served, serve};
use crate::sync::CancelToken;

/// Serves HTTP/1 on the connections of `listener`: each request is a call of `service`. Awaiting the server runs it.
///
/// The server is [`net::serve`](crate::net::serve) with hyper as the handler, and has the same limit, grace, patience
/// with a failing listener, and report. Besides:
///
/// - `TCP_NODELAY` is set, so that a small answer goes out at once.
/// - A client has thirty seconds for the headers of a request, the first and each later one; see
///   [`http`](ServeHttp::http) for other limits.
/// - [`shutdown`](ServeHttp::shutdown) is graceful: idle connections are closed. The others answer the request that
///   they have begun, say `connection: close`, and are cut off when the grace is over.
/// - Connections may be upgraded, by `hyper::upgrade::on`. An upgraded connection no longer counts as one of the
///   server's: run it in a task of its own, and end it yourself.
///
/// `service` is any of hyper's: a `service_fn`, or a tower service in hyper-util's `TowerToHyperService`, such as a
/// `Router` of axum. The service need not be `Send`. If a handler needs its peer, or the signal of the shutdown, call
/// [`serve_http_each`]. For TLS, call [`serve_connection`] in a handler of [`net::serve`](crate::net::serve).
///
/// ```
/// use std::convert::Infallible;
/// use hyper::{Request, Response, body::Incoming, service::service_fn};
/// use roundelay::compat::hyper::serve_http;
/// use roundelay::net::{TcpListener, TcpStream};
/// use roundelay::sync::CancelToken;
///
/// async fn hello(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
///     Ok(Response::new(format!("hello from {}", request.uri().path())))
/// }
///
/// roundelay::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     let stop = CancelToken::new();
///     let server = serve_http(listener, service_fn(hello)).shutdown(stop.clone().cancelled_owned());
///     let server = roundelay::spawn(server.into_future());
///
///     let client = TcpStream::connect(address).await?;
///     client.write_all(b"GET /here HTTP/1.1\r\nhost: here\r\n\r\n").await?;
///     let mut answer = [0; 16];
///     client.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"HTTP/1.1 200 OK\r");
///
///     stop.cancel(); // the connection is idle, and is closed
///     assert_eq!(server.await??.finished, 1);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })
/// .unwrap();
/// ```
pub fn serve_http<L, S, B>(
    listener: L,
    service: S,
) -> ServeHttp<L, impl Fn(HttpConnection<L::Peer>) -> Rc<S>>
where
    L: Accept,
    S: Service<Request<Incoming>, Response = Response<B>> + 'static,
{
    let service = Rc::new(service);
    serve_http_each(listener, move |_| Rc::clone(&service))
}

/// [`serve_http`] with a service for each connection. `service_for` makes it, and gets the peer and the shutdown.
///
/// ```
/// use hyper::{Request, Response, body::Incoming, service::service_fn};
/// use roundelay::compat::hyper::{HttpConnection, serve_http_each};
/// # use std::net::SocketAddr;
///
/// # roundelay::run(async {
/// # let listener = roundelay::net::TcpListener::bind("127.0.0.1:0").await?;
/// let server = serve_http_each(listener, |connection: HttpConnection<SocketAddr>| {
///     service_fn(move |_: Request<Incoming>| {
///         let HttpConnection { peer, stopping, .. } = connection.clone();
///         // A request that may take for ever ends when the server does.
///         async move {
///             let never = stopping.run_until_cancelled(std::future::pending::<()>()).await;
///             assert!(never.is_none());
///             Ok::<_, std::convert::Infallible>(Response::new(format!("good-bye, {peer}")))
///         }
///     })
/// });
/// # server.shutdown(async {}).await }).unwrap();
/// ```
pub fn serve_http_each<L, M, S, B>(listener: L, service_for: M) -> ServeHttp<L, M>
where
    L: Accept,
    M: Fn(HttpConnection<L::Peer>) -> S + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(LoopTimer);
    ServeHttp {
        listener,
        service_for,
        http,
        limit: None,
        grace: None,
        shutdown: pending(),
    }
}

/// The data for a connection's service; see [`serve_http_each`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConnection<P> {
    /// The address of the client.
    pub peer: P,
    /// Cancelled when the server begins to shut down. An endless request should watch it: a stream of events, a long
    /// poll.
    pub stopping: CancelToken,
}

/// An HTTP server before its run. Made by [`serve_http`] and [`serve_http_each`]; runs when it is awaited.
///
/// The server ends after its [`shutdown`](Self::shutdown) future, and returns a [`Served`].
///
/// # Cancellation
///
/// Dropping the running server closes the listener and drops all connections with their requests.
///
/// # Errors
///
/// If the listener itself is broken, as with [`net::serve`](crate::net::serve). A connection that fails (the client
/// hung up in the middle, the bytes were not HTTP, the headers took too long) is counted, and logged once a second at
/// most.
#[must_use = "a server runs when it is awaited"]
pub struct ServeHttp<L, M, T = Pending<()>> {
    listener: L,
    service_for: M,
    http: http1::Builder,
    limit: Option<usize>,
    grace: Option<Duration>,
    shutdown: T,
}

impl<L, M, T> ServeHttp<L, M, T> {
    /// How many connections are served at once, as [`Serve::limit`](crate::net::Serve::limit).
    pub fn limit(mut self, connections: usize) -> Self {
        self.limit = Some(connections);
        self
    }

    /// How long requests may go on after the shutdown, as [`Serve::grace`](crate::net::Serve::grace).
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// The settings of HTTP: the time for headers, their number, whether connections are kept, and more. A builder of
    /// your own needs `.timer(LoopTimer)`, or no time limit holds.
    pub fn http(mut self, http: http1::Builder) -> Self {
        self.http = http;
        self
    }

    /// The future whose end shuts the server down: a signal, a token's
    /// [`cancelled_owned`](CancelToken::cancelled_owned), any future. Default: none.
    pub fn shutdown<U: Future<Output = ()>>(self, shutdown: U) -> ServeHttp<L, M, U> {
        ServeHttp {
            listener: self.listener,
            service_for: self.service_for,
            http: self.http,
            limit: self.limit,
            grace: self.grace,
            shutdown,
        }
    }
}

impl<L, M, T> fmt::Debug for ServeHttp<L, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeHttp")
            .field("http", &self.http)
            .field("limit", &self.limit)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

impl<L, M, S, B, T> ServeHttp<L, M, T>
where
    L: Accept<Stream: Read + Write + Unpin>,
    M: Fn(HttpConnection<L::Peer>) -> S + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    T: Future<Output = ()> + 'static,
{
    async fn run(self) -> io::Result<Served> {
        let closing = CancelToken::new();
        let stopping = closing.clone();
        let (http, service_for) = (Rc::new(self.http), Rc::new(self.service_for));
        let handler = move |stream: L::Stream, peer| {
            let (http, service_for) = (Rc::clone(&http), Rc::clone(&service_for));
            let stopping = stopping.clone();
            async move {
                let connection = HttpConnection {
                    peer,
                    stopping: stopping.clone(),
                };
                let service = service_for(connection);
                serve_connection(&http, stream, service, stopping).await
            }
        };
        let mut server = serve(self.listener, handler)
            .nodelay(true)
            .closing(closing)
            .shutdown(self.shutdown);
        if let Some(limit) = self.limit {
            server = server.limit(limit);
        }
        if let Some(grace) = self.grace {
            server = server.grace(grace);
        }
        server.await
    }
}

impl<L, M, S, B, T> IntoFuture for ServeHttp<L, M, T>
where
    L: Accept<Stream: Read + Write + Unpin>,
    M: Fn(HttpConnection<L::Peer>) -> S + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    T: Future<Output = ()> + 'static,
{
    type Output = io::Result<Served>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<Served>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Serves one connection to its end, and ends gracefully once `stopping` is cancelled. [`serve_http`] serves each
/// connection in this way. Call it for other streams: TLS, a pipe, a test's pair of sockets.
///
/// # Cancellation
///
/// Drops the present request, and closes the connection.
///
/// # Errors
///
/// The client hung up in the middle, the bytes were not HTTP, or a time limit of `http` was over.
///
/// ```
/// # use std::convert::Infallible;
/// use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
/// use roundelay::compat::hyper::{LoopTimer, serve_connection};
/// use roundelay::{net::UnixStream, sync::CancelToken};
///
/// roundelay::run(async {
///     let (client, server) = UnixStream::pair()?;
///     let mut http = http1::Builder::new();
///     http.timer(LoopTimer);
///     let hello = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(Response::new(String::from("hello"))));
///     let stopping = CancelToken::new();
///     let server = serve_connection(&http, server, hello, stopping.clone());
///     let client = async {
///         client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await?;
///         client.read_exact(&mut [0; 16]).await?;
///         stopping.cancel();
///         client.read_to_end(&mut Vec::new()).await
///     };
///     let (served, answered) = roundelay::join!(server, client);
///     answered?;
///     Ok::<(), Box<dyn std::error::Error>>(served?)
/// })
/// .unwrap();
/// ```
pub async fn serve_connection<I, S, B>(
    http: &http1::Builder,
    stream: I,
    service: S,
    stopping: CancelToken,
) -> hyper::Result<()>
where
    I: Read + Write + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let connection = http.serve_connection(Here::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    if let Some(ended) = stopping.run_until_cancelled(connection.as_mut()).await {
        return ended;
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}
