//! See the loop: who is there, and what they wait for.

mod descriptors;
mod info;
mod list;
mod ps;
mod tree;

use crate::context;

pub use self::info::{Source, TaskInfo, WaitsFor};
pub use self::list::Tasks;
pub use self::ps::Ps;
pub use self::tree::{Circle, Pstree};
pub use crate::account::Histograms;
pub use crate::histogram::Histogram;
pub use crate::offload::JobState;
pub use crate::scheduler::TaskState;

impl Histograms {
    /// Of the loop that is running on this thread. `None` if there is none, or if it is not [observed](crate::Builder::observe).
    pub fn current() -> Option<Self> {
        let context = context::current()?;
        let account = context.account.as_ref()?;
        Some(account.histograms())
    }
}
