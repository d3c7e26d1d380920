//! What does each promise of the loop cost? An echo among fifty connections again, built up in steps: from a loop over mio
//! that has no tasks to one that has most of what this crate's loop promises, with the cheapest code for each step. The
//! difference between two steps is the price of one promise, and the last step is a floor for the crate's own figure.
//!
//! The price of a waker is the lowest that safe code can reach: its clone is an atomic count, and no clone is made as long
//! as the same task waits.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Token};
use slab::Slab;

use crate::operations::{fifty_connections, speak};

/// A run of a loop that has the first so many promises.
pub(crate) type Run = fn(usize);

/// What each step adds to the one before it.
pub(crate) const STEPS: [(&str, Run); 8] = [
    ("a loop over mio, without tasks", run::<BARE>),
    (
        "a future for each connection, polled at its event",
        run::<FUTURES>,
    ),
    (
        "a waker for each task, and a queue of the ready ones",
        run::<WAKERS>,
    ),
    ("nothing is borrowed while a task is polled", run::<APART>),
    ("a panic ends its own task only", run::<CONTAINED>),
    ("a late event or wake reaches no successor", run::<SERIALS>),
    (
        "a future that is done or dropped leaves no waker behind",
        run::<NOTHING_LEFT>,
    ),
    ("a poll completes 128 operations at most", run::<BUDGET>),
];
const BARE: usize = 0;
const FUTURES: usize = 1;
const WAKERS: usize = 2;
const APART: usize = 3;
const CONTAINED: usize = 4;
const SERIALS: usize = 5;
const NOTHING_LEFT: usize = 6;
const BUDGET: usize = 7;

const SLOT_BITS: u32 = 28;
const OPERATIONS: u32 = 128;

thread_local! {
    static READY: RefCell<VecDeque<Name>> = const { RefCell::new(VecDeque::new()) };
    static LEFT: Cell<u32> = const { Cell::new(OPERATIONS) };
}

/// A slot of a table, and the serial number of its tenant.
#[derive(Clone, Copy)]
struct Name {
    slot: usize,
    serial: usize,
}

/// The waker of a task.
struct Number {
    name: Name,
    is_queued: AtomicBool,
}

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: relaxed. One thread.
        if !self.is_queued.swap(true, Relaxed) {
            READY.with_borrow_mut(|ready| ready.push_back(self.name));
        }
    }
}

struct Task {
    serial: usize,
    number: Arc<Number>,
    waker: Waker,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

/// What the loop knows of a socket.
struct Source {
    serial: usize,
    is_ready: Cell<bool>,
    waiter: Cell<Option<Waker>>,
}

/// A loop that has the promises up to `STEP`.
struct Loop<const STEP: usize> {
    poll: mio::Poll,
    events: Events,
    tasks: RefCell<Slab<Task>>,
    sources: RefCell<Slab<Rc<Source>>>,
    streams: Vec<TcpStream>,
}

fn run<const STEP: usize>(count: usize) {
    let mut this = Loop::<STEP> {
        poll: mio::Poll::new().expect("a poller"),
        events: Events::with_capacity(1_024),
        tasks: RefCell::default(),
        sources: RefCell::default(),
        streams: Vec::new(),
    };
    let mut clients = Vec::new();
    for (serial, (client, server)) in fifty_connections().enumerate() {
        clients.push(client);
        server.set_nonblocking(true).expect("a mode");
        this.admit(serial, TcpStream::from_std(server))
            .expect("a source");
    }
    this.turn().expect("a turn");
    speak(clients, count, || this.turn().expect("a turn"));
}

impl<const STEP: usize> Loop<STEP> {
    fn admit(&mut self, serial: usize, mut stream: TcpStream) -> io::Result<()> {
        let (mut tasks, mut sources) = (self.tasks.borrow_mut(), self.sources.borrow_mut());
        let slot = sources.vacant_key();
        let token = match STEP >= SERIALS {
            true => serial << SLOT_BITS | slot,
            false => slot,
        };
        let registry = self.poll.registry();
        registry.register(
            &mut stream,
            Token(token),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let source = Rc::new(Source {
            serial,
            is_ready: Cell::new(true),
            waiter: Cell::default(),
        });
        sources.insert(Rc::clone(&source));
        if STEP == BARE {
            self.streams.push(stream);
            return Ok(());
        }
        let number = Arc::new(Number {
            name: Name { slot, serial },
            is_queued: AtomicBool::new(false),
        });
        let waker = Waker::from(Arc::clone(&number));
        waker.wake_by_ref();
        tasks.insert(Task {
            serial,
            number,
            waker,
            future: Some(Box::pin(async move {
                drop(answer::<STEP>(stream, source).await);
            })),
        });
        Ok(())
    }

    /// Looks at the sockets, and polls the tasks that are ready.
    fn turn(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4_096];
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        for event in &self.events {
            let slot = match STEP >= SERIALS {
                true => event.token().0 & ((1 << SLOT_BITS) - 1),
                false => event.token().0,
            };
            if STEP == BARE {
                if event.is_readable() {
                    answer_at_once(&mut self.streams[slot], &mut buffer)?;
                }
                continue;
            }
            let sources = self.sources.borrow();
            let Some(source) = sources.get(slot) else {
                continue;
            };
            if STEP >= SERIALS && source.serial != event.token().0 >> SLOT_BITS {
                continue;
            }
            if event.is_readable() || event.is_read_closed() {
                source.is_ready.set(true);
                let waiter = source.waiter.take();
                if STEP < WAKERS {
                    poll_under_a_borrow(&mut self.tasks.borrow_mut()[slot]);
                } else if let Some(waiter) = waiter {
                    contain::<STEP, _>(|| waiter.wake_by_ref());
                    if STEP < NOTHING_LEFT {
                        source.waiter.set(Some(waiter));
                    }
                }
            }
        }
        if STEP >= WAKERS {
            while let Some(name) = READY.with_borrow_mut(VecDeque::pop_front) {
                self.poll(name);
            }
        }
        Ok(())
    }

