//! A thousand fetches over kept connections, with a limit on how many run at once: what aiohttp's `ClientSession` is used for.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin http_client -- --url http://127.0.0.1:8000/ --count 1000 --limit 20`
//!
//! Any server does: `python3 -m http.server --protocol HTTP/1.1 8000`, or `http_server` of this folder.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use roundelay::compat::Here;
use roundelay::compat::hyper::{Connecting, Connector, LoopExecutor, LoopTimer};
use roundelay::future::as_completed;
use roundelay::sync::Semaphore;
use roundelay::timeout;
use shared::{Outcome, options};
use tower_service::Service;

/// A connector that counts the connections it makes. It shows how to write your own connector.
#[derive(Clone)]
struct Counting {
    connector: Connector,
    made: Here<Rc<Cell<u32>>>,
}

impl Service<Uri> for Counting {
    type Response = <Connector as Service<Uri>>::Response;
    type Error = <Connector as Service<Uri>>::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        self.made.set(self.made.get() + 1);
        self.connector.call(uri)
    }
}

fn main() -> Outcome {
    let [url, count, limit] = options(["url", "count", "limit"])?;
    let uri: Uri = url
        .ok_or("usage: http_client --url URL [--count N] [--limit N]")?
        .parse()?;
    let count = count.map_or(Ok(1_000), |count| count.parse())?;
    let limit = limit.map_or(Ok(20), |limit| limit.parse())?;
    roundelay::run(async {
        let made = Rc::new(Cell::new(0));
        let connector = Counting {
            connector: Connector::new(),
            made: Here::new(Rc::clone(&made)),
        };
        let client: Client<_, Empty<Bytes>> = Client::builder(LoopExecutor)
            .pool_timer(LoopTimer)
            .pool_max_idle_per_host(limit)
            .build(connector);
        let desks = Semaphore::new(limit);
        let fetch = async || -> Outcome<usize> {
            let _desk = desks.acquire().await?;
            let fetched = async {
                let response = client.get(uri.clone()).await?;
                if !response.status().is_success() {
                    return Err(response.status().to_string().into());
                }
                Ok(response.into_body().collect().await?.to_bytes().len())
            };
            timeout(Duration::from_secs(10), fetched).await?
        };
        let begin = Instant::now();
        let (mut fetched, mut failed, mut bytes) = (0, 0, 0);
        let mut all = as_completed((0..count).map(|_: u32| fetch()));
        while let Some(outcome) = all.next().await {
            match outcome {
                Ok(length) => (fetched, bytes) = (fetched + 1, bytes + length),
                Err(error) => {
                    eprintln!("{error}");
                    failed += 1;
                }
            }
        }
        println!(
            "fetched {fetched}, failed {failed}, {bytes} bytes over {} connections in {:?}",
            made.get(),
            begin.elapsed()
        );
        match failed {
            0 => Ok(()),
            _ => Err("not all could be fetched".into()),
        }
    })
}
