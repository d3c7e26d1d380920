//! A step that holds the loop's thread for longer than the limit is logged. `Builder::slow_poll` logs
//! it after its end, and `Builder::watchdog` while it still runs. This test is alone in its process,
//! because the watchdog's thread calls the logger, and a process has one logger.
//!
//! The limit here is a nanosecond, and then every step is too long, or there is no limit, and then no
//! step is. So no test depends on the speed of the machine.

#![cfg(unix)]

#[path = "support/watch.rs"]
mod watch;

use std::cell::Cell;
use std::future::pending;
use std::panic::Location;
use std::rc::Rc;
use std::sync::{Condvar, Mutex, MutexGuard, Once};
use std::time::Duration;

use roundelay::task::{self, AbortHandle};
use roundelay::{EventLoop, Remote, yield_now};

const AT_ONCE: Duration = Duration::from_nanos(1);

/// The lines of the target `roundelay::slow` in this process. `TOLD` wakes the threads that wait for a line.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static TOLD: Condvar = Condvar::new();

fn lines() -> MutexGuard<'static, Vec<String>> {
    LINES
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

thread_local! {
    /// What the sink of this thread does, once, at the next line.
    static DEED: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "roundelay::slow"
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        assert_eq!(record.level(), log::Level::Warn);
        lines().push(record.args().to_string());
        TOLD.notify_all();
        if let Some(deed) = DEED.take() {
            deed();
        }
    }

    fn flush(&self) {}
}

/// The builder of a loop whose lines are recorded. The name must not be used by another test.
fn heard(name: &str) -> roundelay::Builder {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Listener).expect("the only logger");
        log::set_max_level(log::LevelFilter::Warn);
    });
    EventLoop::builder().name(name).slow_poll(None)
}

/// The lines of the loop `name` that contain `part`. The time is cut off, because it differs in each run.
fn told(name: &str, part: &str) -> Vec<String> {
    let (start, lines) = (format!("{name}: "), lines());
    let of_the_loop = lines.iter().filter_map(|line| line.strip_prefix(&start));
    let found = of_the_loop.filter(|line| line.contains(part));
    found
        .map(|line| line.split(" for ").next().unwrap().to_owned())
        .collect()
}

/// Blocks, as a careless task does, until there is a line of the loop `name` that contains `part`.
fn block_until_told(name: &str, part: &str) -> String {
    let mut lines = lines();
    loop {
        if let Some(line) = lines
            .iter()
            .find(|line| line.starts_with(name) && line.contains(part))
        {
            return line.clone();
        }
        lines = TOLD.wait(lines).unwrap();
    }
}

#[test]
fn a_long_poll_is_told_with_the_tasks_name_and_the_line_that_spawned_it() {
    let _watched = watch::watch();
    let mut event_loop = heard("poll").slow_poll(AT_ONCE).build().unwrap();
    let here = event_loop.run(async {
        let here = Location::caller().line() + 1;
        let task = task::Builder::new().name("parse").spawn(async {});
        task.await.unwrap();
        here
    });
    let lines = told("poll", "'parse'");
    let place = format!("'parse', spawned at {}:{here}:", file!());
    assert!(lines[0].contains(&place), "{lines:?} without {place}");
    assert!(lines[0].ends_with("held the thread"), "{lines:?}");
}

#[test]
fn a_task_that_is_slow_over_and_over_is_told_the_first_second_fourth_and_eighth_time() {
    let _watched = watch::watch();
    let mut event_loop = heard("often").slow_poll(AT_ONCE).build().unwrap();
    event_loop.run(async {
        let polls = async {
            for _ in 0..14 {
                yield_now().await;
            }
        };
        task::Builder::new()
            .name("often")
            .spawn(polls)
            .await
            .unwrap();
    });
    // The task has been polled fifteen times.
    let lines = lines().clone();
    let of_it = lines
        .iter()
        .filter(|line| line.starts_with("often: task") && line.contains("'often'"));
    let counts: Vec<_> = of_it
        .map(|line| {
            line.split(", ")
                .find_map(|part| part.split_once(" times so far"))
        })
        .map(|found| found.map_or("1", |(count, _)| count))
        .collect();
    assert_eq!(counts, ["1", "2", "4", "8"]);
}

#[test]
fn what_is_short_enough_is_not_told_nor_is_anything_when_it_is_off() {
    let _watched = watch::watch();
    for (name, limit) in [("short", Some(Duration::MAX)), ("off", None)] {
        let mut event_loop = heard(name).slow_poll(limit).build().unwrap();
        event_loop.run(async {
            Remote::current().post(|| ()).unwrap();
            for _ in 0..200 {
                yield_now().await;
            }
        });
        drop(event_loop);
        assert_eq!(told(name, ""), [""; 0]);
    }
}

