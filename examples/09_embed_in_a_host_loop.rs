//! A host that owns the thread: it polls the loop's descriptor and deadline beside its own, and turns the loop itself.
//!
//! Here the host is a bare `mio::Poll` with a socket of its own. A host could be a GUI, a game, or another runtime.
//! Each turn prints its counts; its notes are the messages of other threads.
//!
//! `cargo run --release --example 09_embed_in_a_host_loop`

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use roundelay::{EventLoop, sleep};

const OURS: Token = Token(0);
const HOSTS: Token = Token(1);

fn main() -> io::Result<()> {
    let mut guest = EventLoop::builder().name("guest").build()?;
    let mut host = Poll::new()?;
    host.registry().register(
        &mut SourceFd(&guest.as_fd().as_raw_fd()),
        OURS,
        Interest::READABLE,
    )?;

    // The host's own work: datagrams that a thread sends now and then.
    let inbox = UdpSocket::bind("127.0.0.1:0")?;
    inbox.set_nonblocking(true)?;
    host.registry()
        .register(&mut SourceFd(&inbox.as_raw_fd()), HOSTS, Interest::READABLE)?;

    let (address, remote) = (inbox.local_addr()?, guest.remote());
    let thread =
        thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            for n in 0..3_u8 {
                thread::sleep(Duration::from_millis(15));
                socket.send_to(&[n], address)?;
                // And work for the guest: the host sees the guest's descriptor become readable.
                drop(remote.spawn(move || async move {
                    println!("    guest: task {n} from another thread")
                }));
            }
            io::Result::Ok(())
        });

    let task = guest.spawn(async {
        for n in 0..4 {
            sleep(Duration::from_millis(12)).await;
            println!("    guest: slept {n}");
        }
    });

    let start = Instant::now();
    let mut events = Events::with_capacity(8);
    let mut datagrams = 0;
    while !task.is_finished() || datagrams < 3 {
        // Waits for the first event: of the host's socket, the guest's descriptor, or the guest's next timer.
        let patience = guest
            .next_deadline()
            .map(|at| at.saturating_duration_since(Instant::now()));
        host.poll(&mut events, patience)?;
        let mut why = if events.is_empty() {
            "its deadline"
        } else {
            "its descriptor"
        };
        if events.iter().any(|event| event.token() == HOSTS) {
            let mut byte = [0];
            while inbox.recv(&mut byte).is_ok() {
                println!("{:>6.1?} host: datagram {}", start.elapsed(), byte[0]);
                datagrams += 1;
            }
            why = "its turn";
        }
        // One turn, without waiting: the host has already waited.
        let turn = guest.turn(Some(Duration::ZERO))?;
        if turn.polls > 0 {
            println!(
                "{:>6.1?} host: turned the guest ({why}): {turn}",
                start.elapsed()
            );
        }
    }
    thread.join().expect("the thread does not panic")?;
    println!("the guest ends: {}", guest.shutdown(Duration::ZERO));
    Ok(())
}
