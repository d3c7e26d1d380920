//! A waker may panic when it is woken or when it is dropped. Then the loop goes on, and so does the call that woke it. The
//! other waiters are still served.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::support::hooked::{Use, hooked_waker};
use crate::support::net::tcp_pair;
use crate::support::{Line, PATIENCE, counting_waker, listen, watchdog};
use roundelay::future::as_completed;
use roundelay::sync::{CancelToken, Event, Semaphore, broadcast, mpsc, oneshot, watch};
use roundelay::{EventLoop, Remote, TaskGroup, offload, sleep, spawn, yield_now};

type Waits = Pin<Box<dyn Future<Output = ()>>>;

/// A future whose output is of no interest.
fn waits<F: Future + 'static>(future: F) -> Waits {
    Box::pin(async move { drop(future.await) })
}

/// Polls with a waker that panics at one of its uses. The first drop is the drop at the end of this function, and harmless.
fn poll_with_grumpy(at: Use, poll: impl FnOnce(&Waker) -> Poll<()>) {
    let is_ours = AtomicBool::new(true);
    let waker = hooked_waker(move |used| {
        let is_ours = used == Use::Drop && is_ours.swap(false, SeqCst);
        assert!(used != at || is_ours, "leave me alone");
    });
    assert!(poll(&waker).is_pending());
}

fn poll(future: &mut Waits, waker: &Waker) -> Poll<()> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// The errors that were logged about wakers.
fn complaints(lines: &[Line]) -> Vec<&str> {
    let of_wakers = lines
        .iter()
        .filter(|line| line.level == log::Level::Error && line.target == "roundelay::wake");
    of_wakers.map(|line| line.text.as_str()).collect()
}

/// `make` makes some futures that wait in one line, and one future that serves them all. The middle future waits with a
/// waker that panics when it is woken, the others with good wakers. All of them must be served, and the panic must be
/// logged once. Then the test does the same with wakers that panic when they are dropped.
fn assert_contained(
    of: &'static str,
    make: impl AsyncFn() -> (Vec<Waits>, Waits) + Send + 'static,
) {
    watchdog(PATIENCE, move || {
        assert_wakes_are_contained(of, &make);
        assert_drops_are_contained(of, &make);
    });
}

fn assert_wakes_are_contained(of: &str, make: &impl AsyncFn() -> (Vec<Waits>, Waits)) {
    let mut event_loop = EventLoop::new().unwrap();
    let (mut line, serve) = event_loop.run(make());
    let good: Vec<_> = line.iter().map(|_| counting_waker()).collect();
    let bad = line.len() / 2;
    event_loop.run(async {
        for (place, future) in line.iter_mut().enumerate() {
            match place == bad {
                true => poll_with_grumpy(Use::Wake, |waker| poll(future, waker)),
                false => assert!(poll(future, &good[place].0).is_pending(), "{of}, {place}"),
            }
        }
    });
    let ((), lines) = listen(|| event_loop.run(serve));
    let expected = format!("the waker of {of} panicked: leave me alone");
    assert_eq!(complaints(&lines), [expected.as_str()]);
    event_loop.run(async {
        for (place, future) in line.iter_mut().enumerate() {
            let wakes = good[place].1.get();
            assert_eq!(wakes, usize::from(place != bad), "{of}: number {place}");
            assert!(
                poll(future, Waker::noop()).is_ready(),
                "{of}: number {place} still waits"
            );
        }
    });
}

fn assert_drops_are_contained(of: &str, make: &impl AsyncFn() -> (Vec<Waits>, Waits)) {
    let mut event_loop = EventLoop::new().unwrap();
    let (mut line, serve) = event_loop.run(make());
    let ((), lines) = listen(|| {
        event_loop.run(async {
            // The first waker is replaced, the second is dropped with its future.
            poll_with_grumpy(Use::Drop, |waker| poll(&mut line[0], waker));
            assert!(poll(&mut line[0], Waker::noop()).is_pending(), "{of}");
            poll_with_grumpy(Use::Drop, |waker| poll(&mut line[0], waker));
            line.clear();
        });
    });
    let expected = format!("the waker of {of} panicked: leave me alone");
    assert_eq!(complaints(&lines), [expected.as_str(); 2]);
    drop((serve, event_loop));
}

/// Three waiting futures of one kind.
fn three<F: Future + 'static>(mut make: impl FnMut() -> F) -> Vec<Waits> {
    (0..3).map(|_| waits(make())).collect()
}

#[test]
fn of_a_timer() {
    let _watched = crate::support::watch();
    assert_contained("a timer", async || {
        // This is a sleep, not a deadline, so it waits at its first poll, however late that comes.
        let soon = Duration::from_millis(2);
        (three(|| sleep(soon)), waits(sleep(2 * soon)))
    });
}

#[test]
fn of_a_socket() {
    let _watched = crate::support::watch();
    assert_contained("a source's waiter", async || {
        let (near, far) = tcp_pair().await.unwrap();
        let near = Rc::new(near);
        // A read waits only after the kernel has said that there is nothing to read.
        let line = three(|| {
            let near = Rc::clone(&near);
            async move { near.peek(&mut [0]).await }
        });
        let serve = async move {
            far.write_all(b"!").await.unwrap();
            near.readable().await.unwrap();
            far // stays open
        };
        (line, waits(serve))
    });
}

#[test]
fn of_a_source_whose_loop_is_dropped() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, _far) = event_loop.run(tcp_pair()).unwrap();
        let mut read = waits(async move { near.peek(&mut [0]).await });
        event_loop.run(async {
            poll_with_grumpy(Use::Wake, |waker| poll(&mut read, waker));
        });
        let ((), lines) = listen(|| drop(event_loop));
        assert_eq!(complaints(&lines).len(), 1, "{lines:?}");
    });
}

