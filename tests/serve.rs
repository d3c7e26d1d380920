//! A server accepts up to its limit, survives the descriptor limit, keeps failures to their connections, and stops with grace.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, IntoFuture, pending};
use std::io::{self, BufRead, Read, Write};
use std::net::Shutdown;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::net::{Accept, Served, TcpListener, TcpStream, UnixListener, UnixStream, serve};
use roundelay::sync::{CancelToken, Event};
use roundelay::{EventLoop, run, spawn, yield_now};
use support::{Gate, Ledger, PATIENCE, listen, on_drop, watchdog};

const LONG: Duration = Duration::from_secs(3600);
const EMFILE: i32 = 24;

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

async fn ping(stream: &TcpStream) {
    stream.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
}

/// A listener without sockets: gives what the script says, one after the other, then waits for ever.
struct Script {
    lines: RefCell<VecDeque<io::Result<u32>>>,
    asked: Rc<Cell<usize>>,
}

impl Script {
    fn new(lines: impl IntoIterator<Item = io::Result<u32>>) -> Self {
        Self {
            lines: RefCell::new(lines.into_iter().collect()),
            asked: Rc::default(),
        }
    }
}

impl Accept for Script {
    type Stream = u32;
    type Peer = &'static str;

    async fn accept(&self) -> io::Result<(u32, &'static str)> {
        self.asked.set(self.asked.get() + 1);
        yield_now().await;
        let line = self.lines.borrow_mut().pop_front();
        match line {
            Some(line) => Ok((line?, "somebody")),
            None => pending().await,
        }
    }
}

fn no_descriptor() -> io::Result<u32> {
    Err(io::Error::from_raw_os_error(EMFILE))
}

fn assert_adds_up(served: &Served) {
    let ends = served.finished + served.failed + served.panicked + served.cancelled;
    assert_eq!(ends, served.accepted, "{served:?}");
}

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
fn so_are_unix_connections() {
    watchdog(PATIENCE, || {
        let path = std::env::temp_dir().join(format!("roundelay-serve-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let served = run(async {
            let listener = UnixListener::bind(&path).unwrap();
            let stop = CancelToken::new();
            let greet = |stream: UnixStream, _peer| async move { stream.write_all(b"hello").await };
            let server = serve(listener, greet).shutdown(stop.clone().cancelled_owned());
            let server = spawn(server.into_future());
            let mut greeting = Vec::new();
            let client = UnixStream::connect(&path).await.unwrap();
            client.read_to_end(&mut greeting).await.unwrap();
            assert_eq!(greeting, b"hello");
            stop.cancel();
            server.await.unwrap().unwrap()
        });
        std::fs::remove_file(&path).unwrap();
        assert_eq!((served.accepted, served.finished), (1, 1));
    });
}

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
fn an_error_or_a_panic_of_one_connection_is_counted_logged_and_nobody_elses() {
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
            // The listener was shared, and outlives its server.
            let _second = TcpStream::connect(address).await.unwrap();
            assert!(listener.accept().await.is_ok());
        });
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
            .arg("a_server_at_the_descriptor_limit_waits_and_recovers")
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

/// Compiles: what a server is made of may be generic, and its future stored.
#[allow(dead_code)]
fn a_server_is_a_future_like_any_other(
    listener: TcpListener,
) -> impl Future<Output = io::Result<Served>> {
    serve(listener, |stream, _| echo(stream)).into_future()
}
