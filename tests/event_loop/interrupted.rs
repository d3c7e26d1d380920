//! A signal that arrives while the loop sleeps ends the system call with `EINTR`. The handler here is installed without
//! `SA_RESTART`, so that any other call would end so too. It is no error, no readiness and no deadline: the loop sleeps on.

use std::io::Write;
use std::os::unix::net::UnixStream as Plain;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, watchdog};
use roundelay::net::UnixStream;
use roundelay::{EventLoop, Metrics, Remote, run, sleep};

const SIGNALS: usize = 50;

thread_local! {
    /// A handler runs on the thread that was interrupted. Its address lets the sender see it.
    static HANDLED: AtomicUsize = const { AtomicUsize::new(0) };
}

extern "C" fn count(_: libc::c_int) {
    // Allowed in a handler: a constant thread-local without a destructor, and one atomic step.
    HANDLED.with(|handled| handled.fetch_add(1, SeqCst));
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: all zeroes are a valid `sigaction`: no flags, among them no SA_RESTART, and an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: `action` lives until the call returns, the old one is not asked for, and the handler does nothing that a
        // handler must not do.
        let done = unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) };
        assert_eq!(done, 0);
    });
}

/// A thread that may be interrupted.
#[derive(Clone, Copy)]
struct Victim {
    thread: libc::pthread_t,
    handled: &'static AtomicUsize,
}

// SAFETY: a thread's number and a shared atomic.
unsafe impl Send for Victim {}

impl Victim {
    /// This thread. It must not end before it has been interrupted for the last time.
    fn this() -> Self {
        install();
        // SAFETY: takes nothing, touches nothing.
        let thread = unsafe { libc::pthread_self() };
        HANDLED.with(|handled| Self {
            thread,
            // SAFETY: it lives as long as this thread, which joins the thread that interrupts it.
            handled: unsafe { &*std::ptr::from_ref(handled) },
        })
    }

    /// Interrupts it again and again. Before each signal it has handled the last one, and has had time to fall asleep.
    fn interrupt(self) {
        for sent in 1..=SIGNALS {
            // SAFETY: the thread lives; see `this`.
            assert_eq!(unsafe { libc::pthread_kill(self.thread, libc::SIGUSR1) }, 0);
            while self.handled.load(SeqCst) < sent {
                thread::yield_now();
            }
            thread::sleep(Duration::from_micros(100));
        }
    }

    fn handled(self) -> usize {
        self.handled.load(SeqCst)
    }
}

/// The loop fell asleep more than once, so the signals did interrupt it.
fn assert_interrupted(victim: Victim) {
    let parks = Metrics::current().unwrap().parks;
    assert!(parks > 1, "{parks} parks");
    assert_eq!(victim.handled(), SIGNALS);
}

#[test]
fn a_loop_that_waits_for_a_socket_sleeps_on() {
    watchdog(PATIENCE, || {
        let (near, mut far) = Plain::pair().unwrap();
        let victim = Victim::this();
        run(async {
            let near = UnixStream::from_std(near).unwrap();
            let sender = thread::spawn(move || {
                victim.interrupt();
                far.write_all(b"at last").unwrap();
            });
            let mut word = [0; 7];
            near.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"at last");
            assert_interrupted(victim);
            sender.join().unwrap();
        });
    });
}

#[test]
fn a_loop_that_waits_for_a_timer_is_not_early() {
    watchdog(PATIENCE, || {
        let victim = Victim::this();
        run(async {
            let sender = thread::spawn(move || victim.interrupt());
            while !sender.is_finished() {
                let deadline = Instant::now() + Duration::from_millis(20);
                sleep(Duration::from_millis(20)).await;
                assert!(Instant::now() >= deadline);
            }
            assert_interrupted(victim);
            sender.join().unwrap();
        });
    });
}

#[test]
fn a_loop_that_waits_for_another_thread_hears_it() {
    watchdog(PATIENCE, || {
        let victim = Victim::this();
        run(async {
            let remote = Remote::current();
            let (said, mut heard) = roundelay::sync::mpsc::unbounded_channel();
            let sender = thread::spawn(move || {
                victim.interrupt();
                remote.spawn(|| async { 7 }).wait().unwrap()
            });
            drop(roundelay::spawn(async move {
                let answer = roundelay::offload(|| sender.join().unwrap()).await;
                said.send(answer.unwrap()).unwrap();
            }));
            assert_eq!(heard.recv().await, Some(7));
            assert_interrupted(victim);
        });
    });
}

/// A host learns nothing from a turn that was interrupted, and loses nothing: `Ok`, and nothing polled.
#[test]
fn a_turn_that_is_interrupted_is_an_empty_turn() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let victim = Victim::this();
        let task = event_loop.spawn(sleep(Duration::from_millis(5)));
        let sender = thread::spawn(move || victim.interrupt());
        let mut empty = 0;
        while !sender.is_finished() || !task.is_finished() {
            let turn = event_loop.turn(Some(Duration::from_millis(5))).unwrap();
            empty += usize::from((turn.polls, turn.io_events, turn.notes) == (0, 0, 0));
        }
        assert!(empty > 1, "{empty}");
        assert_eq!(victim.handled(), SIGNALS);
        sender.join().unwrap();
    });
}
