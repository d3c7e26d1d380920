//! What the loop allocates: one cell for each task, and in the steady state nothing else. Our own allocator counts each byte,
//! per thread.

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
use roundelay::{EventLoop, Remote, sleep, spawn, task, yield_now};

/// Makes the room that the tables need for `count` tasks. It is made only once.
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
    crate::run(async {
        warm_up(200).await;
        let mut handles = Vec::with_capacity(100);
        for (spawns, why) in [(100, "one cell for each task"), (0, "only spare cells")] {
            let before = allocations();
            for n in 0..100_u64 {
                handles.push(spawn(async move {
                    yield_now().await;
                    // The output is wider than the future, but it moves into the same cell.
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

/// A loop keeps an empty cell for the next task of its kind. Such a task may never come, so the loop does not keep megabytes.
#[test]
fn a_cell_of_megabytes_is_not_kept() {
    crate::support::watchdog_on_stack(64 << 20, || {
        crate::run(async {
            warm_up(10).await;
            // First there is a small spare cell on each shelf.
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
    crate::run(async {
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
    crate::run(async {
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
        // The error of each cancelled task is one allocation. There is no other.
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
    crate::run(async {
        warm_up(200).await;
        assert_eq!(poll_yield_and_wake().await, 0);
    });
}

/// Many tasks wait, yield and are woken. Gives the number of allocations after all of them have begun to wait.
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
    let mut event_loop = crate::event_loop();
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
    // Each run allocates twice: for the loan of the main future, and for its cell.
    assert!(
        since(before) <= 200,
        "{} allocations for 100 runs",
        since(before)
    );
}

#[test]
fn sleeping_allocates_nothing_once_the_wheel_has_room() {
    watchdog(PATIENCE, || {
        crate::run(async {
            let mut naps = Vec::with_capacity(100);
            // The first round makes the room. The second round is measured.
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

/// Another thread sends bursts of wakes. The loop usually sleeps between them.
///
/// The loop may also lag behind: a poll for an older wake may answer a round, and the loop may rest before it looks into
/// its mail again. Then the queue holds all wakes but one of that round, and two rounds more. They must fit into the
/// room that a queue has from the beginning, which is for eight.
#[test]
fn wakes_from_another_thread_allocate_nothing_on_either_side() {
    const ROUNDS: usize = 200;
    /// The wakes of three rounds may be in the inbox at once, if the loop's thread loses its processor between a look and a poll:
    /// six, and a new queue has room for eight.
    const BURST: usize = 2;
    watchdog(PATIENCE, || {
        let (count, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (waker_out, waker_in) = mpsc::channel::<Waker>();
        let thread = thread::spawn({
            let (count, seen) = (count.clone(), seen.clone());
            move || {
                let waker = waker_in.recv().unwrap();
                let mut before = 0;
                for round in 1..=ROUNDS {
                    // The first rounds make everything that a thread or a loop makes only once.
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
        crate::run(async {
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
            assert_eq!(since(before), 0, "the loop's thread has allocated");
        });
        assert_eq!(thread.join().unwrap(), 0, "the other thread has allocated");
    });
}

#[test]
fn a_post_allocates_its_call_and_nothing_else() {
    let _watched = crate::support::watch();
    let mut event_loop = crate::event_loop();
    let remote = event_loop.remote();
    let round = |event_loop: &mut EventLoop| {
        for n in 0..100_u64 {
            remote
                .post(move || assert!(std::hint::black_box(n) < 100))
                .unwrap();
        }
        // One look delivers sixty-four calls, so it takes more than one turn.
        while event_loop.turn(Some(Duration::ZERO)).unwrap().ready > 0 {}
    };
    round(&mut event_loop);
    round(&mut event_loop);
    let before = allocations();
    round(&mut event_loop);
    assert_eq!(since(before), 100);
}

/// The loop is frozen, because it polls a task that does not return. Eight threads go on sending wakes.
#[test]
fn a_flood_of_wakes_at_a_frozen_loop_is_thinned_out_and_loses_nobody() {
    const TASKS: usize = 100;
    watchdog(PATIENCE, || {
        crate::run(async {
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
            // 200,000 notes would take more than three megabytes.
            assert!(growth < 16_384, "{growth} bytes for a flood of wakes");
            Remote::current().spawn(|| async {}).await.unwrap();
            yield_now().await;
            // The queue holds at most twice as many notes as there are tasks. They are delivered in parts, so a task may be
            // polled between two of its notes.
            let polls = polled.get() - TASKS;
            assert!((TASKS..=2 * TASKS).contains(&polls), "{polls} polls");
        });
    });
}

/// A task that has finished leaves nothing behind: neither a cell, nor a timer, nor a waker.
#[test]
fn ten_rounds_of_everything_use_as_much_memory_as_two() {
    watchdog(PATIENCE, || {
        crate::run(async {
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

/// If there were twice as many slots as tasks, the slots would be most of the memory of a parked task.
#[test]
fn the_tables_have_room_for_an_eighth_more_tasks_at_most() {
    /// One more than a power of two. A table that doubles would be half empty now.
    const TASKS: usize = (1 << 16) + 1;
    /// The bytes of a slot and of its place in the queue.
    const EACH: usize = 32 + 4;
    let _watched = crate::support::watch();
    let event_loop = crate::event_loop();
    let mut handles = Vec::with_capacity(TASKS + 1);
    handles.push(event_loop.spawn(pending::<()>()));
    let before = bytes();
    handles.push(event_loop.spawn(pending::<()>()));
    // The loop has four slots from the beginning, so the difference is the cell alone.
    let cell = bytes() - before;
    handles.extend((2..TASKS).map(|_| event_loop.spawn(pending::<()>())));
    let tables = bytes() - before - cell * (TASKS as isize - 1);
    let most = TASKS * EACH * 9 / 8;
    assert!(
        tables as usize <= most,
        "{tables} bytes of tables for {TASKS} tasks, but at most {most} are allowed"
    );
}
