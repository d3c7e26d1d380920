//! The end of a loop: with a grace, or at once.

use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use super::{EventLoop, Report};
use crate::context::{Entered, choose_clock};
use crate::foreign::{self, Level};

impl EventLoop {
    /// Lets the tasks and the offloaded jobs finish, for at most `grace`. Then drops the loop and returns what was still
    /// running.
    ///
    /// The remaining tasks are dropped. A job that runs on its thread cannot be stopped: it goes on, and its result is
    /// dropped.
    ///
    /// With [virtual time](crate::Builder::virtual_time) the grace is over when either clock has reached it, the loop's or the real
    /// one.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event_loop = roundelay::EventLoop::new()?;
    /// drop(event_loop.spawn(std::future::pending::<()>()));
    /// let report = event_loop.shutdown(Duration::ZERO);
    /// assert_eq!(report.tasks.len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn shutdown(mut self, grace: Duration) -> Report {
        let (context, wall) = (Rc::clone(&self.context), Instant::now());
        let start = context.timers.now();
        // By the loop's clock and by the real one, since a virtual clock that is held stands still.
        let spent = || (context.timers.now() - start).max(wall.elapsed());
        let remaining = || grace.saturating_sub(spent());
        while self.context.scheduler.task_count() > 0 && !remaining().is_zero() {
            if let Err(error) = self.turn(Some(remaining())) {
                foreign::tell(
                    Level::Error,
                    foreign::TURN,
                    format_args!("{}: a shutdown gives up its grace: {error}", self.name),
                );
                break;
            }
        }
        let tasks = self.tasks();
        self.close();
        let offload = self.context.offload.join(remaining());
        Report { tasks, offload }
    }

    /// Closes the inbox and the pool, and drops all that lives on the loop, with the loop current, so that destructors find
    /// it. A task that a destructor spawns is dropped at once.
    pub(crate) fn close(&mut self) {
        let entered = Entered::new(Rc::clone(&self.context));
        self.context.scheduler.close();
        // One by one: if two destructors panicked in one drop, the second would panic during unwinding, which aborts.
        let next_serial = self.context.scheduler.next_serial();
        self.inbox.close(next_serial, &mut |note| {
            let what = "the destructor of a call posted through a Remote";
            foreign::quietly(foreign::TASK, what, || drop(note));
        });
        self.context.offload.close();
        drop(entered);
        if self.context.timers.standing().is_some() {
            choose_clock(None);
        }
    }
}

/// Never blocks and never panics, whether it is called in a task of another loop, in a thread-local's destructor, or during
/// unwinding.
impl Drop for EventLoop {
    fn drop(&mut self) {
        if self.shuffle.is_some() && thread::panicking() {
            self.tell_seed();
        }
        self.close();
        self.write_page();
    }
}
