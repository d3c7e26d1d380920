//! Many requests at once to an unreliable server: results in order, time-outs, retries, and a limit.
//!
//! The server is local, and speaks a little HTTP. Now and then it hangs up, or never answers, and the last page does
//! not exist. A fetch tries again, after a pause that doubles, unless a retry cannot help.
//!
//! `cargo run --release --example 18_fetch_many`

use std::cell::Cell;
use std::future::IntoFuture;
use std::io::{self, Error, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::future::join_all;
use roundelay::io::BufReader;
use roundelay::net::{TcpListener, TcpStream, serve};
use roundelay::sync::Semaphore;
use roundelay::{sleep, spawn, timeout};

const PAGES: usize = 300;
const AT_ONCE: usize = 50;
const TRIES: u32 = 4;
const PATIENCE: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(5);

type Asked = Rc<[Cell<u32>; PAGES]>; // how many times each page was

fn main() -> io::Result<()> {
    roundelay::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let asked: Asked = Rc::new([const { Cell::new(0) }; PAGES]);
        let count = Rc::clone(&asked);
        let server = serve(listener, move |stream, _| page(stream, Rc::clone(&count)));
        let server = spawn(server.into_future());
        let start = Instant::now();
        let room = Semaphore::new(AT_ONCE);
        let fetches = (0..=PAGES).map(async |number| {
            let _permit = room.acquire().await.map_err(Error::other)?;
            fetch(address, number).await
        });
        let pages = join_all(fetches).await; // in the order of their numbers
        let requests: u32 = asked.iter().map(Cell::get).sum();
        let took = start.elapsed();
        println!("{PAGES} pages by {requests} requests, {AT_ONCE} at once, in {took:.0?}");
        for (number, page) in pages[..PAGES].iter().enumerate() {
            assert_eq!(page.as_ref().ok(), Some(&format!("page {number}")));
        }
        let error = pages[PAGES].as_ref().expect_err("there is no such page");
        println!("all pages came, except the last: {error}");
        server.abort();
        Ok(())
    })
}

/// Tries several times. A time-out drops the attempt, and so closes its connection.
async fn fetch(address: SocketAddr, number: usize) -> io::Result<String> {
    let mut tries = 0;
    loop {
        tries += 1;
        let answer = timeout(PATIENCE, get(address, number)).await;
        match answer.unwrap_or_else(|elapsed| Err(elapsed.into())) {
            Err(error) if tries < TRIES && error.kind() != ErrorKind::NotFound => {}
            answer => return answer,
        }
        sleep(FIRST_PAUSE * 2_u32.pow(tries)).await;
    }
}

async fn get(address: SocketAddr, number: usize) -> io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    let request = format!("GET /{number} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    match String::from_utf8_lossy(&answer).split_once("\r\n\r\n") {
        Some((head, body)) if head.ends_with("200 OK") => Ok(body.to_owned()),
        Some((head, _)) => Err(Error::new(ErrorKind::NotFound, head)),
        None => Err(ErrorKind::UnexpectedEof.into()), // hung up on
    }
}

/// Serves one request. At first, every tenth page hangs up, and every 25th never answers.
async fn page(stream: TcpStream, asked: Asked) -> io::Result<()> {
    let mut reader = BufReader::with_limit(1_000, &stream);
    let head = String::from_utf8_lossy(reader.read_until(b"\r\n\r\n").await?).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let number = path.trim_start_matches('/').parse().unwrap_or(PAGES);
    let times = asked.get(number).map_or(0, |n| n.replace(n.get() + 1) + 1);
    let answer = match times {
        0 => "HTTP/1.0 404 Not Found\r\n\r\n".to_owned(),
        1 if number % 10 == 3 => return Ok(()),
        1 | 2 if number % 25 == 7 => return reader.fill_buf().await.map(drop), // never
        _ => format!("HTTP/1.0 200 OK\r\n\r\npage {number}"),
    };
    stream.write_all(answer.as_bytes()).await
}
