//! Appendix. Twelve nanoseconds at a time.
//!
//! *Before this:* [chapter 9](crate::event_loop). *Time:* 15 minutes. *Files, in reading order:*
//! this one, and the files in the table.
//!
//! The chapters show each idea in its simplest correct form. This appendix lists the tunings of the
//! shipped code, which serve speed alone. Each piece stands behind one function, most of them in a
//! file of their own, so that the plain form can be read first. When a piece is taken out,
//! something fails: a bound in `benches/bounds.toml`, which `cargo bench --bench counters`
//! compares, or a test. Some pieces save a wait for memory or for another thread, which no count
//! shows. For these the table says "nothing".
//!
//! | tuning | where | the plain form | what it buys | held by |
//! |---|---|---|---|---|
//! | slots kept with their cells | `scheduler/spares.rs` | free the cell and the slot | a spawn and join in turn 39 ns, not 54; a thousand at once 25, not 38 | `spawn_join.allocations` |
//! | freed cells joined in parts | `Spares::make_room` | free them | no poll of 100 ms behind a burst of a million tasks | `tests/allocations/spare_cells.rs` |
//! | the task that awaits a handle, in one word | `scheduler/joiner.rs` | an `Option<Waker>` | 8 bytes a task; no way through a waker for each join | a slot of 32 bytes |
//! | growth by an eighth | `Tasks::grow` | twice as many slots | at most an eighth of a task's memory is unused | `tests/allocations/tasks.rs` |
//! | one endless batch | `event_loop/main_task.rs` | count each batch | 40 of 286 instructions of a lone yield | `yield.instructions` |
//! | code inlined by force | `#[inline(always)]`, each with its reason | `#[inline]` | 124 of 711 instructions of a spawn and join, all together | `spawn_join.instructions` |
//! | one waiter alone needs no line | `reactor/alone.rs` | the lines of `reactor/waiters.rs` | 165 of 3,196 instructions of an echo | `echo_in_one_loop.instructions` |
//! | the alarm stays as it is | `reactor/timerfd.rs` | set it before each wait | a system call for each time-out that is cancelled | its unit tests |
//! | slack | `time/slack.rs` | wake for each timer | two thirds of the processor time where 100,000 timers fire in 200 ms | `tests/time/timers.rs` |
//! | cells fetched side by side | `scheduler/prefetch.rs` | poll, and wait for each | 11 % of the processor time where 100,000 timers fire, 18 % where a million do | nothing: a wait for memory |
//! | the wheel's scout | `Wheel::deal` | follow one link after the other | 6 % and 14 % in the same rows | nothing: a wait for memory |
//! | a loop stays awake | `event_loop/stay_awake.rs` | sleep at once | 0.7 us instead of 6 for a wake from a thread that answers at once | its unit tests; the rest depends on the other thread's processor |
//! | a worker stays awake | `offload/calls.rs` | sleep at once | a wake-up of up to 40 us for each job that follows closely | nothing: it depends on the other thread's processor |
//!
//! # How the figures were made
//!
//! The figures in nanoseconds and per cent are medians of interleaved runs with and without the
//! piece, on two virtual processors: `cargo bench --bench core` (spawn) and the rows `fire_100k`,
//! `fire_1m` of `cargo bench --bench compare`. The figures in instructions repeat exactly: `cargo
//! bench --bench counters`.
//!
//! # Figures of the chapters
//!
//! A chapter counts steps, calls and allocations. The table has their times on the machine of
//! `BENCHMARKS.md`:
//!
//! | chapter | what | figure |
//! |---|---|---|
//! | 3 | clone and drop of a waker that is a number, beside one with an atomic count | 2 ns, beside 11 to 13 |
//! | 6 | to sleep until a timer, and to be woken | 20 us of processor time |
//! | 8 | to start a thread | some 20 us |
//! | 8 | an empty job in a burst of a thousand | 0.2 us, most of it handing cache lines over |
//! | 8 | a job that follows closely, with a worker that stays awake | 10 us instead of 40, and half the processor time |
//! | 9 | to ask for notes after every poll | half a nanosecond of the eleven that a poll takes |
//! | `future` | a wake among four, sixteen and thirty-two children that are scanned, and look at a flag only | 24, 43 and 94 ns |
//! | `future` | a wake of a set's child, and the poll that follows | 50 ns, beside 95 with `FuturesUnordered`; with a lock around the list it would be 80 |
//!
//! # Tunings that were tried and left out
//!
//! - *Wheels of 256 slots a level, and scouts along four lists at once*: no row moved by five per
//!   cent.
//! - *Looking at the sockets by the clock instead of after 64 polls*: a lone yield takes a sixth
//!   more, for a bound that would no longer be counted in polls.
//! - *`epoll_pwait2`, and `ppoll` with a slack of a nanosecond, instead of a timerfd*: the same
//!   processor time, and as late.
//! - *The count of a slot's list kept by the bit of the slot*: ten instructions more for each timer
//!   that is armed and cancelled.
//!
//! # Next
//!
//! [Thirty questions](crate::questions), with short answers.
