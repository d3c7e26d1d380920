//! A single-threaded event loop, from first principles.
#![deny(unsafe_code)]

mod context;
mod event_loop;
pub mod future;
pub mod net;
mod offload;
pub mod reactor;
mod remote;
mod scheduler;
pub mod sync;
pub mod task;
pub mod time;

pub use event_loop::{Builder, EventLoop, Report, Turn, run};
pub use offload::{Offload, Running, TryOffloadError, offload, try_offload};
pub use remote::{Closed, Remote, RemoteHandle};
pub use scheduler::OnPanic;
pub use task::{JoinError, JoinHandle, TaskId, spawn, yield_now};
pub use time::{interval, interval_at, sleep, sleep_until, timeout, timeout_at};
