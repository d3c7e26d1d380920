//! A virtual clock stands still while a task is ready, and jumps to the next deadline when no task is
//! ready.
//!
//! Each wait here is exact, so each assertion is an equation.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::io::Write;
use std::net::TcpStream as StdStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Counter, Trace, counting_waker, poll_once};
use roundelay::future::join_all;
use roundelay::net::{TcpListener, TcpStream};
use roundelay::time::{
    MissedTick, advance, hold, interval, now, sleep, sleep_until, timeout, timeout_with,
};
use roundelay::{EventLoop, Remote, join, offload, race, spawn, yield_now};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn event_loop() -> EventLoop {
    EventLoop::builder().virtual_time().build().unwrap()
}

fn run<T>(main: impl Future<Output = T>) -> T {
    event_loop().run(main)
}

// The clock.

#[test]
fn a_hundred_years_pass_at_once_and_to_the_nanosecond() {
    let _watched = crate::support::watch();
    let wall = Instant::now();
    run(async {
        let start = now();
        for pause in [
            Duration::from_nanos(1),
            Duration::from_nanos(1_023),
            7 * SECOND,
            HOUR,
            100 * YEAR,
        ] {
            let before = now();
            sleep(pause).await;
            assert_eq!(now() - before, pause);
        }
        assert!(now() - start > 100 * YEAR);
    });
    assert!(wall.elapsed() < HOUR);
}

#[test]
fn the_clock_stands_still_while_a_task_is_ready() {
    let _watched = crate::support::watch();
    run(async {
        let start = now();
        let busy = spawn(async {
            for _ in 0..1_000 {
                yield_now().await;
            }
            now()
        });
        let (busy, ()) = join!(busy, sleep(MS));
        assert_eq!(busy.unwrap(), start);
        assert_eq!(now(), start + MS);
    });
}

#[test]
fn earlier_deadlines_come_first_and_equal_ones_in_the_order_of_arming() {
    let _watched = crate::support::watch();
    run(async {
        let (start, trace) = (now(), Trace::new());
        let naps = [3, 1, 2, 1, 3, 0, 2].map(|seconds| {
            let trace = trace.clone();
            spawn(async move {
                sleep_until(start + seconds * HOUR).await;
                assert_eq!(now(), start + seconds * HOUR);
                trace.push(seconds);
            })
        });
        for nap in naps {
            nap.await.unwrap();
        }
        assert_eq!(trace.take(), [0, 1, 1, 2, 2, 3, 3]);
    });
}

#[test]
fn what_never_comes_moves_no_clock() {
    let _watched = crate::support::watch();
    let mut event_loop = event_loop();
    let start = event_loop.enter(now);
    // These are more timers than the wheel looks at one by one.
    for _ in 0..100 {
        drop(event_loop.spawn(sleep(Duration::MAX)));
    }
    event_loop.run(yield_now());
    assert_eq!(event_loop.next_deadline(), None);
    let remote = event_loop.remote();
    let thread = thread::spawn(move || remote.spawn(|| sleep(SECOND)).wait());
    // The loop parks in real time until the thread posts.
    while !thread.is_finished() {
        event_loop.turn(None).unwrap();
        if event_loop.next_deadline().is_none() && event_loop.enter(now) > start {
            break;
        }
    }
    thread.join().unwrap().unwrap();
    assert_eq!(event_loop.enter(now), start + SECOND);
}

#[test]
fn between_its_runs_the_thread_goes_by_its_clock_too() {
    let _watched = crate::support::watch();
    let wall = Instant::now();
    let mut event_loop = event_loop();
    let start = now();
    for n in 1..4 {
        event_loop.run(sleep(YEAR)); // made here
        assert_eq!(now(), start + n * YEAR);
    }
    // Another loop, and another thread, have the real clock.
    roundelay::run(async { assert!(now() < wall + YEAR) });
    assert!(thread::spawn(now).join().unwrap() < wall + YEAR);
    assert_eq!(now(), start + 3 * YEAR);
    let nap = event_loop.spawn(sleep(HOUR));
    event_loop.turn(Some(HOUR)).unwrap();
    event_loop.turn(Some(HOUR)).unwrap();
    assert!(nap.is_finished());
    assert_eq!(now(), start + 3 * YEAR + HOUR);
    drop(event_loop);
    assert!(now() < wall + YEAR);
}

