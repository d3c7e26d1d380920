//! A channel into a loop: order, room, fairness, ends, and the cost of a burst of values.

use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::Context;
use std::thread;

use crate::support::{Ledger, counting_waker, on_drop, poll_once};
use roundelay::remote::{self, Receiver, Sender};
use roundelay::sync::mpsc::{TryRecvError, TrySendError};
use roundelay::{EventLoop, Remote, offload, run, spawn, yield_now};

async fn all<T>(mut receiver: Receiver<T>) -> Vec<T> {
    let mut values = Vec::new();
    while let Some(value) = receiver.recv().await {
        values.push(value);
    }
    values
}

#[test]
fn the_values_of_each_thread_arrive_in_their_order_and_none_is_lost() {
    let _watched = crate::support::watch();
    for capacity in [0, 1, 7, usize::MAX] {
        let values = run(async {
            let (sender, receiver) = remote::channel(capacity);
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let sender = sender.clone();
                    thread::spawn(move || {
                        (0..1_000).for_each(|n| sender.send_blocking((thread, n)).unwrap());
                    })
                })
                .collect();
            drop(sender);
            let values = all(receiver).await;
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
            values
        });
        assert_eq!(values.len(), 4_000);
        for thread in 0..4 {
            let own = values.iter().filter(|value| value.0 == thread);
            assert!(own.map(|value| value.1).eq(0..1_000), "capacity {capacity}");
        }
    }
}

#[test]
fn tasks_of_another_loop_wait_for_room_without_blocking_that_loop() {
    let _watched = crate::support::watch();
    let (sender, receiver) = remote::channel(2);
    let thread = thread::spawn(move || {
        run(async {
            let task = spawn(async move {
                for n in 0..100 {
                    sender.send(n).await.unwrap();
                }
            });
            while !task.is_finished() {
                yield_now().await;
            }
        });
    });
    assert!(run(all(receiver)).into_iter().eq(0..100));
    thread.join().unwrap();
}

/// *wake-only-queues*: the first value takes the waker and queues the task. The values behind it find no waker.
#[test]
fn a_burst_of_values_wakes_the_receiver_once() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = remote::channel(usize::MAX);
    let (waker, wakes) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    for round in 1..=3 {
        assert!(receiver.poll_recv(&mut cx).is_pending());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|n| sender.try_send(n).unwrap()));
            }
        });
        assert_eq!(wakes.get(), round);
        while receiver.try_recv().is_ok() {}
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_burst_of_values_at_a_loop_that_rests_costs_one_system_call() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let bell = crate::support::kernel::Bell::of(&event_loop);
    let (sender, receiver) = remote::channel(usize::MAX);
    let task = event_loop.spawn(all(receiver));
    let turn = Some(std::time::Duration::ZERO);
    while event_loop.turn(turn).unwrap().ready > 0 {}
    for _ in 0..10 {
        let before = bell.rings();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|n| sender.try_send(n).unwrap()));
            }
        });
        assert_eq!(bell.rings() - before, 1);
        while event_loop.turn(turn).unwrap().ready > 0 {}
    }
    drop(sender);
    assert_eq!(event_loop.run(task).unwrap().len(), 4_000);
}

#[test]
fn a_full_channel_gives_the_value_back_and_so_does_a_closed_one() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = remote::channel(1);
    sender.try_send(1).unwrap();
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    receiver.close();
    assert!(sender.is_closed());
    assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(sender.send_blocking(4).unwrap_err().0, 4);
    // The values in the channel can still be received.
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_receiver_that_goes_wakes_who_waits_for_room_and_drops_what_is_in_it() {
    let _watched = crate::support::watch();
    let (ledger, (sender, receiver)) = (Ledger::new(), remote::channel(1));
    sender.try_send(ledger.token("in the channel")).unwrap();
    let waiting = ledger.token("with the sender");
    let thread = thread::spawn(move || sender.send_blocking(waiting).is_err());
    while !format!("{receiver:?}").contains("len: 1") {
        thread::yield_now();
    }
    drop(receiver);
    assert!(thread.join().unwrap());
    ledger.assert_settled();
}

fn first_in_line(sender: &Sender<u8>) -> (Pin<Box<dyn Future<Output = bool> + '_>>, bool) {
    let mut send = Box::pin(async move { sender.send(9).await.is_ok() });
    let is_pending = poll_once(send.as_mut()).is_pending();
    (send, is_pending)
}

#[test]
fn room_that_was_granted_to_a_sender_that_is_dropped_goes_to_the_next() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = remote::channel(1);
    sender.try_send(0).unwrap();
    let (first, is_pending) = first_in_line(&sender);
    assert!(is_pending);
    let (waker, wakes) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    let mut second = pin!(sender.send(2));
    assert!(second.as_mut().poll(&mut cx).is_pending());

    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(
        wakes.get(),
        0,
        "the room belongs to the first sender, so the second is not woken"
    );
    assert_eq!(
        sender.try_send(7),
        Err(TrySendError::Full(7)),
        "a later sender took the room of a waiting one"
    );
    drop(first);
    assert_eq!(wakes.get(), 1);
    assert!(second.as_mut().poll(&mut cx).is_ready());
    assert_eq!(receiver.try_recv(), Ok(2));
}

