//! The recording of a loop is true: each test compares a whole trace, without its times.

#![cfg(unix)]

#[path = "support/watch.rs"]
mod watch;

use std::future::pending;
use std::io::{self, Write};
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use roundelay::net::UnixStream;
use roundelay::record::{Awaited, Cause, End, Event, Recording, What};
use roundelay::{EventLoop, Remote, offload, sleep, spawn, task, yield_now};

const PLENTY: usize = 1 << 20;

fn recorded_loop(bytes: usize) -> EventLoop {
    let builder = EventLoop::builder().record(bytes).slow_poll(None);
    builder.build().unwrap()
}

fn recorded(main: impl Future<Output = ()>) -> Recording {
    let mut event_loop = recorded_loop(PLENTY);
    event_loop.run(main);
    event_loop.recording().unwrap()
}

/// The events in words. A task is named by its place in the order of spawning. Sources have no names, and looks are left out.
fn trace(recording: &Recording) -> Vec<String> {
    let place = |number: u32| {
        let place = recording
            .tasks
            .iter()
            .position(|task| task.number == number);
        place.map_or_else(|| "?".to_owned(), |place| place.to_string())
    };
    let by = |cause| match cause {
        Cause::Task(task) => format!("task {}", place(task)),
        Cause::Source(_) => "source".to_owned(),
        Cause::Job(_) => "job".to_owned(),
        cause => format!("{cause:?}").to_lowercase(),
    };
    let words = |what| {
        Some(match what {
            What::Look | What::LookEnds => return None,
            What::Spawn(task, None) => format!("spawn {}", place(task)),
            What::Spawn(task, Some(parent)) => {
                format!("spawn {} by {}", place(task), place(parent))
            }
            What::Wake(task, cause) => format!("wake {} by {}", place(task), by(cause)),
            What::Poll(task) => format!("poll {}", place(task)),
            What::Waits(task) => format!("waits {}", place(task)),
            What::Finish(task, end) => format!("finish {} {end:?}", place(task)).to_lowercase(),
            What::Abort(task) => format!("abort {}", place(task)),
            What::Park(None) => "park".to_owned(),
            What::Park(Some(_)) => "park for a time".to_owned(),
            What::Arm(_) => "arm".to_owned(),
            What::Fire(_) => "fire".to_owned(),
            What::Ready(..) => "ready".to_owned(),
            What::Awaits(Awaited::Task(task)) => format!("awaits {}", place(task)),
            What::Awaits(Awaited::Source(_)) => "awaits source".to_owned(),
            What::Awaits(Awaited::Job(_)) => "awaits job".to_owned(),
            What::Slow(Some(task)) => format!("slow {}", place(task)),
            What::Slow(None) => "slow look".to_owned(),
            What::Submit(_) | What::JobBegins(..) | What::JobEnds(_) => return None,
            what => format!("{what:?}").to_lowercase(),
        })
    };
    recording
        .events
        .iter()
        .filter_map(|event| words(event.what))
        .collect()
}

#[test]
fn a_spawn_a_yield_and_a_join_are_recorded_step_by_step() {
    let _watched = watch::watch();
    let recording = recorded(async {
        let child = spawn(async {
            yield_now().await;
        });
        child.await.unwrap();
    });
    assert_eq!(
        trace(&recording),
        [
            "spawn 0",
            "poll 0",
            "spawn 1 by 0",
            "awaits 1",
            "waits 0",
            "poll 1",
            "wake 1 by task 1",
            "waits 1",
            "poll 1",
            "finish 1 value",
            "wake 0 by task 1",
            "poll 0",
            "finish 0 value",
        ]
    );
    assert_eq!(recording.lost, 0);
}

#[test]
fn an_end_with_an_error_is_told_from_one_with_a_value() {
    let _watched = watch::watch();
    let mut event_loop = recorded_loop(PLENTY);
    let output = event_loop.run(async {
        let _unread = spawn(async { Err::<(), _>(io::Error::other("no")) }).await;
        let _unread = spawn(async { Ok::<_, io::Error>("yes") }).await;
        let _unread = spawn(async { Some("yes") }).await;
        let _panicked = spawn(async { panic!("no") }).await;
        Err::<(), _>("no")
    });
    assert_eq!(output, Err("no"));
    let ends = |event: &Event| match event.what {
        What::Finish(_, end) => Some(end),
        _ => None,
    };
    let recording = event_loop.recording().unwrap();
    let ends: Vec<End> = recording.events.iter().filter_map(ends).collect();
    assert_eq!(
        ends,
        [End::Error, End::Value, End::Value, End::Panic, End::Error]
    );
}

#[test]
fn names_and_lines_and_parents_are_those_of_the_spawn() {
    let _watched = watch::watch();
    let recording = recorded(async {
        task::Builder::new()
            .name("child")
            .spawn(async {})
            .await
            .unwrap();
    });
    let [main, child] = &recording.tasks[..] else {
        panic!("two tasks: {:?}", recording.tasks)
    };
    assert_eq!((main.name.as_deref(), main.parent), (None, None));
    assert_eq!(
        (child.name.as_deref(), child.parent),
        (Some("child"), Some(main.number))
    );
    assert!(child.location.unwrap().file().ends_with("record.rs"));
}

#[test]
fn a_read_that_has_to_wait_is_woken_by_its_source() {
    let _watched = watch::watch();
    let recording = recorded(async {
        let (mut outside, inside) = StdStream::pair().unwrap();
        let inside = UnixStream::from_std(inside).unwrap();
        let reads = spawn(async move { inside.read(&mut [0]).await });
        yield_now().await;
        outside.write_all(b"!").unwrap();
        reads.await.unwrap().unwrap();
    });
    let trace = trace(&recording);
    // The first event of a fresh socket says that it is writable. No task waits for that.
    let read = trace
        .iter()
        .position(|step| step == "wake 1 by source")
        .unwrap();
    assert_eq!(trace[read - 1], "ready");
    assert!(trace[..read].iter().any(|step| step == "awaits source"));
    assert_eq!(
        trace[read + 1..],
        [
            "poll 1",
            "finish 1 value",
            "wake 0 by task 1",
            "poll 0",
            "finish 0 value"
        ]
    );
}

