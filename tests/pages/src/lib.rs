//! Recordings that are made up. A loop is simulated with a clock of its own, so the same seed gives the same events.
//!
//! Tests of the page need recordings of any size with known contents. A real loop gives another recording on each run.

mod nonsense;
mod played;
mod stories;

pub use nonsense::nonsense;
pub use played::{Draw, Played};
pub use stories::{chat, crowd, storm};
