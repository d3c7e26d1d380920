//! The smallest event loop that serves sockets and timers. Read it first, from top to bottom.
//!
//! The loop works, and it has bugs. The end of the file lists them, each with the chapter that closes it. The file uses
//! nothing of roundelay.
//!
//! `cargo run --example 00_smallest_loop`

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Token, event::Source};
use slab::Slab;

// The loop: a table of tasks, a queue of numbers, a heap of timers, and a poller for sockets.

type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct Loop {
    is_done: Cell<bool>,
    /// The number of a task is its place in this table. The entry is `None` while the task is polled.
    tasks: RefCell<Slab<Option<Task>>>,
    /// The numbers of the tasks to poll, first in, first out.
    ready: RefCell<VecDeque<usize>>,
    /// When each timer is due, the earliest first, and the place of its waker.
    timers: RefCell<BinaryHeap<Reverse<(Instant, usize)>>>,
    sleepers: RefCell<Slab<Waker>>,
    /// For each socket, by its token: the waker of the task that waits for it.
    sockets: RefCell<Slab<Option<Waker>>>,
}

// Each thread has a loop of its own, so a number is enough for a waker to find its task.
thread_local! {
    static LOOP: Rc<Loop> = Rc::default();
    static POLLER: RefCell<mio::Poll> = RefCell::new(mio::Poll::new().expect("a poller"));
}

fn current() -> Rc<Loop> {
    LOOP.with(Rc::clone)
}

/// Runs until `main` has ended, and drops the remaining tasks.
pub(crate) fn run(main: impl Future<Output = ()> + 'static) {
    let this = current();
    spawn(async {
        main.await;
        current().is_done.set(true);
    });
    while !this.is_done.take() {
        let next = this.ready.borrow_mut().pop_front();
        match next {
            Some(number) => this.poll_task(number),
            None => this.park(),
        }
    }
    this.tasks.borrow_mut().clear();
}

/// Starts a task: puts it into the table, and its number into the queue.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    let number = current().tasks.borrow_mut().insert(Some(Box::pin(future)));
    current().ready.borrow_mut().push_back(number);
}

impl Loop {
    /// Takes the task out of the table, so that it may spawn while it runs, polls it, and puts it back if it has not
    /// ended.
    fn poll_task(&self, number: usize) {
        let mut tasks = self.tasks.borrow_mut();
        let task = tasks.get_mut(number).and_then(Option::take);
        drop(tasks);
        let Some(mut task) = task else { return };
        let waker = Waker::from(Arc::new(Number(number)));
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => self.tasks.borrow_mut()[number] = Some(task),
            Poll::Ready(()) => drop(self.tasks.borrow_mut().remove(number)),
        }
    }

    /// No task is ready. Sleeps until a socket is ready or the earliest timer is due, and wakes the tasks that wait for
    /// them.
    fn park(&self) {
        let until = |due: Instant| due.saturating_duration_since(Instant::now());
        let wait = self.earliest().map(until);
        let mut events = Events::with_capacity(64);
        let polled = POLLER.with_borrow_mut(|poller| poller.poll(&mut events, wait));
        polled.expect("the poller can wait");
        for event in &events {
            let waker = self.sockets.borrow_mut()[event.token().0].take();
            waker.into_iter().for_each(Waker::wake);
        }
        while self.earliest().is_some_and(|due| due <= Instant::now()) {
            let Reverse((_, place)) = self.timers.borrow_mut().pop().expect("a timer");
            self.sleepers.borrow_mut().remove(place).wake();
        }
    }

    fn earliest(&self) -> Option<Instant> {
        self.timers.borrow().peek().map(|next| next.0.0)
    }
}

/// A waker is a number. To wake is to put the number into the queue.
struct Number(usize);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        if current().tasks.borrow().contains(self.0) {
            current().ready.borrow_mut().push_back(self.0);
        }
    }
}

// The futures of this loop.

