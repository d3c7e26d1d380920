//! A loop on each processor: all listen on one port, each owns a part of the data, and they send each other messages.
//!
//! `cargo run --release --features socket --example 22_loop_per_core`
//!
//! The kernel distributes the connections (`SO_REUSEPORT`), so the loops share no listener, no queue and no lock. A
//! counter belongs to one loop. A loop that needs another loop's counter sends a message, with a `oneshot` for the
//! answer. Meanwhile it serves its other connections.
//!
//! *How many loops?* As many as there are processors that no other program wants. A connection stays with its loop, so
//! it waits while another program has the loop's processor, even if another processor is free. On two processors that
//! the client shares, one loop takes a quarter less processor time for a request than two loops, and its slowest
//! hundredth of requests is answered in half a millisecond instead of four (`benches/peers`, rows `cores` and
//! `cores_one`). To bind each loop to a processor helps there as little as to deal the connections out in turn.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, Result};
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;

use roundelay::net::{TcpListener, TcpSocket, TcpStream, serve};
use roundelay::remote::{self, CancelTrigger, OnceSender, Receiver, Sender};
use roundelay::sync::CancelToken;
use roundelay::{TaskGroup, spawn};

const CLIENTS: usize = 16;
const REQUESTS: usize = 2_000;

/// "Add one to this counter, and tell me its value."
struct Message {
    counter: u8,
    answer: OnceSender<u32>,
}

/// One loop's part of the data, and its senders to the other loops.
struct Shard {
    index: usize,
    counters: RefCell<HashMap<u8, u32>>,
    shards: Vec<Sender<Message>>,
    own: Cell<usize>,
    forwarded: Cell<usize>,
}

impl Shard {
    fn count(&self, counter: u8) -> u32 {
        let mut counters = self.counters.borrow_mut();
        let count = counters.entry(counter).or_default();
        *count += 1;
        *count
    }

    /// Counts here, or asks the loop that owns the counter.
    async fn ask(&self, counter: u8) -> Result<u32> {
        let owner = usize::from(counter) % self.shards.len();
        if owner == self.index {
            self.own.set(self.own.get() + 1);
            return Ok(self.count(counter));
        }
        self.forwarded.set(self.forwarded.get() + 1);
        let (answer, question) = remote::oneshot();
        let sent = self.shards[owner].send(Message { counter, answer }).await;
        sent.map_err(io::Error::other)?;
        question.await.map_err(io::Error::other)
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let loops = thread::available_parallelism()?.get().clamp(2, 16);
    let first = listener("127.0.0.1:0".parse()?)?;
    let address = first.local_addr()?;
    // A standard listener may go to another thread; a listener of this crate belongs to its loop.
    let mut listeners = vec![first.into_std()];
    for _ in 1..loops {
        listeners.push(listener(address)?.into_std());
    }
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..loops).map(|_| remote::channel(1_024)).unzip();
    let mut threads = Vec::new();
    for (index, (listener, receiver)) in listeners.into_iter().zip(receivers).enumerate() {
        let (shards, (ready, is_ready)) = (senders.clone(), remote::oneshot());
        let body = move || roundelay::run(shard(index, listener, shards, receiver, ready));
        threads.push((thread::spawn(body), is_ready.wait()?));
    }
    drop(senders);
    println!("{loops} loops listen on {address}");

    roundelay::run(clients(address))?;

    for (_, stop) in &threads {
        stop.cancel()?;
    }
    let mut total = 0;
    for (thread, _) in threads {
        total += thread.join().expect("no loop panics")?;
    }
    println!("{total} requests counted, of {}", CLIENTS * REQUESTS);
    assert_eq!(total as usize, CLIENTS * REQUESTS);
    Ok(())
}

fn listener(address: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::for_address(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(address)?;
    socket.listen(1_024)
}

/// One loop's whole life. Returns the sum of its counters.
async fn shard(
    index: usize,
    listener: std::net::TcpListener,
    shards: Vec<Sender<Message>>,
    mut messages: Receiver<Message>,
    ready: OnceSender<CancelTrigger>,
) -> Result<u32> {
    let shard = Rc::new(Shard {
        index,
        counters: RefCell::default(),
        shards,
        own: Cell::new(0),
        forwarded: Cell::new(0),
    });
    let owner = Rc::clone(&shard);
    let answering = spawn(async move {
        while let Some(Message { counter, answer }) = messages.recv().await {
            // A connection that has ended meanwhile needs no answer.
            let _ = answer.send(owner.count(counter));
        }
    })
    .abort_on_drop();
    let stop = CancelToken::new();
    drop(ready.send(stop.trigger()));
    let serving = Rc::clone(&shard);
    let handler = move |stream, _| connection(stream, Rc::clone(&serving));
    let server = serve(TcpListener::from_std(listener)?, handler).nodelay(true);
    let served = server.shutdown(stop.cancelled_owned()).await?;
    drop(answering);
    println!(
        "loop {index}: {} connections, {} requests for itself, {} sent on",
        served.accepted,
        shard.own.get(),
        shard.forwarded.get()
    );
    Ok(shard.counters.take().into_values().sum())
}

/// A request is one byte, which names a counter. The answer has four bytes.
async fn connection(stream: TcpStream, shard: Rc<Shard>) -> Result<()> {
    let mut counter = [0];
    while stream.read(&mut counter).await? > 0 {
        let count = shard.ask(counter[0]).await?;
        stream.write_all(&count.to_be_bytes()).await?;
    }
    Ok(())
}

async fn clients(server: SocketAddr) -> Result<()> {
    let all = TaskGroup::scope(async |group| {
        for client in 0..CLIENTS {
            group.spawn(async move {
                let stream = TcpStream::connect(server).await?;
                stream.set_nodelay(true)?;
                for request in 0..REQUESTS {
                    stream.write_all(&[(client + request) as u8]).await?;
                    stream.read_exact(&mut [0; 4]).await?;
                }
                Ok::<_, io::Error>(())
            });
        }
        Ok(())
    });
    all.await.map_err(io::Error::other)
}
