//! The log tells what the loop does: each event has a line and each line has a target. Without a listener it costs nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::pair::{Stream, std_pair};
use crate::support::{Line, PATIENCE, hear_this_thread, watchdog, with_sink};
use log::Level;
use roundelay::{EventLoop, Remote, offload, sleep, spawn, task, yield_now};

/// All lines that are logged on this thread while `body` runs, at every level.
fn narrated<R>(body: impl FnOnce() -> R) -> (R, Vec<Line>) {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&lines);
    let result = with_sink(move |line| sink.borrow_mut().push(line.clone()), body);
    (result, lines.take())
}

fn of<'a>(target: &str, lines: &'a [Line]) -> Vec<&'a str> {
    let target = format!("roundelay::{target}");
    lines
        .iter()
        .filter(|line| line.target == target)
        .map(|line| line.text.as_str())
        .collect()
}

fn count(part: &str, lines: &[&str]) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn every_line_has_one_of_six_targets_and_everyday_life_is_told_at_trace() {
    watchdog(PATIENCE, || {
        let ((), lines) = narrated(|| {
            roundelay::run(async {
                let (mut outside, inside) = std_pair().unwrap();
                let reads =
                    spawn(async move { Stream::from_std(inside).unwrap().read(&mut [0]).await });
                yield_now().await;
                outside.write_all(b"!").unwrap();
                reads.await.unwrap().unwrap();
                sleep(Duration::from_micros(100)).await;
                offload(|| ()).await.unwrap();
                Remote::current().spawn(|| async {}).await.unwrap();
            });
        });
        let mut by_target = BTreeMap::new();
        // mio logs lines of its own.
        for line in lines.iter().filter(|line| !line.target.starts_with("mio")) {
            assert_eq!(line.level, Level::Trace, "{line:?}");
            assert!(!line.text.contains('\n'), "one line an event: {line:?}");
            *by_target.entry(line.target.as_str()).or_insert(0) += 1;
        }
        let told: Vec<&str> = by_target.keys().copied().collect();
        assert_eq!(
            told,
            [
                "roundelay::io",
                "roundelay::offload",
                "roundelay::task",
                "roundelay::timer",
                "roundelay::turn",
                "roundelay::wake",
            ]
        );
    });
}

#[test]
fn each_poll_is_told_with_the_tasks_name_and_line_and_each_end() {
    let _watched = crate::support::watch();
    let ((), lines) = narrated(|| {
        roundelay::run(async {
            let pump = task::Builder::new().name("pump").spawn(async {
                yield_now().await;
                yield_now().await;
            });
            pump.await.unwrap();
        });
    });
    let tasks = of("task", &lines);
    let polls: Vec<&&str> = tasks
        .iter()
        .filter(|text| text.starts_with("polls "))
        .collect();
    assert_eq!(
        polls.iter().filter(|text| text.contains("'pump'")).count(),
        3,
        "{tasks:#?}"
    );
    assert!(
        polls.iter().all(|text| text.contains(file!())),
        "{tasks:#?}"
    );
    assert_eq!(
        count("has finished", &tasks),
        2,
        "the pump and the main task: {tasks:#?}"
    );
}

/// A task that wakes itself in its last poll is once more in the ready queue, but is not polled again.
#[test]
fn the_end_of_a_task_is_told_once_though_it_was_woken_in_its_last_poll() {
    let _watched = crate::support::watch();
    let ((), lines) = narrated(|| {
        roundelay::run(async {
            let wakes_itself = spawn(async { crate::support::own_waker().await.wake() });
            yield_now().await;
            yield_now().await;
            wakes_itself.await.unwrap();
        });
    });
    let tasks = of("task", &lines);
    assert_eq!(
        count("has finished", &tasks),
        2,
        "that task and the main task: {tasks:#?}"
    );
}

