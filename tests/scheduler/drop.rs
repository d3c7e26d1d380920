//! A loop may be dropped anywhere, whatever is still alive. The things that outlive it stay safe to use.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{
    Counter, Ledger, PATIENCE, Token, Trace, counting_waker, now_or_never, on_drop, own_waker,
    poll_once, watchdog,
};
use roundelay::task::AbortHandle;
use roundelay::{EventLoop, JoinHandle, Remote, offload, run, sleep, spawn, task, yield_now};

fn new_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

fn turn(event_loop: &mut EventLoop) {
    event_loop.turn(Some(Duration::ZERO)).expect("a turn");
}

/// A task that holds `parts` for ever.
async fn holds<T>(parts: T) {
    let _parts = parts;
    pending::<()>().await;
}

/// A loop with tasks in every state: not polled yet, parked, queued again, aborted, and finished with a living handle.
fn lively(ledger: &Ledger) -> (EventLoop, Vec<JoinHandle<()>>) {
    let mut event_loop = new_loop();
    let mut handles = vec![event_loop.spawn(holds(ledger.token("parked")))];
    let token = ledger.token("yields");
    handles.push(event_loop.spawn(async move {
        let _token = token;
        loop {
            yield_now().await;
        }
    }));
    let token = ledger.token("sleeps");
    handles.push(event_loop.spawn(async move {
        let _token = token;
        sleep(Duration::MAX).await;
    }));
    let token = ledger.token("finishes");
    handles.push(event_loop.spawn(async move { drop(token) }));
    handles.push(event_loop.spawn(holds(ledger.token("aborted"))));
    turn(&mut event_loop);
    handles[4].abort();
    handles.push(event_loop.spawn(holds(ledger.token("never polled"))));
    (event_loop, handles)
}

fn assert_all_ended(handles: Vec<JoinHandle<()>>) {
    for (index, handle) in handles.into_iter().enumerate() {
        assert!(handle.is_finished());
        match now_or_never(handle).expect("a handle gives its result without a loop") {
            Ok(()) => assert_eq!(index, 3, "only the fourth task has finished"),
            Err(error) => assert!(error.is_cancelled() && index != 3),
        }
    }
}

// *home-drop*: the ledger notes the thread of each drop.
#[test]
fn a_loop_is_dropped_while_its_tasks_are_in_every_state() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let (event_loop, handles) = lively(&ledger);
        drop(event_loop);
        ledger.assert_settled_here();
        assert_all_ended(handles);
    });
}

#[test]
fn a_loop_is_dropped_inside_a_task_of_another_loop_which_is_current_again_afterwards() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        run(async {
            let outer = task::current();
            let (event_loop, handles) = lively(&ledger);
            assert_eq!(task::current(), outer);
            drop(event_loop);
            ledger.assert_settled_here();
            assert_eq!(task::current(), outer);
            assert_eq!(
                spawn(async { "of the outer loop" })
                    .await
                    .expect("it ends well"),
                "of the outer loop"
            );
            yield_now().await;
            assert_all_ended(handles);
        });
    });
}

#[test]
fn a_loop_is_dropped_by_a_destructor_while_another_loop_is_dropped() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let outer = new_loop();
        let (event_loop, handles) = lively(&ledger);
        drop(outer.spawn(holds((event_loop, ledger.token("the owner's")))));
        drop(outer);
        ledger.assert_settled_here();
        assert_all_ended(handles);
    });
}

#[test]
fn a_loop_is_dropped_by_a_task_that_is_aborted() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        run(async {
            let (event_loop, handles) = lively(&ledger);
            let owner = spawn(holds(event_loop));
            yield_now().await;
            assert!(owner.cancel().await.expect_err("cancelled").is_cancelled());
            ledger.assert_settled_here();
            assert_all_ended(handles);
        });
    });
}

#[test]
fn a_loop_in_a_thread_local_is_dropped_when_its_thread_ends() {
    watchdog(PATIENCE, || {
        thread_local! {
            static LOOP: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
            static LATER: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
        }
        let (ledger, looked) = (Ledger::new(), Counter::default());
        let (book, looks) = (ledger.clone(), looked.clone());
        let thread = thread::spawn(move || {
            // There are two thread-locals: one is made before a loop has run on the thread, and one after.
            for slot in [&LOOP, &LATER] {
                let (event_loop, handles) = lively(&book);
                drop(handles);
                let (token, born) = (book.token("with a destructor"), book.token("born too late"));
                let looks = looks.clone();
                drop(event_loop.spawn(holds(on_drop(move || {
                    let _token = token;
                    let handle = spawn(holds(born));
                    handle.abort();
                    let (waker, _) = counting_waker();
                    waker.wake();
                    let remote = Remote::current();
                    assert!(
                        !remote.is_closed(),
                        "the tasks must be dropped before the inbox is closed"
                    );
                    looks.add();
                }))));
                slot.set(Some(event_loop));
                run(yield_now());
            }
        });
        thread.join().expect("the thread ends well");
        assert_eq!(looked.get(), 2);
        ledger.assert_settled();
    });
}

