//! The pointer, the wheel, the keys and the search.

use std::time::Duration;

use roundelay::record::{Awaited, Cause, Event, Readiness, Recording, Task, What};

use crate::{Opened, watch};

const HOG: &str = "model.tasks.get(5)";
/// The middle of its long poll.
const IN_IT: &str = "(() => { const i = lane.ends.findIndex((end, i) => end - lane.starts[i] > 7e7); return (lane.starts[i] + lane.ends[i]) / 2; })()";

fn in_view(opened: &mut Opened) -> (f64, f64) {
    (
        opened.tab.number("recording.view.from"),
        opened.tab.number("recording.view.to"),
    )
}

/// Equal to within a nanosecond.
fn assert_same(one: (f64, f64), other: (f64, f64)) {
    let apart = (one.0 - other.0).abs().max((one.1 - other.1).abs());
    assert!(apart < 1.0, "{one:?} is not {other:?}");
}

#[test]
fn the_wheel_zooms_about_the_cursor_and_pans() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    let spot = opened.place(HOG, IN_IT);
    let time = format!(
        "recording.view.time({} - recording.canvas.getBoundingClientRect().left)",
        spot.0
    );
    let (before, whole) = (opened.tab.number(&time), in_view(&mut opened));
    for _ in 0..12 {
        opened.tab.wheel(spot, 0.0, -60.0, true);
    }
    let after = opened.tab.number(&time);
    let (from, to) = in_view(&mut opened);
    assert!(
        to - from < (whole.1 - whole.0) / 50.0,
        "from {from} to {to}"
    );
    assert!(
        (before - after).abs() < (to - from) / 100.0,
        "{before} became {after}"
    );
    opened.tab.wheel(spot, 200.0, 0.0, false);
    let panned = in_view(&mut opened);
    assert!(panned.0 > from, "{panned:?} is later than {from}");
    assert!(
        ((panned.1 - panned.0) - (to - from)).abs() < 1.0,
        "as long as before"
    );
    opened.assert_no_complaints();
}

#[test]
fn dragging_pans_and_with_the_whole_in_view_it_stays() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    let whole = in_view(&mut opened);
    let (x, y) = opened.place(HOG, IN_IT);
    opened.tab.drag((x, y), (x + 80.0, y));
    assert_same(in_view(&mut opened), whole);
    for _ in 0..3 {
        opened.tab.key("+");
    }
    let near = in_view(&mut opened);
    opened.tab.drag((x, y), (x + 80.0, y));
    assert!(in_view(&mut opened).0 < near.0);
    opened.tab.key("0");
    assert_same(in_view(&mut opened), whole);
    opened.assert_no_complaints();
}

#[test]
fn the_sentence_names_the_task_that_holds_the_thread_and_the_timer_that_is_due() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    let (x, y) = opened.place(HOG, IN_IT);
    opened.tab.mouse("mouseMoved", x, y);
    opened.tab.settle();
    let said = opened.sentence();
    assert!(
        said.starts_with("Task 5 'resize an image' has held the thread for 4"),
        "{said}"
    );
    let (x, y) = opened.place("model.tasks.get(2)", "model.tasks.get(5).starts[1] + 4e7");
    opened.tab.mouse("mouseMoved", x, y);
    opened.tab.settle();
    let said = opened.sentence();
    assert!(
        said.contains("the timer of task 2 'ticker' was due")
            || said.contains("The timer of task 2 'ticker' was due"),
        "{said}"
    );
    assert!(
        said.contains("has not fired yet. Task 5 'resize an image' has held the thread for"),
        "{said}"
    );
    opened.assert_no_complaints();
}

#[test]
fn the_sentence_of_a_ready_task_names_the_task_that_holds_the_thread() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    let said = opened.tab.text(
        "(() => { const lane = recording.model.tasks.get(10); const i = lane.kinds.findIndex((kind, i) => kind === 4 && lane.ends[i] - lane.starts[i] > 1e6);
          return recording.teller.at(lane, (lane.starts[i] + lane.ends[i]) / 2); })()",
    );
    assert!(said.starts_with("Task 10 'read a file' was "), "{said}");
    assert!(
        said.contains(" and waits for the thread. Task 9 'search, fair' has held the thread for "),
        "{said}"
    );
}