/// Puts its task at the back of the queue once.
pub(crate) fn yield_now() -> impl Future<Output = ()> {
    let mut has_yielded = false;
    poll_fn(move |cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

pub(crate) fn sleep(duration: Duration) -> impl Future<Output = ()> {
    let due = Instant::now() + duration;
    poll_fn(move |cx| {
        if due <= Instant::now() {
            return Poll::Ready(());
        }
        let place = current().sleepers.borrow_mut().insert(cx.waker().clone());
        current().timers.borrow_mut().push(Reverse((due, place)));
        Poll::Pending
    })
}

/// A listener or a stream that the poller watches.
struct Socket<S: Source> {
    source: S,
    token: usize,
}

impl<S: Source> Socket<S> {
    fn new(mut source: S) -> io::Result<Self> {
        let token = current().sockets.borrow_mut().insert(None);
        let both = Interest::READABLE | Interest::WRITABLE;
        POLLER.with_borrow(|poller| poller.registry().register(&mut source, Token(token), both))?;
        Ok(Self { source, token })
    }

    /// Tries `call`. If the socket is not ready, leaves the waker beside it, and tries again when the poller has woken
    /// the task.
    async fn when_ready<R>(&self, mut call: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        let not_ready = [ErrorKind::WouldBlock, ErrorKind::NotConnected];
        poll_fn(|cx| match call(&self.source) {
            Err(error) if not_ready.contains(&error.kind()) => {
                current().sockets.borrow_mut()[self.token] = Some(cx.waker().clone());
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
        .await
    }
}

impl<S: Source> Drop for Socket<S> {
    fn drop(&mut self) {
        // The system forgets a closed socket.
        current().sockets.borrow_mut().remove(self.token);
    }
}

// A server and a client that use the loop.

async fn serve(listener: Socket<TcpListener>) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.when_ready(|listener| listener.accept()).await?;
        println!("server: {peer} connects, and gets a task of its own");
        let stream = Socket::new(stream)?;
        spawn(async move { echo(stream).await.expect("the client stays to the end") });
    }
}

async fn echo(stream: Socket<TcpStream>) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let length = read(&stream, &mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        write_all(&stream, &buffer[..length]).await?;
    }
}

async fn read(stream: &Socket<TcpStream>, buffer: &mut [u8]) -> io::Result<usize> {
    stream.when_ready(|mut stream| stream.read(buffer)).await
}

async fn write_all(stream: &Socket<TcpStream>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = stream.when_ready(|mut stream| stream.write(bytes)).await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Sends `words`, and returns what has come back.
async fn ask(address: std::net::SocketAddr, words: &str) -> io::Result<String> {
    let stream = Socket::new(TcpStream::connect(address)?)?;
    write_all(&stream, words.as_bytes()).await?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while answer.len() < words.len() {
        let length = read(&stream, &mut buffer).await?;
        assert_ne!(length, 0, "the server has hung up");
        answer.extend_from_slice(&buffer[..length]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub(crate) fn main() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let listener = Socket::new(listener).expect("the poller watches it");
        spawn(async { serve(listener).await.expect("it can accept") });
        spawn(async {
            for number in 1.. {
                sleep(Duration::from_millis(5)).await;
                println!("clock:  {} ms", 5 * number);
            }
        });
        println!("main:   three tasks take turns on one thread");
        for words in ["round", "and round", "goes the loop"] {
            let answer = ask(address, words).await.expect("the server answers");
            assert_eq!(answer, words);
            println!("client: '{words}' came back");
            sleep(Duration::from_millis(7)).await;
        }
        yield_now().await;
        println!("main:   done, and the server and the clock are dropped");
    });
}

// The bugs, each with the chapter that closes it. The first four are also in the sketch of an executor in RFC 2592.
//
//  1. `wake` puts a number into the queue even if it is already there: two wakes, two polls.            src/scheduler/mod.rs
//  2. The slot of an ended task goes to the next task. An old waker then wakes the wrong task.          src/task/waker.rs
//  3. `run` drops the tasks while `tasks` is borrowed, and `wake` borrows it too: a destructor
//     that wakes or spawns panics.                                                                      src/scheduler/mod.rs
//  4. `wake` on another thread looks for the number in the loop of *that* thread: the wake is lost, and
//     the loop would sleep on, because nothing rings.                                                   src/inbox/mod.rs
//  5. A task has no state that a program could read, await or cancel: `spawn` returns nothing.          src/task/mod.rs
//  6. A task has no place for its output, and its panic ends the loop.                                  src/task/cell.rs
//  7. `sleep` adds a timer in each poll, and a timer whose task has ended stays in the heap until it
//     is due.                                                                                           src/time/wheel.rs
//  8. A socket has room for one waker: of two tasks that wait for it, the first is never woken. And a
//     reused token gets the events of the earlier socket.                                               src/reactor/mod.rs
//  9. A call that blocks stops everything.                                                              src/offload/mod.rs
// 10. The loop parks when no task is ready: a task that always yields keeps sockets and timers waiting. src/event_loop/mod.rs
