//! The timeline page in a real browser. Each test has a browser of its own, without a window.
//!
//! `cargo test --package roundelay-pages`; it needs Chromium. The ignored test `pictures` writes screenshots.

#[path = "../../support/watch.rs"]
mod watch;

mod devtools;
mod looks;
mod numbers;
mod steering;

use std::fs;
use std::time::Duration;

use devtools::{Scheme, Tab};
use roundelay::record::Recording;
use tempfile::TempDir;

/// A browser takes seconds to start on a busy machine.
fn watch() -> watch::Watched {
    watch::watch_for(Duration::from_secs(90))
}

/// A browser that shows the page of a recording.
struct Opened {
    tab: Tab,
    folder: TempDir,
}

impl Opened {
    fn new(recording: &Recording) -> Self {
        let folder = TempDir::new().expect("a folder for the page");
        let mut tab = Tab::new();
        tab.look_like(1280, 800, 1.0, Scheme::Light);
        let mut opened = Self { tab, folder };
        opened.show(recording);
        opened
    }

    /// Shows another recording in the same window.
    fn show(&mut self, recording: &Recording) {
        let page = self.folder.path().join("page.html");
        fs::write(&page, recording.to_html()).expect("the page is written");
        self.tab.open(&page);
    }

    /// The pixel of the window at this time in this lane. Both are expressions.
    fn place(&mut self, lane: &str, time: &str) -> (f64, f64) {
        let mut number = |what: &str| {
            self.tab.number(&format!(
                "(() => {{ const {{ view, model, canvas }} = recording; const lane = {lane}; const time = {time}; \
                 const box = canvas.getBoundingClientRect(); const place = view.place(lane); return {what}; }})()"
            ))
        };
        let x = number("box.left + view.x(time)");
        let y = number("box.top + place.y + place.height / 2");
        (x.round(), y.round())
    }

    fn sentence(&mut self) -> String {
        self.tab
            .text("document.getElementById('sentence').textContent")
    }

    fn assert_no_complaints(&mut self) {
        self.tab.settle();
        assert!(
            self.tab.complaints.is_empty(),
            "the console says {:#?}",
            self.tab.complaints
        );
    }
}
