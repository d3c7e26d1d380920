//! tokio's: hyper by hyper-util's adapters on a `LocalRuntime`, and the echo on its runtime of several threads.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::spawn_local;

use super::table::{Table, parse};
use super::{HELLO, Serving};
use crate::peer::LOOPBACK;

pub fn serve(serving: Serving, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        let table = Table::default();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let table = table.clone();
            drop(spawn_local(async move {
                match serving {
                    Serving::Hello => hello(stream).await.map_err(io::Error::other),
                    Serving::Upload => upload(stream).await.map_err(io::Error::other),
                    Serving::Resp | Serving::Cores => resp(stream, table).await,
                }
            }));
        }
    })
}

async fn hello(stream: TcpStream) -> hyper::Result<()> {
    let hello = service_fn(async |_: Request<Incoming>| {
        Ok::<_, Infallible>(Response::new(HELLO.to_string()))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.serve_connection(TokioIo::new(stream), hello).await
}

async fn upload(stream: TcpStream) -> hyper::Result<()> {
    let take = service_fn(async |request: Request<Incoming>| {
        let (mut body, mut length) = (request.into_body(), 0);
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, |data| data.len());
        }
        Ok::<_, hyper::Error>(Response::new(length.to_string()))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.serve_connection(TokioIo::new(stream), take).await
}

/// As its guide has it: what was read stands in a `BytesMut`, and all that it asks for is answered at once.
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
pub fn serve_cores(listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(echo(stream));
            }
        });
        server.await.map_err(io::Error::other)?
    })
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 4_096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}
