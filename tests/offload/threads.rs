//! The pool starts only the threads that it needs, wakes only those that it needs, and works with the threads that it gets.

use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::support::jobs::{busy, event_loop, shut};
use crate::support::{Ledger, PATIENCE, listen, now_or_never, on_drop, watchdog};
use roundelay::{EventLoop, TryOffloadError, offload, try_offload};

#[test]
fn an_unwanted_panic_and_a_destructor_that_panics_take_no_thread_along() {
    watchdog(PATIENCE, || {
        event_loop(1).run(async {
            let worker = offload(|| thread::current().id()).await.unwrap();
            for output_panics in [true, false] {
                let (key, door) = channel();
                let (begun, begins) = channel();
                let job = offload(move || {
                    begun.send(()).unwrap();
                    shut(&door);
                    assert!(output_panics, "an unwanted panic");
                    on_drop(|| panic!("an unwanted output's destructor"))
                });
                begins.recv().unwrap();
                drop(job);
                drop(key);
            }
            assert_eq!(offload(|| thread::current().id()).await.unwrap(), worker);
        });
    });
}

#[test]
fn a_thousand_jobs_in_turn_are_served_by_one_thread() {
    watchdog(PATIENCE, || {
        event_loop(64).run(async {
            let first = offload(|| thread::current().id()).await.unwrap();
            for _ in 0..if cfg!(miri) { 5 } else { 1_000 } {
                assert_eq!(offload(|| thread::current().id()).await.unwrap(), first);
            }
        });
    });
}

/// The states of the threads whose names begin with `start`. `S` is asleep. The kernel keeps fifteen bytes of a name.
#[cfg(target_os = "linux")]
fn states_of_threads(start: &str) -> Vec<char> {
    let state = |task: io::Result<std::fs::DirEntry>| {
        // A thread may end while this looks. Then there is no such file.
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        name.starts_with(start).then(|| rest.chars().next())?
    };
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(state)
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_thread_that_went_idle_last_is_called_first() {
    watchdog(PATIENCE, || {
        let builder = EventLoop::builder().name("warm");
        let builder = builder.offload_keep_alive(Duration::MAX);
        builder.build().unwrap().run(async {
            let crew: Vec<_> = (0..4).map(|_| busy()).collect();
            let mut threads = Vec::new();
            for (key, job) in crew {
                drop(key);
                threads.push(job.await.unwrap());
            }
            // A thread that is still awake may take a job without being called, so all must sleep first.
            while (0..4).any(|n| states_of_threads(&format!("offload-{n}-warm")) != ['S']) {
                thread::yield_now();
            }
            let crew: Vec<_> = (0..4).map(|_| busy()).collect();
            let mut called = Vec::new();
            for (key, job) in crew {
                drop(key);
                called.push(job.await.unwrap());
            }
            threads.reverse();
            assert_eq!(called, threads);
        });
    });
}

#[cfg(target_os = "linux")]
#[test]
fn threads_come_with_the_jobs_bear_the_loops_name_and_are_let_go_when_idle() {
    watchdog(PATIENCE, || {
        let builder = EventLoop::builder().name("ebb").offload_threads(3);
        let builder = builder.offload_keep_alive(Duration::from_millis(1));
        let count = || (0..4).map(|n| states_of_threads(&format!("offload-{n}-ebb")).len());
        builder.build().unwrap().run(async {
            assert_eq!(
                count().sum::<usize>(),
                0,
                "a thread was started before the first job"
            );
            for _ in 0..3 {
                let crew: Vec<_> = (0..3).map(|_| busy()).collect();
                assert_eq!(count().collect::<Vec<_>>(), [1, 1, 1, 0]);
                drop(crew);
                while count().sum::<usize>() > 0 {
                    thread::yield_now();
                }
            }
            assert_eq!(offload(|| "back").await.unwrap(), "back");
        });
    });
}

#[test]
fn a_refused_thread_is_an_error_of_the_job_and_of_nothing_else() {
    watchdog(PATIENCE, || {
        // This is more than any address space holds, so the operating system refuses.
        let builder = EventLoop::builder().offload_stack_size(1 << 48);
        let ((), log) = listen(|| {
            builder.build().unwrap().run(async {
                let ledger = Ledger::new();
                for n in 0..3 {
                    let token = ledger.token(format!("closure {n}"));
                    let job = offload(move || drop(token));
                    ledger.assert_settled_here();
                    let error = job.await.unwrap_err();
                    assert!(error.is_refused());
                    let kind = io::Error::from(error).kind();
                    // The first is the error on Unix, the second on Windows.
                    assert!(matches!(
                        kind,
                        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory
                    ));
                }
            });
        });
        let warnings = log.iter().filter(|line| line.level == log::Level::Warn);
        assert_eq!(
            warnings.count(),
            1,
            "only the first refused thread has a line in the log"
        );
    });
}

#[test]
fn a_loop_without_threads_refuses_each_job_and_starts_none() {
    watchdog(PATIENCE, || {
        event_loop(0).run(async {
            let error = offload(|| ()).await.unwrap_err();
            assert!(error.is_refused());
            assert!(error.to_string().contains("offload_threads(0)"), "{error}");
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Unsupported);
        });
    });
}

/// How many system calls like `write` this thread has made.
#[cfg(target_os = "linux")]
fn writes_of_this_thread() -> usize {
    let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("syscw: "));
    line.unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_burst_of_a_thousand_results_costs_one_system_call_and_none_if_the_loop_is_awake() {
    watchdog(PATIENCE, || {
        let mut event_loop = event_loop(1);
        // One thread runs all jobs in order, so the counts of the first and the last job show the writes between them.
        let burst = |door: Receiver<()>| {
            let first = offload(move || {
                shut(&door);
                writes_of_this_thread()
            });
            let tasks: Vec<_> = (0..1_000)
                .map(|_| roundelay::spawn(offload(|| ())))
                .collect();
            let (send, receive) = channel();
            let last = offload(move || send.send(writes_of_this_thread()).unwrap());
            (first, tasks, last, receive)
        };

        let (key, door) = channel();
        let (first, tasks, last, receive) = event_loop.run(async { burst(door) });
        while event_loop.turn(Some(Duration::ZERO)).unwrap().polls > 0 {}
        drop(key);
        let writes = receive.recv().unwrap();
        let before = now_or_never(first).expect("the first job is done").unwrap();
        assert_eq!(
            writes - before,
            1,
            "the loop was at rest: one ring of its bell"
        );
        let mut notes = 0;
        while notes < 1_000 {
            notes += event_loop.turn(Some(Duration::ZERO)).unwrap().notes;
        }
        assert_eq!(notes, 1_000);
        assert!(tasks.iter().all(|task| task.is_finished()));
        drop(last);

        event_loop.run(async {
            let (key, door) = channel();
            let (first, tasks, last, receive) = burst(door);
            roundelay::yield_now().await;
            drop(key);
            let writes = receive.recv().unwrap();
            let before = now_or_never(first).expect("the first job is done").unwrap();
            assert_eq!(writes - before, 0, "the loop was awake, in this task");
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            drop(last);
        });
    });
}

#[test]
fn the_pools_threads_have_no_loop_and_say_so() {
    watchdog(PATIENCE, || {
        event_loop(1).run(async {
            let error = offload(|| drop(offload(|| ()))).await.unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("`offload` was called, and no event loop is running on this thread"),
                "{text}"
            );
            let inner = offload(|| try_offload(|| 7).unwrap_err()).await.unwrap();
            assert!(matches!(inner, TryOffloadError::NoLoop(_)));
            assert_eq!(inner.into_inner()(), 7);
        });
    });
}
