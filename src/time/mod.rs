//! WHEN: sleeping, time-outs and intervals.
//!
//! | file | what it knows |
//! |---|---|
//! | `wheel` (chapter 6) | deadlines are numbers, and the earliest comes first |
//! | `clock` | how a number is an [`Instant`](std::time::Instant), and which way to round |
//! | `timers` | wakers, and that nobody runs while the wheel is borrowed |
//! | `sleep` | a future that is ready at its deadline |
//! | `timeout`, `interval` | what can be made of it |
//!
//! What holds for all of them:
//!
//! - **Never early.** A deadline that lies between two ticks of a microsecond rounds up.
//! - **In order.** Earlier deadlines fire first; equal ones in the order in which they were armed.
//! - **Any [`Duration`](std::time::Duration) is valid.** What is too far away saturates and never
//!   fires, `Duration::MAX` included. Deadlines in the past are valid too, and due at once.
//! - **Real time.** A deadline is computed from the clock, not from a time that was read at some
//!   earlier point of the turn.
//! - **Nothing is left.** A future that is dropped takes its timer and its waker with it.
//!
//! A future of this module can be made anywhere and moved between loops. It needs a running loop
//! when it is polled and its deadline is still ahead: there it arms its timer.

mod clock;
mod interval;
mod sleep;
mod timeout;
mod timers;
mod wheel;

pub use interval::{Interval, MissedTick, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Deadline, Elapsed, timeout, timeout_at, timeout_with};
pub(crate) use timers::Timers;
