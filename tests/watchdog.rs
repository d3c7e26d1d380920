//! Tests the watchdog of the tests: it ends the process of a test that hangs, and names only that
//! test. These tests are alone in their process, which starts itself again to observe this.

#![cfg(unix)]

#[path = "support/watch.rs"]
mod watch;

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;

use watch::{PATIENCE, watch, watch_for, watchdog};

fn hang() -> ! {
    loop {
        thread::park();
    }
}

#[test]
#[ignore = "run by `a_test_that_hangs_is_named_and_ends`"]
fn hangs() {
    let _watched = watch();
    hang();
}

#[test]
#[ignore = "run by `a_test_that_hangs_on_a_thread_of_its_own_is_named_and_ends`"]
fn hangs_on_a_thread_of_its_own() {
    watchdog(PATIENCE, || hang());
}

/// Hangs from the same moment as the other test, but with more patience.
#[test]
#[ignore = "run beside the other two"]
fn has_an_hour() {
    let _watched = watch_for(360 * PATIENCE);
    hang();
}

/// Runs two of the tests above in a process whose patience is a tenth of a second. Gives its error output.
fn last_words(test: &str) -> String {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "--ignored",
            "--test-threads=2",
            "has_an_hour",
            test,
        ])
        .env("ROUNDELAY_PATIENCE", "0.01")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut words = String::new();
    let mut stderr = child.stderr.take().expect("it is piped");
    stderr.read_to_string(&mut words).expect("text");
    let ended = child.wait().expect("it has ended");
    assert_eq!(ended.signal(), Some(6), "SIGABRT: {words}");
    words
}

#[test]
fn a_test_that_hangs_is_named_and_ends() {
    let _watched = watch();
    let words = last_words("hangs");
    assert!(
        words.contains("watchdog: test 'hangs' (tests/watchdog.rs:"),
        "{words}"
    );
    assert!(!words.contains("has_an_hour"), "{words}");
}

#[test]
fn a_test_that_hangs_on_a_thread_of_its_own_is_named_and_ends() {
    let _watched = watch();
    let words = last_words("hangs_on_a_thread_of_its_own");
    assert!(
        words.contains("watchdog: test 'hangs_on_a_thread_of_its_own' ("),
        "{words}"
    );
    assert!(!words.contains("has_an_hour"), "{words}");
}

#[test]
fn a_test_that_ends_in_time_is_forgotten() {
    let _watched = watch();
    for _ in 0..1_000 {
        drop(watch_for(PATIENCE));
    }
    assert_eq!(watchdog(PATIENCE, || 7), 7);
}
