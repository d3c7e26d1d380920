//! What does a request cost with a real protocol?
//!
//! HTTP uses hyper, with the same version and the same handler for all. RESP, the protocol of Redis, has the same parser for all,
//! and `redis-server` itself beside them. The echo runs on a thread for each processor, and in another row on one.
//!
//! *The set-up* is that of `sockets.rs`: this process is the server, on the first processor. The client is a process of its own on
//! the second, and measures both. Echo and client run on any processor.
//!
//! *What would prove us wrong*: tokio, or `redis-server`, with less processor time for a request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::{process, thread};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::sockets::begin;
use super::{Effort, Metrics};
use crate::client::{Asks, Load};
use crate::peer::Talk;
use crate::{clock, fail};

mod bare;
mod redis;
mod roundelay;
mod table;
mod tokio;

/// The service of a server.
#[derive(Clone, Copy)]
enum Serving {
    /// HTTP: `Hello, world!`.
    Hello,
    /// HTTP: it reads a body to its end, and says how long it was.
    Upload,
    /// RESP: `SET` and `GET`.
    Resp,
    /// An echo, on a thread for each processor.
    Cores,
    /// The same echo on one thread.
    OneOfCores,
}

/// How many bytes an upload has.
const UPLOAD: usize = 1 << 20;
/// How the echo talks.
const ECHO: Talk = Talk::Whole(4_096);

async fn hello(_: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("Hello, world!".to_string()))
}

async fn upload(request: Request<Incoming>) -> hyper::Result<Response<String>> {
    let (mut body, mut length) = (request.into_body(), 0);
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, |data| data.len());
    }
    Ok(Response::new(length.to_string()))
}

/// Whether `run` has this row.
pub fn has(name: &str) -> bool {
    plan(name).is_some()
}

/// Does not return, because this process ends when the client has ended. Returns `None` if the runtime cannot do the row.
pub fn run(peer: &str, name: &str, effort: Effort) -> Option<Metrics> {
    let (serving, load) = plan(name)?;
    let is_offered = match serving {
        Serving::Hello | Serving::Upload => ["roundelay", "tokio LocalRuntime"].contains(&peer),
        Serving::Resp => ["roundelay", "tokio LocalRuntime", "redis-server"].contains(&peer),
        Serving::Cores => ["roundelay", "tokio multi-thread", "mio, optimal"].contains(&peer),
        Serving::OneOfCores => ["roundelay", "tokio LocalRuntime", "mio, optimal"].contains(&peer),
    };
    if !is_offered {
        return None;
    }
    if !load.is_everywhere {
        clock::pin_to(0);
    }
    let listening = move |address: SocketAddr| begin(address, load, effort, process::id());
    let ended = match peer {
        "roundelay" => roundelay::serve(serving, listening),
        "mio, optimal" => bare::serve(serving, listening),
        "redis-server" => redis::serve(move |address, server| begin(address, load, effort, server)),
        _ => tokio::serve(serving, listening),
    };
    fail(&format!("the server has ended: {ended:?}"))
}

fn plan(name: &str) -> Option<(Serving, Load)> {
    let load = |connections, asks| Load {
        connections,
        asks,
        ..Load::default()
    };
    let resp = |depth| Load {
        depth,
        ..load(50, Asks::Get)
    };
    let echo = Load {
        is_everywhere: true,
        ..load(50, Asks::Echo)
    };
    Some(match name {
        "hello" => (Serving::Hello, load(64, Asks::Page)),
        "upload" => (
            Serving::Upload,
            Load {
                size: UPLOAD,
                ..load(8, Asks::Upload)
            },
        ),
        "resp_1" => (Serving::Resp, resp(1)),
        "resp_16" => (Serving::Resp, resp(16)),
        "cores" => (Serving::Cores, echo),
        "cores_one" => (Serving::OneOfCores, echo),
        _ => return None,
    })
}

/// Runs one server for each processor, each on a thread of its own.
fn on_each_processor(
    server: impl Fn() -> io::Result<()> + Clone + Send + 'static,
) -> io::Result<()> {
    let count = thread::available_parallelism()?.get();
    let threads: Vec<_> = (0..count).map(|_| thread::spawn(server.clone())).collect();
    let ends = threads
        .into_iter()
        .map(|thread| thread.join().expect("no server panics"));
    ends.collect()
}