/// A dropped source drops the waker that a `poll_` method has left with it.
#[test]
fn of_a_socket_that_is_dropped_with_the_waker_of_a_poll_method() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::new().unwrap();
        let (near, _far) = event_loop.run(tcp_pair()).unwrap();
        event_loop.run(async {
            poll_with_grumpy(Use::Drop, |waker| {
                near.poll_read(&mut Context::from_waker(waker), &mut [0])
                    .map(drop)
            });
        });
        let ((), lines) = listen(|| drop(near));
        assert_eq!(complaints(&lines).len(), 1, "{lines:?}");
    });
}

#[test]
fn of_the_handle_of_a_task() {
    let _watched = crate::support::watch();
    assert_contained("a join handle", async || {
        let (sender, receiver) = oneshot::channel::<()>();
        let serve = async move {
            sender.send(()).unwrap();
            yield_now().await;
        };
        (vec![waits(spawn(receiver))], waits(serve))
    });
}

#[test]
fn of_a_remote_handle() {
    let _watched = crate::support::watch();
    assert_contained("a remote handle", async || {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let handle = Remote::current().spawn(move || async move {
            while receiver.try_recv().is_err() {
                yield_now().await;
            }
        });
        let serve = async move {
            sender.send(()).unwrap();
            sleep(Duration::from_millis(1)).await;
        };
        (vec![waits(handle)], waits(serve))
    });
}

#[test]
fn of_an_offloaded_job_whose_thread_does_the_next_one_all_the_same() {
    watchdog(PATIENCE, || {
        let mut event_loop = EventLoop::builder().offload_threads(1).build().unwrap();
        let (go, wait) = std::sync::mpsc::channel();
        event_loop.run(async {
            let mut job = waits(offload(move || wait.recv()));
            poll_with_grumpy(Use::Wake, |waker| poll(&mut job, waker));
            go.send(()).unwrap();
            assert_eq!(offload(|| 7).await.unwrap(), 7);
            assert!(poll(&mut job, Waker::noop()).is_ready());
        });
    });
}

#[test]
fn of_the_scope_of_a_group() {
    let _watched = crate::support::watch();
    assert_contained("a task group's scope", async || {
        let (sender, receiver) = oneshot::channel::<()>();
        let scope = TaskGroup::<()>::scope(async move |group| {
            group.spawn(async move {
                receiver.await.unwrap();
                Ok(())
            });
            Ok(())
        });
        let serve = async move {
            sender.send(()).unwrap();
            yield_now().await;
        };
        (vec![waits(scope)], waits(serve))
    });
}

/// The three futures are woken in one burst, and so the task that awaits them is woken once.
#[test]
fn of_a_set_of_futures() {
    let _watched = crate::support::watch();
    assert_contained("a set of futures", async || {
        let event = Rc::new(Event::new());
        let mut set = as_completed(three(|| {
            let event = Rc::clone(&event);
            async move { event.wait().await }
        }));
        let all = async move { while set.next().await.is_some() {} };
        (vec![waits(all)], waits(async move { event.set() }))
    });
}

// Waits between tasks. Here the panic would come out of a call by another task, which has nothing to do with the waiter.

const IN_SYNC: &str = "a waiter in `sync`";

#[test]
fn of_one_who_waits_for_an_event() {
    let _watched = crate::support::watch();
    assert_contained(IN_SYNC, async || {
        let event = Rc::new(Event::new());
        let line = three(|| {
            let event = Rc::clone(&event);
            async move { event.wait().await }
        });
        (line, waits(async move { event.set() }))
    });
}

#[test]
fn of_one_who_waits_for_a_permit() {
    let _watched = crate::support::watch();
    assert_contained(IN_SYNC, async || {
        let desks = Rc::new(Semaphore::new(0));
        let line = three(|| {
            let permit = desks.acquire_owned();
            async move { permit.await.unwrap().forget() }
        });
        // The permits come one by one. The panic of the second waiter must not keep the third from its permit.
        (
            line,
            waits(async move { (0..3).for_each(|_| desks.add_permits(1)) }),
        )
    });
}

#[test]
fn of_one_who_waits_for_a_token_or_one_of_its_children() {
    let _watched = crate::support::watch();
    assert_contained(IN_SYNC, async || {
        let root = CancelToken::new();
        let line = three(|| root.child_token().cancelled_owned());
        (line, waits(async move { root.cancel() }))
    });
}

#[test]
fn of_a_receiver() {
    let _watched = crate::support::watch();
    assert_contained(IN_SYNC, async || {
        let (sender, mut receiver) = mpsc::channel(1);
        let line = vec![waits(async move { receiver.recv().await })];
        (line, waits(async move { sender.try_send(1).unwrap() }))
    });
    assert_contained(IN_SYNC, async || {
        let (sender, receiver) = oneshot::channel();
        (
            vec![waits(receiver)],
            waits(async move { sender.send(1).unwrap() }),
        )
    });
    assert_contained(IN_SYNC, async || {
        let (sender, _) = broadcast::channel(1);
        let line = three(|| {
            let mut receiver = sender.subscribe();
            async move { receiver.recv().await }
        });
        (line, waits(async move { sender.send(1).unwrap() }))
    });
    assert_contained(IN_SYNC, async || {
        let (sender, receiver) = watch::channel(0);
        let line = three(|| {
            let mut receiver = receiver.clone();
            async move { receiver.changed().await }
        });
        (line, waits(async move { sender.send(1).unwrap() }))
    });
}
