//! Standard input: its thread does not delay the end of a program, and the mode of a terminal is not
//! changed.

use std::time::{Duration, Instant};

use crate::again::again;
use roundelay::io::stdin;
use roundelay::{EventLoop, run, spawn, timeout, yield_now};

#[test]
fn lines_come_as_they_are_written_and_then_the_end() {
    let _watched = crate::support::watch();
    let mut child = again("stdio::child_that_echoes_lines");
    child.expect("threads before the first read: the same");
    child.say("one\nhalf ");
    child.expect("heard: one");
    child.say("a line\nlast without an end");
    child.expect("heard: half a line");
    drop(child.input.take());
    child.expect("heard: last without an end");
    child.expect("threads: one more");
    assert!(child.ended().success());
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by lines_come_as_they_are_written_and_then_the_end"]
fn child_that_echoes_lines() {
    let _watched = crate::support::watch_for(Duration::from_secs(60));
    let before = crate::again::threads();
    run(async {
        let mut lines = stdin().lines();
        yield_now().await;
        assert_eq!(crate::again::threads(), before);
        println!("threads before the first read: the same");
        while let Some(line) = lines.next_line().await.unwrap() {
            println!("heard: {line}");
        }
        // The parent and the child share the open file, and the mode belongs to it.
        let info = std::fs::read_to_string("/proc/self/fdinfo/0").unwrap();
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .unwrap();
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        assert_eq!(flags & libc::O_NONBLOCK as u32, 0);
        assert_eq!(crate::again::threads(), before + 1);
        println!("threads: one more");
    });
}

/// A read of standard input that never ends delays neither the end of the loop nor the end of the process.
#[test]
fn a_program_ends_although_its_standard_input_stays_open_and_silent() {
    let _watched = crate::support::watch();
    let mut child = again("stdio::child_that_waits_for_a_line_that_never_comes");
    let line = child.expect("offloaded jobs at the end");
    assert!(line.contains(": 0"), "{line}");
    // Its input is still open here.
    assert!(child.input.is_some());
    let input = child.input.take();
    assert!(child.ended().success());
    drop(input);
}

#[test]
#[ignore = "run by a_program_ends_although_its_standard_input_stays_open_and_silent"]
fn child_that_waits_for_a_line_that_never_comes() {
    let _watched = crate::support::watch_for(Duration::from_secs(60));
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(async {
        let reader = spawn(async { stdin().lines().next_line().await });
        yield_now().await;
        yield_now().await;
        reader.abort();
    });
    let begin = Instant::now();
    let report = event_loop.shutdown(Duration::from_secs(3600));
    println!("offloaded jobs at the end: {}", report.offload.len());
    assert!(begin.elapsed() < Duration::from_secs(600));
}

#[test]
fn a_read_that_is_dropped_loses_no_byte() {
    let _watched = crate::support::watch();
    let mut child = again("stdio::child_that_gives_up_once");
    child.expect("gave up");
    child.say("for the next one\n");
    child.expect("heard: for the next one");
    assert!(child.ended().success());
}

#[test]
#[ignore = "run by a_read_that_is_dropped_loses_no_byte"]
fn child_that_gives_up_once() {
    let _watched = crate::support::watch_for(Duration::from_secs(60));
    run(async {
        let mut lines = stdin().lines();
        assert!(
            timeout(Duration::from_millis(5), lines.next_line())
                .await
                .is_err()
        );
        drop(lines);
        println!("gave up");
        let line = stdin().lines().next_line().await.unwrap().unwrap();
        println!("heard: {line}");
    });
}
