//! Chapter 1. What a task is.

pub(crate) mod cell;
pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod join;
pub(crate) mod waker;
pub(crate) mod yield_now;

pub use error::JoinError;
pub use id::TaskId;
pub use join::{AbortHandle, Builder, JoinHandle, NoLoop, current, spawn, try_spawn};
pub use yield_now::{ConsumeBudget, YieldNow, consume_budget, yield_now};

pub use crate::scheduler::TaskInfo;
