//! The loop that is read first, `examples/00_smallest_loop.rs`: it works, it is small, and it has
//! the bugs that its comments name.

#[path = "support/watch.rs"]
mod support;

#[allow(dead_code)]
#[path = "../examples/00_smallest_loop.rs"]
mod smallest_loop;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use smallest_loop::{run, sleep, spawn, yield_now};

#[test]
fn a_client_gets_its_own_words_back() {
    let _watched = support::watch();
    smallest_loop::main();
}

#[test]
fn it_is_read_in_one_sitting() {
    let _watched = support::watch();
    let text = include_str!("../examples/00_smallest_loop.rs");
    let lines = text.lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    let count = code.count();
    assert!(count <= 200, "{count} lines of code are more than 200");
}

#[test]
fn tasks_take_turns() {
    let _watched = support::watch();
    let heard = Rc::new(RefCell::new(String::new()));
    let said = Rc::clone(&heard);
    run(async move {
        for name in ["a", "b"] {
            let said = Rc::clone(&said);
            spawn(async move {
                for _ in 0..3 {
                    said.borrow_mut().push_str(name);
                    yield_now().await;
                }
            });
        }
        sleep(Duration::from_millis(1)).await;
    });
    assert_eq!(*heard.borrow(), "ababab");
}

/// The first bug in the list of the example.
#[test]
fn a_task_that_is_woken_twice_is_polled_twice() {
    let _watched = support::watch();
    let mut polls = 0;
    let (count, counted) = std::sync::mpsc::channel();
    run(async move {
        spawn(poll_fn(move |cx| {
            polls += 1;
            let _ = count.send(polls);
            if polls == 1 {
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        }));
        sleep(Duration::from_millis(1)).await;
    });
    assert_eq!(
        counted.iter().last(),
        Some(3),
        "the second wake was not a poll of its own"
    );
}

/// The second bug.
#[test]
fn the_waker_of_a_task_that_has_ended_wakes_a_stranger() {
    let _watched = support::watch();
    let polls = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&polls);
    run(async move {
        let kept = Rc::new(RefCell::new(Waker::noop().clone()));
        let keep = Rc::clone(&kept);
        spawn(poll_fn(move |cx| {
            keep.replace(cx.waker().clone());
            Poll::Ready(())
        }));
        yield_now().await;
        spawn(poll_fn(move |_| {
            *counted.borrow_mut() += 1;
            Poll::<()>::Pending
        }));
        yield_now().await;
        kept.borrow().wake_by_ref();
        yield_now().await;
    });
    assert_eq!(
        *polls.borrow(),
        2,
        "the stale waker did not wake the new task"
    );
}

struct SpawnsWhenDropped;

impl Drop for SpawnsWhenDropped {
    fn drop(&mut self) {
        spawn(async {});
    }
}

/// The third bug.
#[test]
fn a_destructor_that_spawns_at_the_end_panics() {
    let _watched = support::watch();
    let ran = catch_unwind(|| {
        run(async {
            spawn(async {
                let _guard = SpawnsWhenDropped;
                pending::<()>().await;
            });
            yield_now().await;
        });
    });
    let payload = ran.expect_err("the table is borrowed while the destructor runs");
    let message = payload.downcast_ref::<String>().expect("a message");
    assert!(message.contains("already"), "{message}");
}

/// The fourth bug.
#[test]
fn another_thread_wakes_nobody() {
    let _watched = support::watch();
    let polls = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&polls);
    run(async move {
        spawn(poll_fn(move |cx| {
            *counted.borrow_mut() += 1;
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake())
                .join()
                .expect("no panic");
            Poll::<()>::Pending
        }));
        sleep(Duration::from_millis(1)).await;
    });
    assert_eq!(
        *polls.borrow(),
        1,
        "the wake from another thread has arrived"
    );
}
