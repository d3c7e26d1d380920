//! The places from which a program may ask for the list.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::{PATIENCE, on_drop};
use roundelay::inspect::{TaskState, Tasks, WaitsFor};
use roundelay::{EventLoop, Remote, offload, run, sleep, spawn, task, yield_now};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn states(tasks: &Tasks) -> Vec<TaskState> {
    tasks.iter().map(|task| task.state).collect()
}

#[test]
fn a_host_sees_between_two_turns_who_is_ready_and_who_waits() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let one = event_loop.spawn(pending::<()>());
    let two = event_loop.spawn(pending::<()>());
    assert_eq!(
        states(&event_loop.tasks()),
        [TaskState::Ready { ahead: 0 }, TaskState::Ready { ahead: 1 }]
    );
    event_loop.turn(NOW).unwrap();
    assert_eq!(states(&event_loop.tasks()), [TaskState::Waiting; 2]);
    two.abort();
    assert_eq!(
        states(&event_loop.tasks()),
        [TaskState::Waiting, TaskState::Ending]
    );
    event_loop.turn(NOW).unwrap();
    assert_eq!(event_loop.tasks().len(), 1);
    drop(one);
}

#[test]
fn a_task_sees_itself_running_and_the_others_by_their_places_in_the_queue() {
    let _watched = crate::support::watch();
    for is_observed in [false, true] {
        let mut event_loop = EventLoop::builder().observe(is_observed).build().unwrap();
        event_loop.run(async {
            let first = spawn(async {});
            let named = task::Builder::new().name("named").spawn(async move {
                let own = task::all().find(task::current().unwrap()).unwrap().clone();
                assert_eq!(own.state, TaskState::Running);
                assert_eq!(own.name.as_deref(), is_observed.then_some("named"));
                assert_eq!(own.location.is_some(), is_observed);
            });
            let tasks = task::all();
            assert_eq!(
                states(&tasks),
                [
                    TaskState::Running,
                    TaskState::Ready { ahead: 0 },
                    TaskState::Ready { ahead: 1 }
                ]
            );
            assert_eq!(tasks[2].name.as_deref(), Some("named"));
            named.await.unwrap();
            drop(first);
        });
    }
}

#[test]
fn a_destructor_and_a_posted_call_may_ask() {
    let _watched = crate::support::watch();
    let seen = Rc::new(RefCell::new(Vec::new()));
    run(async {
        let of_destructor = Rc::clone(&seen);
        let guard = on_drop(move || of_destructor.borrow_mut().push(states(&task::all())));
        let aborted = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        drop(aborted.cancel().await);
        let (send, receive) = mpsc::channel();
        let call = move || send.send(states(&task::all())).unwrap();
        Remote::current().post(call).unwrap();
        yield_now().await;
        seen.borrow_mut().push(receive.try_recv().unwrap());
    });
    let seen = seen.take();
    assert_eq!(seen[0], [TaskState::Waiting, TaskState::Running]);
    assert_eq!(seen[1].len(), 1, "between two polls the list has one task");
    assert_ne!(seen[1], [TaskState::Running]);
}

#[test]
fn a_destructor_of_a_loop_that_is_dropped_may_ask() {
    let _watched = crate::support::watch();
    let event_loop = EventLoop::builder().observe(true).build().unwrap();
    let seen = Rc::new(RefCell::new(None));
    let of_destructor = Rc::clone(&seen);
    let guard = on_drop(move || *of_destructor.borrow_mut() = Some(states(&task::all())));
    let holds = move || drop(guard);
    drop(event_loop.spawn(async move {
        pending::<()>().await;
        holds();
    }));
    drop(event_loop.spawn(pending::<()>()));
    drop(event_loop);
    let seen = seen.take().expect("it was dropped");
    assert_eq!(seen, [TaskState::Running, TaskState::Ready { ahead: 1 }]);
}

#[test]
fn outside_of_a_loop_there_is_nobody() {
    let _watched = crate::support::watch();
    assert!(task::all().is_empty());
    assert!(!task::all().is_observed());
}

#[test]
fn two_loops_keep_their_tasks_apart_and_a_task_that_runs_another_loop_is_running() {
    let _watched = crate::support::watch();
    let mut outer = EventLoop::builder().observe(true).build().unwrap();
    let waiting = outer.spawn(sleep(Duration::from_secs(3_600)));
    outer.run(async {
        let inner = run(async {
            drop(spawn(sleep(Duration::from_secs(3_600))));
            yield_now().await;
            task::all()
        });
        assert_eq!(states(&inner), [TaskState::Running, TaskState::Waiting]);
        assert!(inner.iter().all(|task| task.parent.is_none()));
        let outer = task::all();
        assert_eq!(states(&outer), [TaskState::Waiting, TaskState::Running]);
        assert!(inner.iter().all(|task| outer.find(task.id).is_none()));
    });
    drop(waiting);
}

