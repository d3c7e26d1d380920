//! The look of the page: it is drawn at every size and in both schemes. `pictures` writes screenshots for a person to look at.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use roundelay::record::Recording;
use serde_json::json;

use crate::devtools::Scheme;
use crate::{Opened, watch};

/// The number of pixels of a canvas that have this colour of the page.
fn pixels(opened: &mut Opened, canvas: &str, colour: &str) -> u32 {
    opened.tab.number(&format!(
        "(() => {{ const canvas = document.getElementById('{canvas}'); const hex = recording.painter.colour['{colour}'];
          const [r, g, b] = [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
          const copy = document.createElement('canvas');
          [copy.width, copy.height] = [canvas.width, canvas.height];
          const context = copy.getContext('2d', {{ willReadFrequently: true }});
          context.drawImage(canvas, 0, 0);
          const {{ data }} = context.getImageData(0, 0, copy.width, copy.height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4) count += data[i] === r && data[i + 1] === g && data[i + 2] === b;
          return count; }})()"
    )) as u32
}

fn assert_drawn(
    opened: &mut Opened,
    recording: &Recording,
    width: u32,
    height: u32,
    scheme: Scheme,
) {
    opened.tab.look_like(width, height, 1.0, scheme);
    opened.show(recording);
    for colour in ["run", "long"] {
        assert!(
            pixels(opened, "timeline", colour) > 200,
            "{colour} at {width} in {scheme:?}"
        );
        assert!(
            pixels(opened, "minimap", colour) > 50,
            "{colour} in the minimap at {width} in {scheme:?}"
        );
    }
    let wide = opened.tab.number("document.documentElement.scrollWidth") as u32;
    assert!(
        wide <= width,
        "the page is {wide} wide in a window of {width}"
    );
    opened.assert_no_complaints();
}

#[test]
fn it_is_drawn_at_every_size_in_both_schemes() {
    let _watched = watch();
    let recording = made_up::chat(1);
    let mut opened = Opened::new(&recording);
    assert_drawn(&mut opened, &recording, 1280, 800, Scheme::Light);
    assert_drawn(&mut opened, &recording, 1280, 800, Scheme::Dark);
    assert_drawn(&mut opened, &recording, 360, 740, Scheme::Light);
    assert_drawn(&mut opened, &recording, 360, 740, Scheme::Dark);
}

#[test]
fn the_canvas_has_the_pixels_of_the_device() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    opened.tab.look_like(900, 700, 2.0, Scheme::Light);
    opened.tab.settle();
    let ratio = opened
        .tab
        .number("recording.canvas.width / recording.canvas.getBoundingClientRect().width");
    assert!((ratio - 2.0).abs() < 0.01, "{ratio}");
}

#[test]
fn everything_that_can_be_pressed_has_a_name() {
    let _watched = watch();
    let mut opened = Opened::new(&made_up::chat(1));
    let nameless = opened.tab.ask(
        "[...document.querySelectorAll('button, input, canvas:not([aria-hidden])')]
            .filter((control) => !(control.getAttribute('aria-label') || control.textContent.trim()))
            .map((control) => control.outerHTML)",
    );
    assert_eq!(nameless, json!([]));
}

