//! A poll may complete 128 operations of leaf futures. These tests show what happens at the 129th.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::support::{PATIENCE, watchdog};
use roundelay::task::{consume_budget, cooperative};

const SHARE: u32 = 128;

/// Polls like a foreign executor: it polls the future again at once, because the future has woken itself.
fn block_on<F: Future>(future: F) -> (F::Output, u32) {
    let mut future = pin!(future);
    let mut polls = 0;
    loop {
        polls += 1;
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return (output, polls);
        }
    }
}

async fn operations(count: u32) {
    for _ in 0..count {
        consume_budget().await;
    }
}

#[test]
fn the_129th_operation_of_a_poll_steps_back() {
    let _watched = crate::support::watch();
    let polls = roundelay::run(async {
        let mut operations = pin!(operations(SHARE * 2 + 1));
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            operations.as_mut().poll(cx)
        })
        .await;
        polls
    });
    assert_eq!(polls, 3);
}

#[test]
fn an_executor_inside_a_poll_gets_through() {
    watchdog(PATIENCE, || {
        roundelay::run(async {
            let ((), polls) = block_on(operations(SHARE * 3));
            assert!(
                polls > 1,
                "the operations did not spend the budget of the poll"
            );
        });
    });
}

#[test]
fn outside_a_poll_there_is_nobody_to_be_fair_to() {
    let _watched = crate::support::watch();
    let ((), polls) = block_on(operations(SHARE * 100));
    assert_eq!(polls, 1);
}

#[test]
fn a_future_of_another_crate_spends_the_budget_where_it_is_cooperative() {
    let _watched = crate::support::watch();
    let polls = roundelay::run(async {
        let mut foreign = pin!(async {
            for _ in 0..SHARE * 2 + 1 {
                cooperative(std::future::ready(())).await;
            }
        });
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            foreign.as_mut().poll(cx)
        })
        .await;
        polls
    });
    assert_eq!(polls, 3);
}

/// Only completed operations count. A future that waits may be polled as often as it is woken.
#[test]
fn a_foreign_future_that_waits_spends_nothing() {
    let _watched = crate::support::watch();
    let polls = roundelay::run(async {
        let mut foreign = pin!(cooperative(std::future::pending::<()>()));
        poll_fn(|cx| {
            for _ in 0..SHARE * 2 {
                assert!(foreign.as_mut().poll(cx).is_pending());
            }
            Poll::Ready(())
        })
        .await;
        let mut operations = pin!(operations(SHARE));
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            operations.as_mut().poll(cx)
        })
        .await;
        polls
    });
    assert_eq!(polls, 1);
}
