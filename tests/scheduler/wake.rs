//! A wake is never lost, never counted twice, and never reaches another task.

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::{pending, poll_fn};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{Counter, PATIENCE, counted, own_waker, rounds, watchdog};
use roundelay::{EventLoop, JoinHandle, TaskId, run, spawn, yield_now};

const NOT_AT_ALL: Option<Duration> = Some(Duration::ZERO);

fn new_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

/// A task that never finishes, counts its polls, and leaves the waker of its last poll.
fn parked(event_loop: &EventLoop, polls: &Counter) -> (JoinHandle<()>, Rc<RefCell<Option<Waker>>>) {
    let left = Rc::new(RefCell::new(None));
    let (polls, leave) = (polls.clone(), Rc::clone(&left));
    let handle = event_loop.spawn(poll_fn(move |cx| {
        polls.add();
        leave.replace(Some(cx.waker().clone()));
        Poll::<()>::Pending
    }));
    (handle, left)
}

/// The waker and the identifier of a task that has finished. Its slot waits for the next task of the same kind.
fn stale_waker(event_loop: &mut EventLoop) -> (Waker, TaskId) {
    let (handle, left) = parked(event_loop, &Counter::default());
    let id = handle.id();
    assert_eq!(turns_until_idle(event_loop), 1);
    handle.abort();
    drop(handle);
    assert_eq!(turns_until_idle(event_loop), 1);
    (left.take().expect("the task left its waker"), id)
}

fn turns_until_idle(event_loop: &mut EventLoop) -> usize {
    let mut polls = 0;
    loop {
        let turn = event_loop.turn(NOT_AT_ALL).expect("a turn");
        polls += turn.polls;
        if turn.polls == 0 && turn.ready == 0 {
            return polls;
        }
    }
}

fn on_another_thread(body: impl FnOnce() + Send + 'static) {
    thread::spawn(body)
        .join()
        .expect("the other thread ends well");
}

#[test]
fn a_task_woken_while_it_is_polled_is_polled_again() {
    watchdog(PATIENCE, || {
        let mut polls = 0;
        run(poll_fn(|cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        assert_eq!(polls, 3);
    });
}

#[test]
fn a_task_woken_by_another_thread_while_it_is_polled_is_polled_again() {
    watchdog(PATIENCE, || {
        let mut polls = 0;
        run(poll_fn(|cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            on_another_thread(move || waker.wake());
            Poll::Pending
        }));
        assert_eq!(polls, 3);
    });
}

// *wake-only-queues*: a wake polls no task, although the task that wakes is on the stack.
#[test]
fn a_task_woken_while_it_is_polled_by_the_task_that_it_wakes_is_polled_again() {
    watchdog(PATIENCE, || {
        // Each of the two tasks waits until the other's number has caught up. A lost wake stops both.
        let numbers = Rc::new(RefCell::new([0_u32; 2]));
        let wakers: Rc<RefCell<[Option<Waker>; 2]>> = Rc::default();
        let player = |me: usize| {
            let (numbers, wakers) = (Rc::clone(&numbers), Rc::clone(&wakers));
            poll_fn(move |cx| {
                wakers.borrow_mut()[me] = Some(cx.waker().clone());
                let mut numbers = numbers.borrow_mut();
                if numbers[me] <= numbers[1 - me] {
                    numbers[me] += 1;
                }
                let other = wakers.borrow()[1 - me].clone();
                if let Some(other) = other {
                    other.wake();
                }
                match numbers[me] {
                    1_000.. => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            })
        };
        let (left, right) = (player(0), player(1));
        run(async {
            let (left, right) = (spawn(left), spawn(right));
            left.await.expect("left ends");
            right.await.expect("right ends");
        });
    });
}

// *one-queue*: the second wake finds the task in the queue, and does not queue it again.
#[test]
fn a_task_woken_twice_is_polled_once() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let polls = Counter::default();
        let (_handle, waker) = parked(&event_loop, &polls);
        assert_eq!(turns_until_idle(&mut event_loop), 1);

        let waker = waker.take().expect("the task left its waker");
        event_loop.run(async {
            for _ in 0..5 {
                waker.wake_by_ref();
                let by_value = waker.clone();
                by_value.wake();
            }
            yield_now().await;
            yield_now().await;
        });
        assert_eq!(
            polls.get(),
            2,
            "each wake of a queued task was a poll of its own"
        );
        assert_eq!(turns_until_idle(&mut event_loop), 0);
    });
}

