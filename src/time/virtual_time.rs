//! How a program moves or holds a clock that stands still.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::clock::saturating_add;
use crate::context::{self, Context};
use crate::inbox::{Address, Room};

/// Moves the clock of the running loop, which must have [virtual time](crate::Builder::virtual_time), by `duration`.
///
/// It is as if the caller had computed for so long: no task runs meanwhile. The timers whose deadlines have passed fire
/// here, in the order of their deadlines. The tasks that they wake are polled when their turn comes, and find the clock
/// at the end of the leap. So a test gets a task that is late, or a [missed tick](crate::time::MissedTick). To let each
/// task act at its own deadline, await [`sleep`](crate::sleep) instead.
///
/// A host that turns its loop by hand calls `advance` inside [`EventLoop::enter`](crate::EventLoop::enter). The clock
/// stops 292 years after its start.
///
/// # Wakes
/// The tasks that wait for the timers that have passed.
///
/// # Panics
/// If the loop that is running on this thread has the real clock, or no loop is running.
///
/// ```
/// use roundelay::time::{advance, interval, now};
/// use std::time::Duration;
///
/// let mut event_loop = roundelay::EventLoop::builder().virtual_time().build()?;
/// event_loop.run(async {
///     let second = Duration::from_secs(1);
///     let (start, mut interval) = (now(), interval(second));
///     interval.tick().await; // the first tick, at once
///     advance(second * 5 / 2); // this task has no time for two ticks and a half
///     assert_eq!(interval.tick().await, start + second);
///     assert_eq!(interval.next_tick(), start + second * 7 / 2); // `MissedTick::Delay`
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
#[inline]
pub fn advance(duration: Duration) {
    let here = context::expect_current("time::advance");
    let Some(now) = here.timers.standing() else {
        panic!(
            "`time::advance` was called, and the event loop goes by the real clock, which nobody can move: \
             make the loop by `EventLoop::builder().virtual_time()`"
        );
    };
    let timers = here.timers.timers();
    timers.move_to(saturating_add(now, duration));
    here.counters.timers.add(timers.expire_all());
}

/// Keeps a [virtual clock](crate::Builder::virtual_time) where it is, until the [`Hold`] is dropped. A test needs it to
/// wait for an event that the loop cannot foresee: a call posted by another thread, or bytes from another process.
///
/// Offloaded jobs need no hold: the loop knows them. A real clock is not held.
///
/// # Panics
/// If no loop is running on this thread.
///
/// ```
/// use roundelay::{remote, time, timeout};
/// use std::{thread, time::Duration};
///
/// let mut event_loop = roundelay::EventLoop::builder().virtual_time().build()?;
/// event_loop.run(async {
///     let (sender, mut receiver) = remote::channel(1);
///     let hold = time::hold();
///     let thread = thread::spawn(move || {
///         thread::sleep(Duration::from_millis(5)); // in real time
///         sender.send_blocking("an answer").unwrap();
///         drop(hold);
///     });
///     // Without the hold the hour would be over at once.
///     let answer = timeout(Duration::from_secs(3600), receiver.recv()).await;
///     assert_eq!(answer, Ok(Some("an answer")));
///     thread.join().unwrap();
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
pub fn hold() -> Hold {
    Hold(context::with_current("time::hold", hold_of))
}

/// Keeps the clock of a loop with [virtual time](crate::Builder::virtual_time) where it is, as long as it exists. Made
/// by [`hold`].
///
/// A hold may be sent to the thread that the loop waits for. All that the thread posts, sends or wakes before it drops
/// the hold reaches the loop before the clock moves.
#[must_use = "the clock is held until this is dropped"]
pub struct Hold(Option<Address>);

/// Holds the clock of that loop, if it stands still. The caller must [`release`] the address.
#[inline]
fn hold_of(context: &Rc<Context>) -> Option<Address> {
    context.timers.standing()?;
    context.timers.timers().hold();
    Some(context.address)
}

impl Hold {
    /// The hold that an offloaded job carries; `None` if the clock is the real one.
    #[inline]
    pub(crate) fn for_a_job() -> Option<Hold> {
        let address = context::peek(hold_of)??;
        Some(Hold(Some(address)))
    }
}

/// The end of a hold is a note, so it comes after all the notes that were sent before it.
/// Guarded by tests/time/virtual_time.rs::what_a_thread_sends_before_it_lets_go_comes_before_the_clock_moves.
impl Drop for Hold {
    #[inline]
    fn drop(&mut self) {
        if let Some(address) = self.0 {
            // A loop that has ended has no clock.
            drop(address.post(Box::new(release), Room::Unbounded));
        }
    }
}

#[inline]
fn release() {
    context::peek(|here| here.timers.timers().release());
}

impl fmt::Debug for Hold {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_held = self.0.is_some();
        f.debug_struct("Hold")
            .field("is_held", &is_held)
            .finish_non_exhaustive()
    }
}
