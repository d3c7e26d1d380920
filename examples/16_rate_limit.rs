//! Two limits for requests to a server: how many at once, and how many in a period.
//!
//! The server is real, local and strict: it refuses a request when all its hands are busy. Without a limit the server
//! refuses most requests. With a semaphore around each request it refuses none. For a limit per period the same
//! semaphore is a bucket: a request takes a permit and does not return it, and a clock adds new permits.
//!
//! `cargo run --release --example 16_rate_limit`

use std::cell::Cell;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::future::try_join_all;
use roundelay::net::{TcpListener, TcpStream, serve};
use roundelay::sync::Semaphore;
use roundelay::{race, sleep, spawn};

const HANDS: usize = 8;
const REQUESTS: usize = 64;
const REFILL: Duration = Duration::from_millis(20);

fn main() -> io::Result<()> {
    roundelay::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let busy = Rc::new(Cell::new(0));
        let handler = move |stream, _peer| answer(stream, Rc::clone(&busy));
        let server = spawn(serve(listener, handler).into_future());

        println!("{REQUESTS} requests to a server with {HANDS} hands:");
        let start = Instant::now();
        let answers = try_join_all((0..REQUESTS).map(|_| request(address))).await?;
        report("without a limit", &answers, start);

        let start = Instant::now();
        let room = Semaphore::new(HANDS);
        let polite = async || {
            let _permit = room.acquire().await.map_err(io::Error::other)?;
            request(address).await // the permit goes back when this function ends, however it ends
        };
        let answers = try_join_all((0..REQUESTS).map(|_| polite())).await?;
        report("a semaphore of 8", &answers, start);
        assert!(answers.iter().all(|answer| answer == "ok"));

        let start = Instant::now();
        let bucket = Semaphore::new(HANDS);
        let slow = async || {
            bucket.acquire().await.map_err(io::Error::other)?.forget();
            request(address).await
        };
        let refill = async {
            loop {
                sleep(REFILL).await; // not an interval: a late tick would bring the next one closer
                bucket.add_permits(HANDS - bucket.available_permits());
            }
        };
        let requests = try_join_all((0..REQUESTS).map(|_| slow()));
        let answers = race!(requests, refill)?;
        report("8 in 20 ms", &answers, start);
        let refills = (REQUESTS / HANDS - 1) as u32;
        assert!(start.elapsed() >= refills * REFILL, "never too early");
        server.abort();
        Ok(())
    })
}

/// Serves one request, which takes 5 ms and one of the hands, or refuses it if all hands are busy.
async fn answer(stream: TcpStream, busy: Rc<Cell<usize>>) -> io::Result<()> {
    stream.read_exact(&mut [0]).await?;
    if busy.get() == HANDS {
        return stream.write_all(b"no").await;
    }
    busy.set(busy.get() + 1);
    sleep(Duration::from_millis(5)).await;
    busy.set(busy.get() - 1);
    stream.write_all(b"ok").await
}

async fn request(address: SocketAddr) -> io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    stream.write_all(b"?").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    String::from_utf8(answer).map_err(io::Error::other)
}

fn report(title: &str, answers: &[String], start: Instant) {
    let served = answers.iter().filter(|answer| *answer == "ok").count();
    println!(
        "  {title:<18}{served:>3} served {:>3} refused, in {:>5.0?}",
        answers.len() - served,
        start.elapsed()
    );
}
