//! *bounded-look*: a look does a bounded amount of work, whatever comes in during it. What is left waits for the next look, and
//! counts as "something is ready". The tests count polls, notes and looks: no clock decides.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::hooked::{Use, hooked_waker};
use crate::support::pair::{Stream, std_pair};
use crate::support::{Counter, PATIENCE, own_waker, watchdog};
use roundelay::{EventLoop, Metrics, Remote, offload, run, sleep, spawn, yield_now};

/// How much mail is delivered between two looks.
const NOTES_PER_LOOK: u64 = 64;

fn notes() -> u64 {
    Metrics::current().expect("inside a loop").notes
}

/// Posts for ever from `threads` threads. The posts never fall behind the loop, because each call posts the next.
fn post_without_end(threads: usize) -> Arc<AtomicBool> {
    fn post(remote: Remote, is_over: Arc<AtomicBool>) {
        let again = remote.clone();
        let next = move || {
            if !is_over.load(SeqCst) {
                post(again, is_over);
            }
        };
        // An error is ignored: the loop may have ended.
        drop(remote.post(next));
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let remote = Remote::current();
    for _ in 0..threads {
        let (remote, is_over) = (remote.clone(), Arc::clone(&is_over));
        // More than one look's worth, so that there is mail at every moment.
        (0..200).for_each(|_| post(remote.clone(), Arc::clone(&is_over)));
    }
    is_over
}

#[test]
fn a_timer_is_kept_although_two_threads_post_without_end() {
    watchdog(PATIENCE, || {
        run(async {
            let is_over = post_without_end(2);
            let deadline = Instant::now() + Duration::from_millis(1);
            let at_deadline = Rc::new(Cell::new(None));
            // The posts go on, and this task yields and sees when the deadline passes.
            let watches = Rc::clone(&at_deadline);
            let watch = spawn(async move {
                while Instant::now() < deadline {
                    yield_now().await;
                }
                watches.set(Some(notes()));
            });
            roundelay::sleep_until(deadline).await;
            let delivered = notes();
            is_over.store(true, SeqCst);
            // This task may be polled before the watch. Then nothing was late at all.
            let late = at_deadline.get().map_or(0, |before| delivered - before);
            assert!(
                late <= 3 * NOTES_PER_LOOK,
                "{late} notes were delivered between the deadline and the timer"
            );
            watch.await.unwrap();
        });
    });
}

#[test]
fn a_ready_socket_is_read_although_posts_never_end() {
    watchdog(PATIENCE, || {
        run(async {
            let (mut outside, inside) = std_pair().unwrap();
            let stream = Stream::from_std(inside).unwrap();
            let at_read = Rc::new(Cell::new(0));
            let read = Rc::clone(&at_read);
            let reads = spawn(async move {
                stream.read(&mut [0]).await.unwrap();
                read.set(notes());
            });
            yield_now().await;
            let is_over = post_without_end(1);
            let at_write = notes();
            outside.write_all(b"!").unwrap();
            reads.await.unwrap();
            is_over.store(true, SeqCst);
            let late = at_read.get() - at_write;
            assert!(
                late <= 3 * NOTES_PER_LOOK,
                "{late} notes were delivered first"
            );
        });
    });
}

#[test]
fn one_look_delivers_sixty_four_notes_and_the_rest_waits_in_order() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let remote = event_loop.remote();
        let order = Arc::new(AtomicUsize::new(0));
        for number in 0..150 {
            let order = Arc::clone(&order);
            remote
                .post(move || assert_eq!(order.fetch_add(1, SeqCst), number))
                .unwrap();
        }
        let mut turn = || event_loop.turn(Some(Duration::MAX)).unwrap().notes;
        assert_eq!([turn(), turn(), turn()], [64, 64, 22]);
        assert_eq!(order.load(SeqCst), 150);
        // A loop with mail left wants its next turn now.
        for _ in 0..65 {
            remote.post(|| ()).unwrap();
        }
        assert_eq!(event_loop.turn(None).unwrap().notes, 64);
        let wants = event_loop.next_deadline().expect("there is mail left");
        assert!(wants <= Instant::now());
        assert_eq!(event_loop.turn(None).unwrap().notes, 1);
        assert_eq!(event_loop.next_deadline(), None);
    });
}

#[test]
fn mail_that_waits_for_the_next_look_is_dropped_with_the_loop() {
    watchdog(PATIENCE, || {
        let ledger = crate::support::Ledger::new();
        let mut event_loop = EventLoop::new().unwrap();
        for number in 0..200 {
            let token = ledger.token(format!("call {number}"));
            event_loop.remote().post(move || drop(token)).unwrap();
        }
        assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().notes, 64);
        assert_eq!(ledger.alive(), 136);
        drop(event_loop);
        ledger.assert_settled_here();
    });
}

#[test]
fn tasks_spawned_from_other_threads_do_not_hold_a_timer_up() {
    watchdog(PATIENCE, || {
        run(async {
            let spawned = Counter::default();
            let (remote, is_over) = (Remote::current(), Arc::new(AtomicBool::new(false)));
            let (counts, ends) = (spawned.clone(), Arc::clone(&is_over));
            let thread = thread::spawn(move || {
                while !ends.load(SeqCst) {
                    let counts = counts.clone();
                    drop(remote.spawn(move || async move { counts.add() }));
                }
            });
            for _ in 0..20 {
                sleep(Duration::from_micros(200)).await;
            }
            is_over.store(true, SeqCst);
            offload(|| thread.join().unwrap()).await.unwrap();
            assert!(spawned.get() > 0);
        });
    });
}

