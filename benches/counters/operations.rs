//! The operations. Each runs `count` times. Nothing here depends on time or on another thread's speed.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::process::Command;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{env, net};

use roundelay::EventLoop;
use roundelay::net::{TcpListener, TcpStream, UnixStream};

pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) run: fn(usize),
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "spawn_join",
        run: spawn_join,
    },
    Operation {
        name: "yield",
        run: yield_now,
    },
    Operation {
        name: "wake",
        run: wake,
    },
    Operation {
        name: "arm_cancel",
        run: arm_cancel,
    },
    Operation {
        name: "guard",
        run: guard,
    },
    Operation {
        name: "echo",
        run: echo,
    },
    Operation {
        name: "echo_in_one_loop",
        run: echo_in_one_loop,
    },
    Operation {
        name: "echo_among_50",
        run: echo_among_50,
    },
    Operation {
        name: "foreign_wake",
        run: foreign_wake,
    },
    Operation {
        name: "foreign_wake_of_a_burst",
        run: foreign_burst,
    },
];

const HOUR: Duration = Duration::from_secs(3_600);

/// A loop that looks after 64 polls. The default is 64 polls or 25 us, and under callgrind a poll takes fifty times as long.
fn a_loop() -> EventLoop {
    let builder = EventLoop::builder().poll_budget(64);
    builder.build().expect("a loop")
}

fn in_a_task(work: impl Future<Output = ()> + 'static) {
    a_loop()
        .run(async { roundelay::spawn(work).await })
        .expect("no panic");
}

fn spawn_join(count: usize) {
    in_a_task(async move {
        for number in 0..count {
            assert_eq!(
                roundelay::spawn(async move { number }).await.ok(),
                Some(number)
            );
        }
    });
}

/// A task yields while a timer is armed and a socket is registered.
fn yield_now(count: usize) {
    in_a_task(async move {
        let (socket, _other) = UnixStream::pair().expect("a pair");
        drop(roundelay::spawn(
            async move { socket.read(&mut [0; 1]).await },
        ));
        drop(roundelay::spawn(roundelay::sleep(HOUR)));
        for _ in 0..count {
            roundelay::yield_now().await;
        }
    });
}

/// One task wakes a hundred others, and each is polled.
fn wake(count: usize) {
    const CROWD: usize = 100;
    in_a_task(async move {
        let wakers = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..CROWD {
            drop(roundelay::spawn(Idle {
                wakers: Rc::clone(&wakers),
                has_come: false,
            }));
        }
        roundelay::yield_now().await;
        let wakers = wakers.take();
        for _ in 0..count / CROWD {
            wakers.iter().for_each(Waker::wake_by_ref);
            roundelay::yield_now().await;
        }
    });
}

struct Idle {
    wakers: Rc<RefCell<Vec<Waker>>>,
    has_come: bool,
}

impl Future for Idle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_come {
            self.has_come = true;
            self.wakers.borrow_mut().push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Arms and cancels a timer while a thousand others are armed.
fn arm_cancel(count: usize) {
    in_a_task(async move {
        for number in 0..1_000 {
            drop(roundelay::spawn(roundelay::sleep(
                HOUR + Duration::from_secs(number),
            )));
        }
        roundelay::yield_now().await;
        poll_fn(|cx| {
            for number in 0..count as u64 {
                let sleep = pin!(roundelay::sleep(HOUR + Duration::from_millis(number)));
                assert!(sleep.poll(cx).is_pending());
            }
            Poll::Ready(())
        })
        .await;
    });
}

/// A time-out around a body that yields once.
fn guard(count: usize) {
    in_a_task(async move {
        for _ in 0..count {
            assert!(
                roundelay::timeout(HOUR, roundelay::yield_now())
                    .await
                    .is_ok()
            );
        }
    });
}

/// The client is a process of its own. It asks again after each answer.
fn echo(count: usize) {
    a_loop()
        .run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?.to_string();
            let mut client = Command::new(env::current_exe()?)
                .args(["client", &address, &count.to_string()])
                .spawn()?;
            let (stream, _) = listener.accept().await?;
            // The server reads once, and finds nothing, before the client begins. The stream is registered only then. Without it,
            // an echo that the other processor has sent in time would need no wait.
            let early = stream.try_read(&mut [0]);
            assert!(early.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
            stream.write_all(&[0]).await?;
            answer(stream).await?;
            assert!(client.wait()?.success());
            io::Result::Ok(())
        })
        .expect("an echo");
}