/// The frames while the page is zoomed and panned, and how long one takes to draw. That depends on the machine, so it is printed and not
/// asserted: `cargo test --release --package roundelay-pages frames -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn frames_of_a_hundred_thousand_events() {
    let _watched = watch();
    for (name, recording) in [
        ("storm", made_up::storm(1, 100_000)),
        ("crowd", made_up::crowd(1, 5_000)),
    ] {
        let mut opened = Opened::new(&recording);
        let told = opened.tab.text(
            "new Promise((done) => {
                const page = recording, { view } = page;
                let frame = 0, drawing = 0, worst = 0;
                const begin = performance.now();
                const next = () => {
                    if (frame === 240) {
                        const took = performance.now() - begin;
                        done(`${(240000 / took).toFixed(1)} frames a second, ${(drawing / 240).toFixed(2)} ms of script each, ${worst.toFixed(2)} ms the worst`);
                        return;
                    }
                    if (frame < 80) view.zoom(0.94, view.labels + view.plot * 0.4);
                    else if (frame < 160) view.pan(9);
                    else view.zoom(1.07, view.labels + view.plot * 0.4);
                    const before = performance.now();
                    page.frame(before);
                    const took = performance.now() - before;
                    drawing += took;
                    worst = Math.max(worst, took);
                    frame += 1;
                    requestAnimationFrame(next);
                };
                requestAnimationFrame(next);
            })",
        );
        println!("{name}, {} events: {told}", recording.events.len());
    }
}

/// `ROUNDELAY_PICTURES=FOLDER cargo test --package roundelay-pages pictures -- --ignored`
#[test]
#[ignore = "writes screenshots for a person to look at"]
fn pictures() {
    let _watched = watch();
    let folder =
        std::env::var("ROUNDELAY_PICTURES").expect("ROUNDELAY_PICTURES says into which folder");
    let stories = [
        ("chat", made_up::chat(1)),
        ("storm", made_up::storm(1, 100_000)),
        ("crowd", made_up::crowd(1, 5_000)),
    ];
    let mut opened = Opened::new(&stories[0].1);
    for (name, recording) in &stories {
        for (scheme, said) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
            for (width, height) in [(1280, 800), (360, 740)] {
                opened.tab.look_like(width, height, 1.0, scheme);
                opened.show(recording);
                let path = |what: &str| {
                    Path::new(&folder).join(format!("{name}-{width}-{said}{what}.png"))
                };
                save(&path(""), &opened.tab.picture());
                opened.tab.key("n");
                opened.tab.key("n");
                opened
                    .tab
                    .ask("new Promise((done) => setTimeout(done, 400))");
                save(&path("-finding"), &opened.tab.picture());
                opened.tab.key("?");
                save(&path("-keys"), &opened.tab.picture());
                opened.tab.key("?");
                near(&mut opened);
                save(&path("-near"), &opened.tab.picture());
                opened.tab.key("0");
                opened
                    .tab
                    .ask("document.getElementById('tab-tasks').click()");
                opened.tab.call(
                    "Emulation.setEmulatedVisionDeficiency",
                    json!({"type": "achromatopsia"}),
                );
                save(&path("-grey"), &opened.tab.picture());
                opened.tab.call(
                    "Emulation.setEmulatedVisionDeficiency",
                    json!({"type": "none"}),
                );
            }
        }
    }
}

/// A few milliseconds, with the cursor on a task that is ready.
fn near(opened: &mut Opened) {
    opened.tab.ask(
        "(() => { const { view, model } = recording; const lane = [...model.tasks.values()].find((lane) => lane.slowest > 5e5);
          const i = lane.kinds.findIndex((kind, i) => kind === 4 && lane.ends[i] - lane.starts[i] === lane.slowest);
          window.ready = { lane, time: (lane.starts[i] + lane.ends[i]) / 2 };
          view.reveal(lane); view.show(lane.starts[i] - 2 * lane.slowest, lane.ends[i] + 2 * lane.slowest); recording.dirty(); })()",
    );
    opened.tab.settle();
    let (x, y) = opened.place("window.ready.lane", "window.ready.time");
    opened.tab.click(x, y);
    opened.tab.key("f");
}

/// Writes a picture in Base64 into a file, by the tool `base64`.
fn save(path: &Path, picture: &str) {
    let file = fs::File::create(path).expect("the picture can be written");
    let mut tool = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(file)
        .spawn()
        .expect("base64 is installed");
    let mut input = tool.stdin.take().expect("its input");
    std::io::Write::write_all(&mut input, picture.as_bytes()).expect("it reads");
    drop(input);
    assert!(tool.wait().expect("it ends").success());
}
