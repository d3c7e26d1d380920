//! A recording as a trace and as text, read back.

#[path = "../support/watch.rs"]
mod watch;

use std::collections::{HashMap, HashSet};

use roundelay::record::{Recording, What};
use serde_json::Value;
use watch::watch;

fn trace(recording: &Recording) -> Vec<Value> {
    let text = recording.to_perfetto();
    let trace: Value = serde_json::from_str(&text).expect("the trace is JSON");
    trace["traceEvents"]
        .as_array()
        .expect("a list of events")
        .clone()
}

fn of_phase<'a>(trace: &'a [Value], phase: &'a str) -> impl Iterator<Item = &'a Value> {
    trace.iter().filter(move |event| event["ph"] == phase)
}

/// In nanoseconds.
fn time(event: &Value, member: &str) -> u64 {
    (event[member].as_f64().expect("a time") * 1000.0).round() as u64
}

/// The pages of the chapters are written by `cargo run --package roundelay-pages --bin recordings`. Except for the title and the data, they
/// must be the same as a page that is written now.
#[test]
fn the_pages_of_the_chapters_are_drawn_as_all_pages_are_today() {
    let _watched = watch();
    let without_data = |page: &str| {
        let (head, rest) = page.split_once("<style>").expect("a style");
        let (style, rest) = rest.split_once("id=\"recording\">").expect("a recording");
        let (_, script) = rest.split_once("</script>").expect("an end of it");
        assert!(head.contains("<title>"));
        let body = style.lines().filter(|line| !line.contains("<h1"));
        body.map(str::to_owned).collect::<String>() + script
    };
    let today = without_data(&Recording::default().to_html());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings");
    let mut pages = 0;
    for page in std::fs::read_dir(folder).expect("the pages are there") {
        let path = page.expect("an entry").path();
        let page = std::fs::read_to_string(&path).expect("a page");
        assert!(
            without_data(&page) == today,
            "{} was written by an older version of the page",
            path.display()
        );
        pages += 1;
    }
    assert_eq!(pages, 5);
}

#[test]
fn every_poll_is_a_slice_of_its_task() {
    let _watched = watch();
    let recording = made_up::chat(1);
    let trace = trace(&recording);
    let slices: Vec<u64> = of_phase(&trace, "X")
        .filter(|slice| slice["name"] == "poll")
        .map(|slice| time(slice, "ts"))
        .collect();
    let polls: Vec<u64> = recording
        .events
        .iter()
        .filter(|event| matches!(event.what, What::Poll(_)))
        .map(|event| event.at.as_nanos() as u64)
        .collect();
    assert_eq!(slices, polls);
}

#[test]
fn a_flow_leads_from_each_wake_to_its_poll() {
    let _watched = watch();
    let trace = trace(&made_up::storm(1, 20_000));
    let begins: HashMap<u64, &Value> = of_phase(&trace, "s")
        .map(|flow| (flow["id"].as_u64().unwrap(), flow))
        .collect();
    let ends: Vec<&Value> = of_phase(&trace, "f").collect();
    assert_eq!(begins.len(), ends.len());
    assert!(ends.len() > 1000, "{} flows", ends.len());
    let polls: HashSet<(u64, u64)> = of_phase(&trace, "X")
        .filter(|slice| slice["name"] == "poll")
        .map(|slice| (slice["tid"].as_u64().unwrap(), time(slice, "ts")))
        .collect();
    for end in ends {
        let begin = begins[&end["id"].as_u64().unwrap()];
        assert!(
            time(begin, "ts") <= time(end, "ts"),
            "{begin} is before {end}"
        );
        assert_eq!(end["bp"], "e");
        let poll = (end["tid"].as_u64().unwrap(), time(end, "ts"));
        assert!(polls.contains(&poll), "{end} leads to a poll");
    }
}

/// A viewer ignores a flow that begins outside of all slices.
#[test]
fn a_flow_begins_in_a_slice() {
    let _watched = watch();
    let trace = trace(&made_up::chat(1));
    let mut slices: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
    for slice in of_phase(&trace, "X") {
        let begin = time(slice, "ts");
        let thread = slice["tid"].as_u64().unwrap();
        slices
            .entry(thread)
            .or_default()
            .push((begin, begin + time(slice, "dur")));
    }
    for flow in of_phase(&trace, "s") {
        let at = time(flow, "ts");
        let around = &slices[&flow["tid"].as_u64().unwrap()];
        assert!(
            around.iter().any(|(begin, end)| *begin <= at && at <= *end),
            "{flow}"
        );
    }
}

#[test]
fn threads_are_named_after_their_lanes() {
    let _watched = watch();
    let mut recording = made_up::chat(1);
    recording.tasks[1].name = Some("a \"quoted\" \\ name \u{1}".to_owned());
    let trace = trace(&recording);
    let names: HashSet<&str> = of_phase(&trace, "M")
        .filter_map(|event| event["args"]["name"].as_str())
        .collect();
    for name in [
        "chat",
        "loop",
        "timers",
        "socket 3",
        "pool thread 1",
        "task 5 'resize an image'",
        "task 1 'a \"quoted\" \\ name \u{1}'",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
}

#[test]
fn the_text_has_the_findings_and_the_last_steps() {
    let _watched = watch();
    let recording = made_up::chat(1);
    let text = recording.to_string();
    for words in [
        "chat: 402 ms, 13 tasks, 214 polls, 1445 events",
        "Task 5 'resize an image' held the thread for 80 ms",
        "A timer fired 74.9 ms late (the worst of 7)",
        "Task 12 'slow client' was polled 61 times, 59 times for nothing\n",
        "task 1 'server' is cancelled",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    assert!(text.lines().count() < 100, "{text}");
}

#[test]
fn any_events_in_any_order_are_told() {
    let _watched = watch();
    for seed in 1..200 {
        let recording = made_up::nonsense(seed, 80);
        assert!(!trace(&recording).is_empty());
        assert!(recording.to_string().contains("80 events"));
    }
}
