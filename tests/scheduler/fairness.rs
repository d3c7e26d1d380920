//! No task can keep the other tasks from their turn, or the loop from its look. The tests count polls, and measure no time.
//!
//! Chapter 4 proves the bound: a due timer and a ready socket wait for at most 64 polls and one look. A note from another
//! thread waits for the end of the current poll. The look queues the waiting task behind the tasks that are ready by then.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::pair::pair;
use crate::support::{Counter, PATIENCE, counted, now_or_never, poll_once, watchdog};
use roundelay::net::TcpListener;
use roundelay::task::consume_budget;
use roundelay::time::Sleep;
use roundelay::{EventLoop, Remote, run, sleep, spawn, yield_now};

const POLL_BUDGET: usize = 64;
const OPERATIONS_PER_POLL: usize = 128;

/// Counts the polls of the tasks that keep the loop busy. In one of these polls it makes the event happen for which the
/// victim waits. So the event is there before that poll ends, and each later poll is a delay.
struct Busy {
    polls: Arc<AtomicUsize>,
    happens_at: usize,
    event: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl Busy {
    fn new(happens_at: usize) -> Rc<Self> {
        Rc::new(Self {
            polls: Arc::default(),
            happens_at,
            event: RefCell::default(),
        })
    }

    fn when_it_is_time(&self, event: impl FnOnce() + 'static) {
        self.event.replace(Some(Box::new(event)));
    }

    /// The future, whose polls are counted.
    fn keep<F: Future>(self: &Rc<Self>, future: F) -> impl Future<Output = F::Output> + use<F> {
        let busy = Rc::clone(self);
        async move {
            let mut future = pin!(future);
            poll_fn(|cx| {
                let polls = busy.polls.load(SeqCst) + 1;
                busy.polls.store(polls, SeqCst);
                if polls == busy.happens_at {
                    let event = busy.event.take().expect("the victim waits for the event");
                    event();
                }
                future.as_mut().poll(cx)
            })
            .await
        }
    }

    /// The number of polls that have begun since the event.
    fn delay(&self) -> usize {
        self.polls.load(SeqCst) - self.happens_at
    }
}

/// A way to keep the loop busy for ever. Spawns its tasks, and gives the largest number of them that are ready at once.
type Bully = fn(&Rc<Busy>) -> usize;

fn a_task_that_wakes_itself(busy: &Rc<Busy>) -> usize {
    drop(spawn(busy.keep(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }))));
    1
}

fn a_pair_that_wakes_each_other(busy: &Rc<Busy>) -> usize {
    let wakers: Rc<RefCell<[Option<Waker>; 2]>> = Rc::default();
    for me in 0..2 {
        let wakers = Rc::clone(&wakers);
        drop(spawn(busy.keep(poll_fn(move |cx| {
            let mut wakers = wakers.borrow_mut();
            wakers[me] = Some(cx.waker().clone());
            if let Some(other) = &wakers[1 - me] {
                other.wake_by_ref();
            }
            Poll::<()>::Pending
        }))));
    }
    2
}

fn a_socket_that_is_always_ready(busy: &Rc<Busy>) -> usize {
    let (one, other) = pair().expect("a pair of sockets");
    drop(spawn(busy.keep(async move {
        loop {
            other.write_all(b"x").await.expect("there is room");
            one.read_exact(&mut [0]).await.expect("there is a byte");
            // A poll must end after 128 operations. These 61 operations cost no system call. A round has 63 operations, so the
            // end falls on each kind of operation.
            for _ in 0..61 {
                consume_budget().await;
            }
        }
    })));
    1
}

fn a_task_that_spawns_tasks(busy: &Rc<Busy>) -> usize {
    let parent = Rc::clone(busy);
    drop(spawn(busy.keep(async move {
        loop {
            for _ in 0..3 {
                drop(spawn(parent.keep(async {})));
            }
            yield_now().await;
        }
    })));
    4
}

fn a_crowd(busy: &Rc<Busy>) -> usize {
    (0..200).map(|_| a_task_that_wakes_itself(busy)).sum()
}

const BULLIES: [Bully; 5] = [
    a_task_that_wakes_itself,
    a_pair_that_wakes_each_other,
    a_socket_that_is_always_ready,
    a_task_that_spawns_tasks,
    a_crowd,
];

