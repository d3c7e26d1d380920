//! The servers of this crate: `serve_http` and `serve`.

use std::io;
use std::net::SocketAddr;

use hyper::service::service_fn;
use roundelay::compat::hyper::serve_http;
use roundelay::io::{BufReader, Write};
use roundelay::net::{self, TcpListener, TcpSocket, TcpStream};
use roundelay::run;

use super::table::{Table, parse};
use super::{ECHO, Serving, hello, on_each_processor, upload};
use crate::peer::LOOPBACK;
use crate::peer::roundelay::echo;

pub fn serve(serving: Serving, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let served = match serving {
        Serving::Hello => {
            run(async { serve_http(listen(listening).await?, service_fn(hello)).await })
        }
        Serving::Upload => {
            run(async { serve_http(listen(listening).await?, service_fn(upload)).await })
        }
        Serving::Resp => run(async {
            let table = Table::default();
            let server = net::serve(listen(listening).await?, move |stream, _| {
                resp(stream, table.clone())
            });
            server.nodelay(true).await
        }),
        Serving::Cores => return serve_cores(listening),
        Serving::OneOfCores => run(async {
            let server = net::serve(listen(listening).await?, |stream, _| echo(stream, ECHO));
            server.nodelay(true).await
        }),
    };
    served.map(drop)
}

async fn listen(listening: impl FnOnce(SocketAddr)) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(LOOPBACK).await?;
    listening(listener.local_addr()?);
    Ok(listener)
}

/// As the server of tokio: all requests in the reader's buffer are answered at once.
async fn resp(stream: TcpStream, table: Table) -> io::Result<()> {
    let (mut stream, mut out) = (BufReader::new(stream), Vec::new());
    loop {
        while let Some((length, words)) = parse(stream.buffer()).map_err(io::Error::other)? {
            table.answer(stream.buffer(), &words, &mut out);
            stream.consume(length);
        }
        if !out.is_empty() {
            stream.write_all(&out).await?;
            out.clear();
        }
        if stream.fill_more().await.map_err(io::Error::other)? == 0 {
            return Ok(());
        }
    }
}

/// Runs a loop for each processor. The kernel deals the connections out.
fn serve_cores(listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let first = listener(LOOPBACK.parse().expect("an address"))?;
    let address = first.local_addr()?;
    listening(address);
    on_each_processor(move || {
        let listener = listener(address)?;
        run(async {
            let server = net::serve(listener, |stream, _| echo(stream, ECHO));
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
