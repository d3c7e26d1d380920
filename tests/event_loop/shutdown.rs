//! The end of a loop: what gets time to finish, what is dropped, in which order, and what is reported.

use std::cell::Cell;
use std::future::pending;
use std::panic::Location;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Counter, Gate, Ledger, PATIENCE, Trace, on_drop, watchdog};
use roundelay::{EventLoop, Remote, offload, run, sleep, spawn, task, yield_now};

const NOW: Duration = Duration::ZERO;

// Time to finish.

#[test]
fn a_loop_with_nothing_to_do_ends_cleanly_and_at_once() {
    watchdog(PATIENCE, || {
        for grace in [NOW, Duration::from_secs(3_600), Duration::MAX] {
            let report = EventLoop::new().unwrap().shutdown(grace);
            assert!(report.is_clean(), "{report}");
            assert_eq!(report.to_string(), "everything finished");
        }
    });
}

#[test]
fn the_grace_lets_tasks_timers_threads_and_jobs_finish() {
    watchdog(PATIENCE, || {
        let done = Counter::default();
        let event_loop = EventLoop::new().unwrap();
        let (remote, (waker, woken)) = (event_loop.remote(), mpsc::channel());
        for n in 0..5 {
            let (done, waker) = (done.clone(), waker.clone());
            drop(event_loop.spawn(async move {
                for _ in 0..n {
                    yield_now().await;
                }
                sleep(Duration::from_millis(n)).await;
                let (answer, question) = mpsc::channel();
                waker.send(answer).unwrap();
                offload(move || question.recv().unwrap()).await.unwrap();
                spawn(sleep(Duration::from_millis(1))).await.unwrap();
                done.add();
            }));
        }
        let thread = thread::spawn(move || {
            for answer in woken.iter().take(5) {
                remote.spawn(yield_now).wait().unwrap();
                answer.send(()).unwrap();
            }
        });
        let report = event_loop.shutdown(Duration::MAX);
        assert!(report.is_clean(), "{report}");
        assert_eq!(done.get(), 5);
        thread.join().unwrap();
    });
}

#[test]
fn tasks_that_are_spawned_during_the_grace_are_given_it_too() {
    watchdog(PATIENCE, || {
        fn chain(left: usize, done: Counter) {
            drop(spawn(async move {
                yield_now().await;
                done.add();
                if left > 1 {
                    chain(left - 1, done);
                }
            }));
        }
        let (event_loop, done) = (EventLoop::new().unwrap(), Counter::default());
        let first = done.clone();
        drop(event_loop.spawn(async move { chain(100, first) }));
        assert!(event_loop.shutdown(Duration::MAX).is_clean());
        assert_eq!(done.get(), 100);
    });
}

#[test]
fn the_grace_ends_though_tasks_do_not() {
    watchdog(PATIENCE, || {
        let begin = Instant::now();
        let event_loop = EventLoop::new().unwrap();
        drop(event_loop.spawn(pending::<()>()));
        drop(event_loop.spawn(async {
            loop {
                yield_now().await;
            }
        }));
        let grace = Duration::from_millis(20);
        let report = event_loop.shutdown(grace);
        assert!(begin.elapsed() >= grace, "the whole grace");
        assert_eq!(report.tasks.len(), 2);
    });
}

#[test]
fn without_grace_nothing_is_polled_any_more() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let event_loop = EventLoop::new().unwrap();
    let polls = Counter::default();
    let token = ledger.token("in a task that was ready");
    drop(
        event_loop.spawn(crate::support::counted(&polls, async move {
            let _token = token;
            pending::<()>().await;
        })),
    );
    let report = event_loop.shutdown(NOW);
    assert_eq!((report.tasks.len(), polls.get()), (1, 0));
    ledger.assert_settled_here();
}

#[test]
fn a_shutdown_inside_a_task_of_another_loop_leaves_that_one_as_it_was() {
    watchdog(PATIENCE, || {
        run(async {
            let here = format!("{:?}", Remote::current());
            let inner = EventLoop::new().unwrap();
            let slept = Rc::new(Cell::new(false));
            let sleeps = slept.clone();
            drop(inner.spawn(async move {
                sleep(Duration::from_millis(1)).await;
                sleeps.set(true);
            }));
            drop(inner.spawn(pending::<()>()));
            let report = inner.shutdown(Duration::from_millis(50));
            assert_eq!((slept.get(), report.tasks.len()), (true, 1));
            assert_eq!(format!("{:?}", Remote::current()), here);
            spawn(async { yield_now().await }).await.unwrap();
        });
    });
}

// What is reported.

