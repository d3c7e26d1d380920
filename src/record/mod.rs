//! Every step of a loop, on a page.
//!
//! *Before this:* [chapter 9](crate::event_loop). *Time:* 30 minutes. *Files, in reading order:*
//! this one, [`event`], [`ring`], [`probe`], [`recording`], [`history`], [`findings`], [`page`].
//!
//! The steps of an event loop are over before a person can look. A log has a line for each step,
//! and ten thousand lines hide that a task was woken in time and then stood in the queue for 80 ms
//! behind another task. A recording keeps the steps, and a page draws them: a lane for the thread,
//! one for each task, arrows from a wake to its poll, and a list of findings.
//!
//! # How to get one
//!
//! Any program that is built with the feature `record` writes its page when its loop ends, if the
//! environment names a file:
//!
//! ```text
//! ROUNDELAY_RECORD=page.html \
//!     cargo run --release --features record --example 08_starvation_and_yield
//! ```
//!
//! The second loop of the process writes `page-2.html`, and so on. If the name ends in `.json`,
//! `.svg` or `.txt`, the loop writes a trace, a picture or a text instead of a page. In the program
//! itself, [`Builder::record`](crate::Builder::record) sets the size of the recording, and
//! [`EventLoop::recording`](crate::EventLoop::recording) returns the recording so far, at any time:
//!
//! ```
//! use roundelay::record::{Cause, What};
//!
//! let mut event_loop = roundelay::EventLoop::builder().record(1 << 20).build()?;
//! event_loop.run(roundelay::yield_now());
//! let recording = event_loop.recording().expect("it was asked for");
//! let wakes = recording.events.iter().filter(|event| matches!(event.what, What::Wake(..)));
//! assert_eq!(wakes.count(), 1); // the task has woken itself
//! println!("{recording}"); // a summary, with the findings
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What a recording can become:
//!
//! - The page, one file, which opens from disk without a network: [`Recording::to_html`],
//!   [`Recording::write_html`].
//! - Chrome's trace format, for [Perfetto](https://ui.perfetto.dev) and similar viewers:
//!   [`Recording::to_perfetto`].
//! - A small picture, for a document: [`Recording::to_svg`].
//! - Text, with the findings: `Display`, [`Recording::findings`].
//! - The events: [`Recording::events`].
//!
//! # How it works
//!
//! ```text
//!   scheduler   timers   reactor   pool   loop          the page, Perfetto, text
//!       |          |        |       |      |                      ^
//!       '----------'--------'-------'------'                      |
//!                 their probe                                 Recording
//!                      |                                          ^
//!                      v           16 bytes an event              |
//!              [ .. | poll | wake | waits | park | .. ]  ---------'
//!                            the ring
//! ```
//!
//! Each part of the loop holds a *probe*, and reports each step to it. The probe writes sixteen
//! bytes into a *ring*, which keeps the last events. Only the names of new tasks allocate. An event
//! of a wake has its cause, because the probe stores which part works at this moment: a task, the
//! timers, a socket, or another thread.
//!
//! A task that begins to wait for a socket, for another task or for a job reports that too. The
//! wake at the end of a job comes from another thread, and `causes.rs` finds the job when the
//! recording is read.
//!
//! A reading of the clock takes longer than the writing of an event, so events that are close
//! together share one (`probe.rs` has the rule). A build without the feature has another probe,
//! without a size and with empty methods, which compiles to no instruction.
//!
//! # Why not otherwise
//!
//! - *The log at `trace`*: a line takes longer than the poll that it describes, and a person must
//!   read it.
//! - *Spans of `tracing`*: a subscriber decides at run time, so a span costs time even without a
//!   subscriber; and each leaf future must itself note which part woke which task.
//! - *A file that grows*: either the loop writes it, and waits for the disk, or a thread of its own
//!   does.
//!
//! tokio's console asks a running program over a socket, and dial9 writes tokio's events to a file.
//! Both need a tokio that is built with `tokio_unstable`. Go has `runtime/trace`, and a page for
//! it.
//!
//! # Next
//!
//! [`signal`](../signal/index.html): the first module that belongs to the system.

mod causes;
mod event;
mod finding;
mod findings;
mod history;
mod jobs;
mod json;
mod names;
mod page;
mod perfetto;
mod picture;
mod probe;
mod recording;
mod ring;
mod telling;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use finding::{Finding, FindingKind};
pub(crate) use jobs::JobLog;
pub(crate) use probe::Probe;
pub use recording::{Awaited, Cause, End, Event, Readiness, Recording, Task, What};
