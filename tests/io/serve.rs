//! A server accepts up to its limit, and survives the limit of descriptors. A failure ends only its own connection, and a
//! shutdown gives the connections time to finish.

use std::future::{Future, IntoFuture, pending};
use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use crate::support::serve::{Script, assert_adds_up, echo, ping};
use crate::support::{Ledger, PATIENCE, listen, on_drop, watchdog};
use roundelay::net::{Accept, Served, TcpListener, TcpStream, serve};
use roundelay::sync::{CancelToken, Event};
use roundelay::{EventLoop, run, spawn, yield_now};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn tcp_connections_are_served_side_by_side() {
    watchdog(PATIENCE, || {
        let served = run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stop = CancelToken::new();
            let server = serve(listener, |stream, _peer| echo(stream))
                .shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            let mut clients = Vec::new();
            for _ in 0..20 {
                let client = TcpStream::connect(address).await.unwrap();
                ping(&client).await;
                clients.push(client);
            }
            for client in &clients {
                ping(client).await;
            }
            drop(clients);
            stop.cancel();
            server.await.unwrap().unwrap()
        });
        assert_eq!((served.accepted, served.finished), (20, 20));
        assert_eq!((served.peak, served.limited), (20, 0));
        assert_adds_up(&served);
    });
}

#[test]
fn an_error_or_a_panic_of_one_connection_is_counted_logged_and_nobody_elses() {
    let _watched = crate::support::watch();
    let (served, lines) = listen(|| {
        run(async {
            let stop = CancelToken::new();
            let last = stop.clone();
            let handler = move |which, _| {
                let last = last.clone();
                async move {
                    yield_now().await;
                    match which {
                        0 => Err(io::Error::other("bad manners")),
                        1 => panic!("a bug"),
                        2 => {
                            let _fails = on_drop(|| panic!("a bug at the end"));
                            Ok(())
                        }
                        3 => {
                            yield_now().await;
                            Ok(())
                        }
                        _ => {
                            last.cancel();
                            Ok(())
                        }
                    }
                }
            };
            serve(Script::new((0..5).map(Ok)), handler)
                .shutdown(stop.cancelled_owned())
                .await
                .unwrap()
        })
    });
    assert_eq!((served.failed, served.panicked), (1, 2), "{served}");
    assert_eq!((served.finished, served.cancelled), (2, 0));
    assert_adds_up(&served);
    let count = |text: &str| lines.iter().filter(|line| line.text.contains(text)).count();
    assert_eq!(count("bad manners"), 1);
    assert_eq!(count("panicked: a bug"), 2);
}

#[test]
fn a_handler_that_panics_before_it_has_a_future_is_a_panic_like_any_other() {
    let _watched = crate::support::watch();
    let served = run(async {
        let stop = CancelToken::new();
        let last = stop.clone();
        let handler = move |which: u32, _| {
            assert_ne!(which, 0, "a bug");
            last.cancel();
            std::future::ready(io::Result::Ok(()))
        };
        serve(Script::new([Ok(0), Ok(1)]), handler)
            .shutdown(stop.cancelled_owned())
            .await
            .unwrap()
    });
    assert_eq!((served.panicked, served.finished), (1, 1));
}

#[test]
fn a_stopped_server_turns_newcomers_away_and_lets_the_others_finish() {
    watchdog(PATIENCE, || {
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stop = CancelToken::new();
            let server = serve(listener, |stream, _| echo(stream))
                .grace(LONG)
                .shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            let client = TcpStream::connect(address).await.unwrap();
            ping(&client).await;
            stop.cancel();
            while TcpStream::connect(address).await.is_ok() {
                yield_now().await;
            }
            ping(&client).await;
            client.shutdown(Shutdown::Write).unwrap();
            let served = server.await.unwrap().unwrap();
            assert_eq!(served.cancelled, 0);
            assert_adds_up(&served);
        });
    });
}

#[test]
fn whoever_has_not_ended_when_the_grace_is_over_is_cut_off() {
    for grace in [Duration::ZERO, Duration::from_millis(2)] {
        watchdog(PATIENCE, move || {
            let ledger = Ledger::new();
            let mut event_loop = EventLoop::new().unwrap();
            let served = event_loop.run(async {
                let stop = CancelToken::new();
                let last = stop.clone();
                let book = ledger.clone();
                let handler = move |which, _| {
                    let (token, last) = (book.token("connection"), last.clone());
                    async move {
                        let _token = token;
                        if which == 9 {
                            last.cancel();
                            return io::Result::Ok(());
                        }
                        pending().await
                    }
                };
                let served = serve(Script::new((0..10).map(Ok)), handler)
                    .grace(grace)
                    .shutdown(stop.cancelled_owned())
                    .await
                    .unwrap();
                ledger.assert_settled();
                served
            });
            assert_eq!((served.finished, served.cancelled), (1, 9));
            assert!(event_loop.tasks().is_empty());
        });
    }
}

#[test]
fn a_connection_that_is_cut_off_and_panics_at_that_does_not_take_the_report_along() {
    let _watched = crate::support::watch();
    let (served, lines) = listen(|| {
        run(async {
            let stop = CancelToken::new();
            let last = stop.clone();
            let handler = move |which, _| {
                let last = last.clone();
                async move {
                    let _fights = on_drop(move || assert_ne!(which, 0, "a fight"));
                    if which == 2 {
                        last.cancel();
                    }
                    pending::<io::Result<()>>().await
                }
            };
            serve(Script::new((0..3).map(Ok)), handler)
                .grace(Duration::ZERO)
                .shutdown(stop.cancelled_owned())
                .await
                .unwrap()
        })
    });
    assert_eq!((served.panicked, served.cancelled), (1, 2));
    assert!(lines.iter().any(|line| line.text.contains("a fight")));
}

#[test]
#[should_panic(expected = "the signal handler")]
fn a_shutdown_that_panics_ends_the_server_with_its_panic() {
    let _watched = crate::support::watch();
    let handler = |_, _| pending::<io::Result<()>>();
    let shutdown = async { panic!("the signal handler") };
    run(async {
        let server = serve(Script::new([Ok(0)]), handler).shutdown(shutdown);
        let _ = server.await;
    });
}

#[test]
fn a_server_that_is_dropped_has_dropped_its_connections_when_drop_returns() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        run(async {
            let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            let address = listener.local_addr().unwrap();
            let arrived = Rc::new(Event::new());
            let (book, tell) = (ledger.clone(), Rc::clone(&arrived));
            let handler = move |stream, _| {
                let token = book.token("connection");
                tell.set();
                async move {
                    let _token = token;
                    echo(stream).await
                }
            };
            let server = spawn(serve(Rc::clone(&listener), handler).into_future());
            let client = TcpStream::connect(address).await.unwrap();
            arrived.wait().await;
            server.cancel().await.unwrap_err();
            ledger.assert_settled();
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
            // The listener was shared, so it outlives its server.
            let _second = TcpStream::connect(address).await.unwrap();
            assert!(listener.accept().await.is_ok());
        });
    });
}

/// This only has to compile: a server's parts may be generic, and its future may be stored.
#[allow(dead_code)]
fn a_server_is_a_future_like_any_other(
    listener: TcpListener,
) -> impl Future<Output = io::Result<Served>> {
    serve(listener, |stream, _| echo(stream)).into_future()
}
