//! See the loop: who is there, and what they wait for.

mod descriptors;
mod info;
mod list;
mod ps;
mod tree;

pub use self::info::{Source, TaskInfo, WaitsFor};
pub use self::list::Tasks;
pub use self::ps::Ps;
pub use self::tree::{Circle, Pstree};
pub use crate::offload::JobState;
pub use crate::scheduler::TaskState;
