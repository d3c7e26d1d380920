//! A host that owns the thread drives the loop turn by turn.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use roundelay::{EventLoop, OnPanic, yield_now};

#[test]
fn the_first_panic_ends_the_turn_at_once() {
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

    let payload = catch_unwind(AssertUnwindSafe(|| event_loop.turn(Some(Duration::ZERO))))
        .expect_err("the panic ends the turn");
    assert_eq!(payload.downcast_ref(), Some(&"the first"));
    assert_eq!(finished.get(), 0, "nobody is polled after the panic");

    let payload = catch_unwind(AssertUnwindSafe(|| event_loop.turn(Some(Duration::ZERO))))
        .expect_err("the second panic ends the second turn");
    assert_eq!(payload.downcast_ref(), Some(&"the second"));
    assert_eq!(finished.get(), 3, "the loop goes on where it stopped");
}

#[test]
fn a_task_that_finishes_after_waking_itself_is_polled_once() {
    let mut event_loop = EventLoop::new().unwrap();
    drop(event_loop.spawn(std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        std::task::Poll::Ready(())
    })));
    drop(event_loop.spawn(yield_now()));
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().polls, 2);
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().polls, 1);
}
