//! Findings, on events written by hand. The package `roundelay-pages` tests the page in a browser.

use std::time::Duration;

use super::{Cause, End, Event, FindingKind, Recording, Task, What};

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

fn recorded(events: &[(u64, What)]) -> Recording {
    let event = |&(at, what): &(u64, What)| Event::new(us(at), what);
    Recording {
        name: "test".to_owned(),
        events: events.iter().map(event).collect(),
        lost: 0,
        tasks: vec![Task::new(1), Task::new(2)],
    }
}

/// The kind, the task and the title of each finding.
fn found(recording: &Recording) -> Vec<(FindingKind, Option<u32>, String)> {
    let told = |finding: super::Finding| (finding.kind, finding.task, finding.title);
    recording.findings().into_iter().map(told).collect()
}

fn detail(recording: &Recording, kind: FindingKind) -> String {
    let findings = recording.findings();
    let finding = findings.iter().find(|finding| finding.kind == kind);
    finding.expect("it is found").detail.clone()
}

#[test]
fn a_long_poll_and_the_task_that_waited_for_it_are_found() {
    let recording = recorded(&[
        (0, What::Spawn(1, None)),
        (0, What::Spawn(2, Some(1))),
        (10, What::Poll(1)),
        (12_010, What::Waits(1)),
        (12_011, What::Poll(2)),
        (12_020, What::Waits(2)),
    ]);
    assert_eq!(
        found(&recording),
        [
            (
                FindingKind::LongPoll,
                Some(1),
                "Task 1 held the thread for 12 ms".to_owned()
            ),
            (
                FindingKind::LongWait,
                Some(2),
                "Task 2 was ready for 12 ms before its poll".to_owned()
            ),
        ]
    );
    let ready = "Task 2 was ready for 12 ms of this poll.";
    assert_eq!(detail(&recording, FindingKind::LongPoll), ready);
    let waited = "It waited for a poll of task 1 to end.";
    assert_eq!(detail(&recording, FindingKind::LongWait), waited);
}

#[test]
fn a_poll_of_four_milliseconds_is_long_only_if_another_task_is_ready() {
    let alone = [(0, What::Poll(1)), (4_000, What::Waits(1))];
    assert_eq!(found(&recorded(&alone)), []);
    let beside = [
        (0, What::Poll(1)),
        (1, What::Wake(2, Cause::Thread)),
        (4_000, What::Waits(1)),
        (4_001, What::Poll(2)),
        (4_002, What::Waits(2)),
    ];
    let recording = recorded(&beside);
    let kinds: Vec<_> = found(&recording)
        .into_iter()
        .map(|(kind, ..)| kind)
        .collect();
    assert_eq!(kinds, [FindingKind::LongPoll]);
}

#[test]
fn a_late_timer_names_the_task_that_held_the_thread_at_its_deadline() {
    let recording = recorded(&[
        (0, What::Poll(1)),
        (9_000, What::Waits(1)),
        (9_001, What::Look),
        (9_002, What::Fire(us(8_000))),
        (9_003, What::LookEnds),
    ]);
    assert_eq!(
        found(&recording),
        [(
            FindingKind::LateTimer,
            None,
            "A timer fired 8 ms late".to_owned()
        )]
    );
    assert_eq!(
        detail(&recording, FindingKind::LateTimer),
        "At its deadline task 1 held the thread, and kept it for 8 ms more."
    );
}

#[test]
fn a_poll_in_vain_did_nothing_that_is_recorded() {
    let mut events = Vec::new();
    for turn in 0..30 {
        let at = turn * 100;
        events.extend([
            (at, What::Wake(1, Cause::Source(3))),
            (at + 1, What::Poll(1)),
            (at + 2, What::Waits(1)),
        ]);
    }
    let recording = recorded(&events);
    assert_eq!(
        found(&recording),
        [(
            FindingKind::InVain,
            Some(1),
            "Task 1 was polled 30 times, 30 times for nothing".to_owned()
        )]
    );
    assert_eq!(
        detail(&recording, FindingKind::InVain),
        "It was mostly woken by socket 3."
    );
    // The same polls, but each wakes another task.
    for place in (0..events.len()).step_by(3).rev() {
        events.insert(
            place + 2,
            (events[place + 1].0, What::Wake(2, Cause::Task(1))),
        );
    }
    let kinds = found(&recorded(&events)).into_iter().map(|(kind, ..)| kind);
    assert!(kinds.into_iter().all(|kind| kind != FindingKind::InVain));
}

#[test]
fn a_task_that_nothing_wakes_and_a_panic_are_found() {
    let recording = recorded(&[
        (0, What::Poll(1)),
        (5, What::Waits(1)),
        (400_000, What::Poll(2)),
        (400_001, What::Finish(2, End::Panic)),
    ]);
    assert_eq!(
        found(&recording),
        [
            (FindingKind::Panic, Some(2), "Task 2 panicked".to_owned()),
            (
                FindingKind::Silent,
                Some(1),
                "Task 1 has not been woken for 400 ms".to_owned()
            ),
        ]
    );
}

#[test]
fn a_page_holds_everything_that_it_needs() {
    let page = recorded(&[(0, What::Poll(1)), (5, What::Waits(1))]).to_html();
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} in the page");
    }
    assert!(!page.contains("{{"), "a placeholder that was not filled");
}
