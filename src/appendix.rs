//! Appendix. Twelve nanoseconds at a time.
//!
//! *Before this:* [chapter 9](crate::event_loop). *Time:* 15 minutes. *Files, in reading order:*
//! this one, and the files in the list.
//!
//! The chapters show each idea in its simplest correct form. This appendix lists the tunings of the
//! shipped code, which serve speed alone. Each piece stands behind one function, most of them in a
//! file of their own, so that the plain form can be read first. When a piece is taken out,
//! something fails: a bound in `benches/bounds.toml`, which `cargo bench --bench counters`
//! compares, or a test. Some pieces save a wait for memory or for another thread, which no count
//! shows. For these the list says "nothing".
//!
//! - **Slots kept with their cells**: `scheduler/spares.rs`. *Plain form:* free the cell and the
//!   slot. *It buys:* a spawn and join in turn 39 ns, not 54; a thousand at once 25, not 38. *Held
//!   by:* `spawn_join.allocations`.
//! - **Freed cells joined in parts**: `Spares::make_room`. *Plain form:* free them. *It buys:* no
//!   poll of 100 ms behind a burst of a million tasks. *Held by:*
//!   `tests/allocations/spare_cells.rs`.
//! - **The task that awaits a handle, in one word**: `scheduler/joiner.rs`. *Plain form:* an
//!   `Option<Waker>`. *It buys:* 8 bytes a task; no way through a waker for each join. *Held by:* a
//!   slot of 32 bytes.
//! - **Growth by an eighth**: `Tasks::grow`. *Plain form:* twice as many slots. *It buys:* at most
//!   an eighth of a task's memory is unused. *Held by:* `tests/allocations/tasks.rs`.
//! - **One endless batch**: `event_loop/main_task.rs`. *Plain form:* count each batch. *It buys:*
//!   40 of 286 instructions of a lone yield. *Held by:* `yield.instructions`.
//! - **Code inlined by force**: `#[inline(always)]`, each with its reason. *Plain form:*
//!   `#[inline]`. *It buys:* 124 of 711 instructions of a spawn and join, all together; 74 of the
//!   752 of an echo. *Held by:* `spawn_join.instructions`, `echo_among_50.instructions`.
//! - **One waiter alone needs no line**: `reactor/alone.rs`. *Plain form:* the line of
//!   `reactor/waiters.rs`. *It buys:* 180 of 2,407 instructions of an echo. *Held by:*
//!   `echo_in_one_loop.instructions`.
//! - **The alarm stays as it is**: `reactor/timerfd.rs`. *Plain form:* set it before each wait. *It
//!   buys:* a system call for each time-out that is cancelled. *Held by:* its unit tests.
//! - **Fewer polls where polls are long**: `event_loop/pace.rs`. *Plain form:* always 64. *It
//!   buys:* a tenth of a socket's wait beside a task that works 10 us and yields. *Held by:* its
//!   unit tests, and `tests/scheduler/fairness.rs`.
//! - **Slack**: `time/slack.rs`. *Plain form:* wake for each timer. *It buys:* two thirds of the
//!   processor time where 100,000 timers fire in 200 ms. *Held by:* `tests/time/timers.rs`.
//! - **Cells fetched side by side**: `scheduler/prefetch.rs`. *Plain form:* poll, and wait for
//!   each. *It buys:* 11 % of the processor time where 100,000 timers fire, 18 % where a million
//!   do. *Held by:* nothing: a wait for memory.
//! - **The wheel's scout**: `Wheel::pour`. *Plain form:* follow one link after the other. *It
//!   buys:* 6 % and 14 % in the same rows. *Held by:* nothing: a wait for memory.
//! - **Dealing out ahead**: `time/wheel/ahead.rs`. *Plain form:* deal a slot out when its first
//!   tick has come. *It buys:* no stall of ten milliseconds where a million timers fire within a
//!   second. *Held by:* `tests/time/wheel_model.rs`.
//! - **A loop stays awake**: `event_loop/stay_awake.rs`. *Plain form:* sleep at once. *It buys:*
//!   0.7 us instead of 6 for a wake from a thread that answers at once. *Held by:* its unit tests;
//!   the rest depends on the other thread's processor.
//! - **A worker stays awake**: `offload/calls.rs`. *Plain form:* sleep at once. *It buys:* a
//!   wake-up of up to 40 us for each job that follows closely. *Held by:* nothing: it depends on
//!   the other thread's processor.
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
//! A chapter counts steps, calls and allocations. The list has their times on the machine of
//! `BENCHMARKS.md`:
//!
//! - *Chapter 3.* Clone and drop of a waker that is a number, beside one with an atomic count: 2
//!   ns, beside 11 to 13.
//! - *Chapter 6.* To sleep until a timer, and to be woken: 20 us of processor time.
//! - *Chapter 8.* To start a thread: some 20 us.
//! - *Chapter 8.* An empty job in a burst of a thousand: 0.2 us, most of it handing cache lines
//!   over.
//! - *Chapter 8.* A job that follows closely, with a worker that stays awake: 10 us instead of 40,
//!   and half the processor time.
//! - *Chapter 9.* To ask for notes after every poll: half a nanosecond of the eleven that a poll
//!   takes.
//! - *`future`.* A wake among four, sixteen and thirty-two children that are scanned, and look at a
//!   flag only: 24, 43 and 94 ns.
//! - *`future`.* A wake of a set's child, and the poll that follows: 50 ns, beside 95 with
//!   `FuturesUnordered`; with a lock around the list it would be 80.
//!
//! # Tunings that were tried and left out
//!
//! - *Wheels of 256 slots a level, and scouts along four lists at once*: no row moved by five per
//!   cent.
//! - *Asking the clock after each poll whether a look is due*: a lone yield takes a sixth more. Now
//!   the clock is asked at looks only.
//! - *`epoll_pwait2`, and `ppoll` with a slack of a nanosecond, instead of a timerfd*: the same
//!   processor time, and as late; with the system's own slack, 50 us later.
//! - *The count of a slot's list kept by the bit of the slot*: ten instructions more for each timer
//!   that is armed and cancelled.
//!
//! # Next
//!
//! [Thirty questions](crate::questions), with short answers.
