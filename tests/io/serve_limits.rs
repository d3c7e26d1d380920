//! A server keeps to its own limit, and survives the limit of the system.

use std::cell::RefCell;
use std::future::IntoFuture;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::serve::{Script, echo, no_descriptor, ping};
use crate::support::{Gate, PATIENCE, listen, watchdog};
use roundelay::net::{TcpListener, TcpStream, serve};
use roundelay::sync::CancelToken;
use roundelay::{run, spawn, yield_now};

#[test]
fn at_the_limit_the_server_does_not_accept() {
    watchdog(PATIENCE, || {
        run(async {
            let script = Script::new((0..3).map(Ok));
            let asked = Rc::clone(&script.asked);
            let stop = CancelToken::new();
            let gate = Rc::new(RefCell::new(Gate::new()));
            let next = Rc::clone(&gate);
            let handler = move |_, _| {
                let gate = next.borrow().clone();
                async move {
                    gate.wait().await;
                    io::Result::Ok(())
                }
            };
            let server = serve(script, handler)
                .limit(1)
                .shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            for round in 1..=3 {
                for _ in 0..10 {
                    yield_now().await;
                }
                assert_eq!(
                    asked.get(),
                    round,
                    "the server accepts a connection for which it has no room"
                );
                gate.replace(Gate::new()).open();
            }
            stop.cancel();
            let served = server.await.unwrap().unwrap();
            assert_eq!((served.finished, served.peak, served.limited), (3, 1, 3));
        });
    });
}

#[test]
fn whoever_waits_at_the_limit_is_served_in_the_end() {
    watchdog(PATIENCE, || {
        let served = run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stop = CancelToken::new();
            let server = serve(listener, |stream, _| echo(stream))
                .limit(3)
                .shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            let clients = (0..30).map(|_| {
                spawn(async move {
                    let client = TcpStream::connect(address).await.unwrap();
                    ping(&client).await;
                    yield_now().await;
                    ping(&client).await;
                })
            });
            for client in clients.collect::<Vec<_>>() {
                client.await.unwrap();
            }
            stop.cancel();
            server.await.unwrap().unwrap()
        });
        assert_eq!((served.finished, served.peak), (30, 3));
        assert!(served.limited > 0);
    });
}

#[test]
fn a_listener_that_fails_is_asked_a_few_times_a_second() {
    watchdog(PATIENCE, || {
        let started = Instant::now();
        let (served, lines) = listen(|| {
            run(async {
                let stop = CancelToken::new();
                let last = stop.clone();
                let failures = std::iter::repeat_with(no_descriptor).take(7);
                let handler = move |_, _| {
                    last.cancel();
                    std::future::ready(io::Result::Ok(()))
                };
                serve(Script::new(failures.chain([Ok(0)])), handler)
                    .shutdown(stop.cancelled_owned())
                    .await
                    .unwrap()
            })
        });
        assert_eq!((served.refused, served.finished), (7, 1));
        // The waits are 5 + 10 + 20 + 40 + 80 + 160 + 320 ms, and a sleep is never short.
        let waited = started.elapsed();
        let is_patient = waited >= Duration::from_millis(635);
        assert!(
            is_patient,
            "a listener that fails was asked again without a wait"
        );
        let complaints = lines
            .iter()
            .filter(|line| line.text.contains("cannot accept"));
        assert!(complaints.count() as u64 <= 1 + waited.as_secs());
    });
}

#[test]
fn a_wait_for_descriptors_is_over_when_a_connection_ends() {
    watchdog(PATIENCE, || {
        run(async {
            let script = Script::new([Ok(0), no_descriptor(), Ok(1)]);
            let asked = Rc::clone(&script.asked);
            let stop = CancelToken::new();
            let (gate, last) = (Gate::new(), stop.clone());
            let wait = gate.clone();
            let handler = move |which, _| {
                let (wait, last) = (wait.clone(), last.clone());
                async move {
                    match which {
                        0 => wait.wait().await,
                        _ => last.cancel(),
                    }
                    io::Result::Ok(())
                }
            };
            let server = serve(script, handler).shutdown(stop.cancelled_owned());
            let server = spawn(server.into_future());
            while asked.get() < 2 {
                yield_now().await;
            }
            // A few turns take almost no time.
            let turns = async || {
                for _ in 0..10 {
                    yield_now().await;
                }
            };
            turns().await;
            gate.open();
            turns().await;
            // The third call brought a connection, and the server made one call after it.
            assert_eq!(asked.get(), 4);
            let served = server.await.unwrap().unwrap();
            assert_eq!((served.refused, served.finished), (1, 2));
        });
    });
}

#[test]
fn a_listener_that_is_broken_ends_the_server_with_its_error() {
    watchdog(PATIENCE, || {
        let error = run(async {
            let broken = Err(io::ErrorKind::InvalidInput.into());
            let handler = |_, _| std::future::ready(io::Result::Ok(()));
            serve(Script::new([Ok(0), broken]), handler)
                .await
                .unwrap_err()
        });
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}
