//! No feature starts a thread. This is the only test of its process, so that the threads can be counted.

#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::fs;
use std::future::IntoFuture;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use roundelay::compat::hyper::{pooled_client, serve_http};
use roundelay::net::{TcpListener, TcpStream};
use roundelay::sync::CancelToken;
use roundelay::{run, spawn};

/// The number of threads of this process. Names would not do, because a new thread does not have its own name yet.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

async fn hello(_: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(String::from("hello")))
}

#[test]
fn everything_runs_on_the_thread_that_there_is() {
    support::watchdog(support::PATIENCE, || {
        let before = threads();
        a_server_and_a_pooled_client(before);
        a_guest_of_tokio(before);
    });
}

fn a_server_and_a_pooled_client(before: usize) {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancelToken::new();
        let server = serve_http(listener, service_fn(hello));
        let server = server.shutdown(stop.clone().cancelled_owned());
        let server = spawn(server.into_future());
        let client = pooled_client::<String>();
        for _ in 0..3 {
            let uri = format!("http://{address}/").parse().unwrap();
            assert_eq!(client.get(uri).await.unwrap().status(), 200);
        }
        assert_eq!(threads(), before);
        stop.cancel();
        server.await.unwrap().unwrap();
    });
}

/// Uses sockets, timers and tasks of both loops while both exist.
fn a_guest_of_tokio(before: usize) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    roundelay::compat::tokio::run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let theirs = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
            stream.write_all(b"hello").await.unwrap();
        });
        let ours = spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            roundelay::sleep(Duration::from_millis(1)).await;
            let mut text = String::new();
            AsyncReadExt::read_to_string(&mut stream, &mut text)
                .await
                .unwrap();
            text
        });
        assert_eq!(ours.await.unwrap(), "hello");
        theirs.await.unwrap();
        assert_eq!(threads(), before);
    });
    assert_eq!(threads(), before);
}