#[test]
fn a_waker_that_wakes_its_own_task_again_lets_the_socket_in() {
    watchdog(PATIENCE, || {
        run(async {
            let (mut outside, inside) = std_pair().unwrap();
            let stream = Stream::from_std(inside).unwrap();
            let polls = Rc::new(Cell::new(0_u64));
            let at_write = Rc::new(Cell::new(0));
            let counts = Rc::clone(&polls);
            // The timer has a foreign waker. That waker wakes the task, and the task arms the timer again, for ever.
            let busy = spawn(async move {
                let task = own_waker().await;
                let mut nap = Box::pin(sleep(Duration::from_nanos(1)));
                std::future::poll_fn(move |_| {
                    counts.set(counts.get() + 1);
                    let task = task.clone();
                    let waker = hooked_waker(move |used| {
                        if used == Use::Wake {
                            task.wake_by_ref();
                        }
                    });
                    nap.as_mut().reset(Instant::now());
                    let mut cx = std::task::Context::from_waker(&waker);
                    if std::future::Future::poll(nap.as_mut(), &mut cx).is_ready() {
                        waker.wake_by_ref();
                    }
                    Poll::<()>::Pending
                })
                .await;
            });
            let (sees, writes) = (Rc::clone(&polls), Rc::clone(&at_write));
            let reads = spawn(async move {
                stream.read(&mut [0]).await.unwrap();
                sees.get() - writes.get()
            });
            yield_now().await;
            at_write.set(polls.get());
            outside.write_all(b"!").unwrap();
            let late = reads.await.unwrap();
            assert!(late <= 2 * 64, "there were {late} polls first");
            busy.abort();
        });
    });
}

#[test]
fn a_crowd_that_waits_for_one_socket_is_woken_in_parts_and_nobody_is_forgotten() {
    const CROWD: usize = 3_000;
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (mut outside, inside) = std_pair().unwrap();
        let stream = Rc::new(Stream::from_std(inside).unwrap());
        let seen = Rc::new(RefCell::new(Vec::new()));
        for number in 0..CROWD {
            let (stream, seen) = (Rc::clone(&stream), Rc::clone(&seen));
            drop(event_loop.spawn(async move {
                assert!(stream.try_read(&mut [0]).is_err(), "there is nothing yet");
                stream.readable().await.unwrap();
                seen.borrow_mut().push(number);
            }));
        }
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        outside.write_all(b"!").unwrap();
        let mut turns = 0;
        while seen.borrow().len() < CROWD {
            let turn = event_loop.turn(None).unwrap();
            assert!(turn.ready <= 2 * 1024, "one look woke {}", turn.ready);
            turns += 1;
        }
        assert!(turns > 1, "one look woke all of them");
        assert!(seen.borrow().iter().copied().eq(0..CROWD), "in order");
    });
}

#[test]
fn try_post_refuses_what_is_beyond_the_bound_and_gives_it_back() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::builder().post_queue(100).build().unwrap();
        let remote = event_loop.remote();
        let ran = Counter::default();
        let call = |ran: &Counter| {
            let ran = ran.clone();
            move || ran.add()
        };
        (0..100).for_each(|_| remote.try_post(call(&ran)).unwrap());
        let refused = remote.try_post(call(&ran)).unwrap_err();
        assert!(refused.is_full(), "{refused}");
        assert_eq!(
            refused.to_string(),
            "cannot post a call: its queue is full (Builder::post_queue)"
        );
        // `post` does not look at the bound.
        remote.post(refused.into_call()).unwrap();
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!(ran.get(), 64);
        // Notes that have left the inbox and wait for the next look still count.
        (0..63).for_each(|_| remote.try_post(call(&ran)).unwrap());
        assert!(remote.try_post(call(&ran)).unwrap_err().is_full());
        while event_loop.turn(Some(Duration::ZERO)).unwrap().notes > 0 {}
        assert_eq!(ran.get(), 164);
        drop(event_loop);
        let closed = remote.try_post(call(&ran)).unwrap_err();
        assert!(!closed.is_full());
        assert_eq!(
            closed.to_string(),
            "cannot post a call: the event loop is gone"
        );
        closed.into_call()();
        assert_eq!(ran.get(), 165);
    });
}

#[test]
fn the_next_loop_in_a_recycled_inbox_begins_with_an_empty_queue() {
    let _watched = crate::support::watch();
    for _ in 0..3 {
        let event_loop = EventLoop::builder().post_queue(1).build().unwrap();
        event_loop.remote().try_post(|| ()).unwrap();
        assert!(event_loop.remote().try_post(|| ()).unwrap_err().is_full());
    }
}

#[test]
fn a_name_that_no_thread_can_have_is_refused_with_a_clear_error() {
    let _watched = crate::support::watch();
    let error = EventLoop::builder().name("a\0b").build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains(r#""a\0b" contains a NUL"#),
        "{error}"
    );
}
