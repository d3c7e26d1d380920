//! Where a loop with virtual time would sleep: it moves its clock instead. The idea is told in [`time`](crate::time#time-in-the-hands-of-a-test).
//!
//! ```text
//!   nobody is ready
//!      |  look, without waiting: notes, sockets, due timers
//!      v
//!   somebody is ready, or a note waits?  -- yes -->  go on
//!      | no
//!      v
//!   is the clock held?  -- yes -->  sleep by the clock on the wall, until something happens
//!      | no
//!      v
//!   is there a timer?   -- no --->  the same
//!      | yes
//!      v
//!   move the clock to its deadline, and fire it
//! ```

use std::io;
use std::thread;
use std::time::Instant;

use super::EventLoop;
use crate::reactor::Wait;

impl EventLoop {
    /// Moves the clock, if there is nothing to do and nothing holds it. *decide-then-do*: between the end of the look and the move
    /// of the clock runs no foreign code.
    pub(super) fn pass_time(&self, wait: Wait) -> io::Result<()> {
        self.tell_of_the_wait(&wait);
        if self.context.reactor.has_work() {
            // The kernel may have put off what it is to bring from one socket of this thread to another.
            thread::yield_now();
        }
        self.look()?;
        if self.work_left() > 0 || self.inbox.is_notified() || matches!(wait, Wait::Now) {
            return Ok(());
        }
        let timers = &self.context.timers;
        match self.sooner(wait) {
            Wait::Until(at) if !timers.is_held() => {
                timers.move_to(at);
                self.expire();
                Ok(())
            }
            _ => self.sleep(self.on_the_wall(wait)),
        }
    }

    /// A wait while the clock is held: as long, by the clock on the wall.
    fn on_the_wall(&self, wait: Wait) -> Wait {
        let Wait::Until(at) = wait else {
            return wait;
        };
        let time = at.saturating_duration_since(self.context.timers.now());
        Instant::now()
            .checked_add(time)
            .map_or(Wait::Forever, Wait::Until)
    }
}
