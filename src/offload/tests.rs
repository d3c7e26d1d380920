//! The pool without a loop: tests that need a stubbed operating system, a special waker or a look at the pool's lists.
//! The tests of the public functions are in `tests/offload/jobs.rs`.

use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::calls::{Calls, Rest};
use super::future::Offload;
use super::pool::Pool;
use super::shared::{PoolConfig, Start};
use crate::fault::{Call, Deed, Plan};
use crate::record::{JobLog, Probe};
use crate::task::error::JoinError;

type Work = Box<dyn FnOnce() + Send>;

fn of(config: PoolConfig) -> Pool {
    Pool::new(config, Probe::default(), JobLog::default())
}

fn pool(threads: usize, start: Start) -> Rc<Pool> {
    let keep_alive = Duration::MAX;
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
    Offload::submit(pool.clone(), job, Location::caller())
}

/// Blocks on a future. Panics if no wake comes for a minute.
fn block_on<T>(mut job: Offload<T>) -> Result<T, JoinError> {
    struct Bell(Sender<()>);
    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.send(()).expect("the test is listening");
        }
    }
    let (bell, rung) = channel();
    let waker = Waker::from(Arc::new(Bell(bell)));
    loop {
        match Pin::new(&mut job).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => soon(&rung),
        }
    }
}

fn soon<T>(channel: &Receiver<T>) -> T {
    channel
        .recv_timeout(Duration::from_secs(60))
        .expect("hung: no wake came for a minute")
}

/// Jobs wait at the gate until the test opens it.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    const fn new() -> Gate {
        Gate(Mutex::new(false), Condvar::new())
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        drop(
            self.1
                .wait_while(self.0.lock().unwrap(), |is_open| !*is_open)
                .unwrap(),
        );
    }
}

fn no_threads_left() -> io::Error {
    io::Error::from_raw_os_error(11)
}

#[test]
fn without_a_worker_a_refused_start_refuses_the_job() {
    let _watched = crate::watch::watch();
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    fn refuse(_: thread::Builder, _: Work) -> io::Result<()> {
        STARTS.fetch_add(1, SeqCst);
        Err(no_threads_left())
    }
    let pool = pool(4, refuse);
    let token = Arc::new(());
    for n in 1..=3 {
        let held = token.clone();
        let job = offload(&pool, move || drop(held));
        assert_eq!(
            Arc::strong_count(&token),
            1,
            "the closure is not dropped at once"
        );
        let error = block_on(job).unwrap_err();
        assert!(
            error.is_refused() && error.to_string().contains("tests.rs"),
            "{error}"
        );
        assert_eq!(STARTS.load(SeqCst), n, "each job asks once for a thread");
    }
}

#[test]
fn with_a_worker_refused_starts_leave_the_jobs_to_it() {
    let _watched = crate::watch::watch();
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    fn start_one(builder: thread::Builder, work: Work) -> io::Result<()> {
        match STARTS.fetch_add(1, SeqCst) {
            0 => builder.spawn(work).map(drop),
            _ => Err(no_threads_left()),
        }
    }
    let pool = pool(4, start_one);
    let gate = Arc::new(Gate::default());
    let (started, starting) = channel();
    let waits = gate.clone();
    let first = offload(&pool, move || {
        started.send(()).unwrap();
        waits.pass();
    });
    soon(&starting);
    let jobs: Vec<_> = (0..100).map(|n| offload(&pool, move || n)).collect();
    assert_eq!(
        STARTS.load(SeqCst),
        101,
        "each offloaded job asks once for a thread"
    );
    gate.open();
    block_on(first).unwrap();
    for (n, job) in jobs.into_iter().enumerate() {
        assert_eq!(block_on(job).unwrap(), n);
    }
    assert_eq!(
        STARTS.load(SeqCst),
        101,
        "a worker that goes from job to job never asks"
    );
}

/// Worker 1 is busy. Worker 2 takes a job, sees another job, and starts worker 3; the operating system is slow to
/// refuse. Meanwhile worker 1 serves the other job and goes idle, and a last job comes. The last job calls no worker,
/// because worker 3 is coming. Then worker 3 is refused.
#[test]
fn a_refused_start_calls_the_worker_that_went_idle_meanwhile() {
    let _watched = crate::watch::watch();
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    static COME: Gate = Gate::new();
    static REFUSE: Gate = Gate::new();
    fn refuse_the_third(builder: thread::Builder, work: Work) -> io::Result<()> {
        match STARTS.fetch_add(1, SeqCst) {
            0 => builder.spawn(work).map(drop),
            1 => builder.spawn(|| (COME.pass(), work()).1).map(drop),
            _ => {
                REFUSE.pass();
                Err(no_threads_left())
            }
        }
    }
    let pool = pool(3, refuse_the_third);
    let gate = Arc::new(Gate::default());
    let (started, starting) = channel();
    let waits = gate.clone();
    let first = offload(&pool, move || {
        started.send(()).unwrap();
        waits.pass();
    });
    soon(&starting);
    let (go, wait) = channel::<()>();
    let second = offload(&pool, move || wait.recv().unwrap());
    let third = offload(&pool, || 3);
    COME.open();
    while STARTS.load(SeqCst) < 3 {
        thread::yield_now();
    }
    gate.open();
    block_on(first).unwrap();
    // The third job was never polled, so the worker wakes no task for it, and looks again only when it is called.
    while pool.idle_count() == 0 {
        thread::yield_now();
    }
    let last = offload(&pool, || 4);
    REFUSE.open();
    assert_eq!(block_on(last).unwrap(), 4);
    go.send(()).unwrap();
    block_on(second).unwrap();
    assert_eq!(block_on(third).unwrap(), 3);
}

