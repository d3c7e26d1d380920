//! `run_until_idle`: everything that can be done now, and not a moment of waiting.

use std::cell::Cell;
use std::future::pending;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::pair::{Stream, std_pair};
use roundelay::sync::mpsc;
use roundelay::time::{advance, sleep_until};
use roundelay::{EventLoop, Turn, sleep, spawn, yield_now};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn what_wakes_what_runs_to_the_end() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (sender, mut receiver) = mpsc::channel(1);
    let producer = event_loop.spawn(async move {
        for n in 0..100 {
            sender.send(n).await.unwrap();
            yield_now().await;
        }
    });
    let mut consumer = event_loop.spawn(async move {
        let mut count = 0;
        while receiver.recv().await.is_some() {
            count += 1;
        }
        count
    });
    let done = event_loop.run_until_idle().unwrap();
    assert!(producer.is_finished());
    assert_eq!(consumer.try_join().unwrap().unwrap(), 100);
    assert!(done.polls >= 200, "{done}");
    assert_eq!(done.ready, 0);
    assert_eq!(event_loop.run_until_idle().unwrap(), Turn::default());
}

#[test]
fn it_waits_for_no_timer_and_for_nobody() {
    let _watched = crate::support::watch();
    for builder in [EventLoop::builder(), EventLoop::builder().virtual_time()] {
        let mut event_loop = builder.build().unwrap();
        let sleeper = event_loop.spawn(sleep(HOUR));
        let waiter = event_loop.spawn(pending::<()>());
        let done = event_loop.run_until_idle().unwrap();
        assert_eq!((done.polls, done.timers), (2, 0));
        assert!(!sleeper.is_finished() && !waiter.is_finished());
    }
}

#[test]
fn what_other_threads_and_sockets_have_brought_is_done_too() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (mut there, here) = std_pair().unwrap();
    let mut reader = event_loop.spawn(async move {
        let mut word = [0; 5];
        let stream = Stream::from_std(here)?;
        stream.read_exact(&mut word).await.map(|()| word)
    });
    event_loop.run_until_idle().unwrap();
    assert!(!reader.is_finished());
    there.write_all(b"hello").unwrap();
    let remote = event_loop.remote();
    std::thread::spawn(move || remote.post(|| drop(spawn(yield_now()))).unwrap())
        .join()
        .unwrap();
    let done = event_loop.run_until_idle().unwrap();
    assert_eq!(reader.try_join().unwrap().unwrap().unwrap(), *b"hello");
    assert_eq!((done.notes, done.io_events), (1, 1));
    assert_eq!(
        done.polls, 3,
        "one poll of the reader, and two of the task that yields"
    );
}

// A look deals out at most 512 timers, and fires at most 64. *bounded-look*
#[test]
fn timers_that_are_dealt_out_in_parts_are_all_fired() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let fired = Rc::new(Cell::new(0));
    let deadline = Instant::now() + Duration::from_millis(20);
    for n in 0..3_000 {
        let fired = Rc::clone(&fired);
        drop(event_loop.spawn(async move {
            // All the timers are in one slot of a coarse level, and few are due at the same tick.
            sleep_until(deadline + Duration::from_micros(n)).await;
            fired.set(fired.get() + 1);
        }));
    }
    event_loop.run_until_idle().unwrap();
    while Instant::now() < deadline + Duration::from_millis(4) {
        std::hint::spin_loop();
    }
    event_loop.run_until_idle().unwrap();
    assert_eq!(fired.get(), 3_000);
}

#[test]
fn a_host_that_turns_by_hand_moves_a_virtual_clock_inside_enter() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder().virtual_time().build().unwrap();
    let sleeper = event_loop.spawn(sleep(HOUR));
    event_loop.run_until_idle().unwrap();
    event_loop.enter(|| advance(HOUR / 2));
    event_loop.run_until_idle().unwrap();
    assert!(!sleeper.is_finished());
    event_loop.enter(|| advance(HOUR / 2));
    assert_eq!(event_loop.run_until_idle().unwrap().polls, 1);
    assert!(sleeper.is_finished());
}
