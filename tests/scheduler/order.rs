//! The order in which things happen. The tests compare whole traces.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{Gate, PATIENCE, Trace, on_drop, own_waker, watchdog};
use roundelay::{EventLoop, JoinHandle, Remote, run, spawn, yield_now};

/// A task that writes its name into the trace in each of `rounds` polls.
fn says(trace: &Trace, name: &'static str, rounds: usize) -> impl Future<Output = ()> + use<> {
    let trace = trace.clone();
    async move {
        for round in 0..rounds {
            if round > 0 {
                yield_now().await;
            }
            trace.push(name);
        }
    }
}

fn new_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

fn turn(event_loop: &mut EventLoop) -> usize {
    event_loop.turn(Some(Duration::ZERO)).expect("a turn").polls
}

#[test]
fn tasks_run_in_the_order_of_their_spawning_and_never_inside_spawn() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        run(async {
            for name in ["a", "b", "c"] {
                drop(spawn(says(&trace, name, 1)));
            }
            trace.push("main");
            yield_now().await;
        });
        assert_eq!(trace.take(), ["main", "a", "b", "c"]);
    });
}

#[test]
fn tasks_that_yield_take_turns() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        run(async {
            let handles = ["a", "b", "c"].map(|name| spawn(says(&trace, name, 3)));
            for handle in handles {
                handle.await.expect("it ends well");
            }
        });
        let expected = ["a", "b", "c", "a", "b", "c", "a", "b", "c"];
        assert_eq!(trace.take(), expected);
    });
}

#[test]
fn a_yield_goes_behind_all_that_are_ready_now_and_before_all_that_become_ready_later() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        run(async {
            drop(spawn({
                let trace = trace.clone();
                async move {
                    trace.push("parent");
                    drop(spawn(says(&trace, "child", 1)));
                    yield_now().await;
                    trace.push("parent again");
                }
            }));
            drop(spawn(says(&trace, "neighbour", 1)));
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let expected = ["parent", "neighbour", "child", "parent again"];
        assert_eq!(trace.take(), expected);
    });
}

#[test]
fn what_a_batch_wakes_runs_in_the_next_one() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        let mut event_loop = new_loop();
        let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
        let names = ["woken last", "woken second", "woken first"];
        for (gate, name) in gates.iter().zip(names) {
            let (gate, trace) = (gate.clone(), trace.clone());
            drop(event_loop.spawn(async move {
                gate.wait().await;
                trace.push(name);
            }));
        }
        assert_eq!(turn(&mut event_loop), 3);
        let opens = trace.clone();
        drop(event_loop.spawn(async move {
            gates.iter().rev().for_each(Gate::open);
            opens.push("opens");
        }));
        drop(event_loop.spawn(says(&trace, "neighbour", 1)));
        assert_eq!(turn(&mut event_loop), 2);
        assert_eq!(trace.take(), ["opens", "neighbour"]);
        assert_eq!(turn(&mut event_loop), 3);
        assert_eq!(trace.take(), ["woken first", "woken second", "woken last"]);
    });
}

#[test]
fn nobody_is_polled_twice_before_all_who_were_ready_have_been_polled_once() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        let mut event_loop = new_loop();
        // The loop looks after 64 polls, and this is more than twice that number. A look must not disturb the order.
        for task in 0..130_usize {
            let trace = trace.clone();
            drop(event_loop.spawn(poll_fn(move |cx| {
                trace.push(task);
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            })));
        }
        let expected: Vec<usize> = (0..130).collect();
        for _ in 0..5 {
            assert_eq!(turn(&mut event_loop), 130);
            assert_eq!(trace.take(), expected);
        }
    });
}

#[test]
fn wakes_from_another_thread_are_served_in_the_order_in_which_they_were_sent() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        let mut event_loop = new_loop();
        let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
        for name in ["a", "b", "c"] {
            let (trace, wakers) = (trace.clone(), Rc::clone(&wakers));
            let mut is_waiting = false;
            drop(event_loop.spawn(poll_fn(move |cx| {
                if std::mem::replace(&mut is_waiting, true) {
                    trace.push(name);
                    return Poll::Ready(());
                }
                wakers.borrow_mut().push(cx.waker().clone());
                Poll::Pending
            })));
        }
        turn(&mut event_loop);
        let wakers = wakers.take();
        let woken = thread::spawn(move || wakers.into_iter().rev().for_each(Waker::wake));
        woken.join().expect("the thread ends well");
        turn(&mut event_loop);
        assert_eq!(trace.take(), ["c", "b", "a"]);
    });
}

#[test]
fn calls_posted_from_another_thread_run_in_the_order_in_which_they_were_sent() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let remote = event_loop.remote();
        let (said, hears) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            for number in 0..100 {
                let said = said.clone();
                let call = move || said.send(number).expect("the receiver is there");
                remote.post(call).expect("the loop is there");
            }
        });
        thread.join().expect("the thread ends well");
        // One look delivers sixty-four calls.
        turn(&mut event_loop);
        turn(&mut event_loop);
        assert_eq!(
            hears.try_iter().collect::<Vec<_>>(),
            (0..100).collect::<Vec<_>>()
        );
    });
}