/// A worker is idle when it wakes the task that waits for its last job. The waker here parks until the worker has
/// been called for the next job, and so takes the call's token.
#[test]
fn a_waker_that_parks_does_not_eat_a_call() {
    let _watched = crate::watch::watch();
    struct Parks(Sender<()>, Gate);
    impl Wake for Parks {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
            self.1.pass();
            thread::park();
        }
    }
    let pool = pool(1, |builder, work| builder.spawn(work).map(drop));
    let (woken, waking) = channel();
    let parks = Arc::new(Parks(woken, Gate::new()));
    let (go, wait) = channel::<()>();
    let mut first = offload(&pool, move || wait.recv().unwrap());
    let waker = Waker::from(parks.clone());
    assert!(
        Pin::new(&mut first)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    go.send(()).unwrap();
    soon(&waking);
    let second = offload(&pool, || 2);
    parks.1.open();
    assert_eq!(block_on(second).unwrap(), 2);
}

#[test]
fn a_waker_that_panics_takes_no_worker_along() {
    let _watched = crate::watch::watch();
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("this waker always panics");
        }
    }
    let pool = pool(1, |builder, work| builder.spawn(work).map(drop));
    let (go, wait) = channel::<()>();
    let mut first = offload(&pool, move || wait.recv().unwrap());
    let waker = Waker::from(Arc::new(Panics));
    assert!(
        Pin::new(&mut first)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    go.send(()).unwrap();
    assert_eq!(block_on(offload(&pool, || 2)).unwrap(), 2);
    assert!(block_on(first).is_ok());
}

#[test]
fn a_closed_pool_drops_what_it_is_given() {
    let _watched = crate::watch::watch();
    let pool = pool(1, |_, _| panic!("no thread is wanted"));
    pool.close();
    let token = Arc::new(());
    let held = token.clone();
    let job = offload(&pool, move || drop(held));
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(block_on(job).unwrap_err().is_cancelled());
}

#[test]
fn joining_waits_for_the_threads_of_a_closed_pool() {
    let _watched = crate::watch::watch();
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    fn count(builder: thread::Builder, work: Work) -> io::Result<()> {
        ALIVE.fetch_add(1, SeqCst);
        builder.spawn(work).map(drop)
    }
    let pool = pool(4, count);
    let jobs: Vec<_> = (0..100).map(|_| offload(&pool, || ())).collect();
    for job in jobs {
        block_on(job).unwrap();
    }
    assert!((1..=4).contains(&ALIVE.load(SeqCst)));
    assert!(pool.join(Duration::MAX).is_empty());
    assert!(pool.join(Duration::ZERO).is_empty());
}

/// Worker 1 is busy. The start of worker 2 is refused, and the next start is not. The new worker finds two jobs. The
/// system gives threads again, so the worker may ask for one more.
#[test]
fn a_refusal_is_forgotten_when_a_thread_has_been_had() {
    let _watched = crate::watch::watch();
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    fn refuse_the_second(builder: thread::Builder, work: Work) -> io::Result<()> {
        match STARTS.fetch_add(1, SeqCst) {
            1 => Err(no_threads_left()),
            _ => builder.spawn(work).map(drop),
        }
    }
    let pool = pool(3, refuse_the_second);
    let gate = Arc::new(Gate::default());
    let (started, starting) = channel();
    let busy = |number| {
        let (waits, started) = (gate.clone(), started.clone());
        let job = offload(&pool, move || {
            started.send(()).unwrap();
            waits.pass();
            number
        });
        (number, job)
    };
    let first = busy(1);
    soon(&starting);
    let others = [busy(2), busy(3)];
    // Both jobs begin, although none of the three has ended.
    soon(&starting);
    soon(&starting);
    assert_eq!(STARTS.load(SeqCst), 4);
    gate.open();
    for (number, job) in others.into_iter().chain([first]) {
        assert_eq!(block_on(job).unwrap(), number);
    }
}

