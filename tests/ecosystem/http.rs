//! `compat::hyper`: the timer, the server and the pooled client.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{IntoFuture, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBuf};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use roundelay::compat::hyper::{
    Connector, HttpConnection, LoopExecutor, LoopTimer, pooled_client, serve_connection,
    serve_http, serve_http_each,
};
use roundelay::io::{BufReader, Write as _, duplex};
use roundelay::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use roundelay::sync::{CancelToken, Event};
use roundelay::time::now;
use roundelay::{EventLoop, future, run, sleep, spawn, timeout};
use tokio::io::AsyncRead;

use crate::{allocations, support};

async fn echo(request: Request<Incoming>) -> Result<Response<String>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(format!("{path} {}", body.len())))
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Sends a request by hand, and reads to the end of the connection.
async fn last_request(stream: &TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_read_by_hypers_trait_takes_much_at_once() {
    let _watched = support::watch();
    run(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let sent: Vec<u8> = (0..50_000_u32).map(|n| (n % 251) as u8).collect();
        near.write_all(&sent).await.unwrap();
        let mut room = vec![MaybeUninit::uninit(); 200_000];
        let mut buf = ReadBuf::uninit(&mut room);
        poll_fn(|cx| Read::poll_read(Pin::new(&mut far), cx, buf.unfilled()))
            .await
            .unwrap();
        assert!(buf.filled() == sent, "{} bytes", buf.filled().len());
    });
}

#[test]
fn hyper_answers_over_a_stream_in_memory() {
    let _watched = support::watch();
    run(async {
        // The pipe has no room for a whole request or a whole answer.
        let (mut near, far) = duplex(16);
        let http = http1::Builder::new();
        let server = serve_connection(&http, far, service_fn(echo), CancelToken::new());
        let client = async {
            let request = b"GET /round HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
            near.write_all(request).await.unwrap();
            let mut answer = Vec::new();
            let reader = &mut BufReader::new(&mut near);
            reader.read_to_end(&mut answer).await.unwrap();
            String::from_utf8(answer).unwrap()
        };
        let (served, answer) = roundelay::join!(server, client);
        served.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n/round 0"), "{answer}");
    });
}

#[test]
fn a_read_clears_nothing_and_allocates_nothing() {
    let _watched = support::watch();
    run(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut room = vec![MaybeUninit::uninit(); 200_000];
        // The first read allocates a buffer that the thread keeps.
        for is_first in [true, false] {
            near.write_all(b"hello").await.unwrap();
            let before = allocations::allocations();
            let mut buf = tokio::io::ReadBuf::uninit(&mut room);
            let read = poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut far), cx, &mut buf));
            read.await.unwrap();
            assert_eq!(buf.filled(), b"hello");
            assert_eq!(
                buf.initialized().len(),
                5,
                "the rest of the buffer was cleared"
            );
            assert!(is_first || allocations::since(before) == 0);
        }
        // A buffer that is initialised needs no copy. The read goes straight into it.
        let mut room = vec![7; 200_000];
        let mut buf = tokio::io::ReadBuf::new(&mut room);
        near.write_all(b"hello").await.unwrap();
        let read = poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut far), cx, &mut buf));
        read.await.unwrap();
        assert_eq!(buf.filled(), b"hello");
    });
}

#[test]
fn a_sleep_of_hypers_ends_although_its_deadline_has_passed_and_may_be_reset() {
    use hyper::rt::Timer;
    let _watched = support::watch();
    run(async {
        let begin = now();
        let mut sleep = LoopTimer.sleep_until(begin);
        sleep.as_mut().await;
        LoopTimer.reset(&mut sleep, begin + Duration::from_millis(5));
        sleep.await;
        assert!(begin.elapsed() >= Duration::from_millis(5));
    });
}

#[test]
fn a_client_that_never_ends_its_headers_is_cut_off() {
    support::watchdog(support::PATIENCE, || {
        run(async {
            let (listener, address) = listen().await;
            let stop = CancelToken::new();
            let mut http = http1::Builder::new();
            http.timer(LoopTimer)
                .header_read_timeout(Duration::from_millis(20));
            let server = serve_http(listener, service_fn(echo))
                .http(http)
                .shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            let client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
            // The end comes although the client sends nothing more.
            client.read_to_end(&mut Vec::new()).await.unwrap();
            stop.cancel();
            assert_eq!(server.await.unwrap().unwrap().failed, 1);
        });
    });
}

