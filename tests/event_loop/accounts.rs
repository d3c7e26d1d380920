//! An observed loop keeps account: how often each task was polled, for how long, and how long things take.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use roundelay::inspect::Histograms;
use roundelay::{EventLoop, sleep, spawn, task, yield_now};

fn observed() -> EventLoop {
    EventLoop::builder().observe(true).build().unwrap()
}

#[test]
fn each_poll_of_a_task_is_counted_and_no_other() {
    let _watched = crate::support::watch();
    observed().run(async {
        let yields = |times: u64| async move {
            for _ in 0..times {
                yield_now().await;
            }
            pending::<()>().await
        };
        let tasks = [1, 5, 9].map(|times| (times + 1, spawn(yields(times))));
        for _ in 0..20 {
            yield_now().await;
        }
        let list = task::all();
        for (polls, task) in &tasks {
            let info = list.find(task.id()).unwrap();
            assert_eq!(info.polls, Some(*polls));
            assert_eq!(info.ready_for, None, "it waits");
        }
        // The task that asks is in its 21st poll.
        assert_eq!(list.find(task::current().unwrap()).unwrap().polls, Some(21));
    });
}

/// The slot is used again, and the account begins anew.
#[test]
fn a_task_does_not_inherit_the_account_of_the_one_before_it_in_the_slot() {
    let _watched = crate::support::watch();
    observed().run(async {
        for _ in 0..3 {
            let task = spawn(async {
                yield_now().await;
                let own = task::current().unwrap();
                task::all().find(own).unwrap().polls
            });
            assert_eq!(task.await.unwrap(), Some(2));
        }
    });
}

#[test]
fn a_task_that_is_ready_says_since_when_and_one_that_is_polled_does_not() {
    let _watched = crate::support::watch();
    observed().run(async {
        let waits = spawn(yield_now());
        let own = task::current().unwrap();
        yield_now().await;
        // Both tasks have yielded and were in the queue. This one is polled first.
        let list = task::all();
        assert!(list.find(waits.id()).unwrap().ready_for.is_some());
        assert_eq!(list.find(own).unwrap().ready_for, None);
        waits.await.unwrap();
    });
}

#[test]
fn the_histograms_count_polls_waits_timers_turns_and_rests() {
    let _watched = crate::support::watch();
    let mut event_loop = observed();
    let seen = Rc::new(RefCell::new(None));
    event_loop.run(async {
        for _ in 0..9 {
            yield_now().await;
        }
        sleep(Duration::from_micros(10)).await;
        *seen.borrow_mut() = Histograms::current();
    });
    let inside = seen.take().unwrap();
    assert_eq!(
        inside.polls.count(),
        10,
        "nine polls that yielded and one that fell asleep, without the current poll"
    );
    let Histograms {
        polls,
        waits,
        timers,
        turns,
        rests,
        ..
    } = event_loop.histograms().unwrap();
    assert_eq!(polls.count(), 11);
    assert_eq!(waits.count(), 11, "the spawn, nine yields, and the timer");
    assert_eq!(timers.count(), 1);
    assert!(turns.count() >= 2 && rests.count() >= 1);
    assert!(polls.sum() <= turns.sum());
}

/// The histogram holds a poll with at least the length that the poll's own clock has measured.
#[test]
fn a_poll_is_as_long_as_it_was_and_who_was_woken_in_it_has_waited_as_long() {
    let _watched = crate::support::watch();
    let mut event_loop = observed();
    let held = Duration::from_millis(2);
    event_loop.run(async move {
        let begin = std::time::Instant::now();
        let other = spawn(async {});
        while begin.elapsed() < held {}
        other.await.unwrap();
    });
    let Histograms { polls, waits, .. } = event_loop.histograms().unwrap();
    assert!(polls.max() >= held);
    assert!(waits.max() >= held);
}

/// The loop knows the task that has just entered the queue because it is the last. A shuffle changes that.
#[test]
fn each_poll_has_been_waited_for_in_any_order() {
    let _watched = crate::support::watch();
    for seed in 0..20 {
        let mut event_loop = EventLoop::builder()
            .observe(true)
            .shuffle(seed)
            .build()
            .unwrap();
        event_loop.run(async {
            for _ in 0..20 {
                spawn(yield_now()).detach();
                yield_now().await;
            }
            sleep(Duration::from_micros(1)).await;
        });
        let Histograms { polls, waits, .. } = event_loop.histograms().unwrap();
        assert_eq!(polls.count(), waits.count());
        assert!(
            event_loop
                .tasks()
                .iter()
                .all(|task| task.ready_for.is_none())
        );
    }
}

#[test]
fn a_loop_that_is_not_observed_keeps_no_account() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(async {
        let own = task::all();
        let own = own.find(task::current().unwrap()).unwrap();
        assert_eq!((own.polls, own.busy, own.ready_for), (None, None, None));
        assert!(Histograms::current().is_none());
    });
    assert!(event_loop.histograms().is_none());
}

/// A host that turns by hand gets one rest and one turn for each call of `turn`.
#[test]
fn each_turn_of_a_host_is_one_rest_and_one_turn() {
    let _watched = crate::support::watch();
    let mut event_loop = observed();
    for turns in 1..5 {
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        let Histograms {
            turns: found,
            rests,
            ..
        } = event_loop.histograms().unwrap();
        assert_eq!((found.count(), rests.count()), (turns, turns));
    }
}
