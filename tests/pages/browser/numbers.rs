//! What the page shows agrees with the recording.

use std::collections::HashMap;
use std::time::Duration;

use roundelay::record::{Event, Recording, Task, What};

use crate::{Opened, watch};

/// How often each task is polled, and for how long. The recordings here have both halves of every poll.
fn polls_of(recording: &Recording) -> HashMap<u32, (u64, Duration)> {
    let mut polls: HashMap<u32, (u64, Duration)> = HashMap::new();
    let mut began = Duration::ZERO;
    let mut running = None;
    for event in &recording.events {
        match event.what {
            What::Poll(task) => (running, began) = (Some(task), event.at),
            What::Waits(task) | What::Finish(task, _) if running == Some(task) => {
                running = None;
                let (count, time) = polls.entry(task).or_default();
                *count += 1;
                *time += event.at - began;
            }
            _ => {}
        }
    }
    polls
}

/// Opens the page, and compares its numbers with the recording.
fn assert_agrees(recording: &Recording) {
    let mut opened = Opened::new(recording);
    let tab = &mut opened.tab;
    assert_eq!(
        tab.number("recording.model.events.count") as usize,
        recording.events.len()
    );
    for (task, (count, time)) in polls_of(recording) {
        let lane = format!("recording.model.tasks.get({task})");
        assert_eq!(
            tab.number(&format!("{lane}.polls")) as u64,
            count,
            "polls of task {task}"
        );
        let shown = tab.number(&format!("{lane}.running"));
        assert_eq!(shown as u128, time.as_nanos(), "time of task {task}");
    }
    assert_totals(&mut opened);
    opened.assert_no_complaints();
}

/// The page replays the events itself. Its sums must be the sums in its data, which Rust has computed.
fn assert_totals(opened: &mut Opened) {
    let shown = opened.tab.ask("recording.totals");
    let told = opened.tab.ask("recording.model.data.totals");
    assert_eq!(
        shown, told,
        "polls, polling, looking, sleeping, ready, longest poll, longest time ready"
    );
}

#[test]
fn the_numbers_of_a_small_recording_agree() {
    let _watched = watch();
    assert_agrees(&made_up::chat(1));
}

#[test]
fn the_numbers_of_a_hundred_thousand_events_agree() {
    let _watched = watch();
    let recording = made_up::storm(7, 100_000);
    assert!(recording.events.len() >= 100_000);
    assert!(
        recording.to_html().len() < 2 << 20,
        "a page of two megabytes at most"
    );
    assert_agrees(&recording);
}

#[test]
fn the_summary_says_how_much_there_is() {
    let _watched = watch();
    let recording = made_up::chat(1);
    let polls: u64 = polls_of(&recording).values().map(|(count, _)| count).sum();
    let mut opened = Opened::new(&recording);
    let summary = opened
        .tab
        .text("document.getElementById('summary').textContent");
    assert!(
        summary.contains(&format!("{} tasks", recording.tasks.len())),
        "{summary}"
    );
    assert!(summary.contains(&format!("{polls} polls")), "{summary}");
    assert!(summary.contains("1,445 events"), "{summary}");
}

#[test]
fn the_findings_are_the_recordings() {
    let _watched = watch();
    let recording = made_up::chat(1);
    let mut opened = Opened::new(&recording);
    let shown = opened
        .tab
        .ask("[...document.querySelectorAll('.finding .what')].map((title) => title.textContent)");
    let told: Vec<String> = recording
        .findings()
        .into_iter()
        .map(|finding| finding.title)
        .collect();
    assert!(
        told.iter()
            .any(|title| title.contains("held the thread for 80 ms")),
        "{told:?}"
    );
    assert_eq!(shown, serde_json::json!(told));
}

#[test]
fn a_recording_that_begins_or_ends_anywhere_is_drawn() {
    let _watched = watch();
    let whole = made_up::chat(3);
    let mut opened = Opened::new(&whole);
    for cut in [
        1, 2, 3, 5, 8, 13, 40, 41, 42, 43, 44, 45, 700, 701, 702, 703,
    ] {
        let mut part = Recording::default();
        part.tasks = whole.tasks.iter().skip(cut % 3).cloned().collect();
        part.events = whole.events[cut..whole.events.len() - cut % 7].to_vec();
        part.lost = cut as u64;
        opened.show(&part);
        assert_totals(&mut opened);
        opened.assert_no_complaints();
    }
}

#[test]
fn any_events_in_any_order_are_drawn() {
    let _watched = watch();
    let mut opened = Opened::new(&Recording::default());
    for seed in 1..40 {
        opened.show(&made_up::nonsense(seed, 150));
        assert_totals(&mut opened);
        opened.assert_no_complaints();
    }
}

#[test]
fn an_empty_recording_and_a_lone_half_are_drawn() {
    let _watched = watch();
    let mut opened = Opened::new(&Recording::default());
    for what in [
        None,
        Some(What::Unpark),
        Some(What::Waits(3)),
        Some(What::JobEnds(9)),
    ] {
        let mut recording = Recording::default();
        recording.events = what
            .map(|what| Event::new(Duration::from_millis(5), what))
            .into_iter()
            .collect();
        opened.show(&recording);
        assert_totals(&mut opened);
        opened.assert_no_complaints();
    }
}

#[test]
fn no_name_breaks_out_of_its_place() {
    let _watched = watch();
    let names = [
        "</script><script>window.broken = 1</script>",
        "<img src=x onerror='window.broken = 1'>",
        "\u{2028}\u{2029}\"'`${window.broken = 1}\\",
        "{{data}} {{script}} <!-- ]]> &amp;",
        "\u{0}\u{1b}[31m\u{202e} \u{1f980}",
    ];
    let mut recording = made_up::chat(1);
    recording.name = names.join(" ");
    for (task, name) in recording.tasks.iter_mut().zip(names) {
        task.name = Some(name.to_owned());
    }
    recording.tasks.push(Task::new(4_000_000_000));
    let mut opened = Opened::new(&recording);
    for (number, name) in names.iter().enumerate() {
        let shown = opened
            .tab
            .text(&format!("recording.model.info.get({number}).name"));
        assert_eq!(shown, *name);
    }
    let title = opened.tab.text("document.title");
    assert!(title.contains("</script><script>window.broken"), "{title}");
    for finding in 0..recording.findings().len() {
        opened.tab.ask(&format!("recording.showFinding({finding})"));
    }
    assert!(opened.tab.ask("window.broken").is_null());
    assert_eq!(
        opened
            .tab
            .number("document.querySelectorAll('script, img').length") as u32,
        2
    );
    opened.assert_no_complaints();
}
