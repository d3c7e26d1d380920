//! The sink of the log is foreign code, and the loop calls it in the middle of its work. Here the sink
//! does **one** deed at **one** line. There is a run for each line that the loop writes and each kind of
//! deed. After the deed the loop goes on and loses nothing.
//!
//! There is one deed per run, because a second deed might wake the loop from a sleep that the first
//! should have prevented. For the same reason each event from outside (a byte, a job's end, a post)
//! waits until the deed has had its effect.
//!
//! This test is a program of its own, because the sink and the limit of descriptors belong to the process.

#![cfg(unix)]

mod support;

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::io::Write;
use std::os::unix::net::UnixStream as StdStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use log::LevelFilter;
use rlimit::Resource;
use roundelay::net::UnixStream;
use roundelay::sync::Event;
use roundelay::task::try_spawn;
use roundelay::time::Sleep;
use roundelay::{EventLoop, Metrics, Remote, offload, sleep, spawn, yield_now};
use support::{own_waker, watchdog};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Wake,
    Spawn,
    Arm,
    DropHandles,
    Panic,
}

const DEEDS: [Deed; 5] = [
    Deed::Wake,
    Deed::Spawn,
    Deed::Arm,
    Deed::DropHandles,
    Deed::Panic,
];

/// The state of the run, which all threads share.
struct Run {
    deed: Deed,
    /// The number of the line, counted from zero, at which the deed is done.
    at: usize,
    lines: usize,
    /// The text of that line, once the deed is done.
    done: Option<String>,
    /// The main task runs, so a deed must have an effect.
    is_open: bool,
    /// The deed was done, and has had no effect yet.
    owes: bool,
    /// How often the loop had slept when the deed was done.
    parks: Option<u64>,
    has_slept: bool,
    patient: Option<Waker>,
    remote: Option<Remote>,
}

static RUN: Mutex<Option<Run>> = Mutex::new(None);
static EFFECT: Condvar = Condvar::new();

thread_local! {
    static BAG: RefCell<Option<Bag>> = const { RefCell::new(None) };
}

/// The last handle of each kind, and the timer that a deed arms.
#[derive(Default)]
struct Bag {
    /// A finished task with its output, a job, a socket, and a loop.
    _handles: Option<Box<dyn Any>>,
    nap: Option<Sleep>,
    is_awaited: Option<Rc<Event>>,
}

fn run() -> MutexGuard<'static, Option<Run>> {
    RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

// The texts of the intended panics.
const ENOUGH: &str = "the sink has had enough";
const UNSEEN: &str = "nobody awaits me";

struct Sink;

impl log::Log for Sink {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut guard = run();
        let Some(run) = guard.as_mut().filter(|run| run.done.is_none()) else {
            return;
        };
        assert!(record.target().starts_with("roundelay::"), "{record:?}");
        run.lines += 1;
        if run.lines <= run.at {
            return;
        }
        run.done = Some(format!("{}: {}", record.target(), record.args()));
        let (deed, patient, remote) = (run.deed, run.patient.clone(), run.remote.clone());
        run.owes = run.is_open;
        run.parks = Metrics::current().map(|metrics| metrics.parks);
        drop(guard);
        act(deed, patient, remote);
    }

    fn flush(&self) {}
}

fn act(deed: Deed, patient: Option<Waker>, remote: Option<Remote>) {
    let is_here = Remote::try_current().is_some();
    match deed {
        Deed::Wake => patient.into_iter().for_each(Waker::wake),
        Deed::Spawn if is_here => drop(try_spawn(async { had_effect() })),
        Deed::Spawn => drop(remote.map(|remote| remote.spawn(|| async { had_effect() }))),
        Deed::Arm if is_here => arm(patient),
        Deed::DropHandles => {
            drop(BAG.take());
            had_effect();
        }
        Deed::Arm => had_effect(),
        Deed::Panic => {
            had_effect();
            panic!("{ENOUGH}");
        }
    }
}

