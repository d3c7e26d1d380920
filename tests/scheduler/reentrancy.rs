//! *no-user-code-under-borrow*: wherever the loop runs the user's code, this code may do anything to the loop.
//!
//! A *place* is where user code runs: a poll, a destructor, a foreign waker, the sink of the log. A *deed* is what the code does
//! there. Every deed is done in every place. No deed may panic. At the end every value has been dropped once, on its own thread,
//! and no error has been logged except those of the place itself.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io::Write;
use std::panic::panic_any;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::deeds::{
    Trigger, World, a_few_turns, all_have_fired, do_everything, finishes, fires_at, parks,
    poll_with,
};
use crate::support::hooked::{Use, hooked_waker};
use crate::support::pair::pair;
use crate::support::{Ledger, PATIENCE, rounds, watchdog, with_sink};
use roundelay::task::AbortHandle;
use roundelay::{EventLoop, Remote, offload, run, sleep, spawn, yield_now};

#[test]
fn a_poll_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |world, trigger| {
        let handle = world.know(spawn(async move {
            trigger.fire();
            yield_now().await;
        }));
        drop(handle.await);
    });
}

#[test]
fn the_destructor_of_a_future_that_has_finished_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |world, trigger| {
        drop(world.know(spawn(finishes(trigger.on_drop()))).await);
    });
}

#[test]
fn the_destructor_of_a_future_that_is_aborted_may_do_anything() {
    let _watched = crate::support::watch();
    // The task is parked in the first round, and not polled yet in the second.
    for turns in [1, 0] {
        do_everything(0, move |world: Rc<World>, trigger: Trigger| async move {
            let handle = world.know(spawn(parks(trigger.on_drop())));
            for _ in 0..turns {
                yield_now().await;
            }
            drop(handle.cancel().await);
        });
    }
}

#[test]
fn the_destructor_of_a_future_that_aborts_itself_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |world, trigger| {
        let own: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
        let mine = Rc::clone(&own);
        let handle = world.know(spawn(async move {
            let _guard = trigger.on_drop();
            mine.take().expect("its own handle").abort();
            pending::<()>().await;
        }));
        own.replace(Some(handle.abort_handle()));
        drop(handle.await);
    });
}

#[test]
fn the_destructor_of_a_future_that_panics_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |world, trigger| {
        let handle = world.know(spawn(async move {
            let _guard = trigger.on_drop();
            panic!("on purpose");
        }));
        drop(handle.await.map(|(): ()| ()));
    });
}

#[test]
fn the_destructor_of_a_panics_payload_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(1, async |_, trigger| {
        let payload = trigger.on_drop();
        drop(spawn(async move { panic_any(payload) }));
        a_few_turns().await;
    });
}

#[test]
fn the_destructor_of_an_output_that_nobody_wants_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let output = trigger.on_drop();
        drop(spawn(async move { output }));
        a_few_turns().await;
    });
}

#[test]
fn the_destructor_of_an_output_that_its_handle_drops_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |world, trigger| {
        let output = trigger.on_drop();
        let handle = world.know(spawn(async move { output }));
        yield_now().await;
        drop(handle);
    });
}

#[test]
fn a_joiners_waker_may_do_anything_when_it_is_woken() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let mut handle = spawn(yield_now());
        assert!(!poll_with(
            Pin::new(&mut handle),
            &fires_at(Use::Wake, trigger)
        ));
        a_few_turns().await;
        handle.await.expect("it ends well");
    });
}

#[test]
fn a_joiners_waker_may_do_anything_when_it_is_cloned() {
    let _watched = crate::support::watch();
    do_everything(0, async |world, trigger| {
        let mut handle = world.know(spawn(yield_now()));
        assert!(!poll_with(
            Pin::new(&mut handle),
            &fires_at(Use::Clone, trigger)
        ));
        drop(handle.await);
    });
}

#[test]
fn a_joiners_waker_may_do_anything_when_it_is_dropped() {
    let _watched = crate::support::watch();
    // The waker is replaced by another one, dropped with the handle, or used up by the finished task.
    for way in 0..3 {
        do_everything(0, move |world: Rc<World>, trigger: Trigger| async move {
            let is_registered = Arc::new(AtomicBool::new(false));
            let registered = Arc::clone(&is_registered);
            let waker = hooked_waker(move |done| {
                if done == Use::Drop && registered.load(SeqCst) || done == Use::Wake && way == 2 {
                    trigger.fire();
                }
            });
            let mut handle = world.know(spawn(yield_now()));
            assert!(!poll_with(Pin::new(&mut handle), &waker));
            drop(waker);
            is_registered.store(true, SeqCst);
            match way {
                0 => drop(handle.await),
                1 => drop(handle),
                _ => a_few_turns().await,
            }
        });
    }
}

