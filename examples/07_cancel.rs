//! Cancelling is dropping: which code runs, in which order, and which code goes on.
//!
//! `cargo run --release --example 07_cancel`

use std::time::Duration;

use roundelay::sync::CancelToken;
use roundelay::{race, sleep, spawn, timeout, yield_now};

/// Prints a line when it is dropped, as a file closes, a lock opens, or a connection hangs up.
struct Holds(&'static str);

impl Drop for Holds {
    fn drop(&mut self) {
        println!("    released: {}", self.0);
    }
}

async fn work(what: &'static str) -> &'static str {
    let _held = Holds(what);
    sleep(Duration::from_secs(3_600)).await;
    what
}

async fn says_goodbye(stop: CancelToken) -> &'static str {
    let _held = Holds("a connection, after the goodbye");
    stop.run_until_cancelled(sleep(Duration::from_secs(3_600)))
        .await;
    println!("    sends a goodbye, and waits for the answer");
    sleep(Duration::from_millis(5)).await;
    "goodbye"
}

fn main() {
    roundelay::run(async {
        println!("1. Dropping a handle only detaches the task");
        drop(spawn(async {
            yield_now().await;
            println!("    the task runs on");
        }));
        yield_now().await;
        yield_now().await;

        println!("2. abort() asks for the end; the future is dropped in the task's next turn");
        let handle = spawn(work("a file"));
        yield_now().await;
        handle.abort();
        println!("    asked; finished already? {}", handle.is_finished());
        println!("    the handle returns: {}", handle.await.unwrap_err());

        println!("3. cancel().await returns when the future has been dropped");
        let handle = spawn(work("a lock"));
        yield_now().await;
        let _ = handle.cancel().await;
        println!("    now the future is gone");

        println!("4. A time-out drops its future");
        let result = timeout(Duration::from_millis(5), work("a connection")).await;
        println!("    {}", result.unwrap_err());

        println!("5. In a race the losers are dropped before the winner's value is used");
        let winner = race!(work("the slow one"), async {
            sleep(Duration::from_millis(5)).await;
            "the quick one"
        });
        println!("    won by {winner}");

        println!("6. Drop cannot await. To clean up with awaits, ask the task to stop");
        let stop = CancelToken::new();
        let handle = spawn(says_goodbye(stop.clone()));
        yield_now().await;
        stop.cancel();
        println!("    asked; finished already? {}", handle.is_finished());
        println!("    the task returned: {}", handle.await.expect("no panic"));

        println!("7. When main returns, the remaining tasks are dropped, oldest first");
        for what in ["the first", "the second", "the third"] {
            drop(spawn(work(what)));
        }
        yield_now().await;
    });
}