// hyper computes deadlines from the timer's own clock.
#[test]
fn in_virtual_time_hypers_own_limit_of_thirty_seconds_takes_no_time() {
    let _watched = support::watch();
    let mut event_loop = EventLoop::builder().virtual_time().build().unwrap();
    event_loop.run(async {
        // The loop's clock is now far from the real time.
        sleep(Duration::from_secs(86_400)).await;
        let (mut near, far) = duplex(1_024);
        let mut http = http1::Builder::new();
        http.timer(LoopTimer);
        let begin = now();
        let server = spawn(http.serve_connection(far, service_fn(echo)));
        near.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
        assert!(server.await.unwrap().unwrap_err().is_timeout());
        assert_eq!(now() - begin, Duration::from_secs(30));
    });
}

#[test]
fn a_shutdown_answers_what_has_begun_and_closes_what_is_idle() {
    support::watchdog(support::PATIENCE, || {
        run(async {
            let (listener, address) = listen().await;
            let (stop, begun, go_on) = (
                CancelToken::new(),
                Rc::new(Event::new()),
                Rc::new(Event::new()),
            );
            let (seen, wait) = (Rc::clone(&begun), Rc::clone(&go_on));
            let slow = service_fn(move |_: Request<Incoming>| {
                let (seen, wait) = (Rc::clone(&seen), Rc::clone(&wait));
                async move {
                    seen.set();
                    wait.wait().await;
                    Ok::<_, Infallible>(Response::new(String::from("done")))
                }
            });
            let server = serve_http(listener, slow).shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());

            let idle = TcpStream::connect(address).await.unwrap();
            let busy = TcpStream::connect(address).await.unwrap();
            busy.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
                .await
                .unwrap();
            begun.wait().await;
            stop.cancel();
            assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);
            go_on.set();
            let mut answer = Vec::new();
            busy.read_to_end(&mut answer).await.unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("done"),
                "{answer}"
            );
            assert!(answer.contains("connection: close"), "{answer}");
            let served = server.await.unwrap().unwrap();
            assert_eq!((served.accepted, served.finished), (2, 2));
        });
    });
}

#[test]
fn each_connection_knows_its_peer_and_is_told_of_the_shutdown() {
    support::watchdog(support::PATIENCE, || {
        run(async {
            let (listener, address) = listen().await;
            let (stop, begun) = (CancelToken::new(), Rc::new(Event::new()));
            let peers = Rc::new(RefCell::new(Vec::new()));
            let (met, seen) = (Rc::clone(&peers), Rc::clone(&begun));
            let server = serve_http_each(listener, move |connection: HttpConnection<_>| {
                met.borrow_mut().push(connection.peer);
                let seen = Rc::clone(&seen);
                service_fn(move |_: Request<Incoming>| {
                    let stopping = connection.stopping.clone();
                    seen.set();
                    async move {
                        stopping.cancelled().await;
                        Ok::<_, Infallible>(Response::new(String::from("good-bye")))
                    }
                })
            });
            let server = server.shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            let client = TcpStream::connect(address).await.unwrap();
            let (answer, ()) = roundelay::join!(last_request(&client, "/"), async {
                begun.wait().await;
                stop.cancel();
            });
            assert!(answer.ends_with("good-bye"), "{answer}");
            assert_eq!(*peers.borrow(), [client.local_addr().unwrap()]);
            server.await.unwrap().unwrap();
        });
    });
}

#[test]
fn a_request_that_does_not_end_is_cut_off_when_the_grace_is_over() {
    support::watchdog(support::PATIENCE, || {
        run(async {
            let (listener, address) = listen().await;
            let (stop, begun) = (CancelToken::new(), Rc::new(Event::new()));
            let seen = Rc::clone(&begun);
            let never = service_fn(move |_: Request<Incoming>| {
                seen.set();
                std::future::pending::<Result<Response<String>, Infallible>>()
            });
            let server = serve_http(listener, never)
                .grace(Duration::from_millis(5))
                .shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            let client = TcpStream::connect(address).await.unwrap();
            let (answer, ()) = roundelay::join!(last_request(&client, "/"), async {
                begun.wait().await;
                stop.cancel();
            });
            assert_eq!(answer, "");
            assert_eq!(server.await.unwrap().unwrap().cancelled, 1);
        });
    });
}

