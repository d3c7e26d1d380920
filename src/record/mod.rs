//! Every step of a loop, on a page.

mod event;
mod findings;
mod history;
mod jobs;
mod json;
mod names;
mod page;
mod probe;
mod recording;
mod ring;
mod telling;
mod words;

pub use findings::{Finding, FindingKind};
pub(crate) use jobs::JobLog;
pub(crate) use probe::Probe;
pub use recording::{Cause, End, Event, Readiness, Recording, Task, What};