/// The clone of the waker turns the loop whose task is being awaited, until that task has finished.
#[test]
fn a_joiners_waker_may_finish_the_task_when_it_is_cloned_and_the_handle_notices() {
    watchdog(PATIENCE, || {
        let event_loop = Rc::new(RefCell::new(EventLoop::new().expect("a loop")));
        let mut handle = event_loop.borrow().spawn(async { "an output" });
        let turns = Rc::clone(&event_loop);
        let trigger = Trigger::new(move || {
            let turn = turns.borrow_mut().turn(Some(Duration::ZERO));
            assert_eq!(turn.expect("a turn").polls, 1);
        });
        let waker = fires_at(Use::Clone, trigger);
        let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
        match polled {
            Poll::Ready(output) => assert_eq!(output.expect("it ends well"), "an output"),
            Poll::Pending => panic!("the task has finished, and no wake would come"),
        }
    });
}

#[test]
fn a_posted_call_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        Remote::current()
            .post(move || trigger.fire())
            .expect("the loop is there");
        while !all_have_fired() {
            yield_now().await;
        }
    });
}

#[test]
fn the_destructor_of_a_call_that_comes_too_late_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let gone = EventLoop::new().expect("a loop").remote();
        let guard = trigger.on_drop();
        assert!(gone.post(move || drop(guard)).is_err());
    });
}

#[test]
fn the_destructor_of_a_call_that_a_loop_leaves_behind_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let inner = EventLoop::new().expect("a loop");
        let guard = trigger.on_drop();
        inner
            .remote()
            .post(move || drop(guard))
            .expect("the loop is there");
        drop(inner);
    });
}

#[test]
fn the_destructor_of_a_task_that_a_loop_leaves_behind_may_do_anything() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let inner = EventLoop::new().expect("a loop");
        drop(inner.spawn(parks(trigger.on_drop())));
        drop(inner);
    });
}

#[test]
fn the_destructor_of_a_task_may_do_anything_at_the_end_of_its_own_loop() {
    let _watched = crate::support::watch();
    // The world is empty by then. The task keeps what it needs, and the deed finds what is left.
    do_everything(0, async |_, trigger| drop(spawn(parks(trigger.on_drop()))));
}

#[test]
fn a_timers_waker_may_do_anything_when_it_is_woken() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let mut nap = pin!(sleep(Duration::from_millis(1)));
        assert!(!poll_with(nap.as_mut(), &fires_at(Use::Wake, trigger)));
        sleep(Duration::from_millis(2)).await;
    });
}

#[test]
fn a_timers_waker_may_do_anything_when_it_is_cloned_or_dropped() {
    let _watched = crate::support::watch();
    for moment in [Use::Clone, Use::Drop] {
        do_everything(0, move |_: Rc<World>, trigger: Trigger| async move {
            let mut nap = Box::pin(sleep(Duration::MAX));
            assert!(!poll_with(nap.as_mut(), &fires_at(moment, trigger)));
            drop(nap);
        });
    }
}

#[test]
fn a_sockets_waker_may_do_anything_when_it_is_woken() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let (one, other) = pair().expect("a pair of sockets");
        let waker = fires_at(Use::Wake, trigger);
        let mut byte = [0];
        let mut reads = pin!(one.read(&mut byte));
        assert!(!poll_with(reads.as_mut(), &waker));
        other.write_all(b"x").await.expect("there is room");
        one.read_exact(&mut [0]).await.expect("there is a byte");
    });
}

#[test]
fn a_sockets_waker_may_do_anything_when_it_is_cloned_or_dropped() {
    let _watched = crate::support::watch();
    for moment in [Use::Clone, Use::Drop] {
        do_everything(0, move |_: Rc<World>, trigger: Trigger| async move {
            let (one, _other) = pair().expect("a pair of sockets");
            let waker = fires_at(moment, trigger);
            let mut byte = [0];
            let mut reads = Box::pin(one.read(&mut byte));
            assert!(!poll_with(reads.as_mut(), &waker));
            drop(reads);
        });
    }
}

