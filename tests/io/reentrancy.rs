//! User code that runs inside the reactor: wakers and log sinks that make sockets, use them, wait for
//! them and drop them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use crate::support::net::{poll_in, settle};
use crate::support::pair::{Stream, pair};
use crate::support::{Trace, counting_waker, with_sink};
use roundelay::EventLoop;

type Read = Pin<Box<dyn Future<Output = std::io::Result<()>>>>;

thread_local! {
    /// The streams on which a waker below acts. A waker must be `Send`, so it cannot own them itself.
    static HELD: RefCell<Vec<Stream>> = const { RefCell::new(Vec::new()) };
    static WAITING: RefCell<Option<Read>> = const { RefCell::new(None) };
}

/// A waker that calls one function when it is woken, and another when it is dropped.
struct Acting {
    on_wake: fn(),
    on_drop: fn(),
}

impl Wake for Acting {
    fn wake(self: Arc<Self>) {
        (self.on_wake)();
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        (self.on_drop)();
    }
}

/// Waits with this waker by `poll_read`, so that the waker stays with the socket.
fn wait_with(event_loop: &mut EventLoop, stream: &Stream, waker: Waker) {
    let mut poll = std::pin::pin!(poll_fn(|cx| stream.poll_read(cx, &mut [0; 8])));
    assert!(poll_in(event_loop, poll.as_mut(), &waker).is_pending());
}

fn drop_all() {
    let held = HELD.with(RefCell::take);
    drop(held);
}

#[test]
fn a_waker_may_drop_the_very_socket_that_wakes_it_and_others() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let mut peers = Vec::new();
    for _ in 0..3 {
        let (near, far) = pair().unwrap();
        wait_with(
            &mut event_loop,
            &near,
            Waker::from(Arc::new(Acting {
                on_wake: drop_all,
                on_drop: || {},
            })),
        );
        HELD.with_borrow_mut(|held| held.push(near));
        peers.push(far);
    }
    settle(&mut event_loop);
    peers
        .iter()
        .for_each(|far| assert_eq!(far.try_write(b"x").unwrap(), 1));
    assert_eq!(
        settle(&mut event_loop).1,
        1,
        "the first event dropped all three sockets, and the others found none"
    );
    assert!(HELD.with_borrow(Vec::is_empty));
}

#[test]
fn a_waker_may_wait_on_the_same_direction_again() {
    let _watched = crate::support::watch();
    fn wait_again() {
        HELD.with_borrow(|held| {
            assert_eq!(held[0].try_read(&mut [0; 8]).unwrap(), 2);
            let poll = held[0].poll_read(&mut Context::from_waker(Waker::noop()), &mut [0; 8]);
            assert!(
                poll.is_pending(),
                "the waker waits again, in the middle of the turn"
            );
        });
    }
    let mut event_loop = EventLoop::new().unwrap();
    let (near, far) = pair().unwrap();
    wait_with(
        &mut event_loop,
        &near,
        Waker::from(Arc::new(Acting {
            on_wake: wait_again,
            on_drop: || {},
        })),
    );
    HELD.with_borrow_mut(|held| held.push(near));
    far.try_write(b"xy").unwrap();
    settle(&mut event_loop);
    far.try_write(b"z").unwrap();
    assert_eq!(settle(&mut event_loop).1, 1);
    drop_all();
}

#[test]
fn a_waker_that_is_replaced_may_drop_a_future_that_waits_beside_it() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (near, _far) = pair().unwrap();
    let near = Rc::new(near);
    let (waker, wakes) = counting_waker();
    let beside = Rc::clone(&near);
    let mut other: Read = Box::pin(async move { beside.readable().await });
    // `readable` waits only if the direction is known not to be ready.
    wait_with(&mut event_loop, &near, Waker::noop().clone());
    assert!(poll_in(&mut event_loop, other.as_mut(), &waker).is_pending());
    WAITING.set(Some(other));
    let on_drop = || drop(WAITING.take());
    wait_with(
        &mut event_loop,
        &near,
        Waker::from(Arc::new(Acting {
            on_wake: || {},
            on_drop,
        })),
    );
    assert_eq!(Arc::strong_count(&wakes), 3);
    wait_with(&mut event_loop, &near, Waker::noop().clone());
    assert_eq!(
        Arc::strong_count(&wakes),
        2,
        "a waiter that was dropped while another joined the line has left its waker"
    );
}

#[test]
fn each_event_of_a_source_is_told_and_the_listener_may_use_sockets() {
    let _watched = crate::support::watch();
    let (near, far) = pair().unwrap();
    let told: Trace<String> = Trace::new();
    let sink = {
        let told = told.clone();
        move |line: &crate::support::Line| {
            if line.target == "roundelay::io" {
                told.push(line.text.clone());
                // The sink's own sockets never wait, so they add no lines to the log.
                let (one, other) = pair().unwrap();
                assert_eq!(one.try_write(b"x").unwrap(), 1);
                assert_eq!(other.try_read(&mut [0; 8]).unwrap(), 1);
            }
        }
    };
    with_sink(sink, || {
        let mut event_loop = EventLoop::new().unwrap();
        wait_with(&mut event_loop, &near, Waker::noop().clone());
        far.try_write(b"x").unwrap();
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        drop(near);
    });
    let told = told.take();
    let kinds: Vec<&str> = ["registered", "would block", "readable", "dropped"]
        .into_iter()
        .filter(|kind| told.iter().filter(|line| line.contains(kind)).count() == 1)
        .collect();
    assert_eq!(
        kinds,
        ["registered", "would block", "readable", "dropped"],
        "{told:#?}"
    );
}
