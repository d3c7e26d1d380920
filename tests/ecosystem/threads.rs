//! No feature brings a thread. The only test of its process, so that the threads can be counted.

#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::fs;
use std::future::IntoFuture;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use roundelay::compat::hyper::{pooled_client, serve_http};
use roundelay::net::TcpListener;
use roundelay::sync::CancelToken;
use roundelay::{run, spawn};

/// The names of the threads of this process.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

async fn hello(_: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(String::from("hello")))
}

#[test]
fn a_server_and_a_pooled_client_run_on_the_thread_that_there_is() {
    support::watchdog(support::PATIENCE, || {
        let before = threads();
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
    });
}
