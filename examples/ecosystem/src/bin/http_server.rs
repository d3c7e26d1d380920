//! An HTTP server by hyper: kept connections, streams both ways, a limit on slow clients, a graceful end.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin http_server -- --listen 127.0.0.1:8000`, and then
//!
//! ```console
//! $ curl http://127.0.0.1:8000/                             # hello
//! $ curl -N http://127.0.0.1:8000/ticks                     # a line every tenth of a second
//! $ curl --data-binary @some.file http://127.0.0.1:8000/count
//! $ wrk -c 64 -t 1 -d 5 http://127.0.0.1:8000/
//! ```
//!
//! The end of its standard input (Ctrl-D) stops the server: it answers the requests that have begun, and `/ticks` says good-bye.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use roundelay::compat::Here;
use roundelay::compat::hyper::{HttpConnection, LoopTimer, serve_http_each};
use roundelay::net::TcpListener;
use roundelay::sync::{CancelToken, mpsc};
use roundelay::{interval, spawn};
use shared::{Outcome, end_of_input, options};

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn main() -> Outcome {
    let [listen, header_timeout] = options(["listen", "header-timeout"])?;
    let listen = listen.unwrap_or_else(|| "127.0.0.1:8000".into());
    let header_timeout = header_timeout.map_or(Ok(30_000), |millis| millis.parse())?;
    roundelay::run(async {
        let listener = TcpListener::bind(listen.as_str()).await?;
        println!("listening on {}", listener.local_addr()?);
        let mut http = http1::Builder::new();
        http.timer(LoopTimer)
            .header_read_timeout(Duration::from_millis(header_timeout));
        let served = serve_http_each(listener, |connection: HttpConnection<SocketAddr>| {
            service_fn(move |request| answer(request, connection.stopping.clone()))
        })
        .http(http)
        .grace(Duration::from_secs(5))
        .shutdown(end_of_input())
        .await?;
        println!("{served}");
        Ok(())
    })
}

async fn answer(
    request: Request<Incoming>,
    stopping: CancelToken,
) -> Result<Response<Body>, hyper::Error> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => Response::new(text("hello\n")),
        (&Method::GET, "/ticks") => Response::new(ticks(stopping)),
        (&Method::POST, "/count") => Response::new(text(format!("{}\n", count(request).await?))),
        _ => {
            let mut response = Response::new(text("not here\n"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

/// Counts the bytes of an upload as they come, and keeps none.
async fn count(request: Request<Incoming>) -> Result<u64, hyper::Error> {
    let mut body = request.into_body();
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        count += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(count)
}

/// A line every tenth of a second until the client goes or the server stops.
fn ticks(stopping: CancelToken) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    let teller = spawn(async move {
        let tell = async {
            let mut ticks = interval(Duration::from_millis(100));
            for number in 0.. {
                ticks.tick().await;
                // An error means that the client has gone, and that the body is dropped.
                sender.send(line(format!("tick {number}\n"))).await?;
            }
            Ok(())
        };
        match stopping.run_until_cancelled(tell).await {
            Some(ended) => ended,
            None => sender.send(line("good-bye\n")).await,
        }
    });
    drop(teller);
    // `boxed_unsync` wants a body that is `Send`, and a receiver belongs to its loop.
    StreamBody::new(Here::new(receiver)).boxed_unsync()
}

fn line(text: impl Into<Bytes>) -> Result<Frame<Bytes>, Infallible> {
    Ok(Frame::data(text.into()))
}
