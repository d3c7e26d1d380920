//! A call that blocks runs beside the loop. No job is lost, run twice, or left behind.

use std::future::Future;
use std::panic::panic_any;
use std::pin::{Pin, pin};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::thread;
use std::time::Duration;

use crate::support::jobs::{busy, event_loop, shut};
use crate::support::{
    Counter, Ledger, Line, PATIENCE, counting_waker, listen, now_or_never, on_drop, watchdog,
};
use roundelay::{EventLoop, offload, try_offload};

#[test]
fn a_job_runs_on_another_thread_and_its_output_comes_back() {
    watchdog(PATIENCE, || {
        event_loop(2).run(async {
            let here = thread::current().id();
            let (there, text) = offload(|| (thread::current().id(), "done".to_owned()))
                .await
                .unwrap();
            assert_ne!(there, here);
            assert_eq!(text, "done");
        });
    });
}

#[test]
fn a_panic_comes_back_with_its_payload_and_the_thread_lives_on() {
    watchdog(PATIENCE, || {
        event_loop(1).run(async {
            let thread = offload(|| thread::current().id()).await.unwrap();
            let line = line!() + 1;
            let error = offload(|| panic!("no {}", "luck")).await.unwrap_err();
            assert!(error.is_panic() && !error.is_cancelled() && !error.is_refused());
            let text = error.to_string();
            assert!(text.starts_with(&format!("job offloaded at tests/offload/jobs.rs:{line}:")));
            assert!(text.ends_with("panicked: no luck"), "{text}");
            let error = offload(|| panic_any(7_u8)).await.unwrap_err();
            assert_eq!(error.into_panic().downcast_ref(), Some(&7_u8));
            assert_eq!(offload(|| thread::current().id()).await.unwrap(), thread);
        });
    });
}

#[test]
fn jobs_run_side_by_side_from_the_call_on_whichever_is_awaited_first() {
    watchdog(PATIENCE, || {
        event_loop(2).run(async {
            let (send, receive) = channel();
            let first = offload(move || receive.recv().unwrap());
            let second = offload(move || send.send("from the second").unwrap());
            assert_eq!(first.await.unwrap(), "from the second");
            second.await.unwrap();
        });
    });
}

#[test]
fn a_job_that_is_dropped_before_it_begins_never_runs_and_dies_at_home() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        let runs = Counter::default();
        event_loop(1).run(async {
            let (key, busy) = busy();
            let job = |name: &str| {
                let (token, runs) = (ledger.token(name), runs.clone());
                offload(move || {
                    runs.add();
                    drop(token);
                })
            };
            let unpolled = job("dropped without a poll");
            let mut polled = Box::pin(job("dropped after a poll"));
            assert!(crate::support::poll_once(polled.as_mut()).is_pending());
            assert_eq!(ledger.alive(), 2);
            drop(polled);
            assert_eq!(
                ledger.alive(),
                1,
                "a dropped job must be gone at once, not only when its turn comes"
            );
            drop(unpolled);
            ledger.assert_settled_here();
            drop(key);
            busy.await.unwrap();
            offload(|| ()).await.unwrap();
            assert_eq!(runs.get(), 0);
        });
    });
}

#[test]
fn a_job_that_runs_goes_on_and_its_unwanted_output_dies_once_and_there() {
    watchdog(PATIENCE, || {
        event_loop(1).run(async {
            let (key, door) = channel();
            let (begun, begins) = channel();
            let (died, deaths) = channel();
            let job = offload(move || {
                begun.send(thread::current().id()).unwrap();
                shut(&door);
                on_drop(move || died.send(thread::current().id()).unwrap())
            });
            let worker = begins.recv().unwrap();
            drop(job);
            drop(key);
            assert_eq!(deaths.recv(), Ok(worker));
            assert!(deaths.recv().is_err(), "once");
        });
    });
}

#[test]
fn an_output_that_nobody_took_dies_once_and_at_home() {
    watchdog(PATIENCE, || {
        let ledger = Ledger::new();
        event_loop(1).run(async {
            let token = ledger.token("output");
            let job = offload(move || token);
            // There is one thread. When the second output is ready, the first is ready too.
            offload(|| ()).await.unwrap();
            assert_eq!(ledger.alive(), 1);
            drop(job);
            ledger.assert_settled_here();
        });
    });
}

