//! Counts what a list costs.

use std::future::pending;
use std::time::Duration;

use roundelay::{EventLoop, JoinHandle, sleep, spawn, task, yield_now};

/// Spawns `size` tasks: every other one waits for a timer.
async fn crowd(size: usize) -> Vec<JoinHandle<()>> {
    let mut handles = Vec::new();
    for number in 0..size {
        handles.push(match number % 2 {
            0 => spawn(sleep(Duration::from_secs(3_600))),
            _ => spawn(pending()),
        });
    }
    yield_now().await;
    handles
}

#[test]
fn a_hundred_thousand_tasks_are_listed_in_the_order_of_their_spawning() {
    let _watched = crate::support::watch();
    const CROWD: usize = 100_000;
    for is_observed in [false, true] {
        let mut event_loop = EventLoop::builder().observe(is_observed).build().unwrap();
        event_loop.run(async {
            let handles = crowd(CROWD).await;
            let tasks = task::all();
            assert_eq!(tasks.len(), CROWD + 1);
            let listed = tasks.iter().skip(1).map(|task| task.id);
            assert!(listed.eq(handles.iter().map(JoinHandle::id)));
            assert!(tasks.iter().skip(1).all(|task| task.waits_for.len() == 1));
        });
    }
}
