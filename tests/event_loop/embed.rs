//! A host that owns the thread drives the loop turn by turn: the descriptor and the next deadline say when.

use std::future::pending;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream as StdStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Counter, Gate, PATIENCE, counted, own_waker, watchdog};
use roundelay::net::UnixStream;
use roundelay::{EventLoop, OnPanic, offload, sleep, yield_now};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn host_poll(loops: &[&EventLoop]) -> mio::Poll {
    let poll = mio::Poll::new().unwrap();
    for (n, event_loop) in loops.iter().enumerate() {
        let fd = event_loop.as_fd().as_raw_fd();
        poll.registry()
            .register(
                &mut mio::unix::SourceFd(&fd),
                mio::Token(n),
                mio::Interest::READABLE,
            )
            .unwrap();
    }
    poll
}

/// Whether the loop's descriptor is readable now, which tells a host to turn.
fn is_readable(event_loop: &EventLoop) -> bool {
    let mut events = mio::Events::with_capacity(1);
    host_poll(&[event_loop]).poll(&mut events, NOW).unwrap();
    !events.is_empty()
}

/// Turns until there is nothing to do at this moment.
fn settle(event_loop: &mut EventLoop) {
    while event_loop.turn(NOW).unwrap().ready > 0 || is_readable(event_loop) {}
}

/// The host of the documentation: waits for the descriptor until the next deadline, then turns. Gives the count of turns.
fn host(event_loop: &mut EventLoop, is_done: impl Fn() -> bool) -> usize {
    let mut poll = host_poll(&[event_loop]);
    let mut events = mio::Events::with_capacity(8);
    let mut turns = 0;
    while !is_done() {
        let wait = event_loop
            .next_deadline()
            .map(|at| at.saturating_duration_since(Instant::now()));
        poll.poll(&mut events, wait).unwrap();
        event_loop.turn(NOW).unwrap();
        turns += 1;
    }
    turns
}

// When to turn.

#[test]
fn a_loop_with_nothing_to_do_asks_for_no_turn() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    assert!(!is_readable(&event_loop));
    assert_eq!(event_loop.next_deadline(), None);
    drop(event_loop.spawn(pending::<()>()));
    settle(&mut event_loop);
    assert!(!is_readable(&event_loop));
    assert_eq!(event_loop.next_deadline(), None);
    assert_eq!(event_loop.turn(NOW).unwrap(), roundelay::Turn::default());
}

#[test]
fn a_wake_from_another_thread_between_two_turns_makes_the_descriptor_readable() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let waker = event_loop.run(own_waker());
    settle(&mut event_loop);
    assert!(!is_readable(&event_loop));
    // The task is gone, but the waker does not know that. A turn too many does no harm.
    thread::spawn(move || waker.wake()).join().unwrap();
    assert!(is_readable(&event_loop));
    let turn = event_loop.turn(NOW).unwrap();
    assert_eq!((turn.notes, turn.polls), (1, 0));
    settle(&mut event_loop);
    assert!(
        !is_readable(&event_loop),
        "the descriptor is still readable"
    );
}

#[test]
fn mail_that_came_before_the_host_polled_for_the_first_time_is_announced() {
    let _watched = crate::support::watch();
    let event_loop = EventLoop::new().unwrap();
    event_loop.remote().post(|| ()).unwrap();
    assert!(is_readable(&event_loop));
    assert!(event_loop.next_deadline().is_some());
}

#[test]
fn mail_that_came_during_a_turn_is_announced_after_it() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    settle(&mut event_loop);
    let (remote, ran) = (event_loop.remote(), Counter::default());
    let counter = ran.clone();
    let from_elsewhere = move || {
        thread::spawn(move || remote.post(move || counter.add()).unwrap())
            .join()
            .unwrap();
    };
    // A posted call runs while the loop takes its mail. Mail that comes during that call stays for the next look.
    event_loop.remote().post(from_elsewhere).unwrap();
    event_loop.turn(NOW).unwrap();
    assert_eq!(ran.get(), 0, "the late call ran in the same look");
    assert!(is_readable(&event_loop));
    event_loop.turn(NOW).unwrap();
    assert_eq!(ran.get(), 1);
}

#[test]
fn what_happens_on_the_thread_itself_between_two_turns_is_seen_by_the_next_deadline() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let polls = Counter::default();
    let gate = Gate::new();
    let waits = event_loop.spawn({
        let gate = gate.clone();
        async move { gate.wait().await }
    });
    let never = event_loop.spawn(pending::<()>());
    let is_due = |event_loop: &EventLoop| {
        event_loop
            .next_deadline()
            .is_some_and(|at| at <= Instant::now())
    };

    assert!(is_due(&event_loop), "a spawn");
    settle(&mut event_loop);
    assert!(!is_due(&event_loop));
    gate.open();
    assert!(is_due(&event_loop), "a wake");
    settle(&mut event_loop);
    assert!(waits.is_finished() && !is_due(&event_loop));
    never.abort();
    assert!(is_due(&event_loop), "an abort");
    settle(&mut event_loop);
    assert!(never.is_finished() && !is_due(&event_loop));
    drop(event_loop.spawn(counted(&polls, yield_now())));
    event_loop.turn(NOW).unwrap();
    assert!(is_due(&event_loop), "a task that yielded");
    settle(&mut event_loop);
    assert_eq!(polls.get(), 2);
}

