//! What does a served request cost, and how long does it take?
//!
//! This process is only the server. The client is a process of its own, is the same for all, and measures both (see
//! `client.rs`). When the client ends, this process ends too, with the client's figures. So these rows do not return.

use std::future::{Future, poll_fn};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::{env, io, process, thread};

use super::*;
use crate::client::Load;
use crate::peer::Talk;
use crate::peer::bare;
use crate::{answer, clock, memory};

const PAGE: usize = 4_096;
const IDLE_CONNECTIONS: usize = 1_000;

/// How many timers the busy task has replaced. Its turns are part of the server's processor time.
static REPLACED: AtomicU64 = AtomicU64::new(0);

pub fn run<P: Peer>(name: &str, effort: Effort) -> Option<Metrics> {
    let (talk, load) = plan(name, effort)?;
    let is_busy = name == "echo_busy";
    clock::pin_to(0);
    let ended = P::block_on(async move {
        if is_busy {
            churn::<P>().await;
        }
        let listening = move |address| begin(address, load, effort, process::id());
        P::serve(talk, listening).await
    });
    panic!("the server has ended: {ended:?}");
}

pub fn run_bare(manner: Manner, name: &str, effort: Effort) -> Option<Metrics> {
    if matches!(name, "echo_busy" | "bytes_connection") {
        return None;
    }
    let (talk, load) = plan(name, effort)?;
    let talk = match talk {
        // This loop has no buffers, so it reads and answers the bytes that are there.
        Talk::Buffered(_) => Talk::Whole(PAGE),
        talk => talk,
    };
    clock::pin_to(0);
    let listening = move |address| begin(address, load, effort, process::id());
    let ended = bare::serve(manner, talk, listening);
    panic!("the server has ended: {ended:?}");
}

fn plan(name: &str, effort: Effort) -> Option<(Talk, Load)> {
    let echo = |connections| Load {
        connections,
        size: 64,
        ..Load::default()
    };
    Some(match name {
        "echo_1" => (Talk::Whole(PAGE), echo(1)),
        "echo_50" | "echo_busy" => (Talk::Whole(PAGE), echo(50)),
        "echo_1000" => (Talk::Whole(PAGE), echo(1_000)),
        "echo_10k" => (
            Talk::Whole(PAGE),
            echo(if effort.is_quick { 2_000 } else { 9_900 }),
        ),
        "scale_echo" => (Talk::Whole(PAGE), echo(effort.alive)),
        "pipelined" => (
            Talk::Framed(64),
            Load {
                depth: 16,
                ..echo(50)
            },
        ),
        "pipelined_buffered" => (
            Talk::Buffered(64),
            Load {
                depth: 16,
                ..echo(50)
            },
        ),
        "pipelined_whole" => (
            Talk::Whole(PAGE),
            Load {
                depth: 16,
                ..echo(50)
            },
        ),
        "stream_64k" => (
            Talk::Whole(65_536),
            Load {
                size: 65_536,
                ..echo(8)
            },
        ),
        "connect" => (
            Talk::Whole(PAGE),
            Load {
                is_reconnecting: true,
                ..echo(1)
            },
        ),
        "bytes_connection" => (
            Talk::Whole(64),
            Load {
                is_idle: true,
                ..echo(IDLE_CONNECTIONS)
            },
        ),
        _ => return None,
    })
}

/// A task that never stops. It has a hundred thousand timers, and always replaces the oldest.
async fn churn<P: Peer>() {
    const ALIVE: usize = 100_000;
    const PER_TURN: usize = 8;
    P::detach(async {
        let mut random = SEED;
        let mut sleep = move || {
            Box::pin(P::sleep(
                Duration::from_secs(60) + Duration::from_micros(random.below(1 << 31)),
            ))
        };
        let mut sleeps: Vec<_> = (0..ALIVE).map(|_| sleep()).collect();
        for oldest in (0..ALIVE).step_by(PER_TURN).cycle() {
            for old in &mut sleeps[oldest..oldest + PER_TURN] {
                *old = sleep();
                let is_pending =
                    poll_fn(|cx| Poll::Ready(old.as_mut().poll(cx).is_pending())).await;
                assert!(is_pending);
            }
            REPLACED.fetch_add(PER_TURN as u64, Ordering::Relaxed);
            P::yield_now().await;
        }
    });
}

/// Starts the client, and a thread that waits for it. `server` is the process whose processor time counts.
pub fn begin(address: SocketAddr, load: Load, effort: Effort, server: u32) {
    if load.is_idle {
        memory::start();
    }
    thread::spawn(move || {
        let metrics = watch(address, load, effort, server).unwrap_or_else(|error| {
            eprintln!("the client: {error}");
            process::exit(1);
        });
        answer(&metrics)
    });
}

fn watch(address: SocketAddr, load: Load, effort: Effort, server: u32) -> io::Result<Metrics> {
    let before = clock::resident();
    let (start, replaced) = (Instant::now(), REPLACED.load(Ordering::Relaxed));
    let mut client = start_client(address, load, effort, server)?;
    let mut line = String::new();
    let output = client.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut line)?;
    if load.is_idle {
        let held = memory::stop();
        let each = |bytes: usize| bytes as f64 / load.connections as f64;
        client.kill()?;
        client.wait()?;
        let grown = clock::resident().saturating_sub(before);
        return Ok(vec![
            ("usable", each(held.usable)),
            ("requested", each(held.requested)),
            ("resident", each(grown)),
        ]);
    }
    let replaced = REPLACED.load(Ordering::Relaxed) - replaced;
    let busy = replaced as f64 / start.elapsed().as_secs_f64();
    client.wait()?;
    let report = Load::read_report(&line);
    let mut metrics = report.ok_or_else(|| io::Error::other("it has got no answers"))?;
    if replaced > 0 {
        metrics.push(("busy", busy));
    }
    Ok(metrics)
}

fn start_client(address: SocketAddr, load: Load, effort: Effort, server: u32) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .args(load.to_arguments(address, server, effort.time * 3))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}
