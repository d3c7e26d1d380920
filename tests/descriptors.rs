//! A loop when no descriptor is left. This test is alone in its process, because it takes all descriptors.

#![cfg(unix)]

mod support;

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use roundelay::{EventLoop, sleep};

const PAUSE: Duration = Duration::from_millis(3);

/// Takes every descriptor that the process may still open.
fn take_all() -> Vec<File> {
    rlimit::setrlimit(rlimit::Resource::NOFILE, 64, 64).expect("a lower limit is always granted");
    std::iter::from_fn(|| File::open("/").ok()).collect()
}

fn sleeps(event_loop: &mut EventLoop) {
    let begin = Instant::now();
    event_loop.run(sleep(PAUSE));
    assert!(begin.elapsed() >= PAUSE, "the sleep has ended early");
}

/// The loop makes its timer when it first needs it. By then there may be no descriptor for it.
#[test]
fn a_deadline_is_kept_when_no_descriptor_is_left_for_the_timer() {
    support::watchdog(support::PATIENCE, || {
        let mut event_loop = EventLoop::new()?;
        let all = take_all();
        assert!(EventLoop::new().is_err(), "a descriptor is left");
        sleeps(&mut event_loop);
        drop(all);
        sleeps(&mut event_loop);
        sleeps(&mut event_loop);
        io::Result::Ok(())
    })
    .expect("a loop");
}
