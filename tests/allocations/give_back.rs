//! A loop gives back what a burst has left: what is promised under `EventLoop`, "Memory". It waits for seconds of real time in
//! between, and twice as long after an attempt in vain, so these tests have more time than others.

use std::time::Duration;

use crate::allocations::bytes;
use crate::support::PATIENCE;
use roundelay::net::UdpSocket;
use roundelay::{EventLoop, JoinHandle, sleep, spawn, yield_now};

const FEW: usize = 5_000;
const MANY: usize = 100_000;

/// Tasks that stay, until their handles are aborted.
fn residents(count: usize) -> Vec<JoinHandle<()>> {
    let resident = || spawn(std::future::pending::<()>());
    (0..count).map(|_| resident()).collect()
}

/// Rests, as an idle loop does, until no more than `most` bytes are in use since `before`. If that never comes, the watchdog
/// ends the test.
async fn idle_until(most: isize, before: isize) {
    while bytes() - before > most {
        sleep(Duration::from_millis(20)).await;
    }
}

/// What a burst takes that sleeps in a loop in which `FEW` tasks live; and the loop has given all of it back but as much
/// again as those tasks take when this returns.
async fn burst(before: isize, burst: impl AsyncFnOnce()) {
    let residents = residents(FEW);
    yield_now().await;
    let live = bytes() - before;
    burst().await;
    assert!(bytes() - before > 2 * live, "this is no burst");
    idle_until(2 * live, before).await;
    residents.iter().for_each(JoinHandle::abort);
}

#[test]
fn a_burst_leaves_less_than_twice_of_what_lives() {
    let _watched = crate::support::watch_for(3 * PATIENCE);
    let before = bytes();
    crate::run(burst(before, async || {
        let nap = || spawn(sleep(Duration::from_millis(1)));
        let naps: Vec<_> = (0..MANY).map(|_| nap()).collect();
        for nap in naps {
            nap.await.unwrap();
        }
    }));
}

#[test]
fn a_burst_of_timers_in_one_task_goes_back_too() {
    let _watched = crate::support::watch_for(3 * PATIENCE);
    let before = bytes();
    crate::run(burst(before, async || {
        let mut naps: Vec<_> = (0..MANY)
            .map(|_| Box::pin(sleep(Duration::from_secs(3600))))
            .collect();
        let first = std::future::poll_fn(|cx| {
            for nap in &mut naps {
                assert!(nap.as_mut().poll(cx).is_pending());
            }
            std::task::Poll::Ready(())
        });
        first.await;
        drop(naps);
    }));
}

/// The slot that was left last is used first, so each of these tasks would move into the slot of the last, wherever the burst
/// has put that.
#[test]
fn a_burst_goes_back_while_a_few_tasks_come_and_go() {
    let _watched = crate::support::watch_for(3 * PATIENCE);
    let before = bytes();
    crate::run(burst(before, async || {
        let traffic = spawn(async {
            loop {
                let nap = spawn(sleep(Duration::from_millis(7)));
                sleep(Duration::from_millis(3)).await;
                nap.await.unwrap();
            }
        });
        let naps: Vec<_> = (0..MANY)
            .map(|_| spawn(sleep(Duration::from_millis(1))))
            .collect();
        for nap in naps {
            nap.await.unwrap();
        }
        traffic.detach();
    }));
}

#[test]
fn a_flood_of_posts_goes_back_too() {
    let _watched = crate::support::watch_for(3 * PATIENCE);
    let before = bytes();
    let mut event_loop = EventLoop::builder()
        .slow_poll(None)
        .post_queue(MANY)
        .build()
        .unwrap();
    let remote = event_loop.remote();
    event_loop.run(burst(before, async || {
        (0..MANY).for_each(|_| remote.post(|| ()).unwrap());
        yield_now().await;
    }));
}

#[test]
fn a_burst_of_sockets_goes_back_too() {
    let _watched = crate::support::watch_for(3 * PATIENCE);
    let mut event_loop = crate::event_loop();
    event_loop.run(async {
        let registered = || async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            // The first read registers the socket.
            let mut buffer = [0; 8];
            let read = socket.recv_from(&mut buffer);
            assert!(roundelay::timeout(Duration::ZERO, read).await.is_err());
            socket
        };
        // Fewer than a process may have, and more than a small table holds.
        let (before, mut sockets) = (bytes(), Vec::new());
        for _ in 0..900 {
            sockets.push(registered().await);
        }
        drop(sockets);
        idle_until(64 << 10, before).await;
    });
}

#[test]
fn a_task_that_lives_on_at_the_end_of_the_table_keeps_it_until_it_ends() {
    let _watched = crate::support::watch_for(3 * PATIENCE);
    let before = bytes();
    crate::run(async {
        let mut residents = residents(MANY);
        let last = residents.pop().unwrap();
        yield_now().await;
        let burst = bytes() - before;
        residents.iter().for_each(JoinHandle::abort);
        drop(residents);
        // The cells go, the slots stay: 32 bytes for each, and 4 of the ready queue.
        idle_until(burst / 2, before).await;
        let slots = (36 * MANY) as isize;
        sleep(Duration::from_millis(1200)).await;
        assert!(
            bytes() - before > slots,
            "a number in use has lost its slot"
        );
        last.abort();
        drop(last);
        idle_until(slots / 4, before).await;
    });
}