#[test]
fn many_requests_share_one_connection_of_http2() {
    let _watched = support::watch();
    run(async {
        let (near, far) = UnixStream::pair().unwrap();
        let server = spawn(async move {
            hyper::server::conn::http2::Builder::new(LoopExecutor)
                .timer(LoopTimer)
                .serve_connection(far, service_fn(echo))
                .await
        });
        let handshake = hyper::client::conn::http2::Builder::new(LoopExecutor)
            .timer(LoopTimer)
            .handshake(near);
        let (sender, connection) = handshake.await.unwrap();
        drop(spawn(connection));
        let ask = async |number: usize| {
            let request = Request::post(format!("http://here/{number}"));
            let request = request.body("x".repeat(number * 1_000)).unwrap();
            let response = sender.clone().send_request(request).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("/{number} {}", number * 1_000));
        };
        future::join_all((0..100).map(ask)).await;
        drop(sender);
        server.await.unwrap().unwrap();
    });
}

#[test]
fn a_connection_is_upgraded_to_a_protocol_of_its_own() {
    async fn upgrade(mut request: Request<Incoming>) -> Result<Response<String>, hyper::Error> {
        let backwards = spawn(async move {
            let upgraded = hyper::upgrade::on(&mut request).await.unwrap();
            let mut io = hyper_util::rt::TokioIo::new(upgraded);
            let mut word = [0; 4];
            tokio::io::AsyncReadExt::read_exact(&mut io, &mut word)
                .await
                .unwrap();
            word.reverse();
            tokio::io::AsyncWriteExt::write_all(&mut io, &word)
                .await
                .unwrap();
        });
        drop(backwards);
        let mut response = Response::new(String::new());
        *response.status_mut() = hyper::StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert("connection", "upgrade".parse().unwrap());
        headers.insert("upgrade", "backwards".parse().unwrap());
        Ok(response)
    }

    support::watchdog(support::PATIENCE, || {
        run(async {
            let path = support::net::SocketPath::new();
            let listener = UnixListener::bind(&path).unwrap();
            let server = spawn(serve_http(listener, service_fn(upgrade)).into_future());
            let client = UnixStream::connect(&path).await.unwrap();
            client
                .write_all(
                    b"GET / HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: backwards\r\n\r\n",
                )
                .await
                .unwrap();
            let mut reader = BufReader::new(&client);
            let head = reader.read_until(b"\r\n\r\n").await.unwrap();
            assert!(head.starts_with(b"HTTP/1.1 101 "));
            client.write_all(b"loop").await.unwrap();
            let mut word = [0; 4];
            reader.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"pool");
            assert!(server.cancel().await.is_err());
        });
    });
}

#[test]
fn the_pooled_client_asks_a_hundred_times_over_few_connections() {
    support::watchdog(support::PATIENCE, || {
        run(async {
            let (listener, address) = listen().await;
            let (stop, connections) = (CancelToken::new(), Rc::new(Cell::new(0)));
            let counted = Rc::clone(&connections);
            let server = serve_http_each(listener, move |_| {
                counted.set(counted.get() + 1);
                service_fn(echo)
            });
            let server = spawn(
                server
                    .shutdown(stop.clone().cancelled_owned())
                    .into_future(),
            );
            let client = pooled_client::<String>();
            let ask = async |number: usize| -> Result<String, Box<dyn std::error::Error>> {
                let request = Request::post(format!("http://{address}/{number}"));
                let response = client.request(request.body("x".repeat(number))?).await?;
                let body = response.into_body().collect().await?.to_bytes();
                Ok(String::from_utf8(body.to_vec())?)
            };
            for round in 0..10 {
                let numbers = (0..10).map(|number| round * 10 + number);
                let answers = future::join_all(numbers.clone().map(&ask)).await;
                for (number, answer) in numbers.zip(answers) {
                    assert_eq!(answer.unwrap(), format!("/{number} {number}"));
                }
            }
            // The first ten requests race for a connection. After them there is always a free one.
            assert!(connections.get() <= 20, "{} connections", connections.get());
            stop.cancel();
            assert_eq!(server.await.unwrap().unwrap().failed, 0);
        });
    });
}

#[test]
fn the_connector_refuses_what_it_cannot_reach_in_the_clear() {
    use tower_service::Service;

    support::watchdog(support::PATIENCE, || {
        run(async {
            let mut connector = Connector::new();
            let error = connector
                .call("https://localhost/".parse().unwrap())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(
                error.to_string(),
                "https://localhost/: only http is supported; for https put a TLS connector around this one"
            );
            let (listener, address) = listen().await;
            connector.enforce_http(false);
            let uri = format!("https://{address}/").parse().unwrap();
            let (connected, accepted) = roundelay::join!(
                connector.call(uri),
                timeout(support::PATIENCE, listener.accept())
            );
            assert!(connected.unwrap().nodelay().unwrap());
            accepted.unwrap().unwrap();
        });
    });
}