#[test]
fn a_socket_may_be_dropped_by_the_waker_that_its_readiness_wakes() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let (one, other) = pair().expect("a pair of sockets");
        let mut other = other.into_std();
        let kept = Rc::new(RefCell::new(Some(one)));
        let drops = Rc::clone(&kept);
        let both = Trigger::new(move || {
            drop(drops.take());
            trigger.fire();
        });
        let waker = fires_at(Use::Wake, both);
        let polled = kept.borrow().as_ref().map(|one| {
            let mut cx = Context::from_waker(&waker);
            one.poll_read(&mut cx, &mut [0]).is_ready()
        });
        assert_eq!(polled, Some(false));
        other.write_all(b"x").expect("there is room");
        while kept.borrow().is_some() {
            sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn the_closure_of_a_job_that_never_runs_may_do_anything_when_it_is_dropped() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let mut inner = EventLoop::builder()
            .offload_threads(1)
            .build()
            .expect("a loop");
        let guard = trigger.on_drop();
        inner.run(async move {
            let (lets_go, may_go) = std::sync::mpsc::channel::<()>();
            let (begins, has_begun) = std::sync::mpsc::channel();
            let busy = offload(move || {
                begins.send(()).expect("the test listens");
                may_go.recv().expect_err("until it is let go");
            });
            has_begun.recv().expect("the job begins");
            drop(offload(move || drop(guard)));
            drop(lets_go);
            busy.await.expect("it ends well");
        });
    });
}

#[test]
fn the_output_of_a_job_may_do_anything_when_it_is_dropped() {
    let _watched = crate::support::watch();
    do_everything(0, async |_, trigger| {
        let output = trigger.on_drop();
        drop(offload(move || output).await.expect("it ends well"));
    });
}

/// The sink acts at the first line, at the second, and so on. So it acts in the middle of each thing that the loop logs.
#[test]
fn the_sink_of_the_log_may_do_anything_at_every_line() {
    let _watched = crate::support::watch();
    for moment in (0..60).step_by(60 / rounds(12, 60)) {
        do_everything(0, move |_: Rc<World>, trigger: Trigger| async move {
            let lines = Rc::new(Cell::new(0));
            let (counts, trigger) = (Rc::clone(&lines), Rc::new(trigger));
            let fires = Rc::clone(&trigger);
            let sink = move |_: &crate::support::Line| {
                counts.set(counts.get() + 1);
                if counts.get() > moment {
                    fires.fire();
                }
            };
            let body = async {
                sleep(Duration::from_millis(1)).await;
                offload(|| ()).await.expect("it ends well");
                let (one, other) = pair().expect("a pair of sockets");
                let reads = spawn(async move { one.read(&mut [0]).await });
                yield_now().await;
                other.write_all(b"x").await.expect("there is room");
                drop(reads.await);
            };
            let mut inner = EventLoop::new().expect("a loop");
            with_sink(sink, move || inner.run(body));
            // If there were fewer lines, the deed is done now.
            trigger.fire();
        });
    }
}

#[test]
fn the_sink_of_the_log_may_do_anything_when_a_panic_is_told() {
    let _watched = crate::support::watch();
    do_everything(1, async |_, trigger| {
        let fires = move |line: &crate::support::Line| {
            if line.level == log::Level::Error {
                trigger.fire();
            }
        };
        let mut inner = EventLoop::new().expect("a loop");
        with_sink(fires, move || {
            inner.run(async {
                drop(spawn(async { panic!("on purpose") }));
                a_few_turns().await;
            });
        });
    });
}

#[test]
fn a_sink_of_the_log_that_panics_at_an_error_does_not_take_the_loop_along() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let fires =
            |line: &crate::support::Line| assert_ne!(line.level, log::Level::Error, "the sink");
        with_sink(fires, || {
            run(async {
                for _ in 0..3 {
                    let token = ledger.token("a task's");
                    drop(spawn(async move {
                        let _token = token;
                        panic!("on purpose");
                    }));
                    Remote::current()
                        .post(|| panic!("on purpose"))
                        .expect("the loop is there");
                }
                a_few_turns().await;
                sleep(Duration::from_millis(1)).await;
            });
        });
        ledger.assert_settled_here();
    });
}
