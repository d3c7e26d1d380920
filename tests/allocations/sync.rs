//! What `sync` allocates: nothing if no task waits, and nothing if as many tasks have waited before.

use std::rc::Rc;
use std::task::{Context, Waker};

use crate::allocations::allocations_of;
use roundelay::sync::{CancelToken, Event, Mutex, Notify, Queue, RwLock, Semaphore, mpsc, oneshot};

/// How often `operation` allocates when it runs for the second time.
fn allocations_again(mut operation: impl FnMut()) -> usize {
    operation();
    allocations_of(operation)
}

/// Polls a future to its end, without a heap.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the future had to wait"),
    }
}

/// Polls `waiter` once, lets `release` happen, and polls it again.
fn waits_for<F: Future>(waiter: F, release: impl FnOnce()) -> F::Output {
    let mut waiter = std::pin::pin!(waiter);
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(waiter.as_mut().poll(cx).is_pending());
    release();
    match waiter.as_mut().poll(cx) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the waiter still waits"),
    }
}

#[test]
fn where_nobody_waits_nothing_is_allocated() {
    let _watched = crate::support::watch();
    let (mutex, lock) = (Mutex::new(0), RwLock::new(0));
    let semaphore = Rc::new(Semaphore::new(1));
    let (event, notify, token) = (Event::new(), Notify::new(), CancelToken::new());
    let (sender, mut receiver) = mpsc::channel(1);
    let (unbounded, mut receiver_of_unbounded) = mpsc::unbounded_channel();
    let queue = Queue::bounded(1);
    event.set();
    let count = allocations_again(|| {
        *now(mutex.lock()) += 1;
        drop(now(lock.read()));
        *now(lock.write()) += 1;
        drop(now(semaphore.acquire()));
        drop(now(semaphore.acquire_owned()));
        now(event.wait());
        notify.notify_one();
        now(notify.notified());
        assert_eq!(now(token.run_until_cancelled(async { 1 })), Some(1));
        now(sender.send(1)).unwrap();
        now(receiver.recv()).unwrap();
        unbounded.send(1).unwrap();
        now(receiver_of_unbounded.recv()).unwrap();
        now(queue.put(1)).unwrap();
        now(queue.get()).unwrap();
        queue.task_done().unwrap();
        now(queue.join());
    });
    assert_eq!(count, 0);
}

#[test]
fn where_as_many_have_waited_before_nothing_is_allocated() {
    let _watched = crate::support::watch();
    let (mutex, event, queue) = (Mutex::new(0), Event::new(), Queue::bounded(1));
    let (sender, mut receiver) = mpsc::channel(1);
    let count = allocations_again(|| {
        let held = now(mutex.lock());
        *waits_for(mutex.lock(), || drop(held)) += 1;
        waits_for(event.wait(), || event.set());
        event.clear();
        assert_eq!(
            waits_for(queue.get(), || queue.try_put(1).unwrap()),
            Some(1)
        );
        assert_eq!(
            waits_for(receiver.recv(), || sender.try_send(1).unwrap()),
            Some(1)
        );
        sender.try_send(2).unwrap();
        waits_for(sender.send(3), || assert!(receiver.try_recv().is_ok())).unwrap();
        receiver.try_recv().unwrap();
    });
    assert_eq!(count, 0);
}

#[test]
fn a_oneshot_channel_is_one_allocation() {
    let _watched = crate::support::watch();
    let count = allocations_again(|| {
        let (sender, receiver) = oneshot::channel();
        waits_for(receiver, || sender.send([0_u64; 8]).unwrap()).unwrap();
    });
    assert_eq!(count, 1);
}
