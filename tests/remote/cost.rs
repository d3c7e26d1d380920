//! A burst of wakes costs one system call, and a wake to a loop that is awake costs none. The kernel counts them.
#![cfg(target_os = "linux")]

use std::future::pending;
use std::sync::mpsc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use crate::support::kernel::Bell;
use crate::support::{Gate, PATIENCE, own_waker, watchdog};
use roundelay::{EventLoop, Remote, sleep, spawn, yield_now};

const THREADS: usize = 8;

/// Eight threads wake, post and spawn, 125 times each.
fn burst(remote: &Remote, waker: &Waker) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..125 {
                    waker.wake_by_ref();
                    remote.post(|| ()).unwrap();
                    drop(remote.spawn(|| async {}));
                }
            });
        }
    });
}

fn waker_of_a_task(event_loop: &mut EventLoop) -> Waker {
    event_loop.run(async {
        let (waker_out, waker_in) = mpsc::channel();
        drop(spawn(async move {
            waker_out.send(own_waker().await).unwrap();
            pending::<()>().await;
        }));
        yield_now().await;
        waker_in.recv().unwrap()
    })
}

#[test]
fn a_burst_at_a_loop_that_is_awake_costs_none() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let waker = waker_of_a_task(&mut event_loop);
    let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
    event_loop.run(async {
        // The loop has slept before, and no thread has woken it.
        sleep(Duration::from_millis(1)).await;
        let before = bell.rings();
        burst(&remote, &waker);
        yield_now().await;
        burst(&remote, &waker);
        assert_eq!(bell.rings() - before, 0);
    });
}

#[test]
fn a_burst_at_a_loop_that_rests_between_two_turns_costs_one() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let waker = waker_of_a_task(&mut event_loop);
    let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
    for _ in 0..10 {
        let before = bell.rings();
        burst(&remote, &waker);
        burst(&remote, &waker);
        assert_eq!(bell.rings() - before, 1);
        while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    }
}

/// The first note of the burst is a call that keeps the loop busy until the burst is over. So the burst finds the loop
/// asleep, and the loop cannot fall asleep again before the end.
#[test]
fn a_burst_at_a_loop_that_sleeps_costs_one() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let waker = waker_of_a_task(&mut event_loop);
        let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
        let (finish, finished) = mpsc::channel();
        let thread = thread::spawn(move || {
            let (mut rounds, mut interruptions) = (0, 0);
            // Now and then a burst may find the loop awake. So the rounds go on until some bursts have found it asleep.
            while rounds < 20 || interruptions < 5 {
                let before = bell.rings();
                let (is_over, over) = mpsc::channel::<()>();
                let (has_begun, begun) = mpsc::channel();
                remote
                    .post(move || {
                        has_begun.send(()).unwrap();
                        over.recv().unwrap();
                    })
                    .unwrap();
                begun.recv().unwrap();
                burst(&remote, &waker);
                let rings = bell.rings() - before;
                assert!(rings <= 1, "{rings} system calls for one burst");
                is_over.send(()).unwrap();
                interruptions += rings;
                rounds += 1;
                remote.spawn(yield_now).wait().unwrap();
            }
            finish.send(()).unwrap();
            drop(remote.spawn(|| async {}));
        });
        while finished.try_recv().is_err() && !thread.is_finished() {
            event_loop.run(sleep(Duration::from_millis(5)));
        }
        thread.join().unwrap();
    });
}

/// Mail comes during a turn, and the end of the turn tells the host of it. For the burst after the turn that is enough.
#[test]
fn mail_that_came_during_a_turn_and_a_burst_after_it_cost_one() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let waker = waker_of_a_task(&mut event_loop);
    let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
    remote
        .post({
            let (remote, waker) = (remote.clone(), waker.clone());
            // This runs while the loop takes its mail. Mail that comes during it stays for the next look.
            move || burst(&remote, &waker)
        })
        .unwrap();
    let before = bell.rings();
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(
        bell.rings() - before,
        1,
        "a turn that ends with mail left makes one system call"
    );
    burst(&remote, &waker);
    assert_eq!(
        bell.rings() - before,
        1,
        "the host knows already, so a burst makes no system call"
    );
}

#[test]
fn a_wake_on_the_loops_own_thread_costs_none() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let bell = Bell::of(&event_loop);
    let before = bell.rings();
    event_loop.run(async {
        let gate = Gate::new();
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let gate = gate.clone();
                spawn(async move {
                    for _ in 0..10 {
                        yield_now().await;
                    }
                    gate.open();
                })
            })
            .collect();
        gate.wait().await;
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(bell.rings() - before, 0);
}

#[test]
fn a_turn_that_does_not_wait_announces_no_sleep() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (bell, remote) = (Bell::of(&event_loop), event_loop.remote());
    let thread = thread::spawn(move || {
        for _ in 0..100_000 {
            remote.post(|| ()).unwrap();
        }
    });
    let before = bell.rings();
    let (mut notes, mut turns) = (0, 0);
    while notes < 100_000 {
        notes += event_loop.turn(Some(Duration::ZERO)).unwrap().notes;
        turns += 1;
    }
    thread.join().unwrap();
    // There is at most one at the end of each turn or in the rest after it, however many wakes were sent.
    assert!(bell.rings() - before <= turns + 1);
}