#[test]
fn who_awaits_a_handle_runs_after_all_that_were_ready_when_the_task_finished() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        run(async {
            let task = spawn(says(&trace, "task", 1));
            drop(spawn(says(&trace, "neighbour", 1)));
            task.await.expect("it ends well");
            trace.push("main");
        });
        assert_eq!(trace.take(), ["task", "neighbour", "main"]);
    });
}

#[test]
fn handles_that_are_awaited_in_another_order_give_their_outputs_all_the_same() {
    watchdog(PATIENCE, || {
        let order = run(async {
            let tasks: Vec<JoinHandle<usize>> = (0..5).map(|n| spawn(async move { n })).collect();
            let mut order = Vec::new();
            for task in tasks.into_iter().rev() {
                order.push(task.await.expect("it ends well"));
            }
            order
        });
        assert_eq!(order, [4, 3, 2, 1, 0]);
    });
}

/// Each task awaits the next one, and finishes when that one has finished. So the last task is first.
#[test]
fn a_chain_of_awaits_unwinds_from_its_end() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        run(async {
            let mut last: Option<JoinHandle<()>> = None;
            for link in 0..10_usize {
                let (trace, next) = (trace.clone(), last.take());
                last = Some(spawn(async move {
                    if let Some(next) = next {
                        next.await.expect("it ends well");
                    }
                    trace.push(link);
                }));
            }
            last.expect("ten links").await.expect("it ends well");
        });
        assert_eq!(trace.take(), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn tasks_that_a_loop_leaves_behind_are_dropped_in_the_order_of_their_spawning() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        let mut event_loop = new_loop();
        let leaves = |name: &'static str| {
            let trace = trace.clone();
            on_drop(move || trace.push(name))
        };
        let mut short_lived = Vec::new();
        for name in ["parked first", "parked second", "parked third"] {
            // Other tasks between them finish. So the slots of the later tasks are not in the order of their spawning.
            short_lived.push(event_loop.spawn(async {}));
            let mark = leaves(name);
            drop(event_loop.spawn(async move {
                let _mark = mark;
                pending::<()>().await;
            }));
        }
        while turn(&mut event_loop) > 0 {}
        drop(short_lived);
        for name in ["queued first", "queued second", "queued third"] {
            let mark = leaves(name);
            drop(event_loop.spawn(async move {
                let _mark = mark;
            }));
        }
        assert_eq!(trace.take(), [""; 0]);
        drop(event_loop);
        let expected = [
            "parked first",
            "parked second",
            "parked third",
            "queued first",
            "queued second",
            "queued third",
        ];
        assert_eq!(trace.take(), expected);
    });
}

#[test]
fn a_future_is_dropped_before_whoever_awaits_its_task_goes_on() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        run(async {
            let mark = trace.clone();
            let mark = on_drop(move || mark.push("the future is dropped"));
            let task = spawn(poll_fn(move |_| {
                let _ = &mark;
                Poll::Ready(())
            }));
            task.await.expect("it ends well");
            trace.push("the await ends");
        });
        assert_eq!(trace.take(), ["the future is dropped", "the await ends"]);
    });
}

#[test]
fn run_returns_at_the_very_poll_in_which_its_future_finishes() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        let mut event_loop = new_loop();
        let gate = Gate::new();
        let main = {
            let (gate, trace) = (gate.clone(), trace.clone());
            async move {
                drop(spawn(says(&trace, "behind", 1)));
                gate.wait().await;
                trace.push("main ends");
                own_waker().await
            }
        };
        // Both are woken in one batch: first the main future, then the task behind it.
        let opener = event_loop.spawn({
            let trace = trace.clone();
            async move {
                yield_now().await;
                gate.open();
                drop(spawn(says(&trace, "too late", 1)));
            }
        });
        event_loop.run(main);
        assert_eq!(trace.take(), ["behind", "main ends"]);
        assert!(opener.is_finished());
        assert_eq!(turn(&mut event_loop), 1);
        assert_eq!(trace.take(), ["too late"]);
    });
}

/// A task that is woken in its last poll stays in the queue, although it has finished. If its slot were given away at once,
/// the next tenant would get that place, and would be polled before its turn.
#[test]
fn a_new_tenant_does_not_inherit_its_predecessors_place_in_the_queue() {
    watchdog(PATIENCE, || {
        let trace = Trace::new();
        let mut event_loop = new_loop();
        drop(event_loop.spawn(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(())
        })));
        drop(event_loop.spawn({
            let trace = trace.clone();
            async move {
                for name in ["a", "b", "c"] {
                    drop(spawn(says(&trace, name, 2)));
                }
            }
        }));
        while turn(&mut event_loop) > 0 {}
        let order = ["a", "b", "c", "a", "b", "c"];
        assert_eq!(
            trace.take(),
            order,
            "a task took over its predecessor's place in the queue"
        );
    });
}

#[test]
fn a_call_posted_by_a_task_runs_between_two_polls_and_not_inside_post() {
    watchdog(PATIENCE, || {
        let (said, hears) = std::sync::mpsc::channel();
        run(async {
            let here = said.clone();
            let call = move || here.send("posted").expect("the receiver is there");
            Remote::current().post(call).expect("the loop is there");
            said.send("main").expect("the receiver is there");
            for _ in 0..100 {
                yield_now().await;
            }
        });
        assert_eq!(hears.try_iter().collect::<Vec<_>>(), ["main", "posted"]);
    });
}