#[test]
fn jobs_begin_in_the_order_of_the_calls_and_leavers_do_not_disturb_it() {
    const COUNT: usize = if cfg!(miri) { 20 } else { 1_000 };
    watchdog(PATIENCE, || {
        event_loop(1).run(async {
            let (key, busy) = busy();
            let order = Arc::new(Mutex::new(Vec::new()));
            let mut jobs = Vec::new();
            for n in 0..COUNT {
                let order = order.clone();
                jobs.push((n, offload(move || order.lock().unwrap().push(n))));
            }
            jobs.retain(|(n, _)| n % 7 == 0);
            drop(key);
            busy.await.unwrap();
            for (_, job) in jobs.into_iter().rev() {
                job.await.unwrap();
            }
            let expected: Vec<_> = (0..COUNT).step_by(7).collect();
            assert_eq!(*order.lock().unwrap(), expected);
        });
    });
}

#[test]
fn a_full_queue_turns_try_offload_away_and_lets_offload_wait_for_room() {
    watchdog(PATIENCE, || {
        let builder = EventLoop::builder().offload_threads(1).offload_queue(2);
        builder.build().unwrap().run(async {
            let (key, busy) = busy();
            let first = try_offload(|| "first").unwrap();
            let second = offload(|| "second");
            let waits = offload(|| "has waited for room");
            let error = try_offload(|| "turned away").unwrap_err();
            assert!(error.is_full());
            assert_eq!(
                (error.to_string().as_str(), format!("{error:?}").as_str()),
                (
                    "cannot offload a job: the pool's threads are busy and its queue is full",
                    "Full(..)"
                )
            );
            assert_eq!(error.into_inner()(), "turned away");

            assert_eq!(format!("{first:?}"), "Offload { is_taken: false, .. }");
            drop(first);
            let taken = try_offload(|| "no").unwrap_err();
            assert!(
                taken.is_full(),
                "the room goes to the job that has waited longest"
            );
            drop(second);
            let third = try_offload(|| "third").unwrap();
            assert!(try_offload(|| "no").is_err());

            drop(key);
            busy.await.unwrap();
            assert_eq!(waits.await.unwrap(), "has waited for room");
            assert_eq!(third.await.unwrap(), "third");
            assert!(try_offload(|| ()).is_ok(), "there is room again");
        });
    });
}

#[test]
fn a_loop_that_is_dropped_waits_for_no_job() {
    watchdog(PATIENCE, || {
        let (died, deaths) = channel();
        let event_loop = event_loop(1);
        let mut event_loop = event_loop;
        let ledger = Ledger::new();
        let (key, queued) = event_loop.run(async {
            let (key, door) = channel();
            let (begun, begins) = channel();
            let running = offload(move || {
                begun.send(()).unwrap();
                shut(&door);
                on_drop(move || died.send(()).unwrap())
            });
            begins.recv().unwrap();
            drop(roundelay::spawn(running));
            let token = ledger.token("the closure of a job that waits");
            (key, offload(move || drop(token)))
        });
        drop(event_loop);
        ledger.assert_settled_here();
        let error = now_or_never(queued).expect("ready").unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert!(
            deaths.try_recv().is_err(),
            "the job has ended with its loop"
        );
        drop(key);
        deaths.recv().unwrap();
        assert!(deaths.recv().is_err(), "the output was dropped twice");
    });
}

#[test]
fn shutdown_names_what_is_still_running() {
    watchdog(PATIENCE, || {
        let builder = EventLoop::builder().name("pump").offload_threads(2);
        let mut event_loop = builder.build().unwrap();
        let line = line!() + 4;
        let key = event_loop.run(async {
            let (key, door) = channel::<()>();
            let (begun, begins) = channel();
            drop(roundelay::spawn(offload(move || {
                begun.send(()).unwrap();
                shut(&door);
            })));
            begins.recv().unwrap();
            key
        });
        let report = event_loop.shutdown(Duration::ZERO);
        assert!(!report.is_clean());
        assert_eq!(report.offload.len(), 1);
        let job = &report.offload[0];
        assert_eq!(
            (job.location.file(), job.location.line()),
            ("tests/offload/jobs.rs", line)
        );
        assert_eq!(job.thread, "offload-0-pump");
        assert!(
            report
                .to_string()
                .contains(&format!("job offloaded at tests/offload/jobs.rs:{line}:"))
        );
        drop(key);
    });
}

#[test]
fn shutdown_waits_for_a_running_job_as_long_as_it_was_given() {
    watchdog(PATIENCE, || {
        let mut event_loop = event_loop(2);
        let (key, door) = channel::<()>();
        let done = Counter::default();
        let counter = done.clone();
        event_loop.run(async {
            let (begun, begins) = channel();
            drop(roundelay::spawn(offload(move || {
                begun.send(()).unwrap();
                shut(&door);
                counter.add();
            })));
            begins.recv().unwrap();
        });
        let opener = thread::spawn(move || drop(key));
        let report = event_loop.shutdown(Duration::MAX);
        assert!(report.is_clean(), "{report}");
        assert_eq!(done.get(), 1);
        opener.join().unwrap();
    });
}