#[test]
fn a_loop_within_a_loop_has_the_clock_that_it_was_made_with() {
    let _watched = crate::support::watch();
    let wall = Instant::now();
    run(async {
        sleep(YEAR).await;
        let outer = now();
        assert!(outer > wall + YEAR);
        roundelay::run(async {
            assert!(
                now() < wall + HOUR,
                "a loop without virtual time has the real clock"
            );
            run(async {
                sleep(HOUR).await;
                assert!(now() < wall + YEAR, "the inner loop has a clock of its own");
            });
            assert!(now() < wall + HOUR);
        });
        assert_eq!(now(), outer);
        let other = event_loop();
        other.enter(|| {
            assert!(now() < wall + HOUR);
            advance(2 * YEAR);
            other.enter(|| advance(YEAR));
            assert!(now() > wall + 3 * YEAR);
        });
        assert_eq!(now(), outer);
    });
    assert!(now() < wall + HOUR);
}

// All of `time`.

#[test]
fn time_outs_deadlines_and_intervals_go_by_it() {
    let _watched = crate::support::watch();
    run(async {
        let start = now();
        assert!(timeout(HOUR, pending::<()>()).await.is_err());
        assert_eq!(now(), start + HOUR);
        assert_eq!(
            timeout(HOUR, async {
                sleep(HOUR - MS).await;
                7
            })
            .await,
            Ok(7)
        );

        let start = now();
        let moved = timeout_with(SECOND, async |deadline| {
            sleep(SECOND / 2).await;
            deadline.reschedule_after(HOUR);
            pending::<()>().await;
        });
        assert!(moved.await.is_err());
        assert_eq!(now(), start + SECOND / 2 + HOUR);

        let start = now();
        let mut ticks = interval(SECOND);
        for n in 0..3_600 {
            assert_eq!(ticks.tick().await, start + n * SECOND);
            assert_eq!(now(), start + n * SECOND, "a tick is late");
        }
        ticks.reset();
        assert_eq!(ticks.next_tick(), now() + SECOND);
        let nap = sleep(SECOND);
        assert!(!nap.is_elapsed());
        sleep(SECOND).await;
        assert!(nap.is_elapsed());
    });
}

/// Runs a life of random waits, and compares each with the simplest model, a sorted map.
fn random_life(seed: u64) {
    let mut random = seed;
    let mut draw = move |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    run(async move {
        let start = now();
        // The timers in the order in which they must fire: by deadline, then by the order of arming.
        let expected = Rc::new(RefCell::new(BTreeMap::new()));
        let fired = Trace::new();
        let mut tasks = Vec::new();
        for name in 0..300 {
            let after = Duration::from_nanos(match draw(4) {
                0 => 1 + draw(3),
                1 => 1 + draw(2_000),
                2 => 1 + draw(10_000_000_000),
                _ => 1 + draw(1 << 50),
            });
            let (again, is_cancelled) = (draw(3) == 0, draw(4) == 0);
            let (fired, model) = (fired.clone(), Rc::clone(&expected));
            let mut nap = Box::pin(sleep_until(start + 2 * YEAR));
            assert!(poll_once(nap.as_mut()).is_pending());
            if again {
                nap.as_mut().reset(start + after / 2);
            }
            nap.as_mut().reset(start + after);
            if is_cancelled {
                continue;
            }
            model.borrow_mut().insert((after, name), ());
            tasks.push(spawn(async move {
                nap.await;
                assert_eq!(now(), start + after, "the sleep has ended early or late");
                fired.push((after, name));
            }));
            if draw(20) == 0 {
                yield_now().await;
            }
        }
        join_all(tasks)
            .await
            .into_iter()
            .for_each(|task| task.unwrap());
        let expected: Vec<_> = expected.take().into_keys().collect();
        assert_eq!(fired.take(), expected, "seed {seed}");
    });
}

// *never-early*, *nothing-left*
#[test]
fn a_random_life_fires_as_a_sorted_map_says_and_never_late() {
    let _watched = crate::support::watch();
    (0..if cfg!(miri) { 1 } else { 40 }).for_each(random_life);
}

#[test]
fn a_dropped_sleep_moves_no_clock_and_leaves_nothing_behind() {
    let _watched = crate::support::watch();
    run(async {
        let start = now();
        let (waker, wakes) = counting_waker();
        let mut nap = Box::pin(sleep(HOUR));
        assert!(
            nap.as_mut()
                .poll(&mut std::task::Context::from_waker(&waker))
                .is_pending()
        );
        drop(nap);
        assert_eq!(std::sync::Arc::strong_count(&wakes), 2);
        race!(sleep(SECOND), sleep(HOUR));
        assert_eq!(now(), start + SECOND);
        assert_eq!(wakes.get(), 0);
    });
}

// Moving the clock by hand.