#[test]
fn a_loop_is_dropped_by_unwinding_through_its_owner() {
    watchdog(PATIENCE, || {
        let (ledger, looked) = (Ledger::new(), Counter::default());
        let looks = looked.clone();
        let mut kept = Vec::new();
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let (event_loop, handles) = lively(&ledger);
            kept = handles;
            let (token, born) = (
                ledger.token("with a destructor"),
                ledger.token("born too late"),
            );
            drop(event_loop.spawn(holds(on_drop(move || {
                let _token = token;
                drop(spawn(holds(born)));
                assert!(thread::panicking());
                looks.add();
            }))));
            panic!("the owner");
        }));
        assert!(unwound.is_err());
        assert_eq!(looked.get(), 1);
        ledger.assert_settled_here();
        assert_all_ended(kept);
    });
}

#[test]
fn a_loop_is_dropped_by_unwinding_through_its_own_run() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let (mut event_loop, handles) = lively(&ledger);
            drop(handles);
            event_loop.run(async { panic!("main") })
        }));
        assert!(unwound.map(|(): ()| ()).is_err());
        ledger.assert_settled_here();
    });
}

#[test]
fn what_destructors_spawn_is_dropped_at_once_and_never_polled() {
    watchdog(PATIENCE, || {
        /// Spawns its successor when it is dropped, and checks what becomes of it.
        struct Heir {
            generation: u32,
            trace: Trace<String>,
            _token: Token,
            ledger: Ledger,
        }

        impl Drop for Heir {
            fn drop(&mut self) {
                let generation = self.generation;
                self.trace.push(format!("{generation} dies"));
                if generation == 3 {
                    return;
                }
                let heir = heir(generation + 1, &self.trace, &self.ledger);
                let handle = spawn(async move {
                    heir.trace.push("polled".to_owned());
                    yield_now().await;
                });
                assert!(
                    handle.is_finished(),
                    "the new task must be dropped before `spawn` returns"
                );
                self.trace
                    .push(format!("the successor of {generation} has ended"));
                let ended = now_or_never(handle).expect("it has ended");
                assert!(ended.expect_err("not polled").is_cancelled());
            }
        }

        fn heir(generation: u32, trace: &Trace<String>, ledger: &Ledger) -> Heir {
            Heir {
                generation,
                trace: trace.clone(),
                _token: ledger.token(format!("heir {generation}")),
                ledger: ledger.clone(),
            }
        }

        let (trace, ledger) = (Trace::new(), Ledger::new());
        let event_loop = new_loop();
        drop(event_loop.spawn(holds(heir(1, &trace, &ledger))));
        let mark = trace.clone();
        drop(event_loop.spawn(holds(on_drop(move || {
            mark.push("the neighbour dies".to_owned())
        }))));
        drop(event_loop);
        let expected = [
            "1 dies",
            "2 dies",
            "3 dies",
            "the successor of 2 has ended",
            "the successor of 1 has ended",
            "the neighbour dies",
        ];
        assert_eq!(trace.take(), expected);
        ledger.assert_settled_here();
    });
}

#[test]
fn handles_that_outlive_their_loop_say_that_their_tasks_are_over() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let (event_loop, handles) = lively(&ledger);
        let remote = event_loop.remote();
        let far = remote.spawn(pending::<()>);
        let aborts: Vec<AbortHandle> = handles.iter().map(JoinHandle::abort_handle).collect();
        drop(event_loop);

        for (handle, abort) in handles.iter().zip(&aborts) {
            handle.abort();
            abort.abort();
            abort.clone().abort();
            assert!(handle.is_finished() && abort.is_finished());
            assert_eq!(handle.id(), abort.id());
            assert!(!format!("{handle:?} {abort:?}").is_empty());
        }
        assert!(remote.is_closed());
        assert!(remote.post(|| unreachable!("the loop is gone")).is_err());
        assert!(
            remote
                .spawn(async || ())
                .wait()
                .expect_err("closed")
                .is_cancelled()
        );
        assert!(far.wait().expect_err("closed").is_cancelled());
        // The handles work on another loop, too.
        run(async move {
            for (index, handle) in handles.into_iter().enumerate() {
                let late = handle.abort_handle();
                assert_eq!(handle.await.is_ok(), index == 3);
                late.abort();
            }
        });
        drop(aborts);
        ledger.assert_settled_here();
    });
}

