//! WHEN: sleeping, time-outs and intervals.
//!
//! | file | what it knows |
//! |---|---|
//! | `wheel` (chapter 6) | deadlines are numbers, and the earliest comes first |
//! | `clock` | how a number is an [`Instant`](std::time::Instant), and which way to round |
//! | `timers` | wakers, and that nobody runs while the wheel is borrowed |
//! | `slack` | how long timers that are close together may wait for each other |
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
//!
//! # Chapter 6: why not otherwise
//!
//! - *A binary heap*: cancelling is the operation that matters, and it has none.
//! - *A `BTreeMap<(deadline, serial), _>`*: right in 40 lines, and the oracle of our tests. It costs *log n* and
//!   cache misses for each timer, fired or not.
//! - *A wheel that does not deal out again* (its literature says *cascade*): far timers fire up to an eighth late.
//!   Fine in a kernel, where a time-out is a rough thing; a `sleep` should mean what it says.
//! - *Levels by distance*: see the chapter.
//!
//! Others: tokio has this wheel with six levels of milliseconds; smol a `BTreeMap`; libuv a binary heap; Go a
//! four-ary heap per processor; Linux a wheel without cascades, and a tree for precise timers.
//!
//! # The sources of chapter 6
//!
//! - G. Varghese, T. Lauck, *Hashed and Hierarchical Timing Wheels*, SOSP 1987 and IEEE/ACM ToN 5(6), 1997: this is
//!   their scheme 7.
//! - R. Ahuja, K. Mehlhorn, J. Orlin, R. Tarjan, *Faster Algorithms for the Shortest Path Problem*, JACM 37(2), 1990:
//!   the radix heap, whose buckets are chosen by the highest digit that differs.
//! - Linux, `kernel/time/timer.c`: the argument against cascades.
//!
//! # The exercises of chapter 6
//!
//! 1. In `link`, append at the head. Which test of `tests/time/wheel_model.rs` falls, and why does
//!    `the_wheel_agrees_with_a_sorted_map` fall as well?
//! 2. In `cancel`, delete the call of `forget`. Who is woken, when, and for whom? See
//!    `when_the_earliest_is_cancelled_the_second_is_next`.
//! 3. In `level_of`, use the distance, `deadline - elapsed`, instead of the difference in digits.
//!    `a_later_timer_nearby_does_not_hide_an_earlier_one_from_afar` falls: which line of the table above is it?

mod clock;
mod interval;
pub(crate) mod slack;
mod sleep;
mod timeout;
mod timers;
mod virtual_time;
mod wheel;

pub use clock::now;
pub(crate) use clock::{is_standing, stand};
pub use interval::{Interval, MissedTick, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Deadline, Elapsed, timeout, timeout_at, timeout_with};
pub(crate) use timers::Timers;
pub use virtual_time::{Hold, advance, hold};
