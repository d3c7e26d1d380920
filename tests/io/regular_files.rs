//! A regular file has no readiness. It counts as ready, and only an operation that would wait asks the poller.

use std::cell::Cell;
use std::fs::File;
use std::io;

use roundelay::reactor::{Interest, Registered};
use roundelay::run;

fn file() -> Registered<File> {
    Registered::new(File::open(std::env::current_exe().unwrap()).unwrap())
}

#[test]
fn a_regular_file_counts_as_ready() {
    let _watched = crate::support::watch();
    let ready = run(async { file().readiness(Interest::READABLE).await });
    assert!(ready.unwrap().is_readable());
}

#[test]
fn a_wait_for_a_regular_file_is_refused_with_the_pollers_error() {
    let _watched = crate::support::watch();
    let tries = Cell::new(0);
    let waited = run(async {
        let read = |_: &File| -> io::Result<()> {
            tries.set(tries.get() + 1);
            Err(io::ErrorKind::WouldBlock.into())
        };
        file().async_io(Interest::READABLE, read).await
    });
    assert_eq!(waited.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(tries.get(), 1);
}
