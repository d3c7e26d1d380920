//! The pool, in every possible order of its threads' steps. `shim.rs` says how to run these tests.
//!
//! A breach of *somebody-comes* shows as a deadlock: a job waits, and no worker that could run it is awake. A thread
//! that is never called to its end shows as a deadlock too, so each model closes its pool. `tests/loom_mutations.rs`
//! has the lines that these tests guard. The case of two workers and a refused third has too many orders, so `tests.rs`
//! tries the one order that matters.

use std::cell::Cell;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::future::Offload;
use super::job::{Job, Outcome, Slot};
use super::pool::Pool;
use super::shared::{PoolConfig, Start};
use crate::record::{JobLog, Probe};
use crate::shim::thread::{self, Thread};
use crate::shim::{Condvar, Mutex, explore};
use crate::task::error::JoinError;

type Work = Box<dyn FnOnce() + Send>;

thread_local! {
    /// How many threads a pool has asked for. All threads of a model run on one thread of the system.
    static STARTS: Cell<usize> = const { Cell::new(0) };
}

fn start(builder: thread::Builder, work: Work) -> io::Result<()> {
    STARTS.set(STARTS.get() + 1);
    builder.spawn(work)
}

fn refuse(builder: thread::Builder, work: Work) -> io::Result<()> {
    STARTS.set(STARTS.get() + 1);
    drop((builder, work));
    Err(io::Error::from_raw_os_error(11))
}

fn refuse_the_first(builder: thread::Builder, work: Work) -> io::Result<()> {
    match STARTS.get() {
        0 => refuse(builder, work),
        _ => start(builder, work),
    }
}

fn refuse_the_second(builder: thread::Builder, work: Work) -> io::Result<()> {
    match STARTS.get() {
        1 => refuse(builder, work),
        _ => start(builder, work),
    }
}

/// An idle worker leaves when it has looked a second time.
const BRIEFLY: Duration = Duration::from_micros(1);

fn of(config: PoolConfig) -> Pool {
    Pool::new(config, Probe::default(), JobLog::default())
}

fn pool(threads: usize, keep_alive: Duration, start: Start) -> Rc<Pool> {
    STARTS.set(0);
    Rc::new(of(PoolConfig {
        threads,
        keep_alive,
        start: Some(start),
        ..PoolConfig::default()
    }))
}

