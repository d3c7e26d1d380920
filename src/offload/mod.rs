//! Chapter 8. Calls that block, on threads of their own.
//!
//! # Chapter 8. The pool
//!
//! *Before this:* [chapter 5](crate::inbox) and [chapter 7](crate::reactor). *Time:* 60 minutes.
//! *Files, in reading order:* this one, [`line`](mod@self::line), [`job`], [`pool`], [`worker`],
//! [`shared`], [`future`](mod@self::future), [`made`], [`calls`].
//!
//! ## The smallest loop
//!
//! This chapter replaces nothing in `examples/00_smallest_loop.rs`, and adds a part that `run`
//! lacks. There, a task does all its work on the loop's thread, inside `poll_task`. A task that
//! reads a file stops every other task, timer and socket until the file is read.
//!
//! ## The problem
//!
//! A call that blocks stops the loop, and with it every task. During one slow look-up of a host
//! name, ten thousand connections wait. No method on one thread avoids this. Such calls need
//! threads of their own, and the smallest version is this:
//!
//! ```text
//! fn offload(f) -> Future {
//!     let (tx, rx) = oneshot();
//!     thread::spawn(move || {
//!         tx.send(f())
//!     });
//!     rx
//! }
//! ```
//!
//! This version works, and fails in five ways. A burst of a thousand jobs is a thousand threads. A
//! thread costs more to start than most jobs take to run. If the operating system refuses a thread,
//! `thread::spawn` panics. A dropped future cancels nothing: the unwanted job runs. And when the
//! program ends, no part of it knows which jobs still run.
//!
//! A recording of `examples/08_starvation_and_yield.rs` shows a loop that is blocked: a task
//! computes for 34 ms, and the task that wants to run every millisecond is not polled once.
//!
//! <div style="overflow-x: auto"><div style="min-width: 640px">
#![doc = include_str!("../record/pictures/blocked.svg")]
//! </div></div>
//!
//! With a `yield_now` now and then in the computation, the other task has its turns:
//!
//! <div style="overflow-x: auto"><div style="min-width: 640px">
#![doc = include_str!("../record/pictures/fair.svg")]
//! </div></div>
//!
//! (Blue: a poll. Orange: a poll of 10 ms or more. Yellow: ready, and waits for the thread. The
//! pages of these recordings are `tests/pages/recordings/blocked.html` and `fair.html`;
//! [`record`](crate#seeing-the-loop) tells how to get one.)
//!
//! ## The idea
//!
//! Keep the threads, and put a line of jobs before them.
//!
//! ```text
//!            the loop's thread            |   one lock   |        threads of the pool
//!                                         |              |
//!   offload(f) --- submit --------------> |  line (FIFO) | --- look --> run f --- finish ---.
//!      |                                  |              |    ^  ^                          |
//!      v                                  |              |    |  '------ next job ----------|
//!   Offload<T> --- drop: leave ---------> |              |  unpark                          |
//!      ^                                  | idle (LIFO)  | <--- park, last in first out ----|
//!      |                                  |              | ---- idle too long: leave        |
//!      |                                                                                    |
//!      '------------- wake: the loop's inbox, one system call for a burst ------------------'
//! ```
//!
//! - **A job** ([`job`]) is one allocation that holds the closure first and the result afterwards.
//!   The pool and the future share it, and each has its own side of it.
//! - **The line** ([`line`](mod@self::line)) serves jobs in order of arrival. A job whose future is
//!   dropped leaves the line at once.
//! - **The pool** ([`pool`]) starts a worker only if none is idle, calls the worker that went idle
//!   last, and lets a worker go that was idle for `offload_keep_alive`. So the number of threads
//!   follows the load, both ways. In a burst the loop calls one worker, and the workers call each
//!   other: [`pool`] has the figure.
//! - **The answer** comes back by `Waker::wake` only. The pool knows neither loop nor task.
//!   [Chapter 5](crate::inbox) makes a wake from another thread safe, and a burst of wakes one
//!   system call.
//!
//! ## How it goes wrong
//!
//! The dangerous moment is when a worker finds the line empty and is about to sleep. If the worker
//! enters itself as idle too late, it sleeps while a job waits:
//!
//! ```text
//!   loop's thread                         worker
//!                                         looks at the line: empty
//!   puts a job into the line
//!   looks for an idle worker: none
//!                                         enters itself as idle
//!                                         sleeps, for ever
//! ```
//!
//! So "the line is empty" and "I am idle" are one step under one lock, and so are "here is a job"
//! and "this worker comes for it". The lock protects a rule with a name, *somebody-comes*, which
//! one function in [`pool`] keeps. Most breaches are not races between two instructions, but plans
//! that fail: a called worker leaves because its time is over, or the operating system refuses a
//! thread. That function has a branch for each case.
//!
//! Code that runs under the lock is a second danger. No destructor of a closure or of a result, and
//! no waker, runs under it. Each of them may offload again, and would find the lock taken by its
//! own thread.
//!
//! ## Why not otherwise
//!
//! - *A lock-free queue, a queue for each worker, stealing.* A job that is worth a thread takes
//!   microseconds at the least. The lock is held for a fraction of a microsecond. tokio replaced
//!   its one mutex by a more complex queue, and took that back two days later because programs hung
//!   (tokio#8056).
//! - *A call for every job.* Each call is a system call and a context switch, and on two cores
//!   sixty-four workers compete for one lock.
//! - *A queue with a bound, and a second queue of the tasks that wait for room in it.* A job waits
//!   in order for room, and then in order for a thread: two lines in a row are one line. A job's
//!   future holds its memory in both lines, so the bound would save no memory. There is one line.
//!   `offload_queue` bounds the jobs that [`try_offload`] adds to it, for a caller that prefers a
//!   refusal to a wait.
//! - *Lazy futures.* A job could join the line at the first poll. Then the jobs of `let a =
//!   offload(..); let b = offload(..); a.await; b.await` would run one after the other, although
//!   the text offloads both at once.
//!
//! *What others do.* tokio: one mutex, at most 512 threads, a thread for each job of a burst.
//! smol's `blocking`: one pool for the whole process, 500 threads. libuv: four threads for the
//! whole process, so that four slow look-ups stop all file access. asyncio: `cpu_count + 4`, 32 at
//! most. Go starts a thread when a goroutine blocks, up to 10,000, and then crashes.
//!
//! ## What it costs
//!
//! One allocation a job, four short locks of the job (start, finish, announce, poll) and two of the
//! pool. In a burst, most of a job's time is the transfer of cache lines between processors. When
//! jobs come one after the other, each takes as long as the operating system needs to wake the
//! loop. A worker that stays awake for a moment (`offload/calls.rs`, told in the
//! [appendix](crate::appendix)) saves the other wake-up.
//!
//! ## What is promised
//!
//! - A job whose future is dropped before a thread begins the job never runs. Its closure is
//!   dropped on the loop's thread. A job that runs goes on, and its unwanted result is dropped on
//!   the pool's thread.
//! - Jobs begin in the order in which they were offloaded.
//! - The future always resolves: with the output, the panic, `cancelled` when the loop ended first,
//!   or `refused` when there is no thread and the system gives none. If the system gives fewer
//!   threads than wanted, the jobs wait for the threads that exist.
//! - The end of a loop never waits for a job, unless `shutdown` has a grace period. Then the report
//!   names each job that is still running, by the line that offloaded it ([`Running`]).
//! - No thread exists before the first job. After the last job, the threads end when the keep-alive
//!   is over. With `offload_threads(0)` no thread ever exists, and every job is refused.
//!
//! *How it is done today:* the defaults are 64 threads, ten seconds, and no bound.
//!
//! ## Sources
//!
//! D. Schmidt et al., *Pattern-Oriented Software Architecture* vol. 2 (2000),
//! "Half-Sync/Half-Async": this chapter is an instance of that pattern; A. Birrell, *An
//! Introduction to Programming with Threads*, DEC SRC report 35 (1989): why the test and the sleep
//! belong under one lock; `pthread_create(3)` and its EAGAIN; A. Karlin, K. Li, M. Manasse and S.
//! Owicki, "Empirical Studies of Competitive Spinning for a Shared-Memory Multiprocessor", SOSP
//! 1991: how long to stay awake.
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `State::refused`, call no worker:
//!   `cargo run -p exercises -- 8.1`
//! - In `Line::leave`, keep the holes:
//!   `cargo run -p exercises -- 8.2`
//! - In `Worker`, take a job and call no worker for the next. loom tries every order of the steps:
//!   `cargo run -p exercises -- 8.3`
//!
//! ## Next
//!
//! [Chapter 9](crate::event_loop): the loop that calls all these parts.

mod awaited;
mod calls;
mod future;
#[cfg(all(test, loom))]
mod interleavings;
mod job;
mod line;
mod made;
mod pool;
mod shared;
#[cfg(all(test, not(loom)))]
mod tests;
mod worker;

pub use awaited::JobState;
pub use future::{Offload, TryOffloadError, offload, try_offload};
pub(crate) use made::LatePool;
pub(crate) use shared::PoolConfig;
pub use shared::Running;
