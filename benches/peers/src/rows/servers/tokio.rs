//! The servers of tokio: hyper by hyper-util's adapters on a `LocalRuntime`, and the echo on its runtime of several threads.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::spawn_local;

use super::table::{Table, parse};
use super::{ECHO, Serving, hello, upload};
use crate::peer::LOOPBACK;
use crate::peer::tokio::echo;

pub fn serve(serving: Serving, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    match serving {
        Serving::Hello => on_one_thread(listening, |stream| http(stream, service_fn(hello))),
        Serving::Upload => on_one_thread(listening, |stream| http(stream, service_fn(upload))),
        Serving::Resp => {
            let table = Table::default();
            on_one_thread(listening, move |stream| resp(stream, table.clone()))
        }
        Serving::Cores => serve_cores(listening),
        Serving::OneOfCores => on_one_thread(listening, |stream| echo(stream, ECHO)),
    }
}

fn on_one_thread<F>(
    listening: impl FnOnce(SocketAddr),
    connection: impl Fn(TcpStream) -> F,
) -> io::Result<()>
where
    F: Future<Output: 'static> + 'static,
{
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            drop(spawn_local(connection(stream)));
        }
    })
}

async fn http<S>(stream: TcpStream, service: S) -> hyper::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<String>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.serve_connection(TokioIo::new(stream), service).await
}

/// Follows tokio's guide: the input is in a `BytesMut`, and all requests in it are answered at once.
async fn resp(mut stream: TcpStream, table: Table) -> io::Result<()> {
    let (mut input, mut out) = (BytesMut::with_capacity(8_192), Vec::new());
    loop {
        while let Some((length, words)) = parse(&input).map_err(io::Error::other)? {
            table.answer(&input, &words, &mut out);
            input.advance(length);
        }
        if !out.is_empty() {
            stream.write_all(&out).await?;
            out.clear();
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// A worker for each processor, as `#[tokio::main]` sets it up.
fn serve_cores(listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(echo(stream, ECHO));
            }
        });
        server.await.map_err(io::Error::other)?
    })
}