#[test]
fn the_report_names_the_tasks_in_the_order_of_their_spawning() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let line = event_loop.run(async {
        drop(task::Builder::new().name("pump").spawn(pending::<()>()));
        drop(task::Builder::new().name("drain").spawn(pending::<()>()));
        drop(spawn(async {}));
        let line = line!() + 1;
        drop(spawn(pending::<()>()));
        yield_now().await;
        line
    });
    // The youngest task gets the slot of the finished one. It is still the last in the report.
    drop(event_loop.spawn(pending::<()>()));
    let report = event_loop.shutdown(NOW);
    assert!(!report.is_clean());
    let names: Vec<_> = report
        .tasks
        .iter()
        .map(|task| task.name.as_deref())
        .collect();
    assert_eq!(names, [Some("pump"), Some("drain"), None, None]);
    let third: &Location<'_> = report.tasks[2].location.expect("a line");
    assert_eq!((third.file(), third.line()), (file!(), line));

    let text = report.to_string();
    assert!(
        text.starts_with("4 tasks dropped, 0 jobs still running\n"),
        "{text}"
    );
    for part in ["'pump' spawned at ", "'drain' spawned at ", file!()] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_report_names_the_jobs_that_no_one_can_stop() {
    watchdog(PATIENCE, || {
        let (finish, finishes) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        let mut event_loop = EventLoop::builder().name("pump").build().unwrap();
        let line = line!() + 3;
        drop(event_loop.spawn(async move {
            // This job stands for a look-up of a name that takes twenty seconds, or for a read from a terminal.
            let stuck = offload(move || {
                started.send(()).unwrap();
                finishes.recv().unwrap_err()
            });
            stuck.await.unwrap();
        }));
        event_loop.turn(Some(NOW)).unwrap();
        starts.recv().unwrap();
        let report = event_loop.shutdown(NOW);
        assert_eq!(
            (report.tasks.len(), report.offload.len()),
            (1, 1),
            "{report}"
        );
        let job = &report.offload[0];
        assert_eq!((job.location.file(), job.location.line()), (file!(), line));
        let text = report.to_string();
        assert!(
            text.starts_with("1 task dropped, 1 job still running\n"),
            "{text}"
        );
        assert_eq!(text.matches(file!()).count(), 2, "{text}");
        drop(finish);
    });
}

#[test]
fn a_shutdown_waits_for_jobs_and_not_for_ever() {
    watchdog(PATIENCE, || {
        let (finish, finishes) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        let mut event_loop = EventLoop::new().unwrap();
        let task = event_loop.spawn(async move {
            let job = offload(move || {
                started.send(()).unwrap();
                let _ = finishes.recv();
            });
            let _ = job.await;
        });
        event_loop.turn(Some(NOW)).unwrap();
        starts.recv().unwrap();
        task.abort();
        // The task is soon gone, but the job is not.
        let report = event_loop.shutdown(Duration::from_millis(20));
        assert_eq!(
            (report.tasks.len(), report.offload.len()),
            (0, 1),
            "{report}"
        );
        drop(finish);
    });
}

#[test]
fn tasks_can_be_asked_for_while_the_loop_lives() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    assert!(event_loop.tasks().is_empty());
    let first = event_loop.spawn(pending::<()>());
    let second = event_loop.spawn(async {});
    let ids: Vec<_> = event_loop.tasks().iter().map(|task| task.id).collect();
    assert_eq!(ids, [first.id(), second.id()]);
    event_loop.turn(Some(NOW)).unwrap();
    let ids: Vec<_> = event_loop.tasks().iter().map(|task| task.id).collect();
    assert_eq!(ids, [first.id()]);
}

// What is dropped, and in which order.

#[test]
fn tasks_are_dropped_in_the_order_of_their_spawning_whatever_slots_they_have() {
    let _watched = crate::support::watch();
    let trace = Trace::new();
    let mut event_loop = EventLoop::new().unwrap();
    let task = |name: usize| {
        let trace = trace.clone();
        let guard = on_drop(move || trace.push(name));
        async move {
            let _guard = guard;
            pending::<()>().await;
        }
    };
    let handles: Vec<_> = (0..8).map(|n| event_loop.spawn(task(n))).collect();
    // The aborts make holes in the slab. The next tasks fill the holes from the last to the first.
    for n in [1, 3, 6] {
        handles[n].abort();
    }
    drop(handles);
    event_loop.turn(Some(NOW)).unwrap();
    assert_eq!(trace.take(), [1, 3, 6]);
    for n in 8..12 {
        drop(event_loop.spawn(task(n)));
    }
    let report = event_loop.shutdown(NOW);
    assert_eq!(report.tasks.len(), 9);
    assert_eq!(trace.take(), [0, 2, 4, 5, 7, 8, 9, 10, 11]);
}

