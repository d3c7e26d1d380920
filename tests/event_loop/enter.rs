//! A host runs code of its own between two turns. The loop announces everything that this code makes ready.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::support::{Counter, Gate, counted};
use roundelay::sync::mpsc;
use roundelay::{EventLoop, Remote, TaskGroup, sleep, spawn, task, yield_now};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// Whether the descriptor is readable now. If it is, a host that is asleep in poll(2) wakes up.
fn is_told(event_loop: &EventLoop) -> bool {
    poll(event_loop, 0)
}

/// Waits for the descriptor alone. If it never becomes readable, this hangs until the watchdog ends the test.
fn wait_to_be_told(event_loop: &EventLoop) {
    assert!(poll(event_loop, -1));
}

fn poll(event_loop: &EventLoop, timeout: i32) -> bool {
    let mut poll = libc::pollfd {
        fd: event_loop.as_fd().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which lives for as long as the call.
    let count = unsafe { libc::poll(&mut poll, 1, timeout) };
    count == 1
}

/// Turns until the descriptor is no longer readable.
fn settle(event_loop: &mut EventLoop) {
    while event_loop.turn(NOW).unwrap().ready > 0 || is_told(event_loop) {}
}

fn settled() -> EventLoop {
    let mut event_loop = EventLoop::new().unwrap();
    settle(&mut event_loop);
    event_loop
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// What is announced.

#[test]
fn a_wake_between_two_turns_makes_the_descriptor_readable() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let gate = Gate::new();
    let waits = event_loop.spawn({
        let gate = gate.clone();
        async move { gate.wait().await }
    });
    settle(&mut event_loop);
    event_loop.enter(|| gate.open());
    wait_to_be_told(&event_loop);
    settle(&mut event_loop);
    assert!(waits.is_finished());
}

#[test]
fn a_spawn_between_two_turns_makes_the_descriptor_readable() {
    let _watched = crate::support::watch();
    let mut event_loop = settled();
    for _ in 0..3 {
        let handle = event_loop.enter(|| spawn(async { 7 }));
        wait_to_be_told(&event_loop);
        settle(&mut event_loop);
        assert!(handle.is_finished() && !is_told(&event_loop));
        // The same without `enter`.
        let handle = event_loop.spawn(async { 7 });
        wait_to_be_told(&event_loop);
        settle(&mut event_loop);
        assert!(handle.is_finished() && !is_told(&event_loop));
    }
}

#[test]
fn a_spawn_after_a_run_makes_the_descriptor_readable() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(yield_now());
    drop(event_loop.enter(|| spawn(async {})));
    wait_to_be_told(&event_loop);
    event_loop.run(yield_now());
    settle(&mut event_loop);
    drop(event_loop.enter(|| spawn(async {})));
    wait_to_be_told(&event_loop);
}

#[test]
fn an_abort_between_two_turns_makes_the_descriptor_readable() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let tasks: Vec<_> = (0..3).map(|_| event_loop.spawn(pending::<()>())).collect();
    settle(&mut event_loop);
    tasks[0].abort();
    wait_to_be_told(&event_loop);
    settle(&mut event_loop);
    tasks[1].abort_handle().abort();
    wait_to_be_told(&event_loop);
    settle(&mut event_loop);
    assert!(event_loop.enter(|| task::abort(tasks[2].id())));
    wait_to_be_told(&event_loop);
    settle(&mut event_loop);
    assert!(tasks.iter().all(|task| task.is_finished()));
}

#[test]
fn a_timer_armed_between_two_turns_moves_the_deadline_and_the_host_is_told() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    drop(event_loop.spawn(sleep(Duration::from_secs(3_600))));
    settle(&mut event_loop);
    let late = event_loop.next_deadline().unwrap();
    let mut nap = pin!(event_loop.enter(|| sleep(Duration::from_secs(60))));
    assert!(event_loop.enter(|| poll_once(nap.as_mut())).is_pending());
    wait_to_be_told(&event_loop);
    settle(&mut event_loop);
    let early = event_loop.next_deadline().unwrap();
    assert!(early < late && early <= Instant::now() + Duration::from_secs(60));
    // The deadline is moved first, and the timer is polled after that.
    nap.reset(Instant::now());
    assert!(event_loop.enter(|| poll_once(nap.as_mut())).is_pending());
    wait_to_be_told(&event_loop);
    settle(&mut event_loop);
    assert!(event_loop.enter(|| poll_once(nap.as_mut())).is_ready());
}