fn search(opened: &mut Opened, words: &str) -> String {
    opened
        .tab
        .ask("document.getElementById('query').value = ''");
    opened.tab.key("Escape");
    opened.tab.key("/");
    opened.tab.write(words);
    opened
        .tab
        .text("document.getElementById('found').textContent")
}

#[test]
fn a_search_jumps_to_a_task_or_an_event() {
    let _watched = watch();
    let recording = made_up::chat(1);
    let mut opened = Opened::new(&recording);
    let selected = "recording.view.selected.lane.number";
    assert_eq!(search(&mut opened, "resize"), "1 of 1");
    assert_eq!(opened.tab.number(selected) as u32, 5);
    assert_eq!(search(&mut opened, "#9"), "1 of 1");
    assert_eq!(opened.tab.number(selected) as u32, 9);
    assert_eq!(
        search(&mut opened, "stories.rs"),
        format!("1 of {}", recording.tasks.len())
    );
    assert_eq!(search(&mut opened, "panic"), "1 of 1");
    assert_eq!(opened.tab.number(selected) as u32, 7);
    let fires = search(&mut opened, "fire");
    opened.tab.key("Enter");
    assert_eq!(
        opened
            .tab
            .text("document.getElementById('found').textContent"),
        fires.replacen('1', "2", 1)
    );
    search(&mut opened, "submit");
    assert_eq!(opened.tab.number(selected) as u32, 10);
    search(&mut opened, "job ends");
    assert_eq!(
        opened.tab.text("recording.view.selected.lane.kind"),
        "thread"
    );
    assert_eq!(search(&mut opened, "no such name"), "none");
    opened.assert_no_complaints();
}

#[test]
fn a_finding_jumps_to_where_it_is() {
    let _watched = watch();
    let recording = made_up::chat(1);
    let findings = recording.findings();
    let mut opened = Opened::new(&recording);
    for (place, finding) in findings.iter().enumerate() {
        opened.tab.ask(&format!(
            "document.querySelectorAll('.finding')[{place}].click()"
        ));
        opened.tab.settle();
        let (from, to) = in_view(&mut opened);
        let at = finding.at.as_nanos() as f64;
        assert!(
            from <= at && at <= to,
            "{finding:?} is not between {from} and {to}"
        );
        if let Some(task) = finding.task {
            assert_eq!(
                opened.tab.number("recording.view.selected.lane.number") as u32,
                task
            );
        }
    }
    opened.assert_no_complaints();
}

#[test]
fn the_keys_alone_do_everything() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    opened
        .tab
        .ask("document.getElementById('timeline').focus()");
    for key in [
        "n",
        "ArrowDown",
        ".",
        ".",
        ",",
        "ArrowUp",
        "z",
        "w",
        "s",
        "a",
        "d",
        "ArrowLeft",
        "ArrowRight",
        "-",
        "p",
        "Enter",
        "?",
    ] {
        opened.tab.key(key);
    }
    assert!(
        !opened
            .tab
            .ask("document.getElementById('keys').hidden")
            .as_bool()
            .expect("a boolean")
    );
    opened.tab.key(".");
    let said = opened.sentence();
    assert!(said.contains("ask") || said.contains("loop"), "{said}");
    opened.tab.key("Escape");
    assert!(opened.tab.ask("recording.view.selected").is_null());
    opened.assert_no_complaints();
}

#[test]
fn a_click_tells_the_details_and_a_heading_closes_its_group() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    let (x, y) = opened.place(HOG, IN_IT);
    opened.tab.click(x, y);
    let details = opened
        .tab
        .text("document.getElementById('panel-details').innerText");
    assert!(
        details.contains("'resize an image'") && details.contains("80 ms"),
        "{details}"
    );
    assert!(details.contains("stories.rs:"), "{details}");
    let rows = opened.tab.number("recording.view.rows.length");
    let (x, y) = (
        opened
            .tab
            .number("recording.canvas.getBoundingClientRect().left + 30"),
        opened
            .tab
            .number("recording.canvas.getBoundingClientRect().top + recording.view.top + 8"),
    );
    opened.tab.click(x, y);
    assert!(opened.tab.number("recording.view.rows.length") < rows);
    opened.assert_no_complaints();
}