async fn answer(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

pub(crate) fn client(address: &str, count: usize) -> io::Result<()> {
    let mut stream = net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.read_exact(&mut [0])?;
    let mut answer = [0; 64];
    for _ in 0..count {
        stream.write_all(&[7; 64])?;
        stream.read_exact(&mut answer)?;
    }
    Ok(())
}

/// Both sides are tasks of one loop.
fn echo_in_one_loop(count: usize) {
    a_loop()
        .run(async {
            let (near, far) = UnixStream::pair()?;
            let server = roundelay::spawn(async move {
                let mut buffer = [0; 4_096];
                loop {
                    match far.read(&mut buffer).await? {
                        0 => return io::Result::Ok(()),
                        count => far.write_all(&buffer[..count]).await?,
                    }
                }
            });
            for _ in 0..count {
                near.write_all(&[7; 64]).await?;
                near.read_exact(&mut [0; 64]).await?;
            }
            drop(near);
            server.await.expect("no panic")
        })
        .expect("an echo");
}

/// Fifty connections speak, and one turn answers all of them. The figure is for one request, with its client: a write and a
/// read by the standard library.
fn echo_among_50(count: usize) {
    let mut event_loop = a_loop();
    let mut clients = Vec::new();
    for (client, server) in fifty_connections() {
        clients.push(client);
        let server = TcpStream::from_std(server).expect("a stream");
        drop(event_loop.spawn(answer(server)));
    }
    event_loop.run_until_idle().expect("turns");
    speak(clients, count, || {
        event_loop.turn(Some(Duration::ZERO)).expect("a turn");
    });
}

/// Each with its client's end and its server's end.
pub(crate) fn fifty_connections() -> impl Iterator<Item = (net::TcpStream, net::TcpStream)> {
    let listener = net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    (0..50).map(move |_| {
        let client = net::TcpStream::connect(address).expect("a client");
        (client, listener.accept().expect("a connection").0)
    })
}

/// Sends `count` requests, one from each client and then a turn of the server, and reads the answers.
pub(crate) fn speak(mut clients: Vec<net::TcpStream>, count: usize, mut turn: impl FnMut()) {
    for _ in 0..count / clients.len() {
        for client in &mut clients {
            client.write_all(&[7; 64]).expect("a request");
        }
        turn();
        for client in &mut clients {
            client.read_exact(&mut [0; 64]).expect("an answer");
        }
    }
}

/// Wakes come from outside while the loop sleeps, because between two turns the loop counts as asleep.
fn foreign_wake(count: usize) {
    turns(count, 1);
}

/// A hundred wakes of a hundred tasks before the loop looks. The figure is for one wake.
fn foreign_burst(count: usize) {
    turns(count, 100);
}

fn turns(count: usize, burst: usize) {
    let mut event_loop = a_loop();
    let wakers = Rc::new(RefCell::new(Vec::new()));
    let come = Rc::new(Cell::new(0));
    for _ in 0..burst {
        let (wakers, come) = (Rc::clone(&wakers), Rc::clone(&come));
        let mut is_new = true;
        let task = poll_fn(move |cx| {
            if std::mem::take(&mut is_new) {
                wakers.borrow_mut().push(cx.waker().clone());
            }
            come.set(come.get() + 1);
            Poll::<()>::Pending
        });
        drop(event_loop.spawn(task));
    }
    drop(event_loop.spawn(pending::<()>()));
    while come.get() < burst {
        event_loop.turn(Some(Duration::ZERO)).expect("a turn");
    }
    come.set(0);
    let wakers = wakers.take();
    for round in 1..=count / burst {
        wakers.iter().for_each(Waker::wake_by_ref);
        while come.get() < round * burst {
            event_loop.turn(None).expect("a turn");
        }
    }
}
