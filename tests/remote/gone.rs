//! When a loop is gone, every door says so, even if another loop has moved into its inbox.

use std::error::Error;
use std::future::pending;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::{Counter, Ledger, PATIENCE, listen, on_drop, own_waker, watchdog};
use roundelay::{EventLoop, Remote, RemoteHandle, run};

/// A new loop on this thread, which has moved into the inbox of `remote`'s loop.
fn next_tenant_after(remote: &Remote) -> EventLoop {
    loop {
        // Other tests of this process make loops too, and one of those may get the inbox first.
        let event_loop = EventLoop::new().unwrap();
        if format!("{:?}", event_loop.remote()) == format!("{remote:?}") {
            return event_loop;
        }
        thread::yield_now();
    }
}

fn assert_closed(remote: &Remote) {
    assert!(
        remote.is_closed(),
        "a remote reached another loop than its own"
    );
    let ran = Counter::default();
    let closed = remote
        .post({
            let ran = ran.clone();
            move || ran.add()
        })
        .expect_err("the loop is gone");
    assert_eq!(ran.get(), 0);
    closed.into_call()();
    assert_eq!(ran.get(), 1, "the same call comes back");

    let ledger = Ledger::new();
    let token = ledger.token("what the task would have owned");
    let handle = remote.spawn(move || async move { drop(token) });
    ledger.assert_settled();
    assert!(handle.is_finished());
    handle.abort();
    assert!(handle.wait().unwrap_err().is_cancelled());
    let handle = remote.spawn(|| async {});
    assert!(run(handle).unwrap_err().is_cancelled());
}

#[test]
fn every_door_says_closed_once_the_loop_is_gone() {
    let _watched = crate::support::watch();
    let remote = EventLoop::new().unwrap().remote();
    assert_closed(&remote);
    assert_closed(&remote.clone());
    thread::spawn(move || assert_closed(&remote))
        .join()
        .unwrap();
}

#[test]
fn every_door_says_closed_though_another_loop_has_moved_in() {
    watchdog(PATIENCE, || {
        let mut old = EventLoop::new().unwrap();
        let remote = old.remote();
        let stale = old.run(own_waker());
        drop(old);
        let mut tenant = next_tenant_after(&remote);
        let polls = Counter::default();
        drop(tenant.spawn(crate::support::counted(&polls, pending::<()>())));
        tenant.turn(Some(Duration::ZERO)).unwrap();
        assert_closed(&remote);
        stale.wake_by_ref();
        let turn = tenant.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!(
            (turn.polls, polls.get()),
            (0, 1),
            "the stale wake has reached a task of the new loop"
        );
        assert!(!tenant.remote().is_closed());
    });
}

#[test]
fn a_wake_at_a_loop_that_is_gone_leaves_nothing_for_the_loop_that_moves_in() {
    watchdog(PATIENCE, || {
        let mut old = EventLoop::new().unwrap();
        let remote = old.remote();
        let stale = old.run(own_waker());
        drop(old);
        for _ in 0..3 {
            stale.wake_by_ref();
        }
        let mut tenant = next_tenant_after(&remote);
        tenant.remote().post(|| ()).unwrap();
        let turn = tenant.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!(
            turn.notes, 1,
            "the new loop's only note is its call, not a stale wake"
        );
    });
}

#[test]
fn a_handle_of_a_loop_that_is_gone_answers_though_another_has_moved_in_here() {
    watchdog(PATIENCE, || {
        let old = EventLoop::new().unwrap();
        let remote = old.remote();
        let handle = remote.spawn(pending::<()>);
        drop(old);
        let mut tenant = next_tenant_after(&remote);
        let result = tenant.run(async { handle.wait() });
        assert!(result.unwrap_err().is_cancelled());
    });
}

#[test]
fn what_is_in_the_inbox_when_the_loop_ends_is_dropped_on_its_thread() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    let event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    let handles: Vec<RemoteHandle<()>> = thread::scope(|scope| {
        scope
            .spawn(|| {
                (0..10)
                    .map(|n| {
                        let call = ledger.token(format!("call {n}"));
                        remote.post(move || drop(call)).unwrap();
                        let task = ledger.token(format!("task {n}"));
                        remote.spawn(move || async move { drop(task) })
                    })
                    .collect()
            })
            .join()
            .unwrap()
    });
    drop(event_loop);
    ledger.assert_settled_here();
    for handle in handles {
        assert!(handle.wait().unwrap_err().is_cancelled());
    }
}

#[test]
fn calls_whose_destructors_panic_do_not_disturb_the_end_of_the_loop() {
    let _watched = crate::support::watch();
    let event_loop = EventLoop::new().unwrap();
    for _ in 0..3 {
        let bomb = on_drop(|| panic!("a destructor"));
        event_loop.remote().post(move || drop(bomb)).unwrap();
    }
    let ((), lines) = listen(|| drop(event_loop));
    assert_eq!(lines.len(), 3, "each panic has a line: {lines:?}");
}

/// The task that would answer is behind it in the inbox, and would run on the same thread.
#[test]
fn a_destructor_that_waits_for_its_loop_while_it_is_dropped_panics_instead_of_hanging() {
    watchdog(PATIENCE, || {
        let event_loop = EventLoop::new().unwrap();
        let remote = event_loop.remote();
        let (sends, handle) = mpsc::channel::<RemoteHandle<()>>();
        let waits = on_drop(move || drop(handle.recv().unwrap().wait()));
        remote.post(move || drop(waits)).unwrap();
        sends.send(remote.spawn(pending::<()>)).unwrap();
        let ((), lines) = listen(|| drop(event_loop));
        let [line] = &lines[..] else {
            panic!("the panic has no line, or more than one: {lines:?}");
        };
        assert!(line.text.contains("waits for ever"), "{line:?}");
    });
}

#[test]
fn the_error_fits_every_error_library() {
    let _watched = crate::support::watch();
    fn send(remote: &Remote) -> Result<(), Box<dyn Error + Send + Sync>> {
        remote.post(|| ())?;
        Ok(())
    }
    let event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    send(&remote).unwrap();
    drop(event_loop);
    let error = send(&remote).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the event loop is gone, so nothing can be sent to it"
    );
}
