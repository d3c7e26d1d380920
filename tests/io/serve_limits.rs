//! A server stays within its limit, and survives the system's.

use std::cell::RefCell;
use std::future::IntoFuture;
use std::io::{self, BufRead, Read, Write};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::serve::{Script, assert_adds_up, echo, no_descriptor, ping};
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
                assert_eq!(asked.get(), round, "it accepts what it has no room for");
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
        // 5 + 10 + 20 + 40 + 80 + 160 + 320 ms; a sleep is never short.
        let waited = started.elapsed();
        assert!(waited >= Duration::from_millis(635));
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
            // A few turns, which no clock would notice.
            let turns = async || {
                for _ in 0..10 {
                    yield_now().await;
                }
            };
            turns().await;
            gate.open();
            turns().await;
            // The third, which brought a connection, and the one after it.
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

/// Prints each line of the log, for the parent process to read.
struct ToStdout;

impl log::Log for ToStdout {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        println!("{}", record.args());
    }

    fn flush(&self) {}
}

const CHILD: &str = "ROUNDELAY_TEST_SERVE_CHILD";
const CONNECTIONS: usize = 60;

/// The server half: a process that may have 32 descriptors, and no limit on connections.
fn serve_with_few_descriptors() -> io::Result<()> {
    static LOGGER: ToStdout = ToStdout;
    log::set_logger(&LOGGER).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    rlimit::Resource::NOFILE.set(32, 32)?;
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("port {}", listener.local_addr()?.port());
        let stop = CancelToken::new();
        let last = stop.clone();
        let handler = move |stream: TcpStream, _| {
            let last = last.clone();
            async move {
                let mut word = [0; 4];
                stream.read_exact(&mut word).await?;
                if &word == b"stop" {
                    last.cancel();
                }
                stream.write_all(&word).await?;
                echo(stream).await
            }
        };
        let served = serve(listener, handler)
            .limit(usize::MAX)
            .shutdown(stop.cancelled_owned())
            .await?;
        println!("served {} refused {}", served.accepted, served.refused);
        assert_adds_up(&served);
        Ok(())
    })
}

#[test]
fn a_server_at_the_descriptor_limit_waits_and_recovers() {
    if std::env::var_os(CHILD).is_some() {
        return serve_with_few_descriptors().unwrap();
    }
    watchdog(PATIENCE, || {
        let started = Instant::now();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg("serve_limits::a_server_at_the_descriptor_limit_waits_and_recovers")
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = io::BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        // The harness writes its own words before ours, in the same line.
        let port = lines.find_map(|line| line.split_once("port ").map(|(_, port)| port.to_owned()));
        let port: u16 = port.expect("the child listens").parse().unwrap();

        let connect = |word: &[u8]| {
            let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            client.write_all(word).unwrap();
            client
        };
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| connect(b"ping")).collect();
        // They are open all at once, more than the child has descriptors: it must have noticed.
        let complaint = lines.find(|line| line.contains("cannot accept"));
        assert!(complaint.is_some(), "the child ended early");
        for mut client in clients {
            let mut answer = [0; 4];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"ping");
        }
        connect(b"stop").read_exact(&mut [0; 4]).unwrap();

        let rest: Vec<String> = lines.collect();
        assert!(child.wait().unwrap().success(), "{rest:?}");
        let report = rest.iter().find_map(|line| line.strip_prefix("served "));
        let (accepted, refused) = report.unwrap().split_once(" refused ").unwrap();
        assert_eq!(accepted.parse(), Ok(CONNECTIONS + 1));
        let (refused, seconds) = (refused.parse::<u64>().unwrap(), started.elapsed().as_secs());
        // One failure for each connection that had to wait, and those of the clock: at most 200 in a second.
        assert!(refused >= 1 && refused <= CONNECTIONS as u64 + 200 * (seconds + 1));
        let complaints = rest
            .iter()
            .filter(|line| line.contains("cannot accept"))
            .count() as u64;
        assert!(
            complaints <= seconds + 1,
            "{complaints} lines in {seconds} s"
        );
    });
}