/// *nothing-left*
#[test]
fn futures_that_are_dropped_leave_no_waker_behind() {
    let _watched = crate::support::watch();
    let (sender, mut receiver) = remote::channel(1);
    let (waker, wakes) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    let clones = || std::sync::Arc::strong_count(&wakes);
    let before = clones();
    {
        let mut receive = pin!(receiver.recv());
        assert!(receive.as_mut().poll(&mut cx).is_pending());
        assert_eq!(clones(), before + 1);
    }
    assert_eq!(clones(), before);
    sender.try_send(1).unwrap();
    {
        let mut send = pin!(sender.send(2));
        assert!(send.as_mut().poll(&mut cx).is_pending());
        assert_eq!(clones(), before + 1);
    }
    assert_eq!((clones(), wakes.get()), (before, 0));
}

/// *no-user-code-under-borrow*: if the channel dropped the value under its lock, this would deadlock.
#[test]
fn the_destructor_of_a_value_may_use_the_channel() {
    let _watched = crate::support::watch();
    type Value = Box<dyn std::any::Any + Send>;
    let (sender, receiver) = remote::channel::<Value>(2);
    let again = sender.clone();
    let value = on_drop(move || {
        assert!(again.is_closed());
        assert!(again.try_send(Box::new(())).is_err());
    });
    assert!(sender.try_send(Box::new(value)).is_ok());
    drop(receiver);
}

#[test]
fn a_send_that_would_block_a_running_loop_panics_with_advice() {
    let _watched = crate::support::watch();
    let panic = run(async {
        let (sender, _receiver) = remote::channel(1);
        sender.send_blocking(1).unwrap();
        spawn(async move { sender.send_blocking(2) })
            .await
            .unwrap_err()
    });
    assert!(
        panic.to_string().contains("would block the loop"),
        "{panic}"
    );
}

#[test]
fn a_value_may_answer_through_a_oneshot() {
    let _watched = crate::support::watch();
    run(async {
        let (sender, mut receiver) = remote::channel::<(u32, remote::OnceSender<u32>)>(4);
        let client = offload(move || {
            let (answer, question) = remote::oneshot();
            sender.send_blocking((21, answer)).unwrap();
            question.wait()
        });
        let (number, answer) = receiver.recv().await.unwrap();
        answer.send(2 * number).unwrap();
        assert_eq!(client.await.unwrap(), Ok(42));
    });
}

#[test]
fn a_oneshot_whose_sender_goes_says_so_and_one_whose_receiver_goes_gives_the_value_back() {
    let _watched = crate::support::watch();
    let (sender, receiver) = remote::oneshot::<u8>();
    let thread = thread::spawn(move || drop(sender));
    assert!(run(receiver).is_err());
    thread.join().unwrap();

    let (sender, receiver) = remote::oneshot();
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send(7), Err(7));
}

#[test]
fn a_oneshot_that_is_waited_for_too_briefly_loses_nothing() {
    let _watched = crate::support::watch();
    let (sender, receiver) = remote::oneshot();
    let receiver = receiver
        .wait_timeout(std::time::Duration::from_millis(1))
        .unwrap_err();
    assert!(!receiver.is_ready());
    sender.send(5).unwrap();
    assert!(receiver.is_ready());
    assert_eq!(
        receiver.wait_timeout(std::time::Duration::ZERO).unwrap(),
        Ok(5)
    );
}

#[test]
fn a_trigger_cancels_a_token_with_its_children_from_another_thread() {
    let _watched = crate::support::watch();
    run(async {
        let token = roundelay::sync::CancelToken::new();
        let child = token.child_token();
        let trigger = token.trigger();
        let thread = thread::spawn(move || trigger.clone().cancel().unwrap());
        child.cancelled().await;
        assert!(token.is_cancelled());
        thread.join().unwrap();
    });
}

/// *stale-is-inert*: the number of a token is never given to another token.
#[test]
fn a_trigger_whose_token_is_gone_cancels_no_stranger() {
    let _watched = crate::support::watch();
    run(async {
        let stale = roundelay::sync::CancelToken::new().trigger();
        let token = roundelay::sync::CancelToken::new();
        let fresh = token.trigger();
        stale.cancel().unwrap();
        // Posts run in order. When the second has run, the first has run too.
        let (done, is_done) = mpsc::channel();
        Remote::current()
            .post(move || done.send(()).unwrap())
            .unwrap();
        offload(move || is_done.recv().unwrap()).await.unwrap();
        assert!(!token.is_cancelled());
        fresh.cancel().unwrap();
        token.cancelled().await;
    });
}

#[test]
fn a_trigger_whose_loop_is_gone_says_so() {
    let _watched = crate::support::watch();
    let (token, trigger) = run(async {
        let token = roundelay::sync::CancelToken::new();
        let trigger = token.trigger();
        (token, trigger)
    });
    assert!(trigger.cancel().is_err());
    assert!(!token.is_cancelled());
}
