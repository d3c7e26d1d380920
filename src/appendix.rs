//! Appendix. Twelve nanoseconds at a time.
//!
//! The chapters show each idea in its simplest correct form. What the shipped code does beyond that, for speed alone, is listed
//! here. Each piece stands behind one function; and something fails when it is taken out: a bound in `benches/bounds.toml`, which
//! `cargo bench --bench counters` compares, or a test.
//!
//! | tuning | where | the plain form | held by |
//! |---|---|---|---|
//! | slots kept with their cells | `scheduler/spares.rs` | free the cell, free the slot | `spawn_join.allocations` |
//! | who awaits a task, in one word | `scheduler/joiner.rs` | an `Option<Waker>` | a slot of 32 bytes (`scheduler/slot.rs`) |
//! | cells fetched side by side | `scheduler/prefetch.rs` | nothing | – |
//! | growth by an eighth | `Tasks::grow` | `Slab`'s own, twice as much | – |
//! | one endless batch | `event_loop/main_task.rs` | count the batch | `yield.instructions` |
//! | slack | `time/slack.rs` | wake for each timer | `tests/time/timers.rs` |
//! | who waits alone needs no line | `reactor/alone.rs` | a line in a slab (`reactor/waiters.rs`) | `echo_in_one_loop.instructions` |
//! | the alarm stays as it is | `reactor/timerfd.rs` | set it for each wait | `echo.syscalls`, and unit tests |
//! | a worker stays awake | `offload/calls.rs` | sleep at once | – |
