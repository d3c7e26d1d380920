//! A task that awaits its own handle would wait for ever. It gets an error instead.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::support::{PATIENCE, on_drop, watchdog};
use roundelay::future::{as_completed, join_all};
use roundelay::task::AbortHandle;
use roundelay::{EventLoop, JoinError, JoinHandle, run, spawn, task, yield_now};

/// The place where a task finds its own handle.
type Place<T> = Rc<RefCell<Option<JoinHandle<T>>>>;

/// Spawns a task, and gives it the place of its own handle.
fn spawn_with_own_handle<T: 'static, F: Future<Output = T> + 'static>(
    body: impl FnOnce(Place<T>) -> F,
) -> (Place<T>, AbortHandle) {
    let place = Place::default();
    let handle = spawn(body(Rc::clone(&place)));
    let abort = handle.abort_handle();
    *place.borrow_mut() = Some(handle);
    (place, abort)
}

fn take<T>(place: &Place<T>) -> JoinHandle<T> {
    place.borrow_mut().take().expect("the handle is there")
}

async fn ended(task: &AbortHandle) {
    while !task.is_finished() {
        yield_now().await;
    }
}

#[test]
fn a_task_that_awaits_its_own_handle_is_told_so_and_goes_on() {
    watchdog(PATIENCE, || {
        run(async {
            let seen = Rc::new(RefCell::new(None));
            let (_, abort) = spawn_with_own_handle({
                let seen = Rc::clone(&seen);
                |place: Place<()>| async move {
                    let error = take(&place).await.unwrap_err();
                    yield_now().await;
                    *seen.borrow_mut() = Some((error, task::current().unwrap()));
                }
            });
            ended(&abort).await;
            let (error, id) = seen.take().expect("the task went on");
            assert!(error.is_self_await());
            assert!(!error.is_cancelled() && !error.is_panic() && !error.is_refused());
            assert_eq!(
                error.to_string(),
                format!(
                    "task {id} awaited its own handle, which yields nothing before the task has ended: \
                     await it in another task"
                )
            );
            assert!(std::error::Error::source(&error).is_none());
            assert!(error.try_into_panic().is_err());
            assert_eq!(
                io::Error::from(self_await().await).kind(),
                io::ErrorKind::Deadlock
            );
        });
    });
}

async fn self_await() -> JoinError {
    let (sender, receiver) = roundelay::sync::oneshot::channel();
    let (_place, _) = spawn_with_own_handle(|place: Place<()>| async move {
        let _ = sender.send(take(&place).await.unwrap_err());
    });
    receiver.await.unwrap()
}

#[test]
fn a_handle_that_its_own_task_awaited_by_reference_yields_the_output_to_another_one() {
    watchdog(PATIENCE, || {
        run(async {
            let (place, abort) = spawn_with_own_handle(|place: Place<u32>| async move {
                let mut own = take(&place);
                for _ in 0..2 {
                    assert!((&mut own).await.unwrap_err().is_self_await());
                }
                *place.borrow_mut() = Some(own);
                yield_now().await;
                7
            });
            yield_now().await;
            assert!(!abort.is_finished());
            let handle = take(&place);
            assert_eq!(handle.await.unwrap(), 7);
        });
    });
}

#[test]
fn combinators_and_executors_inside_the_task_are_told_as_well() {
    watchdog(PATIENCE, || {
        run(async {
            // A set polls with its own wakers, not with the task's waker.
            let (_, joined) = spawn_with_own_handle(|place: Place<()>| async move {
                let other = spawn(async {});
                let results = join_all([take(&place), other]).await;
                assert!(results[0].as_ref().unwrap_err().is_self_await());
                assert!(results[1].is_ok());
                EVENTS.set(EVENTS.get() + 1);
            });
            ended(&joined).await;
            let (_, blocked) = spawn_with_own_handle(|place: Place<()>| async move {
                let mut own = take(&place);
                let polled = Pin::new(&mut own).poll(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(polled, Poll::Ready(Err(error)) if error.is_self_await()));
                EVENTS.set(EVENTS.get() + 1);
            });
            ended(&blocked).await;
            assert_eq!(EVENTS.get(), 2, "both tasks must go on to their ends");
        });
    });
}

thread_local! {
    static EVENTS: Cell<u32> = const { Cell::new(0) };
}

