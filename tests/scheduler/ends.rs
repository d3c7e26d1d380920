//! Ways to end the work with a task: detach it, abort it with its handle or by its identifier, or ask for its output without
//! waiting.

use std::future::{Future, Ready, pending, ready};

use crate::support::{Ledger, listen};
use roundelay::{EventLoop, run, spawn, task, yield_now};

#[test]
fn a_task_whose_handle_aborts_on_drop_is_dropped_when_its_turn_comes() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    run(async {
        let token = ledger.token("the task's");
        let handle = spawn(async move {
            let _token = token;
            pending::<()>().await;
        })
        .abort_on_drop();
        yield_now().await;
        drop(handle);
        assert_eq!(
            ledger.alive(),
            1,
            "an abort must not drop the future at once"
        );
        yield_now().await;
        ledger.assert_settled_here();
    });
}

#[test]
fn a_handle_that_aborts_on_drop_gives_the_output_and_may_become_one_that_does_not() {
    let _watched = crate::support::watch();
    run(async {
        let handle = spawn(async { 1 }).abort_on_drop();
        assert!(!handle.is_finished());
        assert_eq!(handle.await.unwrap(), 1);

        let ledger = Ledger::new();
        let token = ledger.token("the task's");
        let handle = spawn(async move {
            yield_now().await;
            drop(token);
        })
        .abort_on_drop();
        drop(handle.into_inner());
        yield_now().await;
        yield_now().await;
        ledger.assert_settled();
    });
}

#[test]
fn an_output_is_joined_without_waiting_once() {
    let _watched = crate::support::watch();
    run(async {
        let mut handle = spawn(async { "output" });
        assert!(handle.try_join().is_none());
        yield_now().await;
        assert_eq!(handle.try_join().unwrap().unwrap(), "output");
        assert!(handle.try_join().is_none());
        assert!(handle.is_finished());
        let mut panics = spawn(async { panic!("out") as () });
        yield_now().await;
        assert!(panics.try_join().unwrap().unwrap_err().is_panic());
    });
}

/// *stale-is-inert*
#[test]
fn an_identifier_aborts_its_own_task_and_no_other() {
    let _watched = crate::support::watch();
    let other_loop = EventLoop::new().unwrap();
    let elsewhere = other_loop.spawn(pending::<()>());
    run(async {
        assert!(
            !task::abort(elsewhere.id()),
            "the task belongs to another loop"
        );
        let first = spawn(pending::<()>());
        let id = first.id();
        assert!(task::abort(id));
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(!task::abort(id), "the task has finished");
        // The next task gets the slot.
        let second = spawn(pending::<()>());
        assert!(!task::abort(id));
        yield_now().await;
        assert!(!second.is_finished());
    });
    assert!(!elsewhere.is_finished());
    assert!(!task::abort(elsewhere.id()), "no loop is running here");
}

#[test]
fn detaching_is_dropping_the_handle() {
    let _watched = crate::support::watch();
    let ((), lines) = listen(|| {
        run(async {
            spawn(async { panic!("nobody awaits it") as () }).detach();
            yield_now().await;
        });
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
}

/// A value that is no future, but can become one.
struct Becoming(u32);

impl IntoFuture for Becoming {
    type Output = u32;
    type IntoFuture = Ready<u32>;

    fn into_future(self) -> Ready<u32> {
        ready(self.0)
    }
}

#[test]
fn what_becomes_a_future_can_be_spawned_and_run() {
    let _watched = crate::support::watch();
    assert_eq!(run(Becoming(1)), 1);
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.spawn(Becoming(2));
    assert_eq!(event_loop.run(handle).unwrap(), 2);
    assert_eq!(event_loop.run(Becoming(3)), 3);
    event_loop.run(async {
        assert_eq!(spawn(Becoming(4)).await.unwrap(), 4);
        let named = task::Builder::new().name("becoming").spawn(Becoming(5));
        assert_eq!(named.await.unwrap(), 5);
        assert_eq!(task::try_spawn(Becoming(6)).unwrap().await.unwrap(), 6);
    });
    let refused = task::try_spawn(Becoming(7)).unwrap_err();
    assert_eq!(run(refused.0), 7);
}

fn is_future<F: Future>(_: &F) {}

roundelay::test! {
    /// A test that the macro makes.
    async fn a_test_may_be_an_async_function() {
        let _watched = crate::support::watch();
        let task = spawn(async { 5 });
        is_future(&task);
        assert_eq!(task.await.unwrap(), 5);
    }

    async fn a_test_may_fail_by_an_error() -> Result<(), roundelay::JoinError> {
        let _watched = crate::support::watch();
        spawn(async {}).await
    }
}