#[test]
fn a_destructor_that_panics_or_offloads_does_not_disturb_the_end_of_the_loop() {
    watchdog(PATIENCE, || {
        let mut event_loop = event_loop(1);
        let ledger = Ledger::new();
        let key = event_loop.run(async {
            let (key, busy) = busy();
            let (first, second, third) = (ledger.token("1"), ledger.token("2"), ledger.token("3"));
            let panics = on_drop(move || {
                drop(first);
                panic!("on purpose");
            });
            drop(roundelay::spawn(offload(move || drop(panics))));
            let offloads = on_drop(move || {
                drop(second);
                let job =
                    try_offload(move || drop(third)).expect("the loop is current until it is gone");
                drop(job);
            });
            drop(roundelay::spawn(offload(move || drop(offloads))));
            drop(roundelay::spawn(busy));
            key
        });
        drop(event_loop);
        ledger.assert_settled_here();
        drop(key);
    });
}

#[test]
fn a_job_keeps_the_waker_of_the_last_poll_and_a_dropped_one_keeps_none() {
    watchdog(PATIENCE, || {
        event_loop(1).run(async {
            let (key, busy) = busy();
            let mut busy = pin!(busy);
            let (first, first_wakes) = counting_waker();
            let (last, last_wakes) = counting_waker();
            for waker in [&first, &first, &last] {
                assert!(
                    busy.as_mut()
                        .poll(&mut Context::from_waker(waker))
                        .is_pending()
                );
            }
            assert_eq!(
                Arc::strong_count(&first_wakes),
                2,
                "the first waker is still kept"
            );
            assert_eq!(
                Arc::strong_count(&last_wakes),
                3,
                "one clone of the last waker is kept"
            );

            let mut dropped = offload(|| ());
            let poll = Pin::new(&mut dropped).poll(&mut Context::from_waker(&first));
            assert!(poll.is_pending());
            assert_eq!(Arc::strong_count(&first_wakes), 3);
            drop(dropped);
            assert_eq!(Arc::strong_count(&first_wakes), 2);

            drop(key);
            // There is one thread. When the next job begins, the waker has been woken.
            offload(|| ()).await.unwrap();
            assert_eq!((first_wakes.get(), last_wakes.get()), (0, 1));
            assert_eq!(Arc::strong_count(&last_wakes), 2);
            assert!(crate::support::poll_once(busy).is_ready());
        });
    });
}

#[test]
fn the_error_names_the_line_that_offloaded_even_through_a_spawned_task() {
    watchdog(PATIENCE, || {
        event_loop(1).run(async {
            let line = line!() + 1;
            let task = roundelay::spawn(offload(|| panic!("deep down")));
            let error = task.await.unwrap().unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains(&format!("tests/offload/jobs.rs:{line}:"))
            );
        });
    });
}

#[test]
fn a_future_that_was_ready_is_not_polled_again_in_silence() {
    watchdog(PATIENCE, || {
        let error = event_loop(1).run(async {
            let task = roundelay::spawn(async {
                let mut job = offload(|| ());
                (&mut job).await.unwrap();
                std::future::poll_fn(|cx| Pin::new(&mut job).poll(cx).map(drop)).await;
            });
            task.await.unwrap_err()
        });
        assert!(
            error.to_string().contains("polled after it was ready"),
            "{error}"
        );
    });
}

#[test]
fn without_a_loop_the_closure_comes_back_and_the_error_says_why() {
    let _watched = crate::support::watch();
    let error = try_offload(|| 42).unwrap_err();
    assert!(!error.is_full());
    assert_eq!(format!("{error:?}"), "NoLoop(..)");
    assert!(error.to_string().contains("no event loop is running"));
    assert_eq!(error.into_inner()(), 42);
}

#[test]
fn a_panic_of_a_job_that_nobody_asks_about_is_told_to_the_log() {
    watchdog(PATIENCE, || {
        let ((), lines) = listen(|| {
            let mut event_loop = event_loop(1);
            event_loop.run(async {
                let job = offload(|| panic_any("a panic that nobody saw"));
                // One thread runs both jobs in turn, so the first is over.
                offload(|| ()).await.unwrap();
                drop(job);
            });
        });
        let told = |line: &&Line| line.text.contains("no task waits for it");
        assert_eq!(lines.iter().filter(told).count(), 1, "{lines:?}");
    });
}