fn offload<T: Send + 'static>(
    pool: &Rc<Pool>,
    job: impl FnOnce() -> T + Send + 'static,
) -> Offload<T> {
    Offload::submit(Rc::clone(pool), job, Location::caller())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a job, like a loop that has nothing else to do.
fn block_on<T>(mut job: Offload<T>) -> Result<T, JoinError>
where
    T: Send + 'static,
{
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match Pin::new(&mut job).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

fn close(pool: &Pool) {
    assert!(pool.join(Duration::MAX).is_empty());
}

#[test]
fn one_worker_serves_jobs_that_come_one_after_the_other() {
    explore(|| {
        let pool = pool(2, Duration::MAX, start);
        assert_eq!(block_on(offload(&pool, || 1)).unwrap(), 1);
        assert_eq!(block_on(offload(&pool, || 2)).unwrap(), 2);
        assert_eq!(
            STARTS.get(),
            1,
            "the worker was idle when the first job was announced, and a second thread was started"
        );
        close(&pool);
    });
}

#[test]
fn two_jobs_at_once_are_both_run() {
    explore(|| {
        let pool = pool(2, Duration::MAX, start);
        let (first, second) = (offload(&pool, || 1), offload(&pool, || 2));
        assert_eq!(
            (block_on(first).unwrap(), block_on(second).unwrap()),
            (1, 2)
        );
        close(&pool);
    });
}

/// A job comes while the only worker looks for the last time, and leaves.
#[test]
fn a_job_meets_a_worker_that_leaves() {
    explore(|| {
        let pool = pool(1, BRIEFLY, start);
        assert_eq!(block_on(offload(&pool, || 1)).unwrap(), 1);
        assert_eq!(block_on(offload(&pool, || 2)).unwrap(), 2);
        close(&pool);
    });
}

type Gate = Arc<(Mutex<bool>, Condvar)>;

fn pass(gate: &Gate) {
    let is_open = gate.0.lock().unwrap();
    drop(
        gate.1
            .wait_timeout_while(is_open, Duration::MAX, |is_open| !*is_open),
    );
}

fn open(gate: &Gate) {
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
}

/// Two jobs, of which the first ends only after the second, so each needs a worker.
fn chain(pool: &Rc<Pool>) {
    let gate = Gate::default();
    let opened = Arc::clone(&gate);
    let first = offload(pool, move || pass(&gate));
    let second = offload(pool, move || open(&opened));
    assert!(block_on(first).is_ok() && block_on(second).is_ok());
}

#[test]
fn the_chain_of_calls_reaches_the_last_job() {
    explore(|| {
        let pool = pool(2, Duration::MAX, start);
        chain(&pool);
        close(&pool);
    });
}

#[test]
fn a_refusal_is_forgotten_when_a_thread_starts() {
    explore(|| {
        let pool = pool(2, Duration::MAX, refuse_the_first);
        assert!(block_on(offload(&pool, || 1)).unwrap_err().is_refused());
        chain(&pool);
        close(&pool);
    });
}

#[test]
fn without_a_worker_a_refused_thread_fails_the_job_and_the_next_one_asks_again() {
    explore(|| {
        let pool = pool(1, Duration::MAX, refuse_the_first);
        assert!(block_on(offload(&pool, || 1)).unwrap_err().is_refused());
        assert_eq!(block_on(offload(&pool, || 2)).unwrap(), 2);
        close(&pool);
    });
}

/// When the second thread is refused, the existing worker may be busy, about to lie down, or idle.
#[test]
fn a_thread_that_is_refused_leaves_its_job_to_the_worker_that_exists() {
    explore(|| {
        let pool = pool(2, Duration::MAX, refuse_the_second);
        let (first, second) = (offload(&pool, || 1), offload(&pool, || 2));
        assert_eq!(
            (block_on(first).unwrap(), block_on(second).unwrap()),
            (1, 2)
        );
        close(&pool);
    });
}

#[test]
fn a_pool_that_closes_lets_everybody_go_and_tells_every_job() {
    explore(|| {
        let pool = pool(1, Duration::MAX, start);
        let (first, second) = (offload(&pool, || 1), offload(&pool, || 2));
        pool.close();
        for (job, output) in [(first, 1), (second, 2)] {
            match block_on(job) {
                Ok(value) => assert_eq!(value, output),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
        close(&pool);
    });
}

/// The closure either runs or is dropped, and its output is dropped.
#[test]
fn a_job_is_abandoned_while_a_worker_begins_with_it() {
    explore(|| {
        let pool = pool(1, Duration::MAX, start);
        let token = Arc::new(());
        let held = Arc::clone(&token);
        let job = offload(&pool, move || held);
        drop(job);
        close(&pool);
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// Without a pool: two threads use one job, one as `Job`, one as `Outcome`.
#[test]
fn a_result_is_seen_by_whoever_waits_or_dropped() {
    explore(|| {
        let token = Arc::new(());
        let held = Arc::clone(&token);
        let slot = Arc::new(Slot::new(move || held, Location::caller()));
        let job: Arc<dyn Job> = slot.clone();
        let worker = thread::spawn(move || {
            job.run();
            if let Some(waker) = job.announce() {
                waker.wake();
            }
        });
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let polled = Outcome::poll(&*slot, &mut Context::from_waker(&waker));
        if polled.is_pending() {
            slot.abandon();
        }
        drop(polled);
        worker.join().unwrap();
        drop(slot);
        assert_eq!(Arc::strong_count(&token), 1);
    });
}
