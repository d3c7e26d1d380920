//! The recording of a loop: its settings, and its page.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Builder, EventLoop};
use crate::foreign::{self, Level};
use crate::record::{JobLog, Probe, Recording};

/// The environment variable that names the file for the page of each loop.
const PAGE: &str = "ROUNDELAY_RECORD";
/// The size of a recording that the variable asks for: a quarter of a million events, which a browser shows easily.
const BYTES: usize = 4 << 20;

impl Builder {
    /// Records every step of the loop in a ring of `bytes` bytes, which keeps the last events, sixteen bytes each. The
    /// ring is allocated when the loop is made. Default: no recording, unless the environment asks for it; see
    /// [`record`](crate::record).
    ///
    /// ```
    /// let mut event_loop = roundelay::EventLoop::builder().record(1 << 20).build()?;
    /// event_loop.run(roundelay::yield_now());
    /// let recording = event_loop.recording().expect("it was asked for");
    /// assert!(recording.events.len() > 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn record(mut self, bytes: usize) -> Self {
        self.record = bytes;
        self
    }

    pub(super) fn probe(&self) -> (Probe, JobLog) {
        let bytes = match self.record {
            0 if env::var_os(PAGE).is_some() => BYTES,
            bytes => bytes,
        };
        match bytes {
            0 => (Probe::default(), JobLog::default()),
            bytes => (Probe::recording(bytes), JobLog::recording(bytes)),
        }
    }
}

impl EventLoop {
    /// The recording up to now. `None` unless the loop was built with [`Builder::record`], or `ROUNDELAY_RECORD` is set.
    pub fn recording(&self) -> Option<Recording> {
        let jobs = self.context.offload.job_log();
        self.context.probe.recorded(&self.name, &jobs)
    }

    /// Writes the page of a loop that has ended, if the environment names one.
    pub(super) fn write_page(&self) {
        let Some(page) = env::var_os(PAGE) else {
            return;
        };
        let Some(recording) = self.recording() else {
            return;
        };
        // ORDERING: relaxed. Loops only need different numbers.
        static PAGES: AtomicUsize = AtomicUsize::new(1);
        let path = numbered(Path::new(&page), PAGES.fetch_add(1, Relaxed));
        let written = write(&recording, &path);
        let line = match written {
            Ok(()) => format!("{}: its recording is in {}", self.name, path.display()),
            Err(error) => format!(
                "{}: cannot write its recording to {}: {error}",
                self.name,
                path.display()
            ),
        };
        foreign::tell_somebody(Level::Info, foreign::TURN, line);
    }
}

/// Writes the format of the file's extension; by default the page.
fn write(recording: &Recording, path: &Path) -> io::Result<()> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => fs::write(path, recording.to_perfetto()),
        Some("svg") => fs::write(path, recording.to_svg()),
        Some("txt") => fs::write(path, recording.to_string()),
        _ => recording.write_html(path),
    }
}

/// The first loop of a process gets the name as given. Each further loop adds a number before the dot.
fn numbered(page: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return page.to_owned();
    }
    let mut name = page.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = page.extension() {
        name.push(".");
        name.push(extension);
    }
    page.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loop_has_a_page_of_its_own() {
        let _watched = crate::watch::watch();
        let named = |page, number| numbered(Path::new(page), number);
        assert_eq!(named("/tmp/page.html", 1), Path::new("/tmp/page.html"));
        assert_eq!(named("/tmp/page.html", 2), Path::new("/tmp/page-2.html"));
        assert_eq!(named("page", 10), Path::new("page-10"));
    }
}
