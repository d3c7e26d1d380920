//! An echo server with limits, time-outs and a graceful end.
//!
//! `cargo run --release --example 04_echo_server -- --listen 127.0.0.1:7007 --connections 1000 --idle 30`
//!
//! Try it with `nc 127.0.0.1 7007`. The server stops gracefully when its standard input ends (Ctrl-D), or when the
//! first line of a connection is `shutdown`: it accepts no more connections, lets the others finish for a while, and
//! prints a sum.
//!
//! The example does each step by hand, to show it. `net::serve` does most of these steps; `17_chat_server` uses it.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::net::{TcpListener, TcpStream};
use roundelay::sync::{CancelToken, Semaphore};
use roundelay::{offload, sleep, spawn, timeout};

struct Options {
    listen: String,
    connections: usize,
    idle: Duration,
    grace: Duration,
}

#[derive(Default)]
struct Server {
    alive: Cell<usize>,
    served: Cell<u64>,
    bytes: Cell<u64>,
    /// When the descriptor limit was last logged: one line a second is enough.
    complained: RefCell<Option<Instant>>,
    stop: CancelToken,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse()?;
    roundelay::run(async {
        let listener = TcpListener::bind(options.listen.as_str()).await?;
        println!(
            "listening on {}, for {} connections at most; idle ones are closed after {:?}",
            listener.local_addr()?,
            options.connections,
            options.idle
        );
        let server = Rc::new(Server::default());
        let end_of_input = server.stop.clone();
        drop(spawn(async move {
            // Standard input blocks, so it is read on another thread.
            let _ = offload(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
            end_of_input.cancel();
        }));
        server
            .stop
            .run_until_cancelled(accept(&server, listener, &options))
            .await;

        println!(
            "stopping; {} connections have {:?} to finish",
            server.alive.get(),
            options.grace
        );
        let deadline = Instant::now() + options.grace;
        while server.alive.get() > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        let Server {
            alive,
            served,
            bytes,
            ..
        } = &*server;
        println!(
            "served {} connections and {} bytes; {} were cut off",
            served.get(),
            bytes.get(),
            alive.get()
        );
        Ok(())
    })
}

/// Accepts for ever. At the limit it waits for a connection to end, and the kernel keeps new connections in line.
async fn accept(server: &Rc<Server>, listener: TcpListener, options: &Options) {
    let room = Rc::new(Semaphore::new(options.connections));
    loop {
        let permit = Rc::clone(&room)
            .acquire_owned()
            .await
            .expect("the semaphore stays open");
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (server, idle) = (Rc::clone(server), options.idle);
                drop(spawn(async move {
                    let _permit = permit;
                    server.alive.set(server.alive.get() + 1);
                    if let Err(error) = echo(&server, &stream, idle).await {
                        eprintln!("{peer}: {error}");
                    }
                    server.alive.set(server.alive.get() - 1);
                    server.served.set(server.served.get() + 1);
                }));
            }
            // Most likely the descriptor limit. A new call at once would fail again, ten thousand times a second.
            Err(error) => {
                server.complain(&error);
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn echo(server: &Server, stream: &TcpStream, idle: Duration) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = match timeout(idle, stream.read(&mut buffer)).await {
            Ok(length) => length?,
            Err(_) => return Err(io::Error::other(format!("closed, idle for {idle:?}"))),
        };
        if length == 0 {
            return Ok(());
        }
        if buffer[..length].trim_ascii_end() == b"shutdown" {
            server.stop.cancel();
            return stream.write_all(b"stopping\n").await;
        }
        // A client that does not read must not keep its place for ever either.
        timeout(idle, stream.write_all(&buffer[..length]))
            .await
            .map_err(io::Error::other)??;
        server.bytes.set(server.bytes.get() + length as u64);
    }
}

impl Server {
    fn complain(&self, error: &io::Error) {
        let mut complained = self.complained.borrow_mut();
        if complained.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            *complained = Some(Instant::now());
            eprintln!(
                "cannot accept now, {} connections are open: {error}",
                self.alive.get()
            );
        }
    }
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7007)).to_string(),
            connections: 10_000,
            idle: Duration::from_secs(60),
            grace: Duration::from_secs(5),
        };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("listen") => options.listen = arguments.value()?.string()?,
                Long("connections") => options.connections = arguments.value()?.parse()?,
                Long("idle") => options.idle = Duration::from_secs(arguments.value()?.parse()?),
                Long("grace") => options.grace = Duration::from_secs(arguments.value()?.parse()?),
                Long("help") => {
                    println!(
                        "04_echo_server [--listen ADDRESS] [--connections N] [--idle SECONDS] [--grace SECONDS]"
                    );
                    std::process::exit(0);
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}
