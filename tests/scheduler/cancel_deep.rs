//! A chain of ten thousand tasks ends on a small stack, however it ends.

use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::Duration;

use crate::support::{Gate, Ledger, on_drop, watchdog_on_stack};
use roundelay::task::AbortHandle;
use roundelay::{EventLoop, JoinHandle, run, spawn, yield_now};

fn new_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

fn turns_until_idle(event_loop: &mut EventLoop) {
    while event_loop.turn(Some(Duration::ZERO)).expect("a turn").ready > 0 {}
}

/// The number of links that await each other. Whether the chain completes or is aborted at either end, no step nests in
/// another. The stack is many times smaller than a frame of a hundred bytes for each link would need.
const LINKS: usize = if cfg!(miri) { 50 } else { 10_000 };
const SMALL_STACK: usize = match cfg!(debug_assertions) {
    true => 256 << 10,
    false => 64 << 10,
};

/// Spawns the links. The last link awaits `end`. Each link holds the handle of the next, so only the first handle is given.
fn chain(end: Gate, ledger: &Ledger) -> JoinHandle<usize> {
    let token = ledger.token("the last link");
    let mut first = spawn(async move {
        let _token = token;
        end.wait().await;
        1
    });
    for link in 1..LINKS {
        let (next, token) = (first, ledger.token(format!("link {link}")));
        first = spawn(async move {
            let _token = token;
            1 + next.await.unwrap_or(0)
        });
    }
    first
}

#[test]
fn a_chain_of_ten_thousand_tasks_completes_on_a_small_stack() {
    watchdog_on_stack(SMALL_STACK, || {
        let ledger = Ledger::new();
        let length = run(async {
            let end = Gate::new();
            let first = chain(end.clone(), &ledger);
            yield_now().await;
            end.open();
            first.await.expect("it ends well")
        });
        assert_eq!(length, LINKS);
        ledger.assert_settled_here();
    });
}

#[test]
fn a_chain_of_ten_thousand_tasks_is_aborted_link_by_link_on_a_small_stack() {
    watchdog_on_stack(SMALL_STACK, || {
        let ledger = Ledger::new();
        run(async {
            // Each link aborts the next one in its destructor.
            let mut next: Option<AbortHandle> = None;
            let mut last = None;
            for link in 0..LINKS {
                let (token, after) = (ledger.token(format!("link {link}")), next.take());
                let handle = spawn(async move {
                    let _token = token;
                    let _abort = on_drop(move || {
                        if let Some(after) = after {
                            after.abort();
                        }
                    });
                    pending::<()>().await;
                });
                next = Some(handle.abort_handle());
                last = Some(handle);
            }
            yield_now().await;
            let last = last.expect("ten thousand links");
            assert!(last.cancel().await.expect_err("cancelled").is_cancelled());
            while ledger.alive() > 0 {
                yield_now().await;
            }
        });
        ledger.assert_settled_here();
    });
}

#[test]
fn a_chain_of_ten_thousand_tasks_is_dropped_with_its_loop_on_a_small_stack() {
    for is_handle_kept in [false, true] {
        watchdog_on_stack(SMALL_STACK, move || {
            let ledger = Ledger::new();
            let mut event_loop = new_loop();
            let first = event_loop.run(poll_fn(|_| Poll::Ready(chain(Gate::new(), &ledger))));
            let kept = is_handle_kept.then_some(first);
            turns_until_idle(&mut event_loop);
            drop(event_loop);
            ledger.assert_settled_here();
            if let Some(kept) = kept {
                let ended = run(kept).expect_err("its loop is gone");
                assert!(ended.is_cancelled());
            }
        });
    }
}
