//! The rest of a loop with virtual time: it moves its clock instead of sleeping. The chapter
//! [`time`](crate::time#time-in-the-hands-of-a-test) explains the idea.
//!
//! ```text
//!   no task is ready
//!      |  look, without waiting: notes, sockets, due timers
//!      v
//!   is a task ready now, or a note there?  -- yes -->  go on
//!      | no
//!      v
//!   is the clock held, or is there no timer?  -- yes -->  park, by the real clock
//!      | no
//!      v
//!   move the clock to the deadline of the next timer, and fire it
//! ```

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::thread;
use std::time::Instant;

use super::{EventLoop, VirtualTime};
use crate::context::choose_clock;
use crate::foreign::{self, Level};
use crate::reactor::Wait;
use crate::record::Probe;
use crate::time::LateTimers;

#[derive(Debug)]
pub(super) struct StandingClock;

impl VirtualTime for StandingClock {
    #[inline]
    fn timers(&self, has_grown: Rc<Cell<bool>>, probe: Probe) -> LateTimers {
        let timers = LateTimers::in_virtual_time(has_grown, probe);
        choose_clock(timers.standing());
        timers
    }

    #[inline]
    fn rest(&self, event_loop: &EventLoop, wait: Wait) -> io::Result<()> {
        event_loop.pass_time(wait)
    }
}

impl EventLoop {
    /// Waits if there is nothing to do: in virtual time if possible. *decide-then-do*: no foreign code runs between the end
    /// of the look and the move of the clock.
    #[inline]
    fn pass_time(&self, wait: Wait) -> io::Result<()> {
        if self.context.reactor.has_work() {
            // The kernel may not yet have delivered data that one socket of this thread sent to another.
            thread::yield_now();
        }
        self.park_without_alarm(Wait::Now)?;
        if matches!(wait, Wait::Now) || self.work_left() > 0 || self.inbox.is_notified() {
            return Ok(());
        }
        let timers = self.context.timers.timers();
        let next = match wait.at_most_until(timers.next_deadline()) {
            // To the next deadline, or to the end of the wait.
            Wait::Until(at) if !timers.is_held() => at,
            _ => return self.park_without_alarm(self.on_the_wall(wait)),
        };
        let leap = next.saturating_duration_since(timers.now());
        timers.move_to(next);
        foreign::tell(
            Level::Trace,
            foreign::TURN,
            format_args!(
                "{}: nothing is ready; the clock moves on by {leap:?}",
                self.name
            ),
        );
        // Fires what is due now.
        self.park_without_alarm(Wait::Now)
    }

    /// Parks without an alarm, since the real clock has nothing to do with this loop's deadlines.
    #[inline]
    fn park_without_alarm(&self, wait: Wait) -> io::Result<()> {
        self.park_apart(wait, |_| None)
    }

    /// The wait while the clock is held: as long, but by the real clock.
    #[inline]
    fn on_the_wall(&self, wait: Wait) -> Wait {
        let Wait::Until(at) = wait else {
            return wait;
        };
        let time = at.saturating_duration_since(self.context.timers.now());
        let at = Instant::now().checked_add(time);
        at.map_or(Wait::Forever, Wait::Until)
    }
}
