//! The traits of the ecosystem: adapters of other crates, over our sockets, on our loop. Each has a feature of its name.
//!
//! The tests are a package of their own, because the adapters are many crates: `cargo test --package roundelay-ecosystem`.

#[path = "../support/allocations.rs"]
mod allocations;
#[path = "../support/mod.rs"]
mod support;

mod adapters;
mod guest;
mod here;
mod http;
mod streams;

use std::io;

use roundelay::net::UnixStream;
use roundelay::{join, run, spawn, try_join};

#[test]
fn the_adapters_of_futures_echo_lines() {
    use futures_util::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    support::watchdog(support::PATIENCE, || {
        run(async {
            let (near, far) = UnixStream::pair()?;
            let server = spawn(async move {
                let (read, mut write) = far.into_split();
                futures_util::io::copy(read, &mut write).await?;
                write.close().await
            });
            let mut reader = BufReader::new(&near);
            let mut line = String::new();
            for number in 0..100 {
                AsyncWriteExt::write_all(&mut &near, format!("line {number}\n").as_bytes()).await?;
                line.clear();
                reader.read_line(&mut line).await?;
                assert_eq!(line, format!("line {number}\n"));
            }
            AsyncWriteExt::close(&mut &near).await?;
            assert_eq!(reader.read_to_end(&mut Vec::new()).await?, 0);
            server.await.unwrap()
        })
        .unwrap();
    });
}

#[test]
fn the_adapters_of_tokio_copy_in_both_directions() {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream, copy_bidirectional};

    support::watchdog(support::PATIENCE, || {
        run(async {
            let (mut client, mut front) = UnixStream::pair()?;
            let (mut back, server) = UnixStream::pair()?;
            let payload: Vec<u8> = (0..500_000_u32).map(|n| (n % 241) as u8).collect();
            let asks = async {
                AsyncWriteExt::write_all(&mut client, b"500000\n").await?;
                AsyncWriteExt::shutdown(&mut client).await?;
                let mut answer = Vec::new();
                AsyncReadExt::read_to_end(&mut client, &mut answer).await?;
                io::Result::Ok(answer)
            };
            let answers = async {
                let mut server = BufStream::new(server);
                let mut line = String::new();
                server.read_line(&mut line).await?;
                assert_eq!(line, "500000\n");
                server.write_all(&payload).await?;
                server.shutdown().await
            };
            let (answer, (), passed) =
                try_join!(asks, answers, copy_bidirectional(&mut front, &mut back))?;
            assert_eq!(passed, (7, 500_000));
            assert!(answer == payload);
            io::Result::Ok(())
        })
        .unwrap();
    });
}

#[test]
fn hyper_serves_and_asks_over_one_kept_connection() {
    use std::convert::Infallible;
    use std::future::poll_fn;
    use std::pin::pin;

    use hyper::body::{Body, Incoming};
    use hyper::service::service_fn;
    use hyper::{Request, Response, client, server};
    use roundelay::net::{TcpListener, TcpStream};

    async fn text(mut body: Incoming) -> String {
        let mut all = Vec::new();
        while let Some(frame) = poll_fn(|cx| pin!(&mut body).poll_frame(cx)).await {
            all.extend_from_slice(frame.unwrap().data_ref().unwrap());
        }
        String::from_utf8(all).unwrap()
    }

    async fn shout(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
        let path = request.uri().path().to_owned();
        Ok(Response::new(format!(
            "{path}: {}",
            text(request.into_body()).await.to_uppercase()
        )))
    }

    support::watchdog(support::PATIENCE, || {
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                server::conn::http1::Builder::new()
                    .serve_connection(stream, service_fn(shout))
                    .await
            });
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut sender, connection) = client::conn::http1::handshake(stream).await.unwrap();
            let asks = async {
                for number in 0..20 {
                    let body = "round and round ".repeat(number * 200);
                    let request = Request::post(format!("/{number}"))
                        .header("host", "here")
                        .body(body.clone());
                    let response = sender.send_request(request.unwrap()).await.unwrap();
                    assert_eq!(response.status(), 200);
                    assert_eq!(
                        text(response.into_body()).await,
                        format!("/{number}: {}", body.to_uppercase())
                    );
                }
                drop(sender);
            };
            let (connection, ()) = join!(connection, asks);
            connection.unwrap();
            server.await.unwrap().unwrap();
        });
    });
}

#[test]
fn what_hyper_wants_to_have_run_is_a_task_of_the_loop() {
    let _watched = support::watch();
    use std::cell::Cell;
    use std::rc::Rc;

    use hyper::rt::Executor;

    let ran = Rc::new(Cell::new(false));
    run(async {
        let seen = Rc::clone(&ran);
        roundelay::compat::hyper::LoopExecutor.execute(async move { seen.set(true) });
        roundelay::yield_now().await;
    });
    assert!(ran.get());
}