#[test]
fn a_group_of_the_host_announces_its_children_and_its_end() {
    let _watched = crate::support::watch();
    let mut event_loop = settled();
    let held = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&held);
    let mut scope = pin!(TaskGroup::scope(async move |group: TaskGroup<()>| {
        *keep.borrow_mut() = Some(group.clone());
        pending::<()>().await;
        Ok(())
    }));
    assert!(event_loop.enter(|| poll_once(scope.as_mut())).is_pending());
    settle(&mut event_loop);
    let group = held.borrow_mut().take().unwrap();
    _ = group.spawn(pending::<Result<(), ()>>());
    wait_to_be_told(&event_loop);
    settle(&mut event_loop);
    group.cancel();
    wait_to_be_told(&event_loop);
    settle(&mut event_loop);
    assert!(event_loop.enter(|| poll_once(scope.as_mut())).is_ready());
}

#[test]
fn one_rest_of_the_loop_rings_once() {
    let _watched = crate::support::watch();
    let mut event_loop = settled();
    let polls = Counter::default();
    event_loop.enter(|| {
        for _ in 0..100 {
            drop(spawn(counted(&polls, async {})));
        }
    });
    let turn = event_loop.turn(NOW).unwrap();
    // The announcement itself is not counted as a note.
    assert_eq!((turn.notes, turn.polls, polls.get()), (0, 100, 100));
    // A turn that has tasks to poll may leave the bell's own event to the next turn.
    event_loop.turn(NOW).unwrap();
    assert!(!is_told(&event_loop));
}

#[test]
fn what_other_threads_send_behind_an_announcement_arrives() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let gate = Gate::new();
    let waits = event_loop.spawn({
        let gate = gate.clone();
        async move { gate.wait().await }
    });
    settle(&mut event_loop);
    let posted = Counter::default();
    event_loop.enter(|| {
        drop(spawn(async {}));
        gate.open();
        let count = posted.clone();
        Remote::current().post(move || count.add()).unwrap();
    });
    let turn = event_loop.turn(NOW).unwrap();
    assert_eq!((turn.notes, posted.get()), (2, 1));
    settle(&mut event_loop);
    assert!(waits.is_finished());
}

#[test]
fn a_host_that_waits_for_nothing_but_the_descriptor_hears_of_every_message_of_its_own() {
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
    let (sender, mut receiver) = mpsc::channel(8);
    let heard = Counter::default();
    drop(event_loop.spawn({
        let heard = heard.clone();
        async move {
            while receiver.recv().await.is_some() {
                heard.add();
            }
        }
    }));
    settle(&mut event_loop);
    for number in 1..=100 {
        event_loop.enter(|| sender.try_send(()).unwrap());
        while heard.get() < number {
            wait_to_be_told(&event_loop);
            event_loop.turn(NOW).unwrap();
        }
    }
}

// Which loop it is.

#[test]
fn inside_the_call_the_loop_is_current_and_no_task_is() {
    let _watched = crate::support::watch();
    let event_loop = EventLoop::new().unwrap();
    assert!(Remote::try_current().is_none());
    event_loop.enter(|| {
        assert!(Remote::try_current().is_some());
        assert_eq!(task::current(), None);
    });
    assert!(Remote::try_current().is_none());
}

#[test]
fn a_panic_inside_the_call_leaves_the_loop() {
    let _watched = crate::support::watch();
    let event_loop = EventLoop::new().unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| event_loop.enter(|| panic!("inside"))));
    assert!(result.is_err() && Remote::try_current().is_none());
}

#[test]
fn enters_nest_and_the_innermost_counts() {
    let _watched = crate::support::watch();
    let (one, two) = (settled(), settled());
    one.enter(|| {
        two.enter(|| drop(spawn(async {})));
        assert!(is_told(&two) && !is_told(&one));
        one.enter(|| drop(spawn(async {})));
        assert!(is_told(&one));
    });
    assert_eq!((one.tasks().len(), two.tasks().len()), (1, 1));
}

#[test]
fn a_run_inside_an_enter_counts_for_as_long_as_it_lasts() {
    let _watched = crate::support::watch();
    let (host, mut guest) = (settled(), settled());
    host.enter(|| {
        guest.run(async { drop(spawn(async {})) });
        assert!(!is_told(&host));
        drop(spawn(async {}));
    });
    assert!(is_told(&host));
    assert_eq!((host.tasks().len(), guest.tasks().len()), (1, 1));
}

#[test]
fn an_enter_inside_a_task_of_another_loop_counts_for_as_long_as_it_lasts() {
    let _watched = crate::support::watch();
    let (mut outer, inner) = (EventLoop::new().unwrap(), settled());
    outer.run(async {
        let gate = Gate::new();
        let waits = spawn({
            let gate = gate.clone();
            async move { gate.wait().await }
        });
        yield_now().await;
        inner.enter(|| {
            drop(spawn(async {}));
            // Wakes a task of the outer loop, which is running.
            gate.open();
        });
        assert!(is_told(&inner));
        waits.await.unwrap();
    });
    assert_eq!((outer.tasks().len(), inner.tasks().len()), (0, 1));
}
