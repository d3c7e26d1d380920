//! A group needs memory for its living children, not for the children that have ended.

use crate::allocations::{allocations, bytes, peak, since};
use crate::support::{PATIENCE, rounds, watchdog};
use roundelay::{GroupError, TaskGroup, yield_now};

type Outcome<T> = Result<T, GroupError<&'static str>>;

fn scope<T>(body: impl AsyncFnOnce(TaskGroup<&'static str>) -> T) -> T {
    let outcome: Outcome<T> = crate::run(TaskGroup::scope(async |group| Ok(body(group).await)));
    outcome.unwrap()
}

async fn turn() -> Result<(), &'static str> {
    yield_now().await;
    Ok(())
}

/// Spawns a hundred children and waits for their end.
async fn batch<K: roundelay::group::Keep<u64> + Clone>(group: &TaskGroup<&'static str, K>) {
    for n in 0..100 {
        group.spawn(async move {
            yield_now().await;
            Ok(n)
        });
    }
    while !group.is_empty() {
        yield_now().await;
    }
}

#[test]
fn ten_million_short_children_run_in_the_memory_of_those_that_live() {
    // A debug build runs only the first fifty thousand children.
    let batches = rounds(500, 100_000);
    watchdog(PATIENCE, move || {
        scope(async |group| {
            batch(&group).await;
            let (in_use, most) = (bytes(), peak());
            for _ in 0..batches {
                batch(&group).await;
            }
            assert_eq!(bytes(), in_use, "each child leaves something behind");
            assert_eq!(
                peak(),
                most,
                "a later batch needs more memory than the first"
            );
        });
    });
}

#[test]
fn children_that_come_and_go_cost_no_allocation_in_the_steady_state() {
    let _watched = crate::support::watch();
    scope(async |group| {
        batch(&group).await;
        let before = allocations();
        batch(&group).await;
        assert_eq!(since(before), 0);
    });
}

#[test]
fn nor_do_those_whose_values_are_kept_and_those_that_wait_for_room() {
    let _watched = crate::support::watch();
    scope(async |group| {
        let kept = group.with_outputs();
        let limited = group.with_limit(10);
        let keep = async || {
            batch(&kept).await;
            while kept.next().await.is_some() {}
        };
        let wait = async || {
            for _ in 0..100 {
                limited.spawn(turn()).await;
            }
            while !group.is_empty() {
                yield_now().await;
            }
        };
        keep().await;
        let before = allocations();
        keep().await;
        assert_eq!(since(before), 0);
        wait().await;
        let before = allocations();
        wait().await;
        assert_eq!(since(before), 0);
    });
}

#[test]
fn a_child_of_a_new_kind_costs_one() {
    let _watched = crate::support::watch();
    scope(async |group| {
        batch(&group).await;
        let before = allocations();
        let large = [7_u8; 300];
        group.spawn(async move {
            yield_now().await;
            Ok(u64::from(large[299]))
        });
        assert_eq!(since(before), 1);
    });
}