#[test]
fn what_destructors_spawn_is_dropped_at_once() {
    let _watched = crate::support::watch();
    let (trace, ledger) = (Trace::new(), Ledger::new());
    let event_loop = EventLoop::new().unwrap();
    for name in ["first", "second"] {
        let (spawned, dropped, token) = (trace.clone(), trace.clone(), ledger.token(name));
        let late = ledger.token("spawned late");
        let guard = on_drop(move || {
            let inner = on_drop(move || {
                dropped.push("what it spawned");
                drop(late);
            });
            let handle = spawn(async move {
                let _inner = inner;
                pending::<()>().await;
            });
            assert!(handle.is_finished());
            spawned.push(name);
            drop(token);
        });
        drop(event_loop.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
    }
    let report = event_loop.shutdown(NOW);
    assert_eq!(
        report.tasks.len(),
        2,
        "the report lists tasks that were spawned too late"
    );
    assert_eq!(
        trace.take(),
        ["what it spawned", "first", "what it spawned", "second"]
    );
    ledger.assert_settled_here();
}

#[test]
fn a_destructor_may_abort_and_wake_the_tasks_that_are_still_to_be_dropped() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let mut event_loop = EventLoop::new().unwrap();
    let gate = Gate::new();
    let abort = Rc::new(Cell::new(None::<task::AbortHandle>));
    let (opens, aborts, token) = (gate.clone(), abort.clone(), ledger.token("first"));
    let guard = on_drop(move || {
        opens.open();
        aborts.take().expect("set below").abort();
        drop(token);
    });
    drop(event_loop.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    }));
    let token = ledger.token("waits");
    drop(event_loop.spawn(async move {
        let _token = token;
        gate.wait().await;
    }));
    let token = ledger.token("aborted");
    let victim = event_loop.spawn(async move {
        let _token = token;
        pending::<()>().await;
    });
    abort.set(Some(victim.abort_handle()));
    event_loop.turn(Some(NOW)).unwrap();
    let report = event_loop.shutdown(NOW);
    assert_eq!(report.tasks.len(), 3);
    ledger.assert_settled_here();
    assert!(run(victim).unwrap_err().is_cancelled());
}

#[test]
fn a_destructor_that_panics_does_not_keep_the_others_from_being_dropped() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let event_loop = EventLoop::new().unwrap();
    for n in 0..3 {
        let token = ledger.token(format!("task {n}"));
        let bomb = on_drop(move || panic!("destructor {n}"));
        drop(event_loop.spawn(async move {
            let _held = (token, bomb);
            pending::<()>().await;
        }));
    }
    let (report, lines) = crate::support::listen(|| event_loop.shutdown(NOW));
    assert_eq!(report.tasks.len(), 3);
    assert_eq!(lines.len(), 3, "each panic has a line: {lines:?}");
    ledger.assert_settled_here();
}

#[test]
fn dropping_a_loop_does_not_wait_for_its_jobs() {
    watchdog(PATIENCE, || {
        let (finish, finishes) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        let (ended, end) = mpsc::channel();
        let mut event_loop = EventLoop::new().unwrap();
        drop(event_loop.spawn(async move {
            let job = offload(move || {
                started.send(()).unwrap();
                finishes.recv().unwrap_err();
                ended.send(()).unwrap();
            });
            job.await.unwrap();
        }));
        event_loop.turn(Some(NOW)).unwrap();
        starts.recv().unwrap();
        drop(event_loop);
        assert!(
            end.try_recv().is_err(),
            "the drop of the loop has waited for the job"
        );
        drop(finish);
        end.recv().unwrap();
    });
}

#[test]
fn a_run_leaves_the_other_tasks_to_the_next_run_and_the_function_run_drops_them() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let mut event_loop = EventLoop::new().unwrap();
    let token = ledger.token("goes on");
    let mut other = None;
    event_loop.run(async {
        other = Some(spawn(async move {
            let _token = token;
            yield_now().await;
            yield_now().await;
            42
        }));
    });
    assert_eq!(ledger.alive(), 1);
    assert_eq!(event_loop.run(other.take().expect("a handle")).unwrap(), 42);
    drop(event_loop);

    let token = ledger.token("ends with its loop");
    let mut other = None;
    run(async {
        other = Some(spawn(async move {
            let _token = token;
            pending::<()>().await;
        }));
    });
    ledger.assert_settled_here();
    assert!(run(other.expect("a handle")).unwrap_err().is_cancelled());
}
