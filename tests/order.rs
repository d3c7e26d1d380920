//! In what order things happen, compared as whole traces.

mod support;

use roundelay::{run, spawn, yield_now};
use support::Trace;

#[test]
fn tasks_run_in_the_order_of_their_spawning() {
    let trace = Trace::new();
    run(async {
        for name in ["a", "b", "c"] {
            let trace = trace.clone();
            drop(spawn(async move { trace.push(name) }));
        }
        trace.push("main");
        yield_now().await;
    });
    assert_eq!(trace.take(), ["main", "a", "b", "c"]);
}
