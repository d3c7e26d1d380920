//! What a list of the tasks allocates, and what an observed loop allocates for it.

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use crate::allocations::{allocations, allocations_of, since};
use roundelay::sync::Event;
use roundelay::{EventLoop, sleep, spawn, task, yield_now};

/// The number of allocations for a list of `crowd` tasks, each of which waits for one thing.
async fn listed(crowd: usize) -> usize {
    let mut handles = Vec::new();
    for number in 0..crowd {
        handles.push(match number % 2 {
            0 => spawn(sleep(Duration::from_secs(3_600))),
            _ => spawn(pending()),
        });
    }
    yield_now().await;
    let count = allocations_of(|| drop(task::all()));
    for handle in handles {
        drop(handle.cancel().await);
    }
    count
}

#[test]
fn a_list_allocates_once_for_each_task_that_waits() {
    let _watched = crate::support::watch();
    crate::run(async {
        let few = listed(1_000).await;
        let many = listed(10_000).await;
        assert_eq!(many - few, 9_000);
        assert!(few <= 1_000 + 8, "{few}");
    });
}

#[test]
fn a_loop_that_is_observed_allocates_nothing_for_a_spawn_and_once_for_a_wait_in_sync() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder()
        .slow_poll(None)
        .observe(true)
        .build()
        .unwrap();
    event_loop.run(async {
        let event = Rc::new(Event::new());
        let mut before = 0;
        for round in 0..2_100 {
            if round == 100 {
                before = allocations();
            }
            let same = Rc::clone(&event);
            let handle = spawn(async move { same.wait().await });
            yield_now().await;
            event.set();
            event.clear();
            handle.await.unwrap();
        }
        // The list of the waits is swept when it is full, so it does not grow.
        assert_eq!(since(before), 2_000);
    });
}