    fn poll(&self, name: Name) {
        let mut tasks = self.tasks.borrow_mut();
        let task = &mut tasks[name.slot];
        if STEP >= SERIALS && task.serial != name.serial {
            return;
        }
        // ORDERING: relaxed. One thread.
        task.number.is_queued.store(false, Relaxed);
        if STEP < APART {
            return poll_under_a_borrow(task);
        }
        let Some(mut future) = task.future.take() else {
            return;
        };
        let waker = task.waker.clone();
        drop(tasks);
        if STEP >= BUDGET {
            LEFT.set(OPERATIONS);
        }
        let mut context = Context::from_waker(&waker);
        let polled = contain::<STEP, _>(|| future.as_mut().poll(&mut context));
        if polled.is_some_and(|polled| polled.is_pending()) {
            self.tasks.borrow_mut()[name.slot].future = Some(future);
        }
    }
}

fn poll_under_a_borrow(task: &mut Task) {
    let mut context = Context::from_waker(&task.waker);
    if let Some(future) = &mut task.future {
        let _ = future.as_mut().poll(&mut context);
    }
}

/// Runs foreign code. `None` if it panics, in the steps that contain a panic.
fn contain<const STEP: usize, R>(foreign: impl FnOnce() -> R) -> Option<R> {
    match STEP >= CONTAINED {
        true => catch_unwind(AssertUnwindSafe(foreign)).ok(),
        false => Some(foreign()),
    }
}

fn answer_at_once(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let count = stream.read(buffer)?;
    stream.write_all(&buffer[..count])
}

async fn answer<const STEP: usize>(stream: TcpStream, source: Rc<Source>) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    loop {
        match read::<STEP>(&stream, &source, &mut buffer).await? {
            0 => return Ok(()),
            count => write_all::<STEP>(&stream, &buffer[..count]).await?,
        }
    }
}

/// As in this crate, a read that was short empties the socket, so no second read asks for more.
async fn read<const STEP: usize>(
    mut stream: &TcpStream,
    source: &Source,
    buffer: &mut [u8],
) -> io::Result<usize> {
    poll_fn(|cx| {
        if STEP >= BUDGET && LEFT.get() == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while source.is_ready.get() {
            match stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => source.is_ready.set(false),
                result => {
                    let is_short = matches!(result, Ok(count) if count < buffer.len());
                    source.is_ready.set(!is_short);
                    if STEP >= NOTHING_LEFT {
                        drop(source.waiter.take());
                    }
                    if STEP >= BUDGET {
                        LEFT.set(LEFT.get() - 1);
                    }
                    return Poll::Ready(result);
                }
            }
        }
        if STEP >= WAKERS {
            let waiter = source.waiter.take();
            let is_same = waiter
                .as_ref()
                .is_some_and(|waiter| waiter.will_wake(cx.waker()));
            source.waiter.set(match is_same {
                true => waiter,
                false => Some(cx.waker().clone()),
            });
        }
        Poll::Pending
    })
    .await
}

/// The sockets of this program are never full.
async fn write_all<const STEP: usize>(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    poll_fn(|cx| {
        while !bytes.is_empty() {
            if STEP >= BUDGET {
                if LEFT.get() == 0 {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                LEFT.set(LEFT.get() - 1);
            }
            let count = stream.write(bytes)?;
            bytes = &bytes[count..];
        }
        Poll::Ready(Ok(()))
    })
    .await
}