#[test]
fn a_task_woken_a_thousand_times_by_another_thread_before_the_loop_looks_is_polled_once() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let polls = Counter::default();
        let (_handle, waker) = parked(&event_loop, &polls);
        assert_eq!(turns_until_idle(&mut event_loop), 1);

        let waker = waker.take().expect("the task left its waker");
        on_another_thread(move || {
            (0..if cfg!(miri) { 20 } else { 1_000 }).for_each(|_| waker.wake_by_ref())
        });
        assert_eq!(turns_until_idle(&mut event_loop), 1);
        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn a_task_that_was_not_woken_is_not_polled() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let polls = Counter::default();
        let (_handle, _waker) = parked(&event_loop, &polls);
        event_loop.run(async {
            for _ in 0..1_000 {
                yield_now().await;
            }
        });
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn a_wake_is_counted_if_it_queues_a_task_and_not_otherwise() {
    let _watched = crate::support::watch();
    let mut event_loop = new_loop();
    let (gone, _) = stale_waker(&mut event_loop);
    let before = event_loop.metrics().wakes;
    let tasks = [(); 5].map(|()| parked(&event_loop, &Counter::default()));
    turns_until_idle(&mut event_loop);
    let wakers = tasks.each_ref().map(|(_, left)| left.take().unwrap());
    for round in 0..3 {
        assert_eq!(event_loop.metrics().wakes - before, 5 * round);
        for waker in wakers.iter().chain(&wakers).chain([&gone]) {
            waker.wake_by_ref();
        }
        turns_until_idle(&mut event_loop);
    }
    assert_eq!(event_loop.metrics().wakes - before, 15);
}

#[test]
fn a_wake_by_value_and_a_wake_by_reference_do_the_same() {
    watchdog(PATIENCE, || {
        for by_value in [false, true] {
            let mut event_loop = new_loop();
            let polls = Counter::default();
            let (_handle, waker) = parked(&event_loop, &polls);
            turns_until_idle(&mut event_loop);
            let waker = waker.take().expect("the task left its waker");
            event_loop.run(async move {
                match by_value {
                    true => waker.wake(),
                    false => waker.wake_by_ref(),
                }
            });
            turns_until_idle(&mut event_loop);
            assert_eq!(polls.get(), 2, "by value: {by_value}");
        }
    });
}

#[test]
fn a_waker_of_a_finished_task_is_inert() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let (waker, _) = stale_waker(&mut event_loop);
        let same = waker.clone();
        event_loop.run(async { same.wake() });
        assert_eq!(turns_until_idle(&mut event_loop), 0);
        waker.wake_by_ref();
        assert_eq!(turns_until_idle(&mut event_loop), 0);
        on_another_thread(move || waker.wake());
        assert_eq!(turns_until_idle(&mut event_loop), 0);
    });
}

#[test]
fn a_waker_of_a_finished_task_whose_handle_is_alive_is_inert() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let kept = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&kept);
        let handle = event_loop.spawn(async move { keep.replace(Some(own_waker().await)) });
        turns_until_idle(&mut event_loop);
        assert!(handle.is_finished());
        let waker = kept.take().expect("the task left its waker");
        event_loop.run(async { waker.wake() });
        assert!(
            event_loop.next_deadline().is_none(),
            "no task may be queued"
        );
        assert_eq!(turns_until_idle(&mut event_loop), 0);
        assert!(handle.is_finished());
    });
}