#[test]
fn each_wake_that_queues_a_task_is_told_once() {
    let _watched = crate::support::watch();
    let ((), lines) = narrated(|| {
        roundelay::run(async {
            let waker = crate::support::own_waker().await;
            // The task is woken three times and queued once.
            for _ in 0..3 {
                waker.wake_by_ref();
            }
            std::future::poll_fn({
                let mut polls = 0;
                move |_| {
                    polls += 1;
                    if polls == 2 {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                }
            })
            .await;
        });
    });
    let wakes = of("wake", &lines);
    assert_eq!(
        count("is ready, since the poll of task", &wakes),
        1,
        "{wakes:#?}"
    );
}

#[test]
fn wakes_and_calls_from_elsewhere_are_told_as_they_are_delivered() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let waiting = event_loop.spawn(std::future::pending::<()>());
    let waker = event_loop.run(crate::support::own_waker());
    let (remote, (sent, is_sent)) = (event_loop.remote(), mpsc::channel());
    thread::spawn(move || {
        remote.post(|| ()).unwrap();
        waker.wake();
        sent.send(()).unwrap();
    });
    is_sent.recv().unwrap();
    let (turn, lines) = narrated(|| event_loop.turn(Some(Duration::ZERO)).unwrap());
    assert_eq!(turn.notes, 2);
    let wakes = of("wake", &lines);
    assert_eq!(count("posted", &wakes), 1, "{wakes:#?}");
    assert!(count("woken from elsewhere", &wakes) <= 1, "{wakes:#?}");
    drop(waiting);
}

#[test]
fn each_turn_is_told_with_what_it_did_and_under_the_loops_name() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::builder().name("pump").build().unwrap();
    drop(event_loop.spawn(yield_now()));
    let (turn, lines) = narrated(|| event_loop.turn(Some(Duration::ZERO)).unwrap());
    let turns = of("turn", &lines);
    assert_eq!(turns, [format!("pump: {turn}")]);
    let (turn, lines) = narrated(|| {
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        event_loop.turn(Some(Duration::from_millis(1))).unwrap()
    });
    let turns = of("turn", &lines);
    assert_eq!(
        count("nothing is ready; sleeps, for ", &turns),
        1,
        "{turns:#?}"
    );
    assert_eq!(*turns.last().unwrap(), format!("pump: {turn}"));
}

#[test]
fn each_timer_that_fires_is_told_and_how_late() {
    let _watched = crate::support::watch();
    let ((), lines) = narrated(|| {
        roundelay::run(async {
            for _ in 0..3 {
                sleep(Duration::from_micros(100)).await;
            }
            drop(sleep(Duration::from_secs(1)));
        });
    });
    let timers = of("timer", &lines);
    assert_eq!(count("fired, ", &timers), 3, "{timers:#?}");
}

#[test]
fn sockets_tell_their_registration_and_their_events() {
    let _watched = crate::support::watch();
    let ((), lines) = narrated(|| {
        roundelay::run(async {
            let (mut outside, inside) = std_pair().unwrap();
            let reads =
                spawn(async move { Stream::from_std(inside).unwrap().read(&mut [0]).await });
            yield_now().await;
            outside.write_all(b"!").unwrap();
            reads.await.unwrap().unwrap();
        });
    });
    let io = of("io", &lines);
    assert_eq!(count("registered descriptor", &io), 1, "{io:#?}");
    assert_eq!(count("would block", &io), 1, "{io:#?}");
    assert!(count("dropped", &io) >= 1, "{io:#?}");
}