#[test]
fn a_sleep_is_armed_and_slept_and_fired() {
    let _watched = watch::watch();
    let recording = recorded(sleep(Duration::from_millis(1)));
    let mut trace = trace(&recording);
    // A wait may end a little early. Then there is a second one.
    trace.dedup();
    trace.retain(|step| step != "unpark");
    trace.dedup();
    assert_eq!(
        trace,
        [
            "spawn 0",
            "poll 0",
            "arm",
            "waits 0",
            "park for a time",
            "fire",
            "wake 0 by timer",
            "poll 0",
            "finish 0 value"
        ]
    );
}

#[test]
fn other_threads_and_jobs_are_recorded_with_what_they_bring() {
    let _watched = watch::watch();
    let recording = recorded(async {
        offload(|| ()).await.unwrap();
        Remote::current().spawn(|| async {}).await.unwrap();
    });
    let trace = trace(&recording);
    for step in [
        "awaits job",
        "wake 0 by job",
        "mail",
        "spawn 1",
        "wake 0 by task 1",
    ] {
        assert!(
            trace.iter().any(|other| other == step),
            "{step} in {trace:?}"
        );
    }
    let jobs: Vec<_> = recording.events.iter().map(|event| event.what).collect();
    let at = |what: fn(&What) -> bool| jobs.iter().position(what).unwrap();
    let submit = at(|what| matches!(what, What::Submit(_)));
    let begins = at(|what| matches!(what, What::JobBegins(..)));
    let ends = at(|what| matches!(what, What::JobEnds(_)));
    assert!(submit < begins && begins < ends, "{jobs:?}");
    assert!(recording.events.is_sorted_by_key(|event| event.at));
}

#[test]
fn the_three_ends_of_a_task_are_told_apart() {
    let _watched = watch::watch();
    let recording = recorded(async {
        let aborted = spawn(pending::<()>());
        aborted.abort();
        aborted.await.unwrap_err();
        spawn(async { panic!("on purpose") }).await.unwrap_err();
        // This task is dropped with the loop, so its end is not recorded here.
        drop(spawn(pending::<()>()));
    });
    let trace = trace(&recording);
    let ends: Vec<_> = trace
        .iter()
        .filter(|step| step.starts_with("finish"))
        .collect();
    assert_eq!(
        ends,
        ["finish 1 cancelled", "finish 2 panic", "finish 0 value"]
    );
    assert!(trace.iter().any(|step| step == "abort 1"));
}

/// The limit is a nanosecond, and every step takes longer.
#[test]
fn what_is_too_long_is_recorded_behind_it() {
    let _watched = watch::watch();
    let limit = Some(Duration::from_nanos(1));
    let builder = EventLoop::builder().record(PLENTY).slow_poll(limit);
    let mut event_loop = builder.build().unwrap();
    event_loop.run(yield_now());
    let trace = trace(&event_loop.recording().unwrap());
    assert_eq!(
        trace[..6],
        [
            "spawn 0",
            "slow look",
            "poll 0",
            "wake 0 by task 0",
            "waits 0",
            "slow 0"
        ]
    );
}

#[test]
fn a_look_after_a_sleep_is_measured_from_the_end_of_the_sleep() {
    let _watched = watch::watch();
    let told = |limit| {
        let builder = EventLoop::builder().record(PLENTY).slow_poll(limit);
        let mut event_loop = builder.build().unwrap();
        event_loop.run(sleep(Duration::from_millis(600)));
        let recording = event_loop.recording().unwrap();
        let is_slow = |event: &&Event| event.what == What::Slow(None);
        recording.events.iter().filter(is_slow).count()
    };
    let half_a_second = Some(Duration::from_millis(500));
    assert_eq!(told(half_a_second), 0, "the sleep was counted as a step");
    assert!(
        told(Some(Duration::from_nanos(1))) >= 2,
        "the first look and the look after the sleep are too long"
    );
}

#[test]
fn a_ring_that_is_full_forgets_the_oldest_and_the_tasks_that_nothing_names_any_more() {
    let _watched = watch::watch();
    let mut event_loop = recorded_loop(16 * 100);
    event_loop.run(async {
        for _ in 0..1000 {
            spawn(async {}).await.unwrap();
        }
    });
    let recording = event_loop.recording().unwrap();
    assert_eq!(recording.events.len(), 100);
    assert!(recording.lost > 4000, "{}", recording.lost);
    assert!(
        recording.tasks.len() < 110,
        "{} tasks",
        recording.tasks.len()
    );
    assert!(matches!(
        recording.events.last().unwrap().what,
        What::Finish(_, End::Value)
    ));
}

#[test]
fn a_loop_that_was_not_asked_records_nothing() {
    let _watched = watch::watch();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(yield_now());
    assert!(event_loop.recording().is_none());
}

/// Two loops on one thread, one inside the other: each has its own events.
#[test]
fn nested_loops_are_recorded_apart() {
    let _watched = watch::watch();
    let outer = recorded(async {
        let inner = recorded(async { yield_now().await });
        assert_eq!(
            trace(&inner),
            [
                "spawn 0",
                "poll 0",
                "wake 0 by task 0",
                "waits 0",
                "poll 0",
                "finish 0 value"
            ]
        );
    });
    assert_eq!(trace(&outer), ["spawn 0", "poll 0", "finish 0 value"]);
}