#[test]
fn a_timer_is_seen_by_the_next_deadline_and_a_cancelled_one_is_not() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let before = Instant::now();
    let hour = event_loop.spawn(sleep(Duration::from_secs(3_600)));
    let day = event_loop.spawn(sleep(Duration::from_secs(86_400)));
    settle(&mut event_loop);
    let deadline = event_loop.next_deadline().expect("a timer");
    assert!(deadline > before && deadline <= Instant::now() + Duration::from_secs(3_601));
    hour.abort();
    settle(&mut event_loop);
    let deadline = event_loop.next_deadline().expect("the other timer");
    assert!(deadline <= Instant::now() + Duration::from_secs(86_401));
    day.abort();
    settle(&mut event_loop);
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn a_socket_makes_the_descriptor_readable() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (mut outside, inside) = StdStream::pair().unwrap();
    let reads = event_loop.spawn(async move {
        let mut word = [0; 5];
        UnixStream::from_std(inside)?.read_exact(&mut word).await?;
        Ok::<_, std::io::Error>(word)
    });
    settle(&mut event_loop);
    assert!(!is_readable(&event_loop));
    outside.write_all(b"hello").unwrap();
    assert!(is_readable(&event_loop));
    let turn = event_loop.turn(NOW).unwrap();
    assert_eq!((turn.io_events, turn.polls), (1, 1));
    assert_eq!(&event_loop.run(reads).unwrap().unwrap(), b"hello");
}

#[test]
fn the_descriptor_is_the_same_for_the_life_of_the_loop() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let fd = event_loop.as_fd().as_raw_fd();
    event_loop.run(async {
        sleep(Duration::from_micros(100)).await;
        offload(|| ()).await.unwrap();
    });
    assert_eq!(event_loop.as_fd().as_raw_fd(), fd);
}

// A host.

#[test]
fn a_host_that_waits_for_the_descriptor_until_the_next_deadline_drives_everything() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (mut outside, inside) = StdStream::pair().unwrap();
        let echo = thread::spawn(move || {
            let mut word = [0; 5];
            outside.read_exact(&mut word).unwrap();
            outside.write_all(&word).unwrap();
        });
        let task = event_loop.spawn(async move {
            sleep(Duration::from_millis(2)).await;
            let stream = UnixStream::from_std(inside).unwrap();
            stream.write_all(b"hello").await.unwrap();
            let mut word = [0; 5];
            stream.read_exact(&mut word).await.unwrap();
            let shout = offload(move || word.to_ascii_uppercase()).await.unwrap();
            for _ in 0..10 {
                yield_now().await;
            }
            shout
        });
        let turns = host(&mut event_loop, || task.is_finished());
        assert_eq!(event_loop.run(task).unwrap(), b"HELLO");
        echo.join().unwrap();
        // The start, the timer, the echo, the job and ten yields need a turn each. As many again may find nothing to do.
        assert!(turns <= 30, "{turns} turns: the host was woken for nothing");
    });
}

#[test]
fn a_host_with_two_loops_serves_both() {
    watchdog(PATIENCE, || {
        let mut loops = [EventLoop::new().unwrap(), EventLoop::new().unwrap()];
        let remotes = [loops[0].remote(), loops[1].remote()];
        let counts = [Counter::default(), Counter::default()];
        // A thread posts a call to the first loop, then spawns a task on the second and waits for it, again and again.
        let (count_0, count_1) = (counts[0].clone(), counts[1].clone());
        let thread = thread::spawn(move || {
            for _ in 0..1_000 {
                let count = count_0.clone();
                remotes[0].post(move || count.add()).unwrap();
                let count = count_1.clone();
                remotes[1]
                    .spawn(move || async move { count.add() })
                    .wait()
                    .unwrap();
            }
        });
        let sleeps: Vec<_> = loops
            .iter()
            .map(|event_loop| event_loop.spawn(sleep(Duration::from_millis(3))))
            .collect();
        let mut poll = host_poll(&[&loops[0], &loops[1]]);
        let mut events = mio::Events::with_capacity(8);
        while !thread.is_finished() || sleeps.iter().any(|sleep| !sleep.is_finished()) {
            let deadlines = loops.iter().filter_map(EventLoop::next_deadline);
            let wait = deadlines
                .min()
                .map(|at| at.saturating_duration_since(Instant::now()));
            // The end of the thread wakes no loop, so the wait is short.
            let wait = wait.unwrap_or(Duration::MAX).min(Duration::from_millis(10));
            poll.poll(&mut events, Some(wait)).unwrap();
            for event_loop in &mut loops {
                event_loop.turn(NOW).unwrap();
            }
        }
        thread.join().unwrap();
        assert_eq!((counts[0].get(), counts[1].get()), (1_000, 1_000));
    });
}

#[test]
fn after_a_panic_that_ended_a_turn_the_host_still_hears_other_threads() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder()
        .on_panic(OnPanic::EndRun)
        .build()
        .unwrap();
    drop(event_loop.spawn(async { panic!("ends the turn") }));
    assert!(catch_unwind(AssertUnwindSafe(|| event_loop.turn(NOW))).is_err());
    settle(&mut event_loop);
    assert!(!is_readable(&event_loop));
    event_loop.remote().post(|| ()).unwrap();
    assert!(is_readable(&event_loop));
    assert_eq!(event_loop.turn(NOW).unwrap().notes, 1);
}