/// Events, a millisecond apart.
fn one_by_one(events: &[What]) -> Recording {
    let mut recording = Recording::default();
    recording.tasks = vec![Task::new(1)];
    for (number, what) in events.iter().enumerate() {
        let at = Duration::from_millis(number as u64);
        recording.events.push(Event::new(at, *what));
    }
    recording
}

#[test]
fn many_sockets_are_one_lane() {
    let _watched = watch();
    let ready = |source| What::Ready(source, Readiness::default());
    let mut events: Vec<What> = (100..180).map(ready).collect();
    events.extend([
        What::Wake(1, Cause::Source(179)),
        What::Poll(1),
        What::Waits(1),
    ]);
    let mut opened = Opened::new(&one_by_one(&events));
    assert_eq!(search(&mut opened, "ready"), "1 of 80");
    assert_eq!(
        opened.tab.text("recording.view.selected.lane.kind"),
        "sockets"
    );
    assert!(opened.tab.number("recording.view.rows.length") < 10.0);
    let said = opened
        .tab
        .text("recording.teller.at(recording.model.crowd, 79e6)");
    assert_eq!(
        said,
        "The last event here was 0 ns ago: socket 179 becomes ready."
    );
    opened.assert_no_complaints();
}

#[test]
fn what_a_task_has_waited_for_and_what_it_still_waits_for_is_said() {
    let _watched = watch();
    let events = [
        What::Poll(1),
        What::Submit(4),
        What::Awaits(Awaited::Job(4)),
        What::Waits(1),
        What::JobBegins(4, 0),
        What::JobEnds(4),
        What::Wake(1, Cause::Job(4)),
        What::Poll(1),
        What::Waits(1),
        What::Wake(1, Cause::Thread),
        What::Poll(1),
        What::Awaits(Awaited::Task(2)),
        What::Waits(1),
        What::Unpark,
    ];
    let mut opened = Opened::new(&one_by_one(&events));
    let task = "recording.model.tasks.get(1)";
    for (at, goal) in [
        ("4e6", "job 4"),
        ("85e5", "another thread"),
        ("125e5", "the end of task 2"),
    ] {
        let said = opened
            .tab
            .text(&format!("recording.teller.at({task}, {at})"));
        assert!(
            said.contains("has waited ") && said.contains(&format!(" for {goal}.")),
            "{said}"
        );
    }
}

#[test]
fn a_reader_who_asks_for_less_motion_gets_none() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    let features = serde_json::json!([{"name": "prefers-reduced-motion", "value": "reduce"}]);
    opened.tab.call(
        "Emulation.setEmulatedMedia",
        serde_json::json!({"features": features}),
    );
    opened.tab.ask("recording.showFinding(1)");
    assert!(opened.tab.ask("recording.view.gliding").is_null());
    let (from, to) = in_view(&mut opened);
    assert!(to - from < 3e8, "from {from} to {to}");
    opened.assert_no_complaints();
}

#[test]
fn only_the_tasks_that_do_something_here_are_shown_if_asked() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::crowd(1, 5_000));
    let rows = "recording.view.rows.filter((row) => row.lane?.kind === 'task').length";
    assert_eq!(opened.tab.number(rows) as u32, 5_001);
    opened.tab.ask("recording.view.show(20e6, 20.5e6)");
    opened.tab.key("f");
    let few = opened.tab.number(rows) as u32;
    assert!((2..500).contains(&few), "{few} of 5,001");
    search(&mut opened, "#4000");
    assert_eq!(
        opened.tab.number(rows) as u32,
        few + 1,
        "the task that was searched for is shown"
    );
    opened.tab.ask("document.getElementById('active').click()");
    assert_eq!(opened.tab.number(rows) as u32, 5_001);
    opened.assert_no_complaints();
}
