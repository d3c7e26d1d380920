//! A watchdog. A row that waits for another thread or process may wait for ever, and then the watchdog names the row.

use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Runs a row, and ends the process with the row's name if it still runs after `limit`.
///
/// A hung thread cannot be stopped, so the process has to end.
pub(crate) fn row<T>(name: &str, limit: Duration, body: impl FnOnce() -> T) -> T {
    // A return or an unwinding drops `_done`, and that disconnects the receiver.
    let (_done, is_done) = mpsc::channel::<()>();
    let name = name.to_owned();
    thread::spawn(move || {
        if is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            eprintln!("watchdog: the row `{name}` still runs after {limit:?}: it hangs");
            process::exit(1);
        }
    });
    body()
}