/// A task may await the handle of a task on another loop. Then its own loop does not know what it waits for.
#[test]
fn a_handle_of_another_loop_is_something_else() {
    let _watched = crate::support::watch();
    let other = EventLoop::new().unwrap();
    let handle = other.spawn(pending::<()>());
    let mut event_loop = EventLoop::new().unwrap();
    let awaiting = event_loop.spawn(async move { drop(handle.await) });
    event_loop.turn(NOW).unwrap();
    let waits = &event_loop.tasks()[0].waits_for;
    assert!(matches!(&**waits, [WaitsFor::Other]), "{waits:?}");
    assert_eq!(other.tasks().len(), 1);
    drop((other, awaiting));
}

// Asked by another thread.

#[test]
fn another_thread_is_answered_while_the_loop_sleeps_and_while_it_is_in_the_midst_of_a_batch() {
    let _watched = crate::support::watch();
    run(async {
        let remote = Remote::current();
        let asks = move || remote.tasks(PATIENCE).map(|tasks| tasks.len());
        assert_eq!(offload(asks.clone()).await.unwrap().unwrap(), 1);

        // The tasks of this batch hold the loop until the answer is there.
        let (send, receive) = mpsc::channel();
        let thread = thread::spawn(move || send.send(asks()).unwrap());
        let receive = Rc::new(receive);
        let answers: Rc<RefCell<Vec<usize>>> = Rc::default();
        const CROWD: usize = 100_000;
        let mut handles = Vec::new();
        for _ in 0..CROWD {
            let (receive, answers) = (Rc::clone(&receive), Rc::clone(&answers));
            handles.push(spawn(async move {
                if answers.borrow().is_empty() {
                    answers
                        .borrow_mut()
                        .extend(receive.try_recv().map(Result::unwrap));
                }
                yield_now().await;
            }));
        }
        while answers.borrow().is_empty() {
            yield_now().await;
            answers
                .borrow_mut()
                .extend(receive.try_recv().map(Result::unwrap));
        }
        thread.join().unwrap();
        assert!((1..=CROWD + 1).contains(&answers.borrow()[0]));
    });
}

#[test]
fn another_thread_is_told_when_the_loop_does_not_answer_or_is_gone() {
    let _watched = crate::support::watch();
    let event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    let asks = remote.clone();
    // The loop is never turned.
    let error = asks.tasks(Duration::from_millis(1)).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "cannot list the tasks: the event loop has not answered for 1ms; one poll holds its thread, or its host does not turn it"
    );
    drop(event_loop);
    let error = remote.tasks(PATIENCE).unwrap_err();
    assert!(!error.is_timeout());
    assert_eq!(
        error.to_string(),
        "cannot list the tasks: the event loop is gone"
    );
}

#[test]
fn of_a_loop_that_is_blocked_another_thread_hears_from_the_watchdog_who_blocks_it() {
    let _watched = crate::support::watch();
    let hour = Duration::from_secs(3600);
    let mut event_loop = EventLoop::builder().watchdog(hour).build().unwrap();
    let remote = event_loop.remote();
    let (answer, answered) = mpsc::channel();
    event_loop.run(async {
        let blocks = async move {
            let asks = thread::spawn(move || remote.tasks(Duration::from_millis(1)));
            answer.send(asks.join().unwrap().unwrap_err()).unwrap();
        };
        task::Builder::new()
            .name("hog")
            .spawn(blocks)
            .await
            .unwrap();
    });
    let error = answered.recv().unwrap();
    let holder = error.held_by().unwrap();
    assert!(
        holder.contains("'hog', spawned at tests/inspect/asked.rs"),
        "{holder}"
    );
    assert!(holder.contains("has held the thread for"), "{holder}");
    assert!(error.to_string().contains(holder));
}

#[test]
fn a_question_that_waits_when_the_loop_ends_is_answered_by_the_end() {
    let _watched = crate::support::watch();
    let event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    let (asking, is_asking) = mpsc::channel();
    let thread = thread::spawn(move || {
        asking.send(()).unwrap();
        remote.tasks(PATIENCE)
    });
    is_asking.recv().unwrap();
    drop(event_loop);
    let error = thread.join().unwrap().unwrap_err();
    assert!(!error.is_timeout());
}

#[test]
fn the_loop_itself_asks_without_waiting() {
    let _watched = crate::support::watch();
    run(async {
        let tasks = Remote::current().tasks(Duration::ZERO).unwrap();
        assert_eq!(states(&tasks), [TaskState::Running]);
    });
}