#[test]
fn destructors_posted_calls_and_looks_are_told_as_what_they_are() {
    let _watched = watch::watch();
    let mut event_loop = heard("others").slow_poll(AT_ONCE).build().unwrap();
    event_loop.run(async {
        let aborted = task::Builder::new().name("gone").spawn(pending::<()>());
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        drop(task::Builder::new().name("unread").spawn(async { vec![1] }));
        Remote::current().post(|| ()).unwrap();
        // These are more polls than there are between two looks.
        for _ in 0..200 {
            yield_now().await;
        }
    });
    assert_eq!(
        told("others", "the destructor of the future of task").len(),
        1
    );
    assert!(!told("others", "the destructor of what is left of task").is_empty());
    assert_eq!(
        told("others", "a call posted through a Remote"),
        ["a call posted through a Remote held the thread"]
    );
    assert!(!told("others", "a look at the sockets and timers").is_empty());
}

/// no-user-code-under-borrow, decide-then-do.
#[test]
fn the_sink_may_abort_the_very_task_that_it_is_told_of_and_may_wake_and_spawn() {
    let _watched = watch::watch();
    let mut event_loop = heard("deeds").slow_poll(AT_ONCE).build().unwrap();
    let victim: Rc<Cell<Option<AbortHandle>>> = Rc::default();
    let done = Rc::new(Cell::new(0));
    event_loop.run(async {
        let (handle, spawned) = (Rc::clone(&victim), Rc::clone(&done));
        DEED.set(Some(Box::new(move || {
            let handle = handle.take().expect("the first line is about the victim");
            handle.abort();
            drop(roundelay::spawn(
                async move { spawned.set(spawned.get() + 1) },
            ));
        })));
        let task = roundelay::spawn(pending::<()>());
        victim.set(Some(task.abort_handle()));
        assert!(task.await.unwrap_err().is_cancelled());
        yield_now().await;
    });
    assert_eq!(done.get(), 1);
}

#[test]
fn the_watchdog_tells_while_it_lasts_who_holds_the_thread_and_what_the_thread_does() {
    let _watched = watch::watch();
    let mut event_loop = heard("held").watchdog(AT_ONCE).build().unwrap();
    let line = event_loop.run(async {
        let blocks = async { block_until_told("held", "'blocks'") };
        task::Builder::new()
            .name("blocks")
            .spawn(blocks)
            .await
            .unwrap()
    });
    assert!(line.contains("and still does; "), "{line}");
    assert!(line.contains(&format!("spawned at {}:", file!())), "{line}");
}

/// Only on Linux the kernel says what a thread waits for.
#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_waits_for_a_lock_is_told_from_one_that_computes() {
    let _watched = watch::watch();
    let mut event_loop = heard("kinds").watchdog(AT_ONCE).build().unwrap();
    event_loop.run(async {
        // The line says `futex`, the system call by which a thread waits for another thread.
        let line = block_until_told("kinds", "it waits in futex: a Mutex");
        assert!(line.contains("has held the thread"));
        let told = || {
            lines()
                .iter()
                .any(|line| line.starts_with("kinds") && line.ends_with("; it computes"))
        };
        while !told() {
            std::hint::spin_loop();
        }
    });
}

/// The watchdog's thread is the loop's only thread, and it ends with its loop.
#[cfg(target_os = "linux")]
#[test]
fn the_watchdogs_thread_ends_with_its_loop_and_a_loop_without_one_has_none() {
    let _watched = watch::watch();
    let threads = |name: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.filter(|found| found.starts_with(name)).count()
    };
    let event_loop = heard("unwatched").slow_poll(AT_ONCE).build().unwrap();
    assert_eq!(threads("unwatched"), 0);
    drop(event_loop);
    let event_loop = heard("ends")
        .watchdog(Duration::from_secs(3600))
        .build()
        .unwrap();
    while threads("ends-watchdog") == 0 {}
    drop(event_loop);
    while threads("ends-watchdog") > 0 {}
}

/// The watchdog is asleep after two idle rounds, so a poll after a long rest has to call it.
#[test]
fn a_watchdog_that_has_gone_to_sleep_is_called_by_the_next_poll() {
    let _watched = watch::watch();
    let mut event_loop = heard("again").watchdog(AT_ONCE).build().unwrap();
    for round in 0..3 {
        let name = format!("round {round}");
        event_loop.run(async {
            // While a loop rests for this long, its watchdog goes to sleep. If it does not, the test still passes.
            roundelay::sleep(Duration::from_millis(20)).await;
            let task = task::Builder::new().name(&*name);
            let wanted = format!("'round {round}'");
            task.spawn(async move { block_until_told("again", &wanted) })
                .await
                .unwrap();
        });
    }
}
