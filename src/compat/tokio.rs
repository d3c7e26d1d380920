//! This crate's loop as a guest of tokio: both on one thread, each with its own tasks.
//!
//! Most crates ask for traits, and have them by the other modules of [`compat`](super). Some ask for tokio itself:
//! `reqwest` opens sockets of tokio's, `axum::serve` spawns tasks of tokio's, `tower-http`'s time-outs are timers of
//! tokio's. For these crates there is [`run`]: a `current_thread` runtime of tokio's has the thread, and this crate's
//! loop is one future on it.
//!
//! ```text
//!             one thread
//!   tokio: poll a task, poll a task, ..., wait for sockets and timers
//!            |                              '-- among them: the loop's descriptor,
//!            |                                  and a timer for the loop's next deadline
//!            '-- among them: the loop, for a stint of 64 polls at most
//!                  '-- poll a task of the loop, poll a task of the loop, ..., look
//! ```
//!
//! # Which task may await what
//!
//! - A task of this crate ([`spawn`](crate::spawn), `main`) may await everything of tokio's: sockets, timers, channels,
//!   join handles, the answer of a `reqwest::Client`, and may call `tokio::spawn` and `tokio::task::spawn_local`. To
//!   tokio such a task is none of its tasks: `tokio::task::id` finds no task, and all tasks of this crate share one
//!   budget of tokio's (128 operations a poll) for each stint.
//! - A task of tokio's may await everything of this crate, and may [`spawn`](crate::spawn). The futures of this crate
//!   are `!Send`, so such a task is one of `tokio::task::spawn_local`, or its future is a `Here`.
//!
//! # Which side waits for which
//!
//! A stint ends after 64 polls of this crate's tasks. Then all ready tasks of tokio's have a turn, up to 61 in one go.
//! So neither side starves the other. When a task of tokio's wakes or spawns a task of this crate, the wake goes the
//! way of wakes from other threads: through the inbox, and the descriptor that tokio watches. The first such wake costs
//! a few system calls; further wakes before the next stint cost none. The loop's deadlines are tokio's timers here,
//! with tokio's grain of a millisecond. A deadline is never early.
//!
//! # No thread
//!
//! There is no thread but the caller's, unless the program asks for one: `tokio::task::spawn_blocking`, tokio's files
//! and its look-up of host names do, and so does [`offload`](fn@crate::offload).
//!
//! # The end
//!
//! [`run`] ends when `main` does. Then this crate's tasks are dropped, in the order of their spawning, while tokio
//! still exists. Then tokio's tasks are dropped, while this crate's loop still exists. A task that a destructor spawns
//! is dropped at once, and `run` waits for nothing: blocking calls that have begun go on, and their results are
//! discarded.
//!
//! # Why not otherwise
//!
//! - *tokio on a thread of its own*: every value that crosses must be `Send`, and costs a wake of a sleeping thread
//!   each way.
//! - *tokio as the guest*: its runtime has no descriptor and no deadline to wait for, and no call that turns it.
//! - *The loop current for as long as tokio runs*: a wake from a task of tokio's would go straight into the loop's
//!   ready queue, and tokio would sleep on. See [`EventLoop::enter`].

use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::time::Sleep;

use crate::event_loop::{EventLoop, Guest, Stint};
use crate::foreign;
use crate::trying::while_trying;

