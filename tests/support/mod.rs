//! The things that the tests share: a watchdog, ledgers with exact counts, traces, wakers that count, and a logger.
//!
//! Each test program includes all of it and uses a part. That is why there is an `allow`.
#![allow(dead_code)]

pub(crate) mod combinators;
pub(crate) mod deeds;
pub(crate) mod hooked;
pub(crate) mod jobs;
#[cfg(target_os = "linux")]
pub(crate) mod kernel;
pub(crate) mod net;
#[cfg(unix)]
#[path = "pair/unix.rs"]
pub(crate) mod pair;
#[cfg(windows)]
#[path = "pair/windows.rs"]
pub(crate) mod pair;
pub(crate) mod panics;
pub(crate) mod serve;
pub(crate) mod sync;
pub(crate) mod watch;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

// A program with one kind of test needs only one of these.
#[allow(unused_imports)]
pub(crate) use watch::{PATIENCE, watch, watch_for, watchdog, watchdog_on_stack};

/// The number of repetitions: `usual` in a debug build, as in `cargo test`, and `long` in a release build or with
/// `ROUNDELAY_LONG=1`. This is for races: more rounds find them more often, but never for certain.
pub(crate) fn rounds(usual: usize, long: usize) -> usize {
    let is_long = !cfg!(debug_assertions) || std::env::var_os("ROUNDELAY_LONG").is_some();
    if is_long { long } else { usual }
}

/// A counter that any thread may use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// Keeps a book of values. Each value must be dropped exactly once, and on the right thread.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    entries: Vec<Entry>,
    alive: usize,
}

struct Entry {
    name: String,
    drops: usize,
    dropped_on: Option<thread::ThreadId>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A value that the ledger watches.
    pub(crate) fn token(&self, name: impl Into<String>) -> Token {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.alive += 1;
        book.entries.push(Entry {
            name: name.into(),
            drops: 0,
            dropped_on: None,
        });
        Token {
            ledger: self.clone(),
            index: book.entries.len() - 1,
        }
    }

    /// The number of tokens that were made.
    pub(crate) fn made(&self) -> usize {
        self.read(|book| book.entries.len())
    }

    /// The number of tokens that are not dropped yet.
    pub(crate) fn alive(&self) -> usize {
        self.read(|book| book.alive)
    }

    /// Asserts that each token was dropped exactly once.
    #[track_caller]
    pub(crate) fn assert_settled(&self) {
        let open: Vec<String> = self.read(|book| {
            book.entries
                .iter()
                .filter(|entry| entry.drops != 1)
                .map(|entry| format!("'{}' dropped {} times", entry.name, entry.drops))
                .collect()
        });
        assert!(open.is_empty(), "the ledger does not balance: {open:?}");
    }

    /// Like [`assert_settled`](Self::assert_settled). It also asserts that every drop was on this thread.
    #[track_caller]
    pub(crate) fn assert_settled_here(&self) {
        self.assert_settled();
        let here = thread::current().id();
        self.read(|book| {
            for entry in &book.entries {
                assert_eq!(
                    entry.dropped_on,
                    Some(here),
                    "'{}' was dropped on a foreign thread",
                    entry.name
                );
            }
        });
    }

    fn read<R>(&self, read: impl FnOnce(&Book) -> R) -> R {
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An entry in a [`Ledger`].
pub(crate) struct Token {
    ledger: Ledger,
    index: usize,
}

impl Drop for Token {
    fn drop(&mut self) {
        let book = &mut *self.ledger.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = &mut book.entries[self.index];
        if entry.drops == 0 {
            book.alive -= 1;
        }
        entry.drops += 1;
        entry.dropped_on = Some(thread::current().id());
    }
}

/// The events in their order. A test compares it as a whole.
#[derive(Debug)]
pub(crate) struct Trace<T = &'static str>(Rc<RefCell<Vec<T>>>);

impl<T> Trace<T> {
    pub(crate) fn new() -> Self {
        Self(Rc::default())
    }

    pub(crate) fn push(&self, event: T) {
        self.0.borrow_mut().push(event);
    }

    /// Everything that was pushed since the last `take`.
    pub(crate) fn take(&self) -> Vec<T> {
        self.0.take()
    }
}

impl<T> Clone for Trace<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// Runs a closure when it is dropped: user code in a destructor.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

/// See [`OnDrop`].
pub(crate) fn on_drop<F: FnOnce()>(run: F) -> OnDrop<F> {
    OnDrop(Some(run))
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run();
        }
    }
}

