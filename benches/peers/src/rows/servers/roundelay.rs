//! Ours: `serve_http`, and `serve`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use roundelay::compat::hyper::serve_http;
use roundelay::io::{BufReader, BufWriter, Write};
use roundelay::net::{TcpListener, TcpSocket, TcpStream};

use super::table::{Table, parse};
use super::{HELLO, Serving, on_each_processor};
use crate::peer::LOOPBACK;

pub fn serve(serving: Serving, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    roundelay::run(async {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        match serving {
            Serving::Hello => {
                let hello = service_fn(async |_: Request<Incoming>| {
                    Ok::<_, Infallible>(Response::new(HELLO.to_string()))
                });
                serve_http(listener, hello).await.map(drop)
            }
            Serving::Upload => serve_http(listener, service_fn(take)).await.map(drop),
            Serving::Resp | Serving::Cores => {
                let table = Table::default();
                let server =
                    roundelay::net::serve(listener, move |stream, _| resp(stream, table.clone()));
                server.nodelay(true).await.map(drop)
            }
        }
    })
}

async fn take(request: Request<Incoming>) -> hyper::Result<Response<String>> {
    let (mut body, mut length) = (request.into_body(), 0);
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, |data| data.len());
    }
    Ok(Response::new(length.to_string()))
}

/// The parser works in the reader's buffer. To read more than is there sends what was answered.
async fn resp(stream: TcpStream, table: Table) -> io::Result<()> {
    let mut stream = BufReader::new(BufWriter::new(stream));
    let mut out = Vec::new();
    loop {
        let command = parse(stream.buffer()).map_err(io::Error::other)?;
        let Some((length, words)) = command else {
            match stream.fill_more().await.map_err(io::Error::other)? {
                0 => return Ok(()),
                _ => continue,
            }
        };
        out.clear();
        table.answer(stream.buffer(), &words, &mut out);
        stream.consume(length);
        stream.write_all(&out).await?;
    }
}

/// A loop for each processor. The kernel deals the connections out.
pub fn serve_cores(listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let first = listener(LOOPBACK.parse().expect("an address"))?;
    let address = first.local_addr()?;
    listening(address);
    on_each_processor(move || {
        let listener = listener(address)?;
        roundelay::run(async {
            let server = roundelay::net::serve(listener, |stream, _| echo(stream));
            server.nodelay(true).await.map(drop)
        })
    })
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::for_address(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(address)?;
    socket.listen(1_024)
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 4_096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}
