//! Connections for hyper-util's client, which keeps them.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{self, Connection};
use tower_service::Service;

use super::{Here, LoopExecutor, LoopTimer};
use crate::net::TcpStream;
use crate::net::sys::for_each_family;

/// A client that keeps its connections and uses them again, on this loop.
///
/// The client is `hyper_util::client::legacy::Client` with a [`Connector`], a [`LoopExecutor`] and a [`LoopTimer`]:
/// connections to one host are kept for ninety seconds after their last use. Clones share them. For other settings, or
/// for TLS, build a client in the same way.
///
/// The client sets no bound on the number of requests. The caller may, with a [`Semaphore`](crate::sync::Semaphore) for
/// instance.
///
/// # Panics
///
/// A request panics if no loop is running on the thread.
///
/// ```
/// # use std::convert::Infallible;
/// # use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
/// use roundelay::compat::hyper::pooled_client;
/// use roundelay::net::TcpListener;
///
/// roundelay::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     # roundelay::spawn(async move {
///     #     let (stream, _) = listener.accept().await.unwrap();
///     #     let hello = service_fn(async |request: Request<Incoming>| {
///     #         Ok::<_, Infallible>(Response::new(request.uri().path().to_owned()))
///     #     });
///     #     http1::Builder::new().serve_connection(stream, hello).await
///     # });
///     let client = pooled_client::<String>();
///     for path in ["one", "two"] {
///         let uri = format!("http://{address}/{path}").parse()?;
///         assert_eq!(client.get(uri).await?.status(), 200); // over one connection
///     }
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })
/// .unwrap();
/// ```
pub fn pooled_client<B>() -> Client<Connector, B>
where
    B: Body + Send,
    B::Data: Send,
{
    Client::builder(LoopExecutor)
        .pool_timer(LoopTimer)
        .build(Connector::new())
}

/// Connects hyper-util's client to the host of a URI, over TCP, with `TCP_NODELAY`.
///
/// The connector is a `tower_service::Service<Uri>`, so a connector for TLS can wrap it:
///
/// ```
/// use roundelay::compat::hyper::Connector;
///
/// let mut under_tls = Connector::new();
/// under_tls.enforce_http(false);
/// // hyper_rustls::HttpsConnectorBuilder::new().with_..().wrap_connector(under_tls)
/// ```
///
/// # Cancellation
///
/// Dropping a [`Connecting`] stops the attempt and closes its socket.
///
/// # Errors
///
/// `InvalidInput` for a URI without a host, or with another scheme than `http`; otherwise the error of
/// [`TcpStream::connect`].
#[derive(Clone, Debug)]
pub struct Connector {
    enforces_http: bool,
}

impl Connector {
    /// Connects for `http` only.
    pub fn new() -> Connector {
        Connector {
            enforces_http: true,
        }
    }

    /// Whether another scheme than `http` is refused. A TLS connector around this one needs `false`. Without a TLS
    /// connector, `false` lets a request to an `https` address go out unencrypted.
    pub fn enforce_http(&mut self, enforces: bool) {
        self.enforces_http = enforces;
    }
}

impl Default for Connector {
    fn default() -> Connector {
        Connector::new()
    }
}

impl Service<Uri> for Connector {
    type Response = Here<TcpStream>;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        Connecting(Here::new(Box::pin(connect_to(uri, self.enforces_http))))
    }
}

/// The future of a [`Connector`].
#[must_use = "connects when it is awaited"]
pub struct Connecting(Here<Pin<Box<dyn Future<Output = Connected>>>>);

type Connected = io::Result<Here<TcpStream>>;

impl Future for Connecting {
    type Output = Connected;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Connected> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}

async fn connect_to(uri: Uri, enforces_http: bool) -> Connected {
    let (host, port) = destination(&uri, enforces_http)
        .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, format!("{uri}: {why}")))?;
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(Here::new(stream))
}

fn destination(uri: &Uri, enforces_http: bool) -> Result<(&str, u16), &'static str> {
    let default = match uri.scheme_str() {
        Some("http") => 80,
        _ if enforces_http => {
            return Err("only http is supported; for https put a TLS connector around this one");
        }
        Some("https") => 443,
        _ => return Err("the scheme is neither http nor https"),
    };
    let host = uri.host().ok_or("the URI has no host")?;
    // A literal IPv6 address stands in brackets.
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    Ok((host, uri.port_u16().unwrap_or(default)))
}

macro_rules! connection {
    ($listener:ty, $stream:ty) => {
        impl Connection for $stream {
            fn connected(&self) -> connect::Connected {
                connect::Connected::new()
            }
        }
    };
}

for_each_family!(connection);
