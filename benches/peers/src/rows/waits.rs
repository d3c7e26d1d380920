//! How long does a socket wait for the loop while other work keeps the loop busy?
//!
//! The client is a process of its own. It writes the time of the clock to one connection, some thousand times a second, and
//! waits for no answer. The server reads it, and compares it with the clock. So a wait that holds up the next stamps is counted
//! with all of them. The server never answers. Meanwhile one of the [`GENERATORS`] works in or against the loop.
//!
//! *The set-up*: the loop has the first processor, before all other programs if the system allows it. The client has the second
//! processor, with the generators that work from outside. There the client comes first, or its own wait for a processor would
//! be counted as the loop's. The row is for runtimes that another thread can send a call to.
//!
//! *What would prove us wrong*: a socket that waits longer than a millisecond, on a machine where it waits for less without a
//! generator.

use std::cell::RefCell;
use std::future::{Future, ready};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use super::{Effort, Metrics, Peer, Random, SEED, quantile};
use crate::{answer, clock, fail};

/// A runtime that another thread can send a call to.
pub trait Reached: Peer {
    type Poster: Clone + Send + 'static;

    /// The handle by which a thread reaches the running loop.
    fn poster() -> Self::Poster;

    fn post(poster: &Self::Poster, call: impl FnOnce() + Send + 'static);

    /// Listens on the loopback, passes the address to `listening`, and reads from one connection until its end.
    fn listen(
        listening: impl FnOnce(SocketAddr) + 'static,
        heard: impl FnMut(&[u8]) + 'static,
    ) -> impl Future<Output = io::Result<()>> + 'static;
}

/// The work that goes on meanwhile, by the names of the rows.
const GENERATORS: &[&str] = &[
    "wait_quiet",
    "wait_busy",
    "wait_spawns",
    "wait_waker",
    "wait_posts",
    "wait_offload",
    "wait_timers",
    "wait_timers_1s",
];

pub fn has(name: &str) -> bool {
    GENERATORS.contains(&name)
}

/// How much the generator has done. It is easy to be punctual if nothing else is done.
static DEEDS: AtomicU64 = AtomicU64::new(0);
static IS_OVER: AtomicBool = AtomicBool::new(false);

// ORDERING: all relaxed. The number is only shown, and the flag may be seen late.
fn done(deeds: u64) {
    DEEDS.fetch_add(deeds, Relaxed);
}

fn is_over() -> bool {
    IS_OVER.load(Relaxed)
}

/// How long the client writes: for a time, or until a moment.
enum Until {
    Passed(Duration),
    Then(Instant),
}

/// Does not return. This process ends when the client has ended and all that it wrote is read.
pub fn run<P: Reached>(name: &str, effort: Effort) -> Option<Metrics> {
    let name = name.to_owned();
    let (begin, begun) = mpsc::channel();
    let (hear, heard) = mpsc::channel();
    clock::come_first();
    // The thread starts before this one is bound to its processor, because a new thread would share that processor.
    thread::spawn(move || {
        let (address, until) = begun.recv().expect("the server listens");
        let metrics = watch(address, until, &heard).unwrap_or_else(|error| {
            eprintln!("the client: {error}");
            process::exit(1);
        });
        answer(&metrics)
    });
    clock::pin_to(0);
    let ended = P::block_on(async move {
        let until = generate::<P>(&name, effort).await;
        let ear = Ear::default();
        let waits = Rc::clone(&ear.waits);
        let listening = move |address| begin.send((address, until)).expect("a thread waits");
        P::listen(listening, ear.into_hearing()).await?;
        hear.send(waits.take()).map_err(io::Error::other)?;
        // The figures end the process.
        P::sleep(super::HOUR).await;
        io::Result::Ok(())
    });
    panic!("the server has ended: {ended:?}");
}

/// Starts the client, ends it in time, and waits until the server has read everything.
fn watch(
    address: SocketAddr,
    until: Until,
    heard: &mpsc::Receiver<Vec<f64>>,
) -> io::Result<Metrics> {
    let (start, before) = (Instant::now(), DEEDS.load(Relaxed));
    let mut client = Command::new(env::current_exe()?)
        .args(["stamps", &address.to_string()])
        .stdin(Stdio::piped())
        .spawn()?;
    thread::sleep(match until {
        Until::Passed(time) => time,
        Until::Then(moment) => moment.saturating_duration_since(Instant::now()),
    });
    drop(client.stdin.take());
    client.wait()?;
    IS_OVER.store(true, Relaxed);
    // The suite has a watchdog for this process, and the watchdog names the row.
    let mut waits = heard.recv().map_err(io::Error::other)?;
    let deeds = (DEEDS.load(Relaxed) - before) as f64 / start.elapsed().as_secs_f64();
    waits.sort_by(f64::total_cmp);
    let longest = waits
        .last()
        .ok_or_else(|| io::Error::other("nothing was read"))?;
    Ok(vec![
        ("max", *longest),
        ("p999", quantile(&waits, 0.999)),
        ("p50", quantile(&waits, 0.5)),
        ("deeds", deeds),
    ])
}

const STAMP: usize = size_of::<u64>();
const PAUSE: Duration = Duration::from_micros(100);

/// The client: writes the clock's time again and again, until its standard input ends.
pub fn write_stamps(address: &str) -> io::Result<()> {
    clock::pin_to(1);
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        IS_OVER.store(true, Relaxed);
    });
    while !is_over() {
        stream.write_all(&clock::monotonic().to_le_bytes())?;
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Reads the stamps, and keeps how long each has waited, in microseconds.
#[derive(Default)]
struct Ear {
    rest: Vec<u8>,
    waits: Rc<RefCell<Vec<f64>>>,
}

impl Ear {
    fn into_hearing(mut self) -> impl FnMut(&[u8]) + 'static {
        move |bytes| {
            let now = clock::monotonic();
            self.rest.extend_from_slice(bytes);
            let whole = self.rest.len() / STAMP * STAMP;
            for stamp in self.rest[..whole].chunks_exact(STAMP) {
                let written = u64::from_le_bytes(stamp.try_into().expect("eight bytes"));
                let wait = now.saturating_sub(written) as f64 / 1e3;
                self.waits.borrow_mut().push(wait);
            }
            self.rest.drain(..whole);
        }
    }
}