/// Arms a timer that only wakes the patient task.
fn arm(patient: Option<Waker>) {
    let Some(patient) = patient else { return };
    let mut nap = sleep(Duration::from_micros(50));
    let polled = Pin::new(&mut nap).poll(&mut Context::from_waker(&patient));
    assert!(polled.is_pending());
    BAG.with_borrow_mut(|bag| bag.get_or_insert_default().nap = Some(nap));
}

fn had_effect() {
    if let Some(run) = run().as_mut().filter(|run| run.owes) {
        run.owes = false;
        let parks = Metrics::current().map(|metrics| metrics.parks);
        let is_ready_at_once = matches!(run.deed, Deed::Wake | Deed::Spawn) && run.parks.is_some();
        run.has_slept = is_ready_at_once && run.parks != parks;
    }
    EFFECT.notify_all();
    BAG.with_borrow(|bag| {
        if let Some(event) = bag.as_ref().and_then(|bag| bag.is_awaited.as_ref()) {
            event.set();
        }
    });
}

fn waits_for_an_effect(run: &mut Option<Run>) -> bool {
    run.as_ref().is_some_and(|run| run.owes)
}

/// Holds back an event from outside until the deed, if it has been done, has had its effect.
fn gate() {
    drop(EFFECT.wait_while(run(), waits_for_an_effect));
}

/// Waits only for a wake, and checks whether the deed has sent it.
async fn patient() {
    PATIENT.replace(Some(own_waker().await));
    poll_fn(|_| {
        let is_due = run()
            .as_ref()
            .is_some_and(|run| run.owes && (run.deed == Deed::Wake || run.deed == Deed::Arm));
        let is_asleep = BAG.with_borrow(|bag| {
            let nap = bag.as_ref().and_then(|bag| bag.nap.as_ref());
            nap.is_some_and(|nap| !nap.is_elapsed())
        });
        if is_due && !is_asleep {
            had_effect();
        }
        Poll::<()>::Pending
    })
    .await;
}

/// Everyday life: a read that waits, timers, jobs, another thread, a task that panics, a stale event.
async fn everyday() {
    drop(spawn(patient()));
    let remote = Remote::current();
    let awaited = prepare(&remote).await;

    let (mut outside, inside) = StdStream::pair().unwrap();
    let stream = UnixStream::from_std(inside.try_clone().unwrap()).unwrap();
    let writes = thread::spawn(move || {
        gate();
        outside.write_all(b"!").unwrap();
        outside
    });
    let mut byte = [0];
    assert_eq!(stream.read(&mut byte).await.unwrap(), 1);
    // `inside` keeps the open file alive, so the next byte is an event of a source that is gone.
    drop(stream);
    let mut outside = writes.join().unwrap();
    outside.write_all(b"?").unwrap();

    let naps: Vec<_> = (0..3)
        .map(|_| spawn(sleep(Duration::from_micros(100))))
        .collect();
    for nap in naps {
        nap.await.unwrap();
    }
    drop(offload(|| 1));
    let job = offload(|| {
        gate();
        7
    });
    assert_eq!(job.await.unwrap(), 7);
    let posts = thread::spawn(move || {
        gate();
        remote.post(|| ()).unwrap();
        remote.spawn(|| async { 11 }).wait().unwrap()
    });
    while !posts.is_finished() {
        sleep(Duration::from_micros(200)).await;
    }
    assert_eq!(posts.join().unwrap(), 11);
    drop(spawn(async { panic!("{UNSEEN}") }));
    yield_now().await;
    finish(awaited).await;
}

