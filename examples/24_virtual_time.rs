//! Tests that wait for nothing: an hour in milliseconds, a retry with back-off checked to the nanosecond, and a lost
//! wake-up in one order out of two.
//!
//! `cargo run --release --example 24_virtual_time`

use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::net::Network;
use roundelay::sync::Notify;
use roundelay::time::{Elapsed, interval, now, sleep, timeout};
use roundelay::{EventLoop, spawn};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn main() -> std::io::Result<()> {
    let mut event_loop = EventLoop::builder().virtual_time().build()?;

    let (start, wall) = (now(), Instant::now());
    event_loop.run(async {
        let mut heart = interval(SECOND);
        for _ in 0..=3_600 {
            heart.tick().await;
        }
    });
    assert_eq!(now() - start, HOUR);
    println!("3,600 heartbeats, an hour : {:.1?}", wall.elapsed());

    // A server that is down for ten minutes, and a client that tries again after 1, 2, 4 .. seconds.
    let (start, wall) = (now(), Instant::now());
    let network = Network::new(1);
    let there = network.clone();
    let server = event_loop.spawn(async move {
        sleep(HOUR / 6).await;
        there.listen("server")?.accept().await
    });
    let tries = event_loop.run(retry(async || network.connect("server").await.is_ok()));
    event_loop.run_until_idle()?;
    assert!(server.is_finished());
    let (number, wall) = (tries.len(), wall.elapsed());
    println!("{number} tries, 17 minutes      : {wall:.1?}");
    let expected = (0..11).map(|n| start + SECOND * ((1 << n) - 1)); // after 0, 1, 3, 7 .. seconds
    assert!(tries.into_iter().eq(expected));

    // The order of spawning is no promise. Twenty seeds draw twenty orders, and each seed draws its order again.
    println!("\na task waits for a word of another task:");
    println!("in the order of spawning  : {:?}", waits_for_a_word(None));
    let is_lost = |seed: &u64| waits_for_a_word(Some(*seed)).is_err();
    let lost: Vec<u64> = (0..20).filter(is_lost).collect();
    println!("lost in the orders of     : seeds {lost:?} of 0..20");
    let again = waits_for_a_word(Some(lost[0]));
    println!("the first seed again      : {again:?}");
    Ok(())
}

/// When each try was made.
async fn retry(mut attempt: impl AsyncFnMut() -> bool) -> Vec<Instant> {
    let (mut tries, mut pause) = (vec![now()], SECOND);
    while !attempt().await {
        sleep(pause).await;
        pause *= 2;
        tries.push(now());
    }
    tries
}

/// `notify_waiters` wakes only the tasks that already wait. Whether the listener waits by then depends on the order: it
/// does if tasks run in the order of their spawning. In another order it waits until the time-out, a virtual hour.
fn waits_for_a_word(seed: Option<u64>) -> Result<(), Elapsed> {
    let mut builder = EventLoop::builder().virtual_time();
    if let Some(seed) = seed {
        builder = builder.shuffle(seed);
    }
    builder.build().expect("a loop").run(async {
        let word = Rc::new(Notify::new());
        let heard = Rc::clone(&word);
        let listener = spawn(async move { timeout(HOUR, heard.notified()).await });
        spawn(async move { word.notify_waiters() }).detach();
        listener.await.expect("it does not panic")
    })
}