#[test]
fn the_main_task_may_wait_for_others_and_others_for_each_other() {
    watchdog(PATIENCE, || {
        run(async {
            let first = spawn(async { 1 });
            let second = spawn(async move { first.await.unwrap() + 1 });
            let third =
                spawn(async move { as_completed([second]).next().await.unwrap().unwrap() + 1 });
            assert_eq!(third.await.unwrap(), 3);
        });
    });
}

#[test]
fn a_task_that_cancels_itself_is_dropped_where_it_awaits_that() {
    watchdog(PATIENCE, || {
        run(async {
            for with_a_set in [false, true] {
                let trace = Rc::new(RefCell::new(Vec::new()));
                let (_, abort) = spawn_with_own_handle(|place: Place<()>| {
                    let trace = Rc::clone(&trace);
                    async move {
                        let note = |what| trace.borrow_mut().push(what);
                        let _guard = on_drop(|| note("dropped"));
                        note("cancels");
                        let end = take(&place).cancel();
                        note("still runs");
                        if with_a_set {
                            join_all([end]).await;
                        } else {
                            let _ = end.await;
                        }
                        note("goes on");
                    }
                });
                yield_now().await;
                assert!(abort.is_finished());
                assert_eq!(*trace.borrow(), ["cancels", "still runs", "dropped"]);
            }
        });
    });
}

#[test]
fn a_loop_of_awaits_of_ones_own_handle_does_not_keep_the_others_waiting() {
    watchdog(PATIENCE, || {
        run(async {
            let (place, abort) = spawn_with_own_handle(|place: Place<()>| async move {
                let mut own = take(&place);
                loop {
                    assert!((&mut own).await.unwrap_err().is_self_await());
                }
            });
            for _ in 0..10 {
                yield_now().await;
            }
            drop(place);
            abort.abort();
            ended(&abort).await;
        });
    });
}

/// The outer task cannot end before the run of the inner loop. A task of the inner loop may outlive that run, and wait on.
#[test]
fn a_task_of_an_inner_loop_may_await_the_task_that_runs_the_loop() {
    watchdog(PATIENCE, || {
        for with_a_set in [false, true] {
            let mut inner = EventLoop::new().unwrap();
            let result = run(async {
                let (_place, abort) = spawn_with_own_handle(|place: Place<u32>| async move {
                    let waits = inner.spawn(async move {
                        let outer = take(&place);
                        match with_a_set {
                            true => join_all([outer]).await.pop().unwrap(),
                            false => outer.await,
                        }
                    });
                    inner.run(yield_now());
                    assert!(!waits.is_finished());
                    KEPT.set(Some((inner, waits)));
                    7
                });
                ended(&abort).await;
                let (mut inner, waits) = KEPT.take().unwrap();
                inner.run(waits).unwrap()
            });
            assert_eq!(result.unwrap(), 7);
        }
    });
}

type Kept = (EventLoop, JoinHandle<Result<u32, JoinError>>);

thread_local! {
    static KEPT: Cell<Option<Kept>> = const { Cell::new(None) };
}

#[test]
fn a_waker_of_the_task_that_somebody_else_polls_with_asks_for_the_task() {
    watchdog(PATIENCE, || {
        run(async {
            let waker = Rc::new(RefCell::new(None));
            let mut sleeper = spawn({
                let waker = Rc::clone(&waker);
                async move {
                    poll_fn(|cx| {
                        *waker.borrow_mut() = Some(cx.waker().clone());
                        Poll::Ready(())
                    })
                    .await;
                    pending::<()>().await;
                }
            });
            yield_now().await;
            let waker = waker.take().unwrap();
            let polled = pin!(&mut sleeper).poll(&mut Context::from_waker(&waker));
            assert!(matches!(polled, Poll::Ready(Err(error)) if error.is_self_await()));
            assert!(sleeper.cancel().await.unwrap_err().is_cancelled());
        });
    });
}

/// For Miri. A future rests and borrows from itself. A reference to its whole cell must not include what it borrows.
#[test]
fn a_future_that_borrows_from_itself_is_not_disturbed_by_a_look_at_its_cell() {
    watchdog(PATIENCE, || {
        let told = roundelay::EventLoop::builder().slow_poll(std::time::Duration::from_nanos(1));
        told.build().unwrap().run(async {
            let counts = roundelay::task::Builder::new().name("counts").spawn(async {
                let mut count = 0;
                let own = &mut count;
                for _ in 0..5 {
                    *own += 1;
                    yield_now().await;
                }
                *own
            });
            for _ in 0..3 {
                yield_now().await;
                assert_eq!(roundelay::task::all().len(), 2);
            }
            assert_eq!(counts.await.unwrap(), 5);
        });
    });
}