#[test]
fn a_thread_of_the_pool_tells_each_job_and_its_own_end() {
    watchdog(PATIENCE, || {
        let (hears, told) = mpsc::channel();
        let builder = EventLoop::builder().name("pump").offload_threads(1);
        let mut event_loop = builder.build().unwrap();
        let thread = event_loop.run(async {
            // The log of the pool's thread is heard from the middle of its first job to the end of the thread.
            let first = offload(move || {
                hear_this_thread(move |line| hears.send(line.clone()).unwrap());
                thread::current().name().unwrap().to_owned()
            });
            let thread = first.await.unwrap();
            offload(|| ()).await.unwrap();
            thread
        });
        drop(event_loop);
        let lines: Vec<Line> = told.iter().collect();
        assert!(lines.iter().all(|line| line.level == Level::Trace));
        let told = of("offload", &lines);
        let jobs = format!("job offloaded at {}:", file!());
        let jobs: Vec<&str> = told
            .iter()
            .filter_map(|text| text.strip_prefix(&jobs)?.split_once(' '))
            .map(|(_, what)| what)
            .collect();
        assert_eq!(jobs, ["is done", "begins", "is done"], "{told:#?}");
        assert_eq!(told[3..], [format!("thread '{thread}' let go")]);
    });
}

/// `log` asks its listener before anything is formatted. If the listener declines, no line is formatted.
#[test]
fn what_goes_wrong_is_told_above_trace() {
    let _watched = crate::support::watch();
    let ((), lines) = crate::support::listen(|| {
        roundelay::run(async {
            drop(spawn(async { panic!("nobody waits for me") }));
            yield_now().await;
        });
    });
    let [line] = &lines[..] else {
        panic!("one line: {lines:?}");
    };
    assert_eq!(
        (line.level, line.target.as_str()),
        (Level::Error, "roundelay::task")
    );
    assert!(
        line.text.contains("nobody waits for me") && line.text.contains(file!()),
        "{line:?}"
    );
}

/// The listener may be a program's own log window, which this loop serves. It may do whatever a task may do.
#[test]
fn a_listener_may_use_the_loop_while_it_listens() {
    thread_local!(static IS_INSIDE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    watchdog(PATIENCE, || {
        let event_loop = RefCell::new(Some(EventLoop::new().unwrap()));
        let remote = event_loop.borrow().as_ref().unwrap().remote();
        let heard = Rc::new(std::cell::Cell::new(0));
        let hears = heard.clone();
        let sink = move |_: &Line| {
            hears.set(hears.get() + 1);
            // What the sink does is logged too. It must not go on for ever.
            if IS_INSIDE.replace(true) || hears.get() > 200 {
                return;
            }
            if Remote::try_current().is_some() {
                let task = spawn(async { yield_now().await });
                task.abort_handle().abort();
                drop(task);
            }
            let _ = remote.post(|| ());
            IS_INSIDE.set(false);
        };
        with_sink(sink, || {
            let mut event_loop = event_loop.take().unwrap();
            event_loop.run(async {
                let (mut outside, inside) = std_pair().unwrap();
                let reads =
                    spawn(async move { Stream::from_std(inside).unwrap().read(&mut [0]).await });
                sleep(Duration::from_micros(100)).await;
                outside.write_all(b"!").unwrap();
                reads.await.unwrap().unwrap();
                offload(|| ()).await.unwrap();
                drop(spawn(async { panic!("told while listening") }));
                yield_now().await;
            });
            drop(event_loop);
        });
        assert!(heard.get() > 0);
    });
}

/// At `trace` the log counts the polls one by one, and its count agrees with the other counts.
#[test]
fn a_turn_that_is_told_takes_as_many_polls_as_one_that_is_not() {
    let _watched = crate::support::watch();
    let turns = || {
        let mut event_loop = EventLoop::builder().poll_budget(8).build().unwrap();
        for _ in 0..3 {
            drop(event_loop.spawn(async {}));
        }
        let first = event_loop.turn(Some(Duration::ZERO)).unwrap().polls;
        drop(event_loop.spawn(async {
            loop {
                yield_now().await;
            }
        }));
        let second = event_loop.turn(Some(Duration::ZERO)).unwrap().polls;
        (first, second)
    };
    assert_eq!(turns(), with_sink(|_| {}, turns));
    assert_eq!(turns().0, 3);
}
