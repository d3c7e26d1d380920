//! # Chapter 8: work that blocks
//!
//! ## The smallest loop
//!
//! This chapter replaces nothing in `examples/00_smallest_loop.rs`: it adds what `run` lacks. All
//! that a task does there, it does on the loop's thread, inside `poll_task`. A task that reads a
//! file stops every other task, timer and socket until the file is read.
//!
//! ## The problem
//!
//! A call that blocks stops the loop, and with it every task: one slow look-up of a host name, and ten thousand
//! connections wait for it. There is no cure on one thread. Such calls need a thread of their own; and the smallest
//! version that comes to mind is this:
//!
//! ```text
//! fn offload(f) -> Future { let (tx, rx) = oneshot(); thread::spawn(move || tx.send(f())); rx }
//! ```
//!
//! It works, and falls over in five ways. A burst of a thousand jobs is a thousand threads. A thread costs more to
//! start (some 20 us) than most jobs take to run. If the operating system refuses one, `thread::spawn` panics. Who
//! drops the future cancels nothing: the job runs although nobody wants it. And when the program ends, nobody knows
//! what is still running.
//!
//! A recording of `examples/08_starvation_and_yield.rs` shows a loop that is blocked: a task computes for 80 ms, and the task that wants
//! to run every 2 ms is not polled once.
//!
#![doc = include_str!("../record/pictures/blocked.svg")]
//!
//! With a `yield_now` now and then in the computation the other one has its turns:
//!
#![doc = include_str!("../record/pictures/fair.svg")]
//!
//! (Blue: a poll. Orange: a poll of 10 ms or more. Yellow: ready, and waits for the thread. The pages of these recordings are
//! `tests/pages/recordings/blocked.html` and `fair.html`; [`record`](crate#seeing-the-loop) tells how to get one.)
//!
//! ## The idea
//!
//! Keep the threads, and put a line of jobs before them.
//!
//! ```text
//!            the loop's thread            |   one lock   |          threads of the pool
//!                                         |              |
//!   offload(f) --- submit --------------> |  line (FIFO) | --- look --> run f --- finish ---.
//!      |                                  |              |    ^  ^                          |
//!      v                                  |              |    |  `------ next job ----------|
//!   Offload<T> --- drop: leave ---------> |              |  unpark                          |
//!      ^                                  | idle (LIFO)  | <--- park, last in first out ----|
//!      |                                  |              | ---- idle too long: leave        |
//!      |                                                                                    |
//!      `------------- wake: the loop's inbox, one system call for a burst ------------------'
//! ```
//!
//! - **A job** ([`job`]) is one allocation that holds the closure first and the result afterwards. The pool and the
//!   future share it, and each sees only its side of it.
//! - **The line** ([`line`](mod@line)) serves in order of arrival. A job whose future is dropped leaves it at once.
//! - **The pool** ([`pool`]) starts a worker only if none is idle, calls the one that went idle last, and lets a
//!   worker go that was idle for `offload_keep_alive`. So the number of threads follows the load, both ways.
//! - **The answer** comes back by `Waker::wake` and nothing else. The pool knows neither loop nor task; that a wake
//!   from another thread is safe, and that a burst of them costs one system call, is chapter 5's work.
//!
//! ## How it goes wrong
//!
//! The dangerous moment is a worker that finds nothing to do and is about to sleep. If it says so too late, it
//! sleeps while a job waits:
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
//! So "the line is empty" and "I am idle" are one step under one lock, and so are "here is a job" and "who comes for
//! it". The rule that the lock protects has a name, *somebody-comes*, and lives in [`pool`] in one function. Most of
//! its ways to break are not races of two instructions but of intentions: a worker was called, and then leaves since
//! its time is over; a thread was to be started, and the operating system says no. Each is an edge of that function.
//!
//! A subtler one: what runs under the lock? Not a closure's destructor, not a result's, no waker. Any of them may
//! offload again, and would find the lock taken by its own thread.
//!
//! ## Why not otherwise
//!
//! - *A lock-free queue, a queue for each worker, stealing.* A job that is worth a thread takes microseconds at the
//!   least; the lock is held for some tens of nanoseconds. tokio replaced its one mutex by a cleverer queue, and
//!   took it back two days later because users hung (tokio#8056).
//! - *Calling a worker for every job.* Each call is a system call and a context switch, and on two cores sixty-four
//!   workers fight for one lock. Here the calls form a chain, see [`pool`]: the loop pays for one.
//! - *A queue with a bound, and a second queue of those who wait for room in it.* Whoever waits for room waits in
//!   order, and whoever gets room waits in order: two lines in a row are one line. A job has a future that holds its
//!   memory either way, so the bound would not even save any. There is one line; `offload_queue` bounds what
//!   [`try_offload`] adds to it, for those who would rather be turned away than wait.
//! - *Lazy futures.* A job could join the line at the first poll. Then `let a = offload(..); let b = offload(..);
//!   a.await; b.await` would run one after the other, which is not what it says.
//!
//! *What others do.* tokio: one mutex, at most 512 threads, a thread for each job of a burst. smol's `blocking`:
//! one pool for the whole process, 500 threads. libuv: four threads for the whole process, so that four slow look-ups
//! stop all file access. asyncio: `cpu_count + 4`, 32 at most. Go starts a thread when a goroutine blocks, up to
//! 10,000, and then crashes.
//!
//! ## What it costs
//!
//! One allocation a job, four short locks of the job (start, finish, announce, poll) and two of the pool. In a burst of
//! a thousand empty jobs one takes about 0.2 us, most of it handing cache lines over; in turn, a job takes as long as the
//! operating system needs to wake the loop.
//!
//! It used to be two threads that had to be woken, and on a virtual machine, where a processor that has nothing to do
//! goes far away, that is 40 us. So a worker stays awake for a moment if its last wait was that short, and the next call
//! finds it there: 10 us, and half the processor time. It yields meanwhile, for on a single processor the loop is who it
//! waits for. To wait about as long as a sleep would cost never costs more than twice the best choice.
//!
//! ## What is promised
//!
//! - A job whose future was dropped before a thread began with it never runs; its closure is dropped on the loop's
//!   thread. A job that runs goes on; its unwanted result is dropped on the pool's thread.
//! - Jobs begin in the order in which they were offloaded.
//! - The future always resolves: with the output, the panic, `cancelled` when the loop ended first, or `refused` when
//!   there is no thread and none can be had. With fewer threads than wanted, the jobs wait for those there are.
//! - Ending a loop never waits for a job, unless `shutdown` was given a grace period; then its report names what was
//!   still running, by the line that offloaded it ([`Running`]).
//! - No thread before the first job, and none after the last, plus the keep-alive. With `offload_threads(0)` none
//!   ever, and every job is refused.
//!
//! At the time of writing, defaults are 64 threads, ten seconds, and no bound.
//!
//! ## Sources
//!
//! D. Schmidt et al., *Pattern-Oriented Software Architecture* vol. 2 (2000), "Half-Sync/Half-Async", which this
//! chapter is an instance of; A. Birrell, *An Introduction to Programming with Threads*, DEC SRC report 35 (1989),
//! on why the test and the sleep belong under one lock; `pthread_create(3)` and its EAGAIN; A. Karlin, K. Li, M. Manasse
//! and S. Owicki, "Empirical Studies of Competitive Spinning for a Shared-Memory Multiprocessor", SOSP 1991, on how long
//! to stay awake.
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `State::refused`, call nobody:
//!   `cargo run -p exercises -- 8.1`
//! - In `Line::leave`, keep the holes:
//!   `cargo run -p exercises -- 8.2`

mod awaited;
mod calls;
mod future;
#[cfg(all(test, loom))]
mod interleavings;
mod job;
mod line;
mod pool;
mod shared;
#[cfg(all(test, not(loom)))]
mod tests;
mod worker;

pub use awaited::JobState;
pub use future::{Offload, TryOffloadError, offload, try_offload};
pub(crate) use pool::Pool;
pub(crate) use shared::PoolConfig;
pub use shared::Running;
