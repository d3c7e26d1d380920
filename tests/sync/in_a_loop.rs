//! `sync` inside a loop: tasks hand values to one another, and no task holds the thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{PATIENCE, watchdog};
use roundelay::sync::{Barrier, Event, Mutex, Notify, Queue, Semaphore, mpsc, oneshot};
use roundelay::{spawn, yield_now};

/// `roundelay::run`, under a watchdog.
fn run_watched<T: Send + 'static>(main: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    watchdog(PATIENCE, || roundelay::run(main()))
}

/// Runs `greedy` beside a neighbour. Gives the number of turns that the neighbour had until `greedy` ended.
fn turns_of_a_neighbour(greedy: impl AsyncFn()) -> usize {
    roundelay::run(async {
        let turns = Rc::new(Cell::new(0));
        let neighbour = spawn({
            let turns = Rc::clone(&turns);
            async move {
                loop {
                    turns.set(turns.get() + 1);
                    yield_now().await;
                }
            }
        });
        greedy().await;
        neighbour.abort();
        turns.get()
    })
}

const ROUNDS: usize = if cfg!(miri) { 300 } else { 10_000 };

#[test]
fn no_primitive_holds_the_thread_even_if_it_never_has_to_wait() {
    watchdog(PATIENCE, measure_each_primitive);
}

fn measure_each_primitive() {
    let check = |name, operations: usize, turns: usize| {
        let least = operations / 128 - 1;
        assert!(
            turns >= least,
            "{name}: {turns} turns for the neighbour in {operations} operations"
        );
    };
    let mutex = Mutex::new(());
    check(
        "mutex",
        ROUNDS,
        turns_of_a_neighbour(async || {
            for _ in 0..ROUNDS {
                drop(mutex.lock().await)
            }
        }),
    );
    let semaphore = Semaphore::new(1);
    check(
        "semaphore",
        ROUNDS,
        turns_of_a_neighbour(async || {
            for _ in 0..ROUNDS {
                drop(semaphore.acquire().await)
            }
        }),
    );
    let event = Event::new();
    event.set();
    check(
        "event",
        ROUNDS,
        turns_of_a_neighbour(async || {
            for _ in 0..ROUNDS {
                event.wait().await
            }
        }),
    );
    let notify = Notify::new();
    check(
        "notify",
        ROUNDS,
        turns_of_a_neighbour(async || {
            for _ in 0..ROUNDS {
                notify.notify_one();
                notify.notified().await;
            }
        }),
    );
    let barrier = Barrier::new(1);
    check(
        "barrier",
        ROUNDS,
        turns_of_a_neighbour(async || {
            for _ in 0..ROUNDS {
                barrier.wait().await.unwrap();
            }
        }),
    );
    let queue = Queue::bounded(1);
    check(
        "queue",
        2 * ROUNDS,
        turns_of_a_neighbour(async || {
            for n in 0..ROUNDS {
                queue.put(n).await.unwrap();
                queue.get().await;
            }
        }),
    );
    check(
        "mpsc",
        2 * ROUNDS,
        turns_of_a_neighbour(async || {
            let (sender, mut receiver) = mpsc::channel(1);
            for n in 0..ROUNDS {
                sender.send(n).await.unwrap();
                receiver.recv().await;
            }
        }),
    );
    check(
        "oneshot",
        ROUNDS,
        turns_of_a_neighbour(async || {
            for n in 0..ROUNDS {
                let (sender, receiver) = oneshot::channel();
                sender.send(n).unwrap();
                receiver.await.unwrap();
            }
        }),
    );
}

#[test]
fn tasks_take_turns_at_a_lock_in_the_order_in_which_they_asked() {
    let _watched = crate::support::watch();
    let order = run_watched(async || {
        let mutex = Rc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..4)
            .map(|task| {
                let mutex = Rc::clone(&mutex);
                spawn(async move {
                    for _ in 0..3 {
                        let mut order = mutex.lock().await;
                        yield_now().await;
                        order.push(task);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        Rc::into_inner(mutex).unwrap().into_inner()
    });
    assert_eq!(order, [0, 1, 2, 3].repeat(3));
}

#[test]
fn aborted_tasks_pass_on_what_they_were_given() {
    let _watched = crate::support::watch();
    run_watched(async || {
        let semaphore = Rc::new(Semaphore::new(0));
        let served = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..6)
            .map(|task| {
                let (semaphore, served) = (Rc::clone(&semaphore), Rc::clone(&served));
                spawn(async move {
                    semaphore.acquire().await.unwrap().forget();
                    served.borrow_mut().push(task);
                })
            })
            .collect();
        yield_now().await;
        semaphore.add_permits(3); // tasks 0, 1 and 2 get them
        for task in [0, 2, 4] {
            tasks[task].abort();
        }
        for _ in 0..4 {
            yield_now().await;
        }
        assert_eq!(*served.borrow(), [1, 3, 5]);
    });
}

#[test]
fn several_consumers_share_the_work_of_several_producers() {
    let _watched = crate::support::watch();
    let sum = run_watched(async || {
        let queue = Rc::new(Queue::bounded(4));
        let sum = Rc::new(Cell::new(0));
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                let (queue, sum) = (Rc::clone(&queue), Rc::clone(&sum));
                spawn(async move {
                    while let Some(n) = queue.get().await {
                        yield_now().await;
                        sum.set(sum.get() + n);
                        queue.task_done().unwrap();
                    }
                })
            })
            .collect();
        let producers: Vec<_> = (0..5)
            .map(|from| {
                let queue = Rc::clone(&queue);
                spawn(async move {
                    for n in from * 100..(from + 1) * 100 {
                        queue.put(n).await.unwrap();
                    }
                })
            })
            .collect();
        for producer in producers {
            producer.await.unwrap();
        }
        queue.join().await;
        let sum = sum.get();
        queue.close();
        for consumer in consumers {
            consumer.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, (0..500).sum::<usize>());
}
