//! What the loop allocates: one cell a task, and in the steady state nothing else. Counted to the last byte by an allocator
//! of our own, per thread.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::allocations::{allocations, bytes, since};
use crate::support::{Gate, PATIENCE, own_waker, watchdog};
use roundelay::{EventLoop, Remote, run, sleep, spawn, task, yield_now};

/// Room that a table of `count` tasks needs is made once; this makes it.
async fn warm_up(count: usize) {
    let tasks: Vec<_> = (0..count).map(|_| spawn(yield_now())).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn the_allocator_counts() {
    let _watched = crate::support::watch();
    let before = allocations();
    drop(std::hint::black_box(Box::new(7_u64)));
    let mut list = std::hint::black_box(Vec::<u8>::with_capacity(1));
    list.reserve(1_000);
    assert_eq!(since(before), 3);
}

#[test]
fn a_spawn_allocates_a_cell_and_the_next_of_its_kind_refills_it() {
    let _watched = crate::support::watch();
    run(async {
        warm_up(200).await;
        let mut handles = Vec::with_capacity(100);
        for (spawns, why) in [(100, "a cell each"), (0, "spares")] {
            let before = allocations();
            for n in 0..100_u64 {
                handles.push(spawn(async move {
                    yield_now().await;
                    // The output is wider than the future: it moves into the same cell all the same.
                    [n; 32]
                }));
            }
            assert_eq!(since(before), spawns, "{why}");
            let before = allocations();
            for (n, handle) in handles.drain(..).enumerate() {
                assert_eq!(handle.await.unwrap(), [n as u64; 32]);
            }
            assert_eq!(since(before), 0, "{why}");
        }
    });
}

/// An empty cell is kept for the next task of its kind, but nobody wants to keep megabytes for one that may never come.
#[test]
fn a_cell_of_megabytes_is_not_kept() {
    crate::support::watchdog_on_stack(64 << 20, || {
        run(async {
            warm_up(10).await;
            // Some small ones that wait already, whatever the shelf.
            macro_rules! one_of_each {
                ($($words:literal)*) => { $(one_of_words::<$words>().await;)* };
            }
            one_of_each!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
            let before = bytes();
            for _ in 0..3 {
                spawn(async {
                    let wide = std::hint::black_box([0_u8; 1 << 20]);
                    yield_now().await;
                    std::hint::black_box(&wide);
                })
                .await
                .unwrap();
            }
            let kept = bytes() - before;
            assert!(kept < 1 << 17, "{kept} bytes are kept");
        });
    });
}

async fn one_of_words<const WORDS: usize>() {
    let ballast = async {
        let words = std::hint::black_box([0_u64; WORDS]);
        yield_now().await;
        std::hint::black_box(&words);
    };
    spawn(ballast).await.unwrap();
}

#[test]
fn a_name_is_one_allocation_more() {
    let _watched = crate::support::watch();
    run(async {
        warm_up(20).await;
        let name = String::from("pump").into_boxed_str();
        let before = allocations();
        let handle = task::Builder::new().name(name).spawn(async {});
        assert_eq!(since(before), 1, "the name was allocated by the caller");
        handle.await.unwrap();
    });
}

#[test]
fn detaching_aborting_and_abort_handles_allocate_nothing() {
    let _watched = crate::support::watch();
    run(async {
        warm_up(200).await;
        let tasks: Vec<_> = (0..100)
            .map(|_| spawn(std::future::pending::<()>()))
            .collect();
        yield_now().await;
        let before = allocations();
        for task in &tasks[..50] {
            let abort = task.abort_handle();
            abort.clone().abort();
            drop(abort);
        }
        yield_now().await;
        assert!(tasks[..50].iter().all(|task| task.is_finished()));
        // A cancelled task has an error to hand out, and that is an allocation each. Nothing else is.
        let errors = since(before);
        assert!(errors <= 50, "{errors} allocations for 50 aborts");
        let before = allocations();
        drop(tasks);
        assert_eq!(since(before), 0);
    });
}

#[test]
fn polls_yields_and_wakes_allocate_nothing() {
    let _watched = crate::support::watch();
    run(async {
        warm_up(200).await;
        assert_eq!(poll_yield_and_wake().await, 0);
    });
}

/// Many tasks that wait, yield and are woken; the allocations from the moment when all of them wait.
async fn poll_yield_and_wake() -> usize {
    let gates: Vec<_> = (0..100).map(|_| [Gate::new(), Gate::new()]).collect();
    let done = Gate::new();
    let count = std::rc::Rc::new(Cell::new(0));
    for gate in &gates {
        let ([first, second], done, count) = (gate.clone(), done.clone(), count.clone());
        drop(spawn(async move {
            first.wait().await;
            for _ in 0..10 {
                yield_now().await;
                task::consume_budget().await;
            }
            second.wait().await;
            count.set(count.get() + 1);
            if count.get() == 100 {
                done.open();
            }
        }));
    }
    yield_now().await;
    let before = allocations();
    for [first, second] in &gates {
        first.open();
        second.open();
    }
    done.wait().await;
    let waker = own_waker().await;
    for _ in 0..1_000 {
        let clone = waker.clone();
        waker.wake_by_ref();
        clone.wake();
    }
    yield_now().await;
    since(before)
}

#[test]
fn turns_that_find_nothing_and_runs_of_a_ready_future_allocate_next_to_nothing() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(warm_up(10));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    let before = allocations();
    for _ in 0..100 {
        event_loop.turn(Some(Duration::ZERO)).unwrap();
    }
    assert_eq!(since(before), 0);
    let before = allocations();
    for n in 0..100 {
        assert_eq!(event_loop.run(async { n }), n);
    }
    // The loan of the main future, and its cell.
    assert!(since(before) <= 200, "{} for 100 runs", since(before));
}