/// Runs a bully and its victim once for each poll of a whole round, and lets the event happen in that poll. Gives the longest
/// delay, and the largest number of ready tasks.
fn longest_delay<V, F>(bully: Bully, poll_budget: usize, victim: V) -> (usize, usize)
where
    V: Fn(Rc<Busy>) -> F,
    F: Future<Output = usize>,
{
    let (mut longest, mut ready) = (0, 0);
    for happens_at in 2 * poll_budget..3 * poll_budget {
        let builder = EventLoop::builder().poll_budget(poll_budget);
        let mut event_loop = builder.build().expect("a loop");
        let busy = Busy::new(happens_at);
        longest = longest.max(event_loop.run(async {
            let waits = victim(Rc::clone(&busy));
            let mut waits = pin!(waits);
            // The victim waits before the bully begins.
            assert!(
                poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx)))
                    .await
                    .is_pending()
            );
            ready = bully(&busy);
            waits.await
        }));
    }
    (longest, ready)
}

/// The victim is queued at most one round of polls after the event, and polled when the queue has come to it.
fn assert_bounded<V, F>(victim: V)
where
    V: Fn(Rc<Busy>) -> F,
    F: Future<Output = usize>,
{
    for poll_budget in [POLL_BUDGET, 7] {
        for bully in BULLIES {
            let (longest, ready) = longest_delay(bully, poll_budget, &victim);
            assert!(
                longest <= poll_budget + ready,
                "{longest} polls, with {ready} ready and a look after {poll_budget}"
            );
        }
    }
}