/// A life in which the system gives no thread, and no descriptor for the timer.
async fn misery() {
    drop(spawn(patient()));
    let awaited = prepare(&Remote::current()).await;
    let refused = offload(|| 1).await.unwrap_err();
    assert!(refused.is_refused(), "{refused}");
    let used = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
    let (soft, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(used, hard).unwrap();
    for _ in 0..2 {
        sleep(Duration::from_millis(1)).await;
    }
    Resource::NOFILE.set(soft, hard).unwrap();
    finish(awaited).await;
}

/// Fills the bag, and gives the sink the waker of the patient task.
async fn prepare(remote: &Remote) -> Rc<Event> {
    let awaited = Rc::new(Event::new());
    let (socket, _other) = UnixStream::pair().unwrap();
    let other_loop = EventLoop::new().unwrap();
    let bag = Bag {
        _handles: Some(Box::new((
            spawn(async { vec![1] }),
            offload(|| 3),
            socket,
            other_loop,
        ))),
        nap: None,
        is_awaited: Some(Rc::clone(&awaited)),
    };
    BAG.replace(Some(bag));
    drop(spawn(pending::<()>()));
    // The patient task was spawned first, so it has been polled by now.
    yield_now().await;
    let patient = PATIENT.take();
    if let Some(run) = run().as_mut() {
        run.patient = patient;
        run.remote = Some(remote.clone());
        run.is_open = true;
    }
    awaited
}

thread_local! {
    static PATIENT: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Waits for the effect of the deed. Nothing else happens any more.
async fn finish(awaited: Rc<Event>) {
    let must_wait = waits_for_an_effect(&mut run());
    if must_wait {
        awaited.wait().await;
    }
    if let Some(run) = run().as_mut() {
        run.is_open = false;
    }
}

/// What happens in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Everyday,
    /// The same as `Everyday`, but the loop moves its clock instead of waiting.
    InVirtualTime,
    Misery,
}

/// One run with one deed. Gives `false` if the run had too few lines.
fn try_one(deed: Deed, at: usize, life: Life) -> bool {
    *run() = Some(Run {
        deed,
        at,
        lines: 0,
        done: None,
        is_open: false,
        owes: false,
        parks: None,
        has_slept: false,
        patient: None,
        remote: None,
    });
    let mut builder = EventLoop::builder();
    match life {
        Life::Everyday => {}
        Life::InVirtualTime => builder = builder.virtual_time(),
        Life::Misery => builder = builder.offload_stack_size(1 << 50),
    }
    let mut event_loop = builder.build().unwrap();
    match life {
        Life::Everyday | Life::InVirtualTime => event_loop.run(everyday()),
        Life::Misery => event_loop.run(misery()),
    }
    drop(event_loop);
    drop(BAG.take());
    let run = run().take().expect("the run was put there above");
    assert!(
        !run.owes,
        "{deed:?} at line {at} has had no effect: {:?}",
        run.done
    );
    assert!(
        !run.has_slept,
        "{deed:?} at line {at}: the loop slept beside a ready task: {:?}",
        run.done
    );
    run.done.is_some()
}

#[test]
fn whatever_a_sink_does_at_one_line_the_loop_goes_on_and_loses_nothing() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or_default();
        if ![ENOUGH, UNSEEN].contains(&text) {
            usual(info);
        }
    }));
    log::set_logger(&Sink).unwrap();
    for level in [LevelFilter::Trace, LevelFilter::Debug] {
        log::set_max_level(level);
        let lives = [Life::Everyday, Life::InVirtualTime, Life::Misery];
        for (deed, life) in DEEDS
            .into_iter()
            .flat_map(|deed| lives.map(|life| (deed, life)))
            // In virtual time a running job stops the clock, so a job cannot wait for a timer of its loop.
            .filter(|deed_and_life| *deed_and_life != (Deed::Arm, Life::InVirtualTime))
        {
            let mut at = 0;
            while watchdog(support::PATIENCE, move || try_one(deed, at, life)) {
                at += 1;
            }
            let least = match (level, life) {
                (LevelFilter::Trace, Life::Misery) => 15,
                (LevelFilter::Trace, _) => 30,
                _ => 1,
            };
            assert!(
                at >= least,
                "{deed:?} at {level}, {life:?}: only {at} lines were logged"
            );
        }
    }
}