#[test]
fn sleeping_allocates_nothing_once_the_wheel_has_room() {
    watchdog(PATIENCE, || {
        run(async {
            let mut naps = Vec::with_capacity(100);
            // The first round makes the room that the second one is measured in.
            for round in 0..2 {
                let before = allocations();
                for n in 0..100 {
                    naps.push(spawn(sleep(Duration::from_micros(n * 20))));
                }
                for nap in naps.drain(..) {
                    nap.await.unwrap();
                }
                for _ in 0..100 {
                    sleep(Duration::from_micros(10)).await;
                    drop(sleep(Duration::from_secs(1)));
                }
                if round == 1 {
                    assert_eq!(
                        since(before),
                        0,
                        "the cells of the first round were refilled"
                    );
                }
            }
        });
    });
}

/// Bursts of wakes from another thread; mostly the loop sleeps between them.
///
/// It may also lag behind: it answers a round by the poll that an older wake has earned, and may rest before it looks into
/// its mail again. Then the queue holds what was left of that round but for one, and two rounds more. That has to fit the
/// room that a queue has from the beginning, which is for eight.
#[test]
fn wakes_from_another_thread_allocate_nothing_on_either_side() {
    const ROUNDS: usize = 200;
    const BURST: usize = 3;
    watchdog(PATIENCE, || {
        let (count, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (waker_out, waker_in) = mpsc::channel::<Waker>();
        let thread = thread::spawn({
            let (count, seen) = (count.clone(), seen.clone());
            move || {
                let waker = waker_in.recv().unwrap();
                let mut before = 0;
                for round in 1..=ROUNDS {
                    // What a thread or a loop makes once, it has made in the first rounds.
                    if round == 20 {
                        before = allocations();
                    }
                    count.store(round, SeqCst);
                    for _ in 0..BURST {
                        waker.wake_by_ref();
                    }
                    while seen.load(SeqCst) < round {
                        thread::yield_now();
                    }
                }
                since(before)
            }
        });
        run(async {
            waker_out.send(own_waker().await).unwrap();
            let mut before = 0;
            poll_fn(|_| {
                let round = count.load(SeqCst);
                if round < 20 {
                    before = allocations();
                }
                seen.store(round, SeqCst);
                if round == ROUNDS {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            assert_eq!(since(before), 0, "on the loop's side");
        });
        assert_eq!(thread.join().unwrap(), 0, "on the other side");
    });
}

#[test]
fn a_post_allocates_its_call_and_nothing_else() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    let round = |event_loop: &mut EventLoop| {
        for n in 0..100_u64 {
            remote
                .post(move || assert!(std::hint::black_box(n) < 100))
                .unwrap();
        }
        // One look delivers sixty-four.
        while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    };
    round(&mut event_loop);
    round(&mut event_loop);
    let before = allocations();
    round(&mut event_loop);
    assert_eq!(since(before), 100);
}

/// The loop is frozen: it polls a task that does not come back. Eight threads go on waking.
#[test]
fn a_flood_of_wakes_at_a_frozen_loop_is_thinned_out_and_loses_nobody() {
    const TASKS: usize = 100;
    watchdog(PATIENCE, || {
        run(async {
            let polled = std::rc::Rc::new(Cell::new(0));
            let (waker_out, wakers) = mpsc::channel();
            for _ in 0..TASKS {
                let (polled, waker_out) = (polled.clone(), waker_out.clone());
                drop(spawn(poll_fn(move |cx| {
                    polled.set(polled.get() + 1);
                    waker_out.send(cx.waker().clone()).unwrap();
                    Poll::<()>::Pending
                })));
            }
            yield_now().await;
            let wakers: Vec<Waker> = wakers.try_iter().collect();
            assert_eq!((wakers.len(), polled.get()), (TASKS, TASKS));

            let flood = || {
                let before = bytes();
                for n in 0..25_000 {
                    wakers[n % TASKS].wake_by_ref();
                }
                bytes() - before
            };
            let growth: isize = thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(flood)).collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .sum()
            });
            // 200,000 notes would be three megabytes and more.
            assert!(growth < 16_384, "{growth} bytes for a flood of wakes");
            Remote::current().spawn(|| async {}).await.unwrap();
            yield_now().await;
            // The queue holds twice as many notes as tasks at most, and they are delivered in parts: so a task may be polled
            // between two of its notes.
            let polls = polled.get() - TASKS;
            assert!((TASKS..=2 * TASKS).contains(&polls), "{polls} polls");
        });
    });
}

