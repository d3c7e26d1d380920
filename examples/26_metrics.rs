//! How does the loop spend its time? The loop itself answers, in the text form that Prometheus reads.
//!
//! An observed loop keeps histograms of its polls, of the time from a wake to its poll, of late timers, of turns and
//! rests. This program works a little, requests the page as Prometheus would, prints it, and ends.
//!
//! `cargo run --release --example 26_metrics`; with an address as its argument it serves until it is interrupted:
//! `cargo run --release --example 26_metrics -- 127.0.0.1:9100`, then `curl http://127.0.0.1:9100/metrics`.

use std::env;
use std::io;
use std::time::Duration;

use roundelay::inspect::{Histogram, Histograms};
use roundelay::net::{TcpListener, TcpStream};
use roundelay::{EventLoop, sleep, spawn, yield_now};

/// The bounds of the buckets on the page, in microseconds. Prometheus needs the same bounds each time.
const BOUNDS: [u64; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// One histogram: how many values were not longer than each bound, then their sum and their number.
fn histogram(name: &str, values: &Histogram) -> String {
    let mut text = format!("# TYPE roundelay_{name}_seconds histogram\n");
    for bound in BOUNDS.map(Duration::from_micros) {
        let buckets = values.buckets().take_while(|(end, _)| *end <= bound);
        let count = buckets.last().map_or(0, |(_, count)| count);
        let le = bound.as_secs_f64();
        text += &format!("roundelay_{name}_seconds_bucket{{le=\"{le}\"}} {count}\n");
    }
    let (sum, count) = (values.sum().as_secs_f64(), values.count());
    text += &format!("roundelay_{name}_seconds_bucket{{le=\"+Inf\"}} {count}\n");
    text + &format!("roundelay_{name}_seconds_sum {sum}\nroundelay_{name}_seconds_count {count}\n")
}

fn metrics_page() -> String {
    let found = Histograms::current().expect("the loop is observed");
    let polls = histogram("poll", &found.polls);
    let waits = histogram("wake_to_poll", &found.waits);
    polls + &waits + &histogram("timer_lateness", &found.timers) + &histogram("turn", &found.turns)
}

async fn answer(stream: TcpStream) -> io::Result<()> {
    // Every request gets this answer.
    stream.read(&mut [0; 4096]).await?;
    let page = metrics_page();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
    let length = page.len();
    let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{page}");
    stream.write_all(answer.as_bytes()).await
}

async fn some_work() {
    for _ in 0..1000 {
        yield_now().await;
    }
    sleep(Duration::from_millis(2)).await;
}

fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let mut event_loop = EventLoop::builder().observe(true).build()?;
    event_loop.run(async {
        let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
        let here = listener.local_addr()?;
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(answer(stream)).detach();
            }
        })
        .detach();
        some_work().await;
        if address.is_some() {
            std::future::pending::<()>().await;
        }
        let stream = TcpStream::connect(here).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await?;
        let mut page = Vec::new();
        stream.read_to_end(&mut page).await?;
        println!("{}", String::from_utf8_lossy(&page));
        Ok(())
    })
}
