//! A child that is awaited, a child that never returns, and a spawn that is refused.

use std::future::pending;

use crate::support::{Ledger, listen};
use roundelay::group::Refused;
use roundelay::{TaskGroup, run, yield_now};

type Group = TaskGroup<String>;

#[test]
fn a_childs_value_goes_to_its_handle_and_to_nobody_else() {
    let _watched = crate::support::watch();
    let values = run(Group::scope(async |group| {
        let outputs = group.with_outputs();
        let handle = outputs.spawn_handle(async { Ok("to the handle") }).unwrap();
        outputs.spawn(async { Ok("to the outputs") });
        let value = handle.await.unwrap();
        Ok((value, outputs.next().await, outputs.next().await))
    }));
    assert_eq!(
        values.unwrap(),
        ("to the handle", Some("to the outputs"), None)
    );
}

#[test]
fn a_childs_error_goes_to_the_group_and_its_handle_says_so() {
    let _watched = crate::support::watch();
    let error = run(Group::scope(async |group| {
        let handle = group
            .spawn_handle(async { Err::<(), _>("the reason".to_owned()) })
            .unwrap();
        let lost = handle.await.unwrap_err();
        assert!(lost.to_string().contains("the group's error has the cause"));
        Ok(())
    }));
    assert_eq!(error.unwrap_err().into_iter().count(), 1);
}

#[test]
fn a_child_that_is_aborted_alone_is_no_failure_and_gives_no_value() {
    let _watched = crate::support::watch();
    let outcome = run(Group::scope(async |group| {
        let handle = group
            .spawn_handle(async { Ok(pending::<u8>().await) })
            .unwrap();
        assert_eq!(handle.id(), handle.abort_handle().id());
        handle.abort();
        yield_now().await;
        assert!(handle.is_finished());
        assert!(handle.await.is_err());
        Ok("went on")
    }));
    assert_eq!(outcome.unwrap(), "went on");
}

#[test]
fn a_handle_that_is_dropped_lets_the_child_run_on_and_drops_its_value() {
    let _watched = crate::support::watch();
    let ledger = Ledger::new();
    run(Group::scope(async |group| {
        let token = ledger.token("the value");
        drop(group.spawn_handle(async move {
            yield_now().await;
            Ok(token)
        }));
        Ok(())
    }))
    .unwrap();
    ledger.assert_settled_here();
}

#[test]
fn a_group_that_takes_nobody_in_gives_the_future_back() {
    let _watched = crate::support::watch();
    run(async {
        let kept = Group::scope(async |group| Ok(group.clone())).await.unwrap();
        let Err(Refused(future)) = kept.spawn_handle(async { Ok(7) }) else {
            panic!("the scope has ended");
        };
        assert_eq!(future.await, Ok(7));
    });
}

/// A program may overlook the `None` of such a spawn.
#[test]
fn a_spawn_into_a_group_that_is_over_is_told_to_the_log() {
    let _watched = crate::support::watch();
    let ((), lines) = listen(|| {
        run(async {
            let kept = Group::scope(async |group| Ok(group.clone())).await.unwrap();
            assert!(kept.spawn(async { Ok(()) }).is_none());
        });
    });
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(line.level, log::Level::Warn);
    assert!(line.text.contains("handle.rs:"), "{line:?}");
}

#[test]
fn children_that_never_return_need_no_type_and_end_with_the_group() {
    let _watched = crate::support::watch();
    let error = run(Group::scope(async |group| {
        group.spawn_endless(async { pending().await });
        group.spawn_endless(async {
            loop {
                yield_now().await;
            }
        });
        group.spawn_endless(async { panic!("dry") });
        pending::<()>().await;
        Ok(())
    }));
    assert!(error.unwrap_err().to_string().contains("dry"));
}