/// A task that has finished leaves nothing behind: neither a cell, nor a timer, nor a waker.
#[test]
fn ten_rounds_of_everything_use_as_much_memory_as_two() {
    watchdog(PATIENCE, || {
        run(async {
            let mut in_use = Vec::with_capacity(10);
            for _ in 0..10 {
                let tasks: Vec<_> = (0..500_u64)
                    .map(|n| {
                        spawn(async move {
                            sleep(Duration::from_micros(n)).await;
                            Remote::current().post(|| ()).unwrap();
                            n
                        })
                    })
                    .collect();
                for (n, task) in tasks.into_iter().enumerate() {
                    if n % 3 == 0 {
                        task.abort();
                    }
                    let _ = task.await;
                }
                yield_now().await;
                in_use.push(bytes());
            }
            assert_eq!(in_use[9], in_use[1], "{in_use:?}");
        });
    });
}

/// Twice as many slots as tasks would be most of what a parked task takes.
#[test]
fn the_tables_have_room_for_an_eighth_more_tasks_at_most() {
    /// One more than a power of two, after which a table that doubles is half empty.
    const TASKS: usize = (1 << 16) + 1;
    /// A slot, and its place in the queue.
    const EACH: usize = 32 + 4;
    let _watched = crate::support::watch();
    let event_loop = EventLoop::new().unwrap();
    let mut handles = Vec::with_capacity(TASKS + 1);
    handles.push(event_loop.spawn(pending::<()>()));
    let before = bytes();
    handles.push(event_loop.spawn(pending::<()>()));
    // There are four slots from the beginning, so this is the cell alone.
    let cell = bytes() - before;
    handles.extend((2..TASKS).map(|_| event_loop.spawn(pending::<()>())));
    let tables = bytes() - before - cell * (TASKS as isize - 1);
    let most = TASKS * EACH * 9 / 8;
    assert!(
        tables as usize <= most,
        "{tables} bytes of tables for {TASKS} tasks, and {most} are the most"
    );
}
