//! One watchdog for all tests of a process. If a test hangs, the watchdog prints its name and ends the process.
//!
//! A hung thread cannot be stopped, so the process has to end, and the reader must learn which test hangs. The watchdog tells
//! a hang from a result, and measures nothing: ten seconds are a thousand times what most tests take.
//!
//! `ROUNDELAY_PATIENCE=8` multiplies every limit, for sanitizers and emulators. If a machine has more to run than it has
//! processors, the watchdog waits longer by itself.
#![allow(dead_code, unreachable_pub)]

use std::io::{self, Write};
use std::panic::{Location, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The time that a test may take, before it is multiplied.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A test is watched while this lives. A test that could hang begins with `let _watched = support::watch();`.
#[must_use = "the test is watched for as long as this lives"]
pub struct Watched {
    id: u64,
}

/// Watches the calling test, which may take [`PATIENCE`], until the result is dropped.
#[track_caller]
pub fn watch() -> Watched {
    watch_for(PATIENCE)
}

/// Like [`watch`], with another limit, for the few tests that need more time.
#[track_caller]
pub fn watch_for(limit: Duration) -> Watched {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    Watched::new(format!("'{name}' ({})", Location::caller()), limit)
}

/// Runs `body` on a thread of its own, watches it, and gives its result.
#[track_caller]
pub fn watchdog<R: Send + 'static>(
    limit: Duration,
    body: impl FnOnce() -> R + Send + 'static,
) -> R {
    run_watched(thread::Builder::new(), watch_for(limit), Box::new(body))
}

/// Like [`watchdog`], on a thread with a stack of that many bytes.
#[track_caller]
pub fn watchdog_on_stack<R: Send + 'static>(
    bytes: usize,
    body: impl FnOnce() -> R + Send + 'static,
) -> R {
    let builder = thread::Builder::new().stack_size(bytes);
    run_watched(builder, watch(), Box::new(body))
}

/// The body is boxed, so that the compiler translates the start of a thread once, and not once for each test. That saves a sixth.
fn run_watched<R: Send + 'static>(
    builder: thread::Builder,
    _watched: Watched,
    body: Box<dyn FnOnce() -> R + Send>,
) -> R {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let thread = builder.name(name).spawn(body).expect("a thread");
    thread
        .join()
        .unwrap_or_else(|payload| resume_unwind(payload))
}

struct Entry {
    id: u64,
    test: String,
    begin: Instant,
    limit: Duration,
}

struct Watch {
    entries: Vec<Entry>,
    next_id: u64,
}

static WATCH: Mutex<Watch> = Mutex::new(Watch {
    entries: Vec::new(),
    next_id: 0,
});
static CHANGED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    fn new(test: String, limit: Duration) -> Self {
        // Miri needs no monitor: it sees a deadlock by itself, has another clock, and allows no thread to be left at the end.
        if !cfg!(miri) {
            static MONITOR: Once = Once::new();
            MONITOR.call_once(|| {
                let builder = thread::Builder::new().name("watchdog".to_owned());
                builder.spawn(monitor).expect("a thread to watch the tests");
            });
        }
        let mut watch = lock();
        let id = watch.next_id;
        watch.next_id += 1;
        watch.entries.push(Entry {
            id,
            test,
            begin: Instant::now(),
            limit,
        });
        CHANGED.notify_one();
        Self { id }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        lock().entries.retain(|entry| entry.id != self.id);
    }
}

/// Checks again and again the test whose time is up first. Ends with the process.
fn monitor() {
    let asked = asked_patience();
    let mut watch = lock();
    loop {
        let Some((mut left, _)) = watch.first(asked) else {
            watch = CHANGED.wait(watch).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        if left.is_zero() {
            // A test whose time is up gets more time if the machine is crowded.
            let (more, entry) = watch
                .first(asked * crowding())
                .expect("the lock is held since");
            if more.is_zero() {
                give_up(entry);
            }
            left = more.min(PATIENCE.mul_f64(asked) / 10);
        }
        let waited = CHANGED.wait_timeout(watch, left);
        (watch, _) = waited.unwrap_or_else(PoisonError::into_inner);
    }
}

impl Watch {
    /// The test whose time is up first if each limit is multiplied by `factor`, with the rest of that time.
    fn first(&self, factor: f64) -> Option<(Duration, &Entry)> {
        let left = |entry: &Entry| {
            let limit = entry.limit.mul_f64(factor);
            limit.saturating_sub(entry.begin.elapsed())
        };
        let entries = self.entries.iter().map(|entry| (left(entry), entry));
        entries.min_by_key(|(left, _)| *left)
    }
}

fn give_up(entry: &Entry) -> ! {
    let (test, spent) = (&entry.test, entry.begin.elapsed());
    // This is not `eprintln`: the test harness would keep its text for later, and the process ends here.
    let _ = writeln!(
        io::stderr(),
        "\nwatchdog: test {test} still runs after {spent:.1?}: it hangs\n"
    );
    std::process::abort();
}

fn asked_patience() -> f64 {
    match std::env::var("ROUNDELAY_PATIENCE") {
        Ok(factor) => factor.parse().expect("ROUNDELAY_PATIENCE is a number"),
        Err(_) => 1.0,
    }
}

/// The number of threads that want each processor, at least one. It is one if the system does not say.
fn crowding() -> f64 {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = told
        .split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(0.0);
    let processors = thread::available_parallelism().map_or(1, usize::from);
    (load / processors as f64).max(1.0)
}