/// Counts how often a waker of [`counting_waker`] was woken. The `Arc` around it counts the clones.
#[derive(Debug, Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A waker that belongs to no task, and its count. `Arc::strong_count` of the count shows how many clones are kept:
/// it is one for the count itself, one for the waker given here, and one for each clone.
pub(crate) fn counting_waker() -> (Waker, Arc<Wakes>) {
    let wakes = Arc::new(Wakes::default());
    (Waker::from(Arc::clone(&wakes)), wakes)
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future, if it is ready at its first poll.
pub(crate) fn now_or_never<F: Future>(future: F) -> Option<F::Output> {
    match poll_once(pin!(future)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The waker of the task that awaits this.
pub(crate) async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

/// Counts the polls of a future.
pub(crate) fn counted<F: Future>(
    polls: &Counter,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    let polls = polls.clone();
    async move {
        let mut future = pin!(future);
        poll_fn(|cx| {
            polls.add();
            future.as_mut().poll(cx)
        })
        .await
    }
}

/// A gate at which a task waits until it is opened. It holds only the last waker, and wakes it in `open`.
#[derive(Clone, Default)]
pub(crate) struct Gate(Rc<RefCell<GateState>>);

#[derive(Default)]
struct GateState {
    is_open: bool,
    waker: Option<Waker>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        self.0.borrow_mut().is_open = true;
        let waker = self.0.borrow_mut().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            if self.0.borrow().is_open {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            let old = self.0.borrow_mut().waker.replace(waker);
            drop(old);
            Poll::Pending
        })
        .await;
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) level: log::Level,
    pub(crate) target: String,
    pub(crate) text: String,
}

type Sink = Rc<dyn Fn(&Line)>;

thread_local! {
    static LINES: RefCell<Option<Vec<Line>>> = const { RefCell::new(None) };
    static SINK: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

struct Listener;

impl log::Log for Listener {
    /// The log is enabled only on a thread where a test listens. A loop with a listener logs each poll, and a test must not
    /// change what the loop of another test does.
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        // A thread that is ending has no lines any more, and then the line is not kept.
        let has_sink = SINK.try_with(|sink| sink.borrow().is_some());
        let is_heard = LINES.try_with(|lines| lines.borrow().is_some());
        has_sink.unwrap_or(false) || is_heard.unwrap_or(false)
    }

    fn log(&self, record: &log::Record<'_>) {
        // A thread that is ending has no lines any more, and then the line is not kept.
        let sink = SINK.try_with(|sink| sink.borrow().clone()).ok().flatten();
        let is_heard = LINES
            .try_with(|lines| lines.borrow().is_some())
            .unwrap_or(false);
        // The speed of the machine must not change what a test hears. `tests/held_thread.rs` has a logger of its own.
        if sink.is_none() && !is_heard || record.target() == "roundelay::slow" {
            return;
        }
        let line = Line {
            level: record.level(),
            target: record.target().to_owned(),
            text: record.args().to_string(),
        };
        let _ = LINES.try_with(|lines| {
            if let Some(lines) = &mut *lines.borrow_mut() {
                lines.push(line.clone());
            }
        });
        // The call is outside of every borrow, because a sink may do anything. It may also log.
        if let Some(sink) = sink {
            sink(&line);
        }
    }

    fn flush(&self) {}
}

/// Runs `body`, and gives the lines that were logged at `info` and above *on this thread* while it ran.
pub(crate) fn listen<R>(body: impl FnOnce() -> R) -> (R, Vec<Line>) {
    install();
    let outer = LINES.replace(Some(Vec::new()));
    let result = body();
    let lines = LINES.replace(outer).unwrap_or_default();
    let lines = lines
        .into_iter()
        .filter(|line| line.level <= log::Level::Info)
        .collect();
    (result, lines)
}

/// Calls `sink` for each line that is logged on this thread while `body` runs, at every level down to `trace`.
pub(crate) fn with_sink<R>(sink: impl Fn(&Line) + 'static, body: impl FnOnce() -> R) -> R {
    install();
    let outer = SINK.replace(Some(Rc::new(sink)));
    let result = body();
    drop(SINK.replace(outer));
    result
}

/// Calls `sink` for each line that is logged on this thread from now on, until the thread ends.
pub(crate) fn hear_this_thread(sink: impl Fn(&Line) + 'static) {
    install();
    SINK.set(Some(Rc::new(sink)));
}

/// A process has one logger, so this one listens to the whole process and sorts the lines by thread.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Listener).expect("the tests' logger is the only one");
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// Random numbers that a printed seed can repeat (xorshift64*, Vigna 2016).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}
