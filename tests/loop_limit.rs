//! Makes as many loops as fit, and gets a clear error for one more. This test is alone in its process,
//! because it takes all loops.

#![cfg(unix)]

#[path = "support/watch.rs"]
mod watch;

use std::error::Error;
use std::io;

use roundelay::EventLoop;

/// A waker has twelve bits for the loop, and loop 0 does not exist.
const MOST: usize = 4_095;

fn as_many_as_fit() -> (Vec<EventLoop>, std::io::Error) {
    let mut loops = Vec::new();
    loop {
        match EventLoop::new() {
            Ok(event_loop) => loops.push(event_loop),
            Err(error) => return (loops, error),
        }
    }
}

/// If the limit of descriptors is too low for 4,095 loops, the operating system refuses.
#[test]
fn one_loop_too_many_is_an_error_and_leaves_no_trace() {
    let _watched = watch::watch();
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let (mut loops, error) = as_many_as_fit();
    if loops.len() == MOST {
        assert_eq!(
            error.to_string(),
            "cannot make another event loop: this process has 4095 alive, the most there can be; drop one first"
        );
    } else {
        println!("only {} loops: {error}", loops.len());
        let cause = error
            .source()
            .and_then(<dyn Error>::downcast_ref::<io::Error>);
        let code = cause.and_then(io::Error::raw_os_error);
        assert!(
            code.is_some(),
            "the system's own error is the source: {error}"
        );
    }

    // The last loop works like any other.
    let last = loops.last_mut().expect("at least one");
    assert_eq!(
        last.run(async { roundelay::spawn(async { 42 }).await.unwrap() }),
        42
    );

    // The advice of the error helps.
    loops.swap_remove(0);
    loops.push(EventLoop::new().unwrap());
    assert!(EventLoop::new().is_err());

    // The loops that could not be made have kept nothing: as many loops fit as before.
    let most = loops.len();
    drop(loops);
    let (loops, _) = as_many_as_fit();
    assert_eq!(loops.len(), most);
}