#[test]
fn a_task_woken_in_its_last_poll_is_not_polled_again_and_its_slot_is_not_lost() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let mut names = HashSet::new();
        for _ in 0..100 {
            let handle = event_loop.spawn(poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::Ready(())
            }));
            names.insert(slot_of(handle.id()));
            event_loop.run(handle).expect("it ends well");
            turns_until_idle(&mut event_loop);
        }
        assert!(names.len() <= 3, "100 tasks used the slots {names:?}");
    });
}

/// The slot of a task, which the debug text of its identifier shows.
fn slot_of(id: TaskId) -> String {
    let text = format!("{id:?}");
    text.rsplit(' ').next().expect("a word").to_owned()
}

// *stale-is-inert*: the number of a task that is gone wakes no task.
#[test]
fn a_stale_waker_spares_the_new_tenant_of_the_slot() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let (stale, old) = stale_waker(&mut event_loop);
        let polls = Counter::default();
        let (tenant, _waker) = parked(&event_loop, &polls);
        assert_eq!(slot_of(tenant.id()), slot_of(old), "the slot is reused");
        assert_ne!(tenant.id(), old);
        assert_eq!(turns_until_idle(&mut event_loop), 1);

        let same = stale.clone();
        event_loop.run(async {
            same.wake_by_ref();
            yield_now().await;
        });
        on_another_thread(move || stale.wake());
        let polled = (turns_until_idle(&mut event_loop), polls.get());
        assert_eq!(
            polled,
            (0, 1),
            "a stale waker woke the next tenant of its slot"
        );
    });
}

/// Each tenant leaves its waker behind in its last poll, and eight threads use these wakers. Still each later tenant is polled
/// twice, because a yield needs two polls.
#[test]
fn wakers_fired_from_eight_threads_at_a_reused_slot_harm_nobody() {
    watchdog(10 * PATIENCE, || {
        let tenants = match cfg!(miri) {
            true => 20,
            false => rounds(40_000, 1_000_000),
        };
        let is_over = Arc::new(AtomicBool::new(false));
        let board: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (is_over, board) = (Arc::clone(&is_over), Arc::clone(&board));
                thread::spawn(move || {
                    while !is_over.load(SeqCst) {
                        let old = board.lock().expect("the board").clone();
                        old.into_iter().for_each(Waker::wake);
                        thread::yield_now();
                    }
                })
            })
            .collect();

        let polls = Counter::default();
        let mut slots = HashSet::new();
        run(async {
            for tenant in 0..tenants {
                let board = Arc::clone(&board);
                let handle = spawn(counted(&polls, async move {
                    yield_now().await;
                    let waker = own_waker().await;
                    let mut board = board.lock().expect("the board");
                    match board.len() {
                        ..8 => board.push(waker),
                        _ => board[tenant % 8] = waker,
                    }
                }));
                if tenant % 1_024 == 0 {
                    slots.insert(slot_of(handle.id()));
                }
                handle.await.expect("it ends well");
            }
        });
        is_over.store(true, SeqCst);
        for thread in threads {
            thread.join().expect("the thread ends well");
        }
        assert_eq!(polls.get(), 2 * tenants);
        assert!(slots.len() <= 8, "the tenants used the slots {slots:?}");
    });
}

#[test]
fn a_waker_outlives_its_loop() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let (finished, _) = stale_waker(&mut event_loop);
        let polls = Counter::default();
        let (handle, alive) = parked(&event_loop, &polls);
        turns_until_idle(&mut event_loop);
        let alive = alive.take().expect("the task left its waker");
        drop(event_loop);
        assert!(handle.is_finished());
        for waker in [finished, alive] {
            waker.wake_by_ref();
            let same = waker.clone();
            run(async { same.wake() });
            on_another_thread(move || waker.wake());
        }
        assert_eq!(polls.get(), 1);
    });
}

/// A loop that has got the inbox of `old`'s loop. Loops of other tests may get it first, so this may take some time.
fn successor_of(old: TaskId) -> EventLoop {
    let mut others = Vec::new();
    for _ in 0..100_000 {
        let event_loop = new_loop();
        let probe = event_loop.spawn(pending::<()>());
        if loop_of(probe.id()) == loop_of(old) {
            return event_loop;
        }
        others.push(event_loop);
        if others.len() == 64 {
            others.clear();
        }
    }
    panic!("no loop has got the inbox of {old}");
}