/// Makes a loop and a `current_thread` runtime of tokio's, runs `main` as a task of the loop, and ends both. This is
/// [`roundelay::run`](crate::run) with tokio around the loop, and replaces `#[tokio::main]`.
///
/// The [module](self) describes which task may await what, which side waits for which, and the end.
///
/// # Cancellation
///
/// Does not return before `main` has finished. Tasks of either side are dropped at the end.
///
/// # Panics
///
/// With `main`'s own panic; if the operating system has no resources for a loop and a runtime; and inside a runtime of
/// tokio's, where tokio refuses to start another one. A panic of another task is kept for its handle, on either side.
///
/// ```
/// use roundelay::{compat, sleep, spawn, sync::mpsc};
/// use std::time::Duration;
///
/// let heard = compat::tokio::run(async {
///     let (sender, mut receiver) = mpsc::channel(1);
///     // A task of tokio's, which awaits this crate's timer and queue.
///     let theirs = tokio::task::spawn_local(async move {
///         sleep(Duration::from_millis(1)).await;
///         sender.send("hello").await
///     });
///     // And a task of this crate's, which awaits tokio's timer.
///     let ours = spawn(tokio::time::sleep(Duration::from_millis(1)));
///     ours.await.unwrap();
///     let heard = receiver.recv().await;
///     theirs.await.unwrap().unwrap();
///     heard
/// });
/// assert_eq!(heard, Some("hello"));
/// ```
#[track_caller]
pub fn run<F: IntoFuture>(main: F) -> F::Output {
    let here = Location::caller();
    let mut both = match Both::new() {
        Ok(both) => both,
        Err(error) => panic!("{error}"),
    };
    let Both { event_loop, tokio } = &mut both;
    let tokio = tokio.as_ref().expect("it is there until the end");
    match drive(tokio, event_loop, main.into_future(), here) {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

/// [`run`], with a loop and a runtime of the caller's, which stay. Tasks that are alive when `main` ends wait in the
/// loop and in the runtime for the next `run_on` of both.
///
/// The runtime needs its drivers: `Builder::enable_all`, or `enable_io` and `enable_time`.
///
/// # Cancellation
///
/// As [`run`], but only `main` is dropped.
///
/// # Errors
///
/// If tokio cannot watch the loop's descriptor; and [`InvalidInput`](io::ErrorKind::InvalidInput) if the loop has
/// [virtual time](crate::Builder::virtual_time), which tokio's timers do not follow, or a [shuffled
/// order](crate::Builder::shuffle). `main` has not been polled then.
///
/// # Panics
///
/// With `main`'s own panic, or a task's under [`OnPanic::EndRun`](crate::OnPanic::EndRun); if the runtime was built
/// without drivers; and inside a runtime of tokio's.
///
/// ```
/// use roundelay::{EventLoop, compat, yield_now};
/// use tokio::runtime::{Builder, LocalOptions};
///
/// let tokio = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
/// let mut event_loop = EventLoop::builder().name("guest").build()?;
/// let words = vec!["borrowed", "by", "main"];
/// let count = compat::tokio::run_on(&tokio, &mut event_loop, async {
///     yield_now().await;
///     tokio::task::yield_now().await;
///     words.len()
/// })?;
/// assert_eq!(count, words.len());
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn run_on<F: IntoFuture>(
    tokio: &LocalRuntime,
    event_loop: &mut EventLoop,
    main: F,
) -> io::Result<F::Output> {
    drive(tokio, event_loop, main.into_future(), Location::caller())
}

fn drive<F: Future>(
    tokio: &LocalRuntime,
    event_loop: &EventLoop,
    main: F,
    here: &'static Location<'static>,
) -> io::Result<F::Output> {
    if event_loop.is_for_tests() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "an event loop with virtual time or a shuffled order cannot be tokio's guest: tokio waits by the clock on the wall",
        ));
    }
    let context = tokio.enter();
    let failed = |error| while_trying("tokio cannot watch the event loop", error);
    let descriptor = watch(event_loop.as_fd()).map_err(failed)?;
    drop(context);
    let output = event_loop.run_as_guest(main, here, |guest| {
        tokio.block_on(async {
            let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
            poll_fn(|cx| poll(guest, &descriptor, alarm.as_mut(), cx)).await;
        });
    });
    Ok(output)
}

/// The newer form of this call is unsafe: its caller promises that the descriptor stays open, and the same, while it is
/// watched. A borrowed descriptor makes this promise by its type.
#[allow(deprecated)]
fn watch(descriptor: BorrowedFd<'_>) -> io::Result<AsyncFd<BorrowedFd<'_>>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

/// Runs a stint, and arranges the wake for the next one.
fn poll(
    guest: &mut Guest<'_>,
    descriptor: &AsyncFd<BorrowedFd<'_>>,
    alarm: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if let Err(error) = hear(descriptor, cx) {
        panic!("{}: tokio no longer waits for it: {error}", guest.name());
    }
    match guest.stint() {
        Ok(Stint::Over) => return Poll::Ready(()),
        Ok(Stint::Busy) => wake_again(cx),
        Ok(Stint::Idle) => wait(guest.next_deadline(), alarm, cx),
        Err(error) => {
            let name = guest.name();
            panic!("the event loop '{name}' cannot poll the operating system: {error}")
        }
    }
    Poll::Pending
}

/// Clears the notice *before* the stint looks: an event after the look is a new edge, and a new notice.
fn hear(descriptor: &AsyncFd<BorrowedFd<'_>>, cx: &mut Context<'_>) -> io::Result<()> {
    while let Poll::Ready(ready) = descriptor.poll_read_ready(cx) {
        ready?.clear_ready();
    }
    Ok(())
}

fn wait(deadline: Option<Instant>, mut alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) {
    let Some(deadline) = deadline else { return };
    let deadline = deadline.into();
    if alarm.deadline() != deadline {
        alarm.as_mut().reset(deadline);
    }
    if alarm.poll(cx).is_ready() {
        wake_again(cx);
    }
}

fn wake_again(cx: &Context<'_>) {
    foreign::wake_by_ref(cx.waker(), "tokio's, for its guest");
}

/// The loop and the runtime of [`run`], and their end.
struct Both {
    event_loop: EventLoop,
    /// `None` only at the end.
    tokio: Option<LocalRuntime>,
}

impl Both {
    fn new() -> io::Result<Self> {
        let event_loop = EventLoop::new()?;
        let mut builder = Builder::new_current_thread();
        let tokio = builder.enable_io().enable_time();
        let tokio = tokio
            .build_local(LocalOptions::default())
            .map_err(|error| while_trying("cannot make a runtime of tokio's", error))?;
        Ok(Self {
            event_loop,
            tokio: Some(tokio),
        })
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        let Some(tokio) = self.tokio.take() else {
            return;
        };
        let context = tokio.enter();
        self.event_loop.close();
        drop(context);
        // Not a plain drop: it would wait for calls that block, and panic inside another runtime.
        self.event_loop.enter(|| tokio.shutdown_background());
    }
}