/// Begins the work beside the socket. Returns until when the client is to write.
async fn generate<P: Reached>(name: &str, effort: Effort) -> Until {
    match name {
        "wait_quiet" => {}
        "wait_busy" => P::detach(busy::<P>()),
        "wait_spawns" => P::detach(spawns::<P>()),
        "wait_waker" => P::detach(chains::<P>()),
        "wait_posts" => posts::<P>(),
        "wait_offload" => P::detach(offloads::<P>()),
        "wait_timers" => return timers::<P>(effort, Duration::ZERO).await,
        "wait_timers_1s" => return timers::<P>(effort, Duration::from_secs(1)).await,
        _ => unreachable!("`has` knows the names"),
    }
    Until::Passed(effort.time)
}

fn work(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {}
}

/// A task that works for ten microseconds and yields.
async fn busy<P: Peer>() {
    while !is_over() {
        work(Duration::from_micros(10));
        done(1);
        P::yield_now().await;
    }
}

/// A task that spawns a thousand tasks and yields.
async fn spawns<P: Peer>() {
    while !is_over() {
        for _ in 0..1_000 {
            P::detach(async { done(1) });
        }
        P::yield_now().await;
    }
}

/// Two threads that post calls of two microseconds, as fast as they can.
fn posts<P: Reached>() {
    for _ in 0..2 {
        let poster = P::poster();
        thread::spawn(move || {
            clock::keep_away();
            while !is_over() {
                P::post(&poster, || {
                    work(Duration::from_micros(2));
                    done(1);
                });
            }
        });
    }
}

/// A task that begins a thousand jobs that are over at once, and awaits them.
///
/// Two things beside the loop are in this row. The poll that spawns a thousand tasks takes a third of a millisecond. And a
/// worker may lose its processor to the client or to another program, while it holds a lock that the loop needs next.
async fn offloads<P: Peer>() {
    while !is_over() {
        let jobs: Vec<_> = (0..1_000)
            .map(|_| P::spawn(P::offload(clock::keep_away)))
            .collect();
        for job in jobs {
            drop(job.await);
            done(1);
        }
    }
}

/// Many tasks sleep until the same moment, or each until a moment of its own within `window`.
async fn timers<P: Peer>(effort: Effort, window: Duration) -> Until {
    const AFTERWARDS: Duration = Duration::from_millis(100);
    let (count, margin) = match effort.is_quick {
        true => (200_000, 1),
        false => (1_000_000, 3),
    };
    let first = Instant::now() + Duration::from_secs(margin);
    let mut random = SEED;
    for _ in 0..count {
        let deadline = first + within(window, &mut random);
        P::detach(async move {
            P::sleep(deadline.saturating_duration_since(Instant::now())).await;
            done(1);
        });
    }
    let almost = first - AFTERWARDS;
    P::sleep(almost.saturating_duration_since(Instant::now())).await;
    if Instant::now() >= first {
        fail(&format!("has not armed {count} timers in {margin} s"));
    }
    Until::Then(first + window + AFTERWARDS)
}

fn within(window: Duration, random: &mut Random) -> Duration {
    match window.as_nanos() as u64 {
        0 => Duration::ZERO,
        nanoseconds => Duration::from_nanos(random.below(nanoseconds)),
    }
}

/// Wakers of our own. Each begins something new inside `wake`, and waits for that next. Half of them spawn a task, and half arm a
/// timer.
async fn chains<P: Peer>() {
    for index in 0..CHAINS {
        let peer = PhantomData::<fn() -> P>;
        Arc::new(Chain { index, peer }).wake();
    }
}

const CHAINS: usize = 64;

struct Chain<P> {
    index: usize,
    peer: PhantomData<fn() -> P>,
}

type Link = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    /// The present link of each waker, and the one before. So no link is dropped in its own wake.
    static LINKS: RefCell<[[Option<Link>; 2]; CHAINS]> = const { RefCell::new([const { [None, None] }; CHAINS]) };
}

impl<P: Peer> Chain<P> {
    /// A new task is not done yet, so this waits.
    fn spawn(&self) -> Link {
        let task = P::spawn(ready(()));
        Box::pin(async { drop(task.await) })
    }

    /// The microsecond may be over before the wait begins.
    fn arm(&self) -> Link {
        Box::pin(P::sleep(Duration::from_micros(1)))
    }

    fn begin(self: &Arc<Self>, mut link: Link) -> Poll<()> {
        let waker = Waker::from(Arc::clone(self));
        let poll = link.as_mut().poll(&mut Context::from_waker(&waker));
        let older = LINKS.with_borrow_mut(|links| {
            let [last, older] = &mut links[self.index];
            std::mem::replace(older, last.replace(link))
        });
        drop(older);
        poll
    }
}

impl<P: Peer> Wake for Chain<P> {
    fn wake(self: Arc<Self>) {
        if is_over() {
            return;
        }
        done(1);
        if self.index % 2 == 0 && self.begin(self.arm()).is_pending() {
            return;
        }
        let poll = self.begin(self.spawn());
        assert!(
            poll.is_pending(),
            "a task ran inside the call that spawned it"
        );
    }
}
