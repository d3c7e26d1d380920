//! Every step of a loop, on a page.

mod event;
mod jobs;
mod names;
mod probe;
mod recording;
mod ring;

pub(crate) use jobs::JobLog;
pub(crate) use probe::Probe;
pub use recording::{Cause, End, Event, Readiness, Recording, Task, What};
