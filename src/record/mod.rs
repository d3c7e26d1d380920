//! Every step of a loop, on a page.

mod recording;

pub use recording::{Cause, End, Event, Readiness, Recording, Task, What};