/// Shows the moment of the look itself: a due timer fires inside it, and its waker is one that counts at once.
async fn a_timer_that_fires(busy: Rc<Busy>) -> usize {
    struct Seen {
        polls: Arc<AtomicUsize>,
        at: AtomicUsize,
        task: Waker,
    }
    impl Wake for Seen {
        fn wake(self: Arc<Self>) {
            self.at.store(self.polls.load(SeqCst), SeqCst);
            self.task.wake_by_ref();
        }
    }
    let seen = Arc::new(Seen {
        polls: Arc::clone(&busy.polls),
        at: AtomicUsize::new(0),
        task: crate::support::own_waker().await,
    });
    let nap = Rc::new(RefCell::new(sleep(Duration::MAX)));
    let resets = Rc::clone(&nap);
    busy.when_it_is_time(move || make_due(&resets));
    let waker = Waker::from(Arc::clone(&seen));
    assert!(
        pin!(&mut *nap.borrow_mut())
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    poll_fn(|_| match seen.at.load(SeqCst) {
        0 => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
    seen.at.load(SeqCst) - busy.happens_at
}

/// A posted call runs when the loop takes its mail.
async fn a_posted_call(busy: Rc<Busy>) -> usize {
    let seen = Arc::new(AtomicUsize::new(0));
    let (remote, polls) = (Remote::current(), Arc::clone(&busy.polls));
    let (sees, waker) = (Arc::clone(&seen), crate::support::own_waker().await);
    busy.when_it_is_time(move || {
        let call = move || {
            sees.store(polls.load(SeqCst), SeqCst);
            waker.wake();
        };
        remote.post(call).expect("the loop is there");
    });
    poll_fn(|_| match seen.load(SeqCst) {
        0 => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
    seen.load(SeqCst) - busy.happens_at
}

fn make_due(nap: &RefCell<Sleep>) {
    // The wheel rounds the deadline up to a tick, and this tick is in the past too.
    let deadline = Instant::now() - Duration::from_millis(2);
    nap.borrow_mut().reset(deadline);
}

async fn a_wake_from_another_thread(busy: Rc<Busy>) -> usize {
    let (is_woken, waker) = (Rc::new(Cell::new(false)), crate::support::own_waker().await);
    let sets = Rc::clone(&is_woken);
    busy.when_it_is_time(move || {
        sets.set(true);
        thread::spawn(move || waker.wake())
            .join()
            .expect("the thread ends well");
    });
    poll_fn(|_| match is_woken.get() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
    busy.delay()
}

async fn a_timer(busy: Rc<Busy>) -> usize {
    let nap: Rc<RefCell<Sleep>> = Rc::new(RefCell::new(sleep(Duration::MAX)));
    let resets = Rc::clone(&nap);
    busy.when_it_is_time(move || make_due(&resets));
    poll_fn(|cx| pin!(&mut *nap.borrow_mut()).poll(cx)).await;
    busy.delay()
}

async fn an_accept(busy: Rc<Busy>) -> usize {
    let listener = StdListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let listener = TcpListener::from_std(listener).expect("a listener");
    let client = Rc::new(Cell::new(None));
    let connects = Rc::clone(&client);
    // The kernel finishes the connection by itself, so the connection is there when this returns.
    busy.when_it_is_time(move || {
        connects.set(Some(StdStream::connect(address).expect("a connection")));
    });
    listener.accept().await.expect("a connection");
    busy.delay()
}

// *bounded-look*: there are exactly this many polls between two looks, whatever comes in during them.
#[test]
fn the_loop_looks_after_its_budget_of_polls_whatever_its_tasks_do_and_not_sooner() {
    watchdog(PATIENCE, || {
        for poll_budget in [POLL_BUDGET, 7, 1] {
            for bully in BULLIES {
                let (longest, _) = longest_delay(bully, poll_budget, a_timer_that_fires);
                // The event may happen in the first poll after a look. Then the next look comes after the rest of the budget.
                assert_eq!(longest, poll_budget - 1);
            }
        }
    });
}

#[test]
fn the_loop_takes_its_mail_after_the_poll_in_which_it_came() {
    watchdog(PATIENCE, || {
        for bully in BULLIES {
            let (longest, _) = longest_delay(bully, POLL_BUDGET, a_posted_call);
            assert_eq!(longest, 0);
        }
    });
}

#[test]
fn no_task_delays_a_wake_from_another_thread_beyond_the_bound() {
    watchdog(PATIENCE, || assert_bounded(a_wake_from_another_thread));
}

#[test]
fn no_task_delays_a_timer_beyond_the_bound() {
    watchdog(PATIENCE, || assert_bounded(a_timer));
}

#[test]
fn no_task_delays_an_accept_beyond_the_bound() {
    watchdog(PATIENCE, || assert_bounded(an_accept));
}

#[test]
fn a_host_that_turns_by_hand_gets_a_look_in_each_turn() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().expect("a loop");
        let busy = Busy::new(usize::MAX);
        event_loop.run(async { a_task_that_wakes_itself(&busy) });
        for turn in 1..100 {
            let said = Counter::default();
            let says = said.clone();
            event_loop
                .remote()
                .post(move || says.add())
                .expect("the loop is there");
            let done = event_loop.turn(Some(Duration::ZERO)).expect("a turn");
            assert_eq!(
                (said.get(), done.polls, done.notes),
                (1, 1, 1),
                "turn {turn}"
            );
        }
    });
}

/// The number of polls that `work` needs as a task of its own.
fn polls_of<F: Future<Output: 'static> + 'static>(work: F) -> usize {
    let polls = Counter::default();
    run(async {
        let handle = spawn(counted(&polls, work));
        handle.await.expect("it ends well");
    });
    polls.get()
}

#[test]
fn a_poll_completes_128_operations_and_the_next_one_steps_back() {
    watchdog(PATIENCE, || {
        let spends = |operations: usize| async move {
            for _ in 0..operations {
                consume_budget().await;
            }
        };
        for (operations, polls) in [
            (0, 1),
            (1, 1),
            (128, 1),
            (129, 2),
            (256, 2),
            (257, 3),
            (1_000, 8),
        ] {
            assert_eq!(
                polls_of(spends(operations)),
                polls,
                "{operations} operations"
            );
        }
    });
}

#[test]
fn reads_and_writes_that_never_wait_spend_the_budget() {
    watchdog(PATIENCE, || {
        const ROUNDS: usize = 1_000;
        let polls = polls_of(async {
            let (one, other) = pair().expect("a pair of sockets");
            for _ in 0..ROUNDS {
                other.write_all(b"x").await.expect("there is room");
                one.read_exact(&mut [0]).await.expect("there is a byte");
            }
        });
        assert_eq!(polls, (2 * ROUNDS).div_ceil(OPERATIONS_PER_POLL));
    });
}

#[test]
fn awaiting_handles_of_finished_tasks_spends_the_budget() {
    watchdog(PATIENCE, || {
        const HANDLES: usize = 1_000;
        let polls = polls_of(async {
            let handles: Vec<_> = (0..HANDLES).map(|_| spawn(async {})).collect();
            yield_now().await;
            for handle in handles {
                handle.await.expect("it ends well");
            }
        });
        assert_eq!(polls, 1 + HANDLES.div_ceil(OPERATIONS_PER_POLL));
    });
}

#[test]
fn timers_that_are_due_spend_the_budget() {
    watchdog(PATIENCE, || {
        const NAPS: usize = 1_000;
        let polls = polls_of(async {
            for _ in 0..NAPS {
                sleep(Duration::ZERO).await;
            }
        });
        assert_eq!(polls, NAPS.div_ceil(OPERATIONS_PER_POLL));
    });
}

#[test]
fn each_task_has_a_budget_of_its_own_and_each_poll_a_fresh_one() {
    watchdog(PATIENCE, || {
        let polls: Vec<Counter> = (0..3).map(|_| Counter::default()).collect();
        run(async {
            let handles: Vec<_> = polls
                .iter()
                .map(|polls| {
                    spawn(counted(polls, async {
                        for _ in 0..10 {
                            for _ in 0..OPERATIONS_PER_POLL {
                                consume_budget().await;
                            }
                            yield_now().await;
                        }
                    }))
                })
                .collect();
            for handle in handles {
                handle.await.expect("it ends well");
            }
        });
        assert!(polls.iter().all(|polls| polls.get() == 11), "{polls:?}");
    });
}

#[test]
fn futures_that_share_a_task_share_its_budget_and_none_of_them_hangs() {
    watchdog(PATIENCE, || {
        run(async {
            let all: Vec<_> = (0..1_000)
                .map(|_| async {
                    for _ in 0..10 {
                        consume_budget().await;
                    }
                })
                .collect();
            roundelay::future::join_all(all).await;
        });
    });
}

#[test]
fn outside_of_a_poll_the_budget_is_endless() {
    watchdog(PATIENCE, || {
        let spend =
            || (0..10 * OPERATIONS_PER_POLL).all(|_| now_or_never(consume_budget()).is_some());
        assert!(spend(), "there is no budget without a loop");
        let in_a_call = Counter::default();
        run(async {
            // This poll has spent its whole budget when the call runs, right after it.
            let adds = in_a_call.clone();
            let call = move || {
                if spend() {
                    adds.add();
                }
            };
            Remote::current().post(call).expect("the loop is there");
            for _ in 0..OPERATIONS_PER_POLL {
                consume_budget().await;
            }
            assert!(now_or_never(consume_budget()).is_none());
            let waits = pin!(async {
                while in_a_call.get() == 0 {
                    yield_now().await;
                }
            });
            waits.await;
        });
        assert_eq!(in_a_call.get(), 1);
        assert!(spend(), "there is no budget after the end of a loop");
    });
}

#[test]
fn a_loop_inside_a_task_has_its_own_budget_and_gives_the_outer_one_back() {
    watchdog(PATIENCE, || {
        run(async {
            for _ in 0..OPERATIONS_PER_POLL - 1 {
                consume_budget().await;
            }
            let polls = polls_of(async {
                for _ in 0..OPERATIONS_PER_POLL {
                    consume_budget().await;
                }
            });
            assert_eq!(polls, 1);
            assert!(
                now_or_never(consume_budget()).is_some(),
                "one operation of the budget was left"
            );
            let mut next = pin!(consume_budget());
            assert!(
                poll_once(next.as_mut()).is_pending(),
                "now no operation is left"
            );
        });
    });
}

/// The loop has measured its pace when the timer becomes due: after 64 polls and after 128. Each of these polls takes a
/// millisecond, so not two of them fit into the time that the loop wants between two looks. A slow machine makes them longer.
#[test]
fn where_polls_are_long_the_loop_looks_after_a_few() {
    let _watched = crate::support::watch();
    let delay = run(async {
        let busy = Busy::new(3 * POLL_BUDGET);
        let bully = spawn(busy.keep(async {
            loop {
                thread::sleep(Duration::from_millis(1));
                yield_now().await;
            }
        }));
        let delay = a_timer_that_fires(busy).await;
        bully.abort();
        delay
    });
    assert!(delay <= 1, "the timer waited for {delay} polls");
}
