//! One turn after another, by hand: what a turn waits for, what it runs, and what it counts.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::net::settle;
use crate::support::pair::{Stream, std_pair};
use crate::support::{Counter, PATIENCE, watchdog};
use roundelay::{EventLoop, OnPanic, sleep, yield_now};

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn runs_and_turns_may_follow_each_other() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let count = Rc::new(Cell::new(0));
    drop(event_loop.spawn({
        let count = count.clone();
        async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        }
    }));
    event_loop.turn(NOW).unwrap();
    assert_eq!(count.get(), 1);
    event_loop.run(yield_now());
    let after_run = count.get();
    assert!(after_run > 1, "the run did not poll the other task");
    event_loop.turn(NOW).unwrap();
    assert_eq!(
        count.get(),
        after_run + 1,
        "the other task has left the loop"
    );
}

// How long a turn waits.

#[test]
fn a_turn_of_no_time_does_not_wait() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        drop(event_loop.spawn(sleep(Duration::MAX)));
        for _ in 0..100 {
            event_loop.turn(NOW).unwrap();
        }
    });
}

#[test]
fn a_turn_waits_for_a_timer_a_thread_or_a_socket_and_not_for_its_time_out() {
    watchdog(PATIENCE, || {
        for timeout in [
            None,
            Some(Duration::MAX),
            Some(Duration::from_secs(86_400 * 365)),
        ] {
            let mut event_loop = EventLoop::new().unwrap();
            let done = event_loop.spawn(sleep(Duration::from_millis(1)));
            while !done.is_finished() {
                event_loop.turn(timeout).unwrap();
            }
            let remote = event_loop.remote();
            let thread = thread::spawn(move || remote.post(|| ()).unwrap());
            while event_loop.turn(timeout).unwrap().notes == 0 {}
            thread.join().unwrap();
            let (mut outside, inside) = std_pair().unwrap();
            let done = event_loop
                .spawn(async move { Stream::from_std(inside).unwrap().read(&mut [0]).await });
            event_loop.turn(timeout).unwrap();
            outside.write_all(b"!").unwrap();
            while !done.is_finished() {
                event_loop.turn(timeout).unwrap();
            }
        }
    });
}

#[test]
fn a_turn_ends_with_its_time_out_when_nothing_happens() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let begin = Instant::now();
        let turn = event_loop.turn(Some(Duration::from_millis(5))).unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(5), "never early");
        assert_eq!(turn, roundelay::Turn::default());
        drop(event_loop.spawn(sleep(Duration::MAX)));
        event_loop.turn(Some(Duration::from_millis(5))).unwrap();
        event_loop.turn(Some(Duration::from_millis(5))).unwrap();
    });
}

#[test]
fn a_turn_with_a_task_that_is_ready_does_not_wait_and_looks_all_the_same() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        drop(event_loop.spawn(async {
            loop {
                yield_now().await;
            }
        }));
        let timer = event_loop.spawn(sleep(Duration::ZERO));
        event_loop.turn(None).unwrap();
        let (remote, (mut outside, inside)) = (event_loop.remote(), std_pair().unwrap());
        let reads =
            event_loop.spawn(async move { Stream::from_std(inside).unwrap().read(&mut [0]).await });
        event_loop.turn(None).unwrap();
        outside.write_all(b"!").unwrap();
        remote.post(|| ()).unwrap();
        let turn = event_loop.turn(None).unwrap();
        assert_eq!(
            (turn.notes, turn.io_events),
            (1, 1),
            "a turn ended without a look at the sockets"
        );
        event_loop.turn(None).unwrap();
        assert!(reads.is_finished() && timer.is_finished());
    });
}

// Everything that a turn does is counted.