#[test]
fn advance_fires_what_has_passed_in_order_and_all_see_the_end_of_the_leap() {
    let _watched = crate::support::watch();
    run(async {
        let (start, trace) = (now(), Trace::new());
        for seconds in [30, 10, 20, 50] {
            let trace = trace.clone();
            drop(spawn(async move {
                sleep(seconds * SECOND).await;
                trace.push((seconds, now()));
            }));
        }
        yield_now().await;
        advance(40 * SECOND);
        let end = start + 40 * SECOND;
        assert_eq!(trace.take(), [], "a task has run before its turn");
        yield_now().await;
        assert_eq!(trace.take(), [(10, end), (20, end), (30, end)]);
        assert_eq!(now(), end);
        sleep(HOUR).await;
        assert_eq!(trace.take(), [(50, start + 50 * SECOND)]);
    });
}

#[test]
fn advance_fires_as_many_as_there_are() {
    let _watched = crate::support::watch();
    let mut event_loop = event_loop();
    let fired = Counter::default();
    let count = if cfg!(miri) { 700 } else { 5_000 };
    for n in 0..count {
        let fired = fired.clone();
        drop(event_loop.spawn(async move {
            sleep(HOUR + n as u32 * MS).await;
            fired.add();
        }));
    }
    event_loop.run_until_idle().unwrap();
    event_loop.enter(|| advance(HOUR + count as u32 * MS));
    event_loop.run_until_idle().unwrap();
    assert_eq!(fired.get(), count);
    assert_eq!(event_loop.metrics().timers, count as u64);
}

#[test]
fn a_leap_makes_a_task_late_and_a_time_out_elapse() {
    let _watched = crate::support::watch();
    run(async {
        let start = now();
        let computing = async {
            advance(2 * SECOND);
            yield_now().await;
        };
        assert!(timeout(SECOND, computing).await.is_err());
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick(MissedTick::Skip);
        ticks.tick().await;
        advance(SECOND * 7 / 2);
        assert_eq!(ticks.tick().await, start + 3 * SECOND);
        assert_eq!(ticks.tick().await, start + 6 * SECOND);
        advance(Duration::MAX);
        assert!(now() > start + 290 * YEAR);
    });
}

#[test]
fn advance_without_a_virtual_clock_says_what_to_do() {
    let _watched = crate::support::watch();
    let message = |call: &dyn Fn()| {
        let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        let text = panic
            .downcast_ref::<&'static str>()
            .map(|text| text.to_string());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap()
    };
    let real = message(&|| roundelay::run(async { advance(SECOND) }));
    assert!(
        real.contains("`EventLoop::builder().virtual_time()`"),
        "{real}"
    );
    let none = message(&|| advance(SECOND));
    assert!(none.contains("no event loop is running"), "{none}");
}

roundelay::test! {
    on EventLoop::builder().virtual_time().name("macro");

    async fn a_test_takes_the_settings_of_its_loop() {
        let _watched = crate::support::watch();
        let start = now();
        sleep(HOUR).await;
        assert_eq!(now(), start + HOUR);
    }

    #[should_panic(expected = "on purpose")]
    async fn and_may_fail_as_any_other() {
        let _watched = crate::support::watch();
        panic!("on purpose, after {:?}", timeout(HOUR, pending::<()>()).await);
    }
}

// Things outside the loop.

#[test]
fn a_job_holds_the_clock_until_it_is_done() {
    let _watched = crate::support::watch();
    run(async {
        let start = now();
        let job = || offload(|| thread::sleep(20 * MS));
        timeout(MS, job())
            .await
            .expect("a job takes no time")
            .unwrap();
        assert_eq!(now(), start);
        // One job is not awaited yet, some are dropped before or after they begin, and one fails.
        let (first, second, failing) = (job(), job(), offload(|| panic!("on purpose")));
        drop(second);
        let given_up = spawn(async move { job().await });
        yield_now().await;
        given_up.abort();
        sleep(HOUR).await;
        assert_eq!(now(), start + HOUR);
        first.await.unwrap();
        assert!(failing.await.unwrap_err().is_panic());
        assert_eq!(now(), start + HOUR);
    });
}

#[test]
fn a_job_that_is_refused_holds_nothing() {
    let _watched = crate::support::watch();
    let builder = EventLoop::builder().virtual_time().offload_threads(0);
    builder.build().unwrap().run(async {
        assert!(offload(|| ()).await.unwrap_err().is_refused());
        sleep(HOUR).await;
    });
}

#[test]
fn what_a_thread_sends_before_it_lets_go_comes_before_the_clock_moves() {
    let _watched = crate::support::watch();
    for _ in 0..if cfg!(miri) { 3 } else { 200 } {
        run(async {
            let start = now();
            let (sender, mut receiver) = roundelay::remote::channel(1);
            let (hold, other) = (hold(), hold());
            drop(other);
            let thread = thread::spawn(move || {
                sender.send_blocking("sent").unwrap();
                drop(hold);
            });
            assert_eq!(timeout(MS, receiver.recv()).await, Ok(Some("sent")));
            assert_eq!(now(), start);
            sleep(HOUR).await;
            thread.join().unwrap();
        });
    }
}

