//! Every step of a loop, on a page.

mod finding;
mod findings;
mod history;
mod json;
mod page;
mod perfetto;
mod recording;
mod telling;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use finding::{Finding, FindingKind};
pub use recording::{Cause, End, Event, Readiness, Recording, Task, What};