#[test]
fn a_turn_polls_each_task_that_was_ready_once_and_leaves_the_rest_to_the_next() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let polls = Counter::default();
    for _ in 0..200 {
        let polls = polls.clone();
        drop(event_loop.spawn(async move {
            polls.add();
            let inner = polls.clone();
            drop(roundelay::spawn(async move { inner.add() }));
            yield_now().await;
            polls.add();
        }));
    }
    let turn = event_loop.turn(NOW).unwrap();
    assert_eq!((turn.polls, turn.ready, polls.get()), (200, 400, 200));
    let turn = event_loop.turn(NOW).unwrap();
    assert_eq!((turn.polls, turn.ready, polls.get()), (400, 0, 600));
}

#[test]
fn the_counts_of_a_turn_are_exact() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    for _ in 0..3 {
        drop(event_loop.spawn(async {
            sleep(Duration::ZERO).await;
            pending::<()>().await;
        }));
    }
    let aborted = event_loop.spawn(pending::<()>());
    let (mut outside, inside) = std_pair().unwrap();
    drop(event_loop.spawn(async move {
        let stream = Stream::from_std(inside).unwrap();
        stream.read(&mut [0; 8]).await.unwrap();
        yield_now().await;
        stream.read(&mut [0; 8]).await.unwrap();
    }));
    settle(&mut event_loop);
    let before = event_loop.metrics();

    aborted.abort(); // ready at once
    drop(event_loop.spawn(async {})); // ready at once
    event_loop.remote().post(|| ()).unwrap(); // a note, found by the turn's look
    outside.write_all(b"!").unwrap(); // an event, found by the look: the reader is ready for the next turn
    let turn = event_loop.turn(NOW).unwrap();
    assert_eq!((turn.notes, turn.io_events, turn.timers), (1, 1, 0));
    assert_eq!((turn.polls, turn.ready), (2, 1));
    let turn = event_loop.turn(NOW).unwrap();
    assert_eq!((turn.notes, turn.io_events, turn.timers), (0, 0, 0));
    assert_eq!(
        (turn.polls, turn.ready),
        (1, 1),
        "the reader reads, and yields"
    );
    let after = event_loop.metrics();
    assert_eq!(after.polls - before.polls, 3);
    assert_eq!(after.io_events - before.io_events, 1);
    assert_eq!(after.notes - before.notes, 1);
}

#[test]
fn timers_that_fire_in_a_turn_are_counted() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    for _ in 0..5 {
        drop(event_loop.spawn(sleep(Duration::from_millis(1))));
    }
    let (mut timers, mut polls) = (0, 0);
    while timers < 5 {
        let turn = event_loop.turn(None).unwrap();
        timers += turn.timers;
        polls += turn.polls;
    }
    assert_eq!(
        (timers, polls),
        (5, 10),
        "each task is polled twice: at its beginning and at its end"
    );
}

#[test]
fn a_task_that_finishes_after_waking_itself_is_polled_once() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    drop(event_loop.spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(())
    })));
    drop(event_loop.spawn(yield_now()));
    assert_eq!(event_loop.turn(NOW).unwrap().polls, 2);
    assert_eq!(event_loop.turn(NOW).unwrap().polls, 1);
}

// Panics that end the turn.

#[test]
fn the_first_panic_ends_the_turn_at_once() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder()
        .on_panic(OnPanic::EndRun)
        .build()
        .unwrap();
    let finished = Rc::new(Cell::new(0));
    drop(event_loop.spawn(async { panic!("the first") }));
    for _ in 0..3 {
        let finished = Rc::clone(&finished);
        drop(event_loop.spawn(async move { finished.set(finished.get() + 1) }));
    }
    drop(event_loop.spawn(async { panic!("the second") }));

    let payload = catch_unwind(AssertUnwindSafe(|| event_loop.turn(NOW)))
        .expect_err("the panic ends the turn");
    assert_eq!(payload.downcast_ref(), Some(&"the first"));
    assert_eq!(finished.get(), 0, "a task was polled after the panic");

    let payload = catch_unwind(AssertUnwindSafe(|| event_loop.turn(NOW)))
        .expect_err("the second panic ends the second turn");
    assert_eq!(payload.downcast_ref(), Some(&"the second"));
    assert_eq!(finished.get(), 3, "the loop goes on where it stopped");
}
