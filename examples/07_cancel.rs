//! Cancelling is dropping: what runs, in which order, and what survives.
//!
//! `cargo run --release --example 07_cancel`

use std::time::Duration;

use roundelay::sync::CancelToken;
use roundelay::{race, sleep, spawn, timeout, yield_now};

/// Says when it is dropped: a file that closes, a lock that opens, a connection that hangs up.
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
        println!("1. A handle that is dropped only lets go of the task");
        drop(spawn(async {
            yield_now().await;
            println!("    it runs on");
        }));
        yield_now().await;
        yield_now().await;

        println!("2. abort() asks; the future is dropped when the task's turn comes");
        let handle = spawn(work("a file"));
        yield_now().await;
        handle.abort();
        println!("    asked; finished yet? {}", handle.is_finished());
        println!("    the handle says: {}", handle.await.unwrap_err());

        println!("3. cancel().await returns when it has been dropped");
        let handle = spawn(work("a lock"));
        yield_now().await;
        let _ = handle.cancel().await;
        println!("    and now it is gone");

        println!("4. A time-out drops what it guards");
        let result = timeout(Duration::from_millis(5), work("a connection")).await;
        println!("    {}", result.unwrap_err());

        println!("5. In a race the losers are dropped before the winner's value is used");
        let winner = race!(work("the slow one"), async {
            sleep(Duration::from_millis(5)).await;
            "the quick one"
        });
        println!("    won by {winner}");

        println!("6. Drop cannot await. To clean up with awaits, a task is asked, not dropped");
        let stop = CancelToken::new();
        let handle = spawn(says_goodbye(stop.clone()));
        yield_now().await;
        stop.cancel();
        println!("    asked; finished yet? {}", handle.is_finished());
        println!("    it returned: {}", handle.await.expect("no panic"));

        println!("7. Tasks that are left when main returns are dropped, oldest first");
        for what in ["the first", "the second", "the third"] {
            drop(spawn(work(what)));
        }
        yield_now().await;
    });
}
