//! Recordings that are made up: a loop is played through with a clock of its own, so that the same seed gives the same events.
//!
//! What tests of the page need is a recording of any size whose contents are known. A recorded loop differs from run to run.

mod nonsense;
mod played;
mod stories;

pub use nonsense::nonsense;
pub use played::{Draw, Played};
pub use stories::{chat, crowd, storm};