#[test]
fn an_output_outlives_the_loop_in_its_handle_and_is_dropped_once() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        for is_read in [true, false] {
            let mut event_loop = new_loop();
            let token = ledger.token("the output");
            let handle = event_loop.spawn(async { token });
            turn(&mut event_loop);
            drop(event_loop);
            assert_eq!(ledger.alive(), 1);
            match is_read {
                true => drop(now_or_never(handle).expect("it has ended").expect("well")),
                false => drop(handle),
            }
            ledger.assert_settled_here();
        }
    });
}

#[test]
fn tasks_that_hold_each_others_handles_are_all_dropped() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let mut event_loop = new_loop();
        let ring: Rc<RefCell<Vec<Option<JoinHandle<()>>>>> = Rc::default();
        for member in 0..10_usize {
            let (token, ring_of_handles) =
                (ledger.token(format!("member {member}")), Rc::clone(&ring));
            let handle = event_loop.spawn(async move {
                let _token = token;
                let next = ring_of_handles.borrow_mut()[(member + 1) % 10].take();
                next.expect("each is taken once").await.expect("never");
            });
            ring.borrow_mut().push(Some(handle));
        }
        turn(&mut event_loop);
        assert!(ring.borrow().iter().all(Option::is_none));
        drop(event_loop);
        ledger.assert_settled_here();
    });
}

#[test]
fn a_foreign_waker_that_awaits_a_task_is_woken_when_the_loop_goes_and_then_let_go() {
    watchdog(PATIENCE, || {
        let (waker, wakes) = counting_waker();
        let event_loop = new_loop();
        let mut handle = pin!(event_loop.spawn(pending::<()>()));
        let mut cx = Context::from_waker(&waker);
        assert!(handle.as_mut().poll(&mut cx).is_pending());
        assert_eq!((wakes.get(), Arc::strong_count(&wakes)), (0, 3));
        drop(event_loop);
        assert_eq!((wakes.get(), Arc::strong_count(&wakes)), (1, 2));
        assert!(handle.as_mut().poll(&mut cx).is_ready());
    });
}

#[test]
fn wakers_that_outlive_their_loop_keep_nothing_alive() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let mut event_loop = new_loop();
        let token = ledger.token("the task's");
        let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
        let leaves = Rc::clone(&wakers);
        drop(event_loop.spawn(async move {
            let _token = token;
            let waker = own_waker().await;
            leaves.borrow_mut().push(waker);
            pending::<()>().await;
        }));
        turn(&mut event_loop);
        drop(event_loop);
        ledger.assert_settled_here();
        wakers.take().into_iter().for_each(Waker::wake);
    });
}

#[test]
fn dropping_a_loop_does_not_wait_for_a_job_on_its_pool() {
    watchdog(PATIENCE, || {
        let (lets_go, may_go) = mpsc::channel::<()>();
        let (begins, has_begun) = mpsc::channel();
        let ledger = Ledger::new();
        let (output, queued) = (
            ledger.token("the job's output"),
            ledger.token("a queued job's"),
        );
        let mut event_loop = EventLoop::builder()
            .offload_threads(1)
            .build()
            .expect("a loop");
        event_loop.run(async {
            let job = offload(move || {
                begins.send(()).expect("the test listens");
                may_go.recv().expect_err("until the test lets it go");
                output
            });
            drop(spawn(job));
            drop(spawn(offload(move || drop(queued))));
            yield_now().await;
        });
        has_begun.recv().expect("the job begins");
        drop(event_loop);
        assert_eq!(
            ledger.alive(),
            1,
            "the waiting job must be dropped, and the running job must go on"
        );
        drop(lets_go);
        while ledger.alive() > 0 {
            thread::yield_now();
        }
        ledger.assert_settled();
    });
}

#[test]
fn a_sleep_outlives_its_loop_and_goes_on_in_another() {
    watchdog(PATIENCE, || {
        let (waker, wakes) = counting_waker();
        let mut event_loop = new_loop();
        let mut nap = pin!(sleep(Duration::from_millis(1)));
        event_loop.run(poll_fn(|_| {
            let polled = nap.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            Poll::Ready(())
        }));
        assert_eq!(Arc::strong_count(&wakes), 3, "the timer holds the waker");
        drop(event_loop);
        run(nap.as_mut());
        assert_eq!(
            Arc::strong_count(&wakes),
            2,
            "the timer of the other loop has another waker"
        );
        assert!(poll_once(nap).is_ready());
    });
}

#[test]
fn loops_are_made_and_dropped_by_the_thousand_without_using_the_table_up() {
    watchdog(PATIENCE, || {
        for _ in 0..if cfg!(miri) { 20 } else { 10_000 } {
            let event_loop = new_loop();
            drop(event_loop.spawn(pending::<()>()));
        }
        // These loops are not dropped in the order in which they were made.
        let mut loops: Vec<EventLoop> = (0..50).map(|_| new_loop()).collect();
        while !loops.is_empty() {
            drop(loops.remove(loops.len() / 2));
        }
    });
}