fn loop_of(id: TaskId) -> String {
    let text = id.to_string();
    text.split('.').next().expect("a number").to_owned()
}

#[test]
fn a_waker_of_an_earlier_loop_wakes_nobody_in_the_loop_that_has_its_inbox_now() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let stale: Vec<(Waker, TaskId)> = (0..50).map(|_| stale_waker(&mut event_loop)).collect();
        let old = stale[0].1;
        drop(event_loop);

        let mut event_loop = successor_of(old);
        let polls = Counter::default();
        let tenants: Vec<_> = (0..50).map(|_| parked(&event_loop, &polls)).collect();
        turns_until_idle(&mut event_loop);
        assert_eq!(polls.get(), 50);
        let names: HashSet<TaskId> = tenants.iter().map(|(handle, _)| handle.id()).collect();
        assert!(stale.iter().all(|(_, id)| !names.contains(id)));

        let (here, there): (Vec<_>, Vec<_>) =
            stale.into_iter().map(|(w, _)| (w.clone(), w)).unzip();
        event_loop.run(async { here.iter().for_each(Waker::wake_by_ref) });
        here.iter().for_each(Waker::wake_by_ref);
        on_another_thread(move || there.into_iter().for_each(Waker::wake));
        assert_eq!(turns_until_idle(&mut event_loop), 0);
        assert_eq!(polls.get(), 50);
    });
}

#[test]
fn two_wakers_will_wake_the_same_task_exactly_if_they_are_of_the_same_task() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let (old, old_id) = stale_waker(&mut event_loop);
        let (tenant, id) = stale_waker(&mut event_loop);
        assert_eq!(slot_of(old_id), slot_of(id), "the slot is reused");
        assert!(!old.will_wake(&tenant), "only the slots are the same");

        let mut other_loop = new_loop();
        let (stranger, _) = stale_waker(&mut other_loop);
        assert!(!stranger.will_wake(&old) && !stranger.will_wake(&tenant));

        let (first, second) = event_loop.run(async {
            let first = own_waker().await;
            yield_now().await;
            (first, own_waker().await)
        });
        assert!(first.will_wake(&second), "two polls of one task");
        assert!(first.will_wake(&first.clone()));
        assert!(first.clone().will_wake(&second.clone()));
        let far = first.clone();
        let far = thread::spawn(move || far.clone())
            .join()
            .expect("a clone from afar");
        assert!(far.will_wake(&first));
    });
}

#[test]
fn all_wakers_have_one_vtable_at_one_address() {
    watchdog(PATIENCE, || {
        let mut event_loop = new_loop();
        let (one, _) = stale_waker(&mut event_loop);
        let other = run(async { spawn(own_waker()).await.expect("it ends well") });
        let clone = one.clone();
        let far = clone.clone();
        let far = thread::spawn(move || far.clone())
            .join()
            .expect("a clone from afar");
        for waker in [&other, &clone, &far] {
            assert!(ptr::eq(one.vtable(), waker.vtable()));
        }
        assert_eq!(one.data(), far.data());
        assert_ne!(one.data(), other.data());
    });
}

#[test]
fn wakers_are_cloned_and_dropped_on_any_thread_in_any_number() {
    watchdog(PATIENCE, || {
        run(async {
            let waker = own_waker().await;
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let waker = waker.clone();
                    thread::spawn(move || {
                        let count = if cfg!(miri) { 10 } else { 10_000 };
                        let clones: Vec<Waker> = (0..count).map(|_| waker.clone()).collect();
                        drop(waker);
                        clones.into_iter().next_back()
                    })
                })
                .collect();
            for thread in threads {
                let one = thread.join().expect("the thread ends well");
                assert!(one.is_some_and(|one| one.will_wake(&waker)));
            }
        });
    });
}