#[test]
fn a_running_job_that_nobody_awaits_any_more_keeps_no_waker() {
    let _watched = crate::watch::watch();
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    let pool = pool(1, |builder, work| builder.spawn(work).map(drop));
    let gate = Arc::new(Gate::default());
    let (started, starting) = channel();
    let waits = gate.clone();
    let mut job = offload(&pool, move || {
        started.send(()).unwrap();
        waits.pass();
    });
    soon(&starting);
    let nobody = Arc::new(Nobody);
    let waker = Waker::from(nobody.clone());
    let polled = Pin::new(&mut job).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    assert_eq!(
        Arc::strong_count(&nobody),
        3,
        "the test, the waker and the job each hold one"
    );
    drop(job);
    assert_eq!(
        Arc::strong_count(&nobody),
        2,
        "the running job keeps no waker"
    );
    gate.open();
}

/// A worker takes five steps with its first job and three with each further job. In each run the worker dies at another
/// step.
#[test]
fn a_worker_that_dies_answers_its_job_and_makes_room_for_another() {
    let _watched = crate::watch::watch();
    for step in 0..9 {
        let plan = Plan::strike(Call::Work, step, Deed::Unwind);
        plan.enter();
        let pool = Rc::new(of(PoolConfig {
            threads: 1,
            keep_alive: Duration::MAX,
            ..PoolConfig::default()
        }));
        let mut died = 0;
        for n in 0..4 {
            match block_on(offload(&pool, move || n)) {
                Ok(output) => assert_eq!(output, n),
                Err(error) => {
                    let told = error.to_string();
                    assert!(error.is_panic() && told.contains("died: a fault"), "{told}");
                    died += 1;
                }
            }
        }
        assert!(plan.has_struck(), "step {step}");
        assert!(died <= 1, "step {step}: {died} jobs for one thread");
        assert!(pool.join(Duration::from_secs(10)).is_empty());
        assert_eq!(
            pool.worker_count(),
            0,
            "step {step}: a worker is still counted"
        );
    }
}

#[test]
fn a_start_that_panics_is_a_start_that_was_refused() {
    let _watched = crate::watch::watch();
    Plan::strike(Call::Start, 0, Deed::Unwind).enter();
    let pool = Rc::new(of(PoolConfig::default()));
    let error = block_on(offload(&pool, || 1)).unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(
        error
            .to_string()
            .contains("starting a thread panicked: a fault"),
        "{error}"
    );
    assert_eq!(block_on(offload(&pool, || 2)).unwrap(), 2);
}

/// Each death costs exactly one job, so the deaths end.
#[test]
fn workers_that_die_on_arrival_take_no_more_starts_than_there_are_jobs() {
    let _watched = crate::watch::watch();
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    fn start(builder: thread::Builder, work: Work) -> io::Result<()> {
        STARTS.fetch_add(1, SeqCst);
        builder.spawn(work).map(drop)
    }
    Plan::strike_all(Call::Work, Deed::Unwind).enter();
    let pool = pool(1, start);
    let jobs: Vec<_> = (0..20).map(|n| offload(&pool, move || n)).collect();
    let failed = jobs
        .into_iter()
        .filter_map(|job| block_on(job).err())
        .count();
    assert_eq!((failed, STARTS.load(SeqCst)), (20, 20));
}

/// Sends a message when its thread ends.
struct Thread(Sender<()>);

impl Drop for Thread {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn the_threads_of_a_pool_that_is_dropped_end() {
    let _watched = crate::watch::watch();
    thread_local!(static HERE: std::cell::RefCell<Option<Thread>> = const { std::cell::RefCell::new(None) });
    let (ends, ended) = channel();
    let pool = pool(1, |builder, work| builder.spawn(work).map(drop));
    block_on(offload(&pool, move || HERE.set(Some(Thread(ends))))).unwrap();
    assert_eq!((pool.worker_count(), ended.try_recv().is_err()), (1, true));
    drop(pool);
    soon(&ended);
}

/// How long a worker stays awake at most, and the limit of a brief rest.
const BRIEF: Duration = Duration::from_micros(50);

#[test]
fn every_call_counts_and_ends_a_wait() {
    let _watched = crate::watch::watch();
    let calls = Calls::default();
    assert_eq!(calls.count(), 0);
    for count in 1..=3 {
        calls.call(&thread::current());
        assert_eq!(calls.count(), count);
        calls.stay_awake(count - 1);
    }
    let begin = Instant::now();
    calls.stay_awake(3);
    assert!(
        begin.elapsed() >= BRIEF,
        "the worker stopped early although no call came"
    );
}

#[test]
fn a_rest_is_brief_if_it_ended_in_time() {
    let _watched = crate::watch::watch();
    let begin = Instant::now();
    let mut rest = Rest::default();
    assert!(!rest.end(begin), "the worker has not rested");
    for (length, is_brief) in [(BRIEF / 2, true), (BRIEF, false), (2 * BRIEF, false)] {
        assert_eq!(rest.go_on(begin), Duration::ZERO);
        assert_eq!(rest.go_on(begin + length), length);
        assert!(rest.end(begin + length));
        assert_eq!(rest.was_brief, is_brief, "{length:?}");
    }
}
