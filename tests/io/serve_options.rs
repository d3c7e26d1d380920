//! The options of a server: small writes go out at once, handlers learn of the shutdown, and the log
//! says that the server is at its limit.

use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::support::serve::{Script, ping};
use crate::support::{Counter, listen};
use roundelay::net::{LookupError, TcpListener, TcpStream, lookup_host, serve};
use roundelay::sync::CancelToken;
use roundelay::{run, spawn, yield_now};

/// Whether the connections of a server send small writes at once.
async fn nodelay_of_a_connection(asked_for: Option<bool>) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, seen) = (CancelToken::new(), Rc::new(RefCell::new(None)));
    let (stop_after, see) = (stop.clone(), Rc::clone(&seen));
    let handler = move |stream: TcpStream, _| {
        see.replace(Some(stream.nodelay().unwrap()));
        stop_after.cancel();
        async move { io::Result::Ok(()) }
    };
    let mut server = serve(Rc::new(listener), handler);
    if let Some(nodelay) = asked_for {
        server = server.nodelay(nodelay);
    }
    let server = spawn(server.shutdown(stop.cancelled_owned()));
    let _client = TcpStream::connect(address).await.unwrap();
    server.await.unwrap().unwrap();
    seen.take().expect("the handler has seen a connection")
}

#[test]
fn small_writes_go_out_at_once_if_that_was_asked_for() {
    let _watched = crate::support::watch();
    run(async {
        assert!(!nodelay_of_a_connection(None).await);
        assert!(!nodelay_of_a_connection(Some(false)).await);
        assert!(nodelay_of_a_connection(Some(true)).await);
    });
}

#[test]
fn handlers_hear_of_the_shutdown_and_finish_their_sentence_within_the_grace() {
    let _watched = crate::support::watch();
    let served = run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, closing) = (CancelToken::new(), CancelToken::new());
        let told = closing.clone();
        let handler = move |stream: TcpStream, _| {
            let closing = told.clone();
            async move {
                let mut buffer = [0; 4];
                while let Some(read) = closing.run_until_cancelled(stream.read(&mut buffer)).await {
                    let count = read?;
                    stream.write_all(&buffer[..count]).await?;
                }
                stream.write_all(b"goodbye").await
            }
        };
        let server = serve(listener, handler)
            .closing(closing.clone())
            .grace(Duration::MAX)
            .shutdown(stop.clone().cancelled_owned());
        let server = spawn(server);
        let client = TcpStream::connect(address).await.unwrap();
        ping(&client).await;
        assert!(!closing.is_cancelled());
        stop.cancel();
        let mut words = Vec::new();
        client.read_to_end(&mut words).await.unwrap();
        assert_eq!(words, b"goodbye");
        server.await.unwrap().unwrap()
    });
    assert_eq!((served.finished, served.cancelled), (1, 0));
}

#[test]
fn a_listener_that_breaks_is_a_shutdown_that_handlers_hear_of() {
    let _watched = crate::support::watch();
    let ended = Counter::default();
    run(async {
        let closing = CancelToken::new();
        let script = Script::new([Ok(1), Err(io::ErrorKind::InvalidInput.into())]);
        let (told, ending) = (closing.clone(), ended.clone());
        let handler = move |_, _| {
            let (closing, ended) = (told.clone(), ending.clone());
            async move {
                closing.cancelled().await;
                ended.add();
                io::Result::Ok(())
            }
        };
        serve(script, handler).closing(closing).await.unwrap_err();
    });
    assert_eq!(ended.get(), 1);
}

#[test]
fn a_server_at_its_limit_says_so_once_a_second_at_most() {
    let _watched = crate::support::watch();
    let (served, lines) = listen(|| {
        run(async {
            let stop = CancelToken::new();
            let script = Script::new((0..50).map(Ok));
            let server = serve(script, |_, _| async {
                yield_now().await;
                io::Result::Ok(())
            });
            let server = server.limit(1).shutdown(stop.clone().cancelled_owned());
            let server = spawn(server);
            for _ in 0..1_000 {
                yield_now().await;
            }
            stop.cancel();
            server.await.unwrap().unwrap()
        })
    });
    assert!(served.limited >= 49, "{served}");
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line.text.contains("at its limit of 1 connections"))
        .collect();
    // The log has at most one such line a second, and a very busy machine may need some seconds.
    assert!((1..=5).contains(&told.len()), "{told:?}");
}