#[test]
fn a_hold_that_outlives_its_loop_or_has_a_real_clock_does_no_harm() {
    let _watched = crate::support::watch();
    let held = run(async { hold() });
    assert!(format!("{held:?}").contains("is_held: true"));
    drop(held);
    roundelay::run(async {
        let hold = hold();
        assert!(format!("{hold:?}").contains("is_held: false"));
        sleep(MS).await;
    });
}

#[test]
fn a_socket_holds_nothing_and_what_was_written_is_read_first() {
    let _watched = crate::support::watch();
    run(async {
        let start = now();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).await.unwrap() > 0 {
                stream.write_all(&byte).await.unwrap();
            }
        });
        let stream = timeout(SECOND, TcpStream::connect(address))
            .await
            .unwrap()
            .unwrap();
        for n in 0..100 {
            stream.write_all(&[n]).await.unwrap();
            let mut byte = [0];
            timeout(SECOND, stream.read_exact(&mut byte))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(byte, [n]);
            assert_eq!(now(), start, "the answer must be there at once");
        }
        // Each side waits for the other now, so a day goes by.
        assert!(timeout(24 * HOUR, stream.read(&mut [0])).await.is_err());
        assert_eq!(now(), start + 24 * HOUR);
        drop(stream);
        server.await.unwrap();
    });
}

#[test]
fn a_peer_on_another_thread_is_waited_for_while_the_clock_is_held() {
    let _watched = crate::support::watch();
    run(async {
        let start = now();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hold = hold();
        let peer = thread::spawn(move || {
            let mut stream = StdStream::connect(address).unwrap();
            thread::sleep(10 * MS);
            stream.write_all(b"late").unwrap();
            drop(hold);
            stream
        });
        let mut word = [0; 4];
        let read = async {
            let (stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut word).await.unwrap();
        };
        timeout(MS, read).await.unwrap();
        assert_eq!((now(), &word), (start, b"late"));
        drop(peer.join().unwrap());
    });
}

// A host, and the end of a loop.

#[test]
fn a_turn_moves_the_clock_by_its_timeout_at_most() {
    let _watched = crate::support::watch();
    let mut event_loop = event_loop();
    let start = event_loop.enter(now);
    let nap = event_loop.spawn(sleep(10 * SECOND));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(event_loop.enter(now), start);
    assert_eq!(event_loop.next_deadline(), Some(start + 10 * SECOND));
    event_loop.turn(Some(4 * SECOND)).unwrap();
    assert_eq!(event_loop.enter(now), start + 4 * SECOND);
    assert!(!nap.is_finished());
    event_loop.turn(Some(HOUR)).unwrap();
    assert_eq!(event_loop.enter(now), start + 10 * SECOND);
    assert!(nap.is_finished());
    // While the clock is held, the turn waits in real time.
    let (held, wall) = (event_loop.enter(hold), Instant::now());
    while wall.elapsed() < 5 * MS {
        event_loop.turn(Some(MS)).unwrap();
    }
    assert_eq!(event_loop.enter(now), start + 10 * SECOND);
    drop(held);
}

#[test]
fn a_shutdown_ends_by_whichever_clock() {
    let _watched = crate::support::watch();
    // The grace is a day, but takes no real time.
    let event_loop = event_loop();
    drop(event_loop.spawn(pending::<()>()));
    let polite = event_loop.spawn(sleep(HOUR));
    let report = event_loop.shutdown(24 * HOUR);
    assert_eq!((report.tasks.len(), polite.is_finished()), (1, true));
    // Here the loop's clock is held, and the grace is real time.
    let event_loop = self::event_loop();
    let hold = event_loop.enter(hold);
    drop(event_loop.spawn(sleep(MS)));
    assert_eq!(event_loop.shutdown(5 * MS).tasks.len(), 1);
    drop(hold);
}

#[test]
fn a_posted_call_finds_the_loops_time() {
    let _watched = crate::support::watch();
    run(async {
        let (start, seen) = (now(), Rc::new(Cell::new(None)));
        sleep(HOUR).await;
        let remote = Remote::current();
        let handle = remote.spawn(|| async { now() });
        seen.set(Some(handle.await.unwrap()));
        assert_eq!(seen.get(), Some(start + HOUR));
        let mut late = pin!(sleep_until(start));
        assert!(poll_once(late.as_mut()).is_ready());
    });
}