#[test]
fn a_name_that_does_not_exist_is_told_from_a_host_that_does_not_answer() {
    let _watched = crate::support::watch();
    run(async {
        // The name is longer than a label may be, so no name server is asked.
        let name = format!("{}:80", "x".repeat(70));
        let error = match lookup_host(&name).await {
            Ok(_) => panic!("there is no such name"),
            Err(error) => error,
        };
        let lookup = LookupError::of(&error).expect("the resolver's answer");
        assert!(lookup.is_not_found(), "{error}");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with("looking up xxx"), "{error}");
        let error = TcpStream::connect(&name).await.unwrap_err();
        assert!(LookupError::of(&error).is_some());

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = TcpStream::connect(address).await.unwrap_err();
        assert!(LookupError::of(&error).is_none());
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[cfg(feature = "socket")]
mod socket {
    use super::*;
    use roundelay::net::TcpSocket;

    #[test]
    fn a_socket_connects_from_the_address_that_it_was_bound_to() {
        let _watched = crate::support::watch();
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let socket = TcpSocket::for_address(address).unwrap();
            socket.set_nodelay(true).unwrap();
            let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
            socket.set_keepalive(minute, second, 3).unwrap();
            socket.set_send_buffer_size(65_536).unwrap();
            socket.set_recv_buffer_size(65_536).unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            let from = socket.local_addr().unwrap();
            let stream = socket.connect(address).await.unwrap();
            let (_server, peer) = listener.accept().await.unwrap();
            assert_eq!((peer, stream.local_addr().unwrap()), (from, from));
            assert!(stream.nodelay().unwrap());
            assert!(socket2::SockRef::from(&stream).keepalive().unwrap());
        });
    }

    #[test]
    fn two_listeners_share_a_port_and_each_is_given_connections() {
        let _watched = crate::support::watch();
        run(async {
            let share = |address| {
                let socket = TcpSocket::new_v4()?;
                socket.set_reuse_port(true)?;
                socket.bind(address)?;
                socket.listen(1024)
            };
            let first = share("127.0.0.1:0".parse().unwrap()).unwrap();
            let address = first.local_addr().unwrap();
            let second = share(address).unwrap();
            // The kernel chooses a listener by the client's port. It is next to impossible that one gets all two hundred.
            let mut clients = Vec::new();
            let mut counts = [0, 0];
            while counts.contains(&0) {
                clients.push(TcpStream::connect(address).await.unwrap());
                assert!(clients.len() <= 200, "{counts:?}");
                let which = roundelay::race!(async { first.accept().await.map(|_| 0) }, async {
                    second.accept().await.map(|_| 1)
                });
                counts[which.unwrap()] += 1;
            }
        });
    }

    #[test]
    fn an_address_that_is_in_use_and_a_port_that_nobody_listens_on_are_errors_that_say_so() {
        let _watched = crate::support::watch();
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let socket = TcpSocket::new_v4().unwrap();
            let error = socket.bind(address).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            assert!(
                error.to_string().contains("binding to 127.0.0.1:"),
                "{error}"
            );
            drop(listener);
            let error = socket.connect(address).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            assert!(
                error.to_string().contains("connecting to 127.0.0.1:"),
                "{error}"
            );
        });
    }

    #[test]
    fn a_close_that_would_wait_is_refused_and_a_reset_is_not() {
        let _watched = crate::support::watch();
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let socket = TcpSocket::new_v4().unwrap();
            let error = socket.set_linger(Some(Duration::from_secs(1))).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
            let client = socket
                .connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let (server, _) = listener.accept().await.unwrap();
            drop(client);
            let error = server.read(&mut [0; 1]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        });
    }
}

/// A server that is dropped without a shutdown cancels no token: its connections are dropped with it.
#[test]
fn a_server_that_is_dropped_cancels_no_token() {
    let _watched = crate::support::watch();
    run(async {
        let closing = CancelToken::new();
        let script = Script::new([Ok(1)]);
        let server = serve(script, |_, _| pending::<io::Result<()>>()).closing(closing.clone());
        let server = spawn(server);
        yield_now().await;
        assert!(server.cancel().await.is_err());
        assert!(!closing.is_cancelled());
    });
}
