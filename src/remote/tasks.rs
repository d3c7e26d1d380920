//! The tasks of a loop, listed from another thread.

use std::fmt;
use std::time::Duration;

use super::{Remote, oneshot};
use crate::context;
use crate::inspect::Tasks;

impl Remote {
    /// The tasks of the loop, with [their waits](crate::inspect). Blocks this thread until the loop answers, for
    /// `limit` at most.
    ///
    /// The loop answers between two polls, even within a batch. A sleeping loop is woken.
    ///
    /// In a task of another loop, [offload](fn@crate::offload) this call, because it blocks.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]: the loop is gone; or it has not answered, because one poll holds its thread, or because its host
    /// does not turn it. For a loop with a [watchdog](crate::Builder::watchdog) the error names [the task that holds
    /// the thread](NoAnswer::held_by).
    ///
    /// # Panics
    ///
    /// If the call has to wait, and a loop is running on this thread.
    ///
    /// ```
    /// use std::{thread, time::Duration};
    ///
    /// roundelay::run(async {
    ///     let remote = roundelay::Remote::current();
    ///     let thread = thread::spawn(move || remote.tasks(Duration::from_secs(5)).unwrap());
    ///     let tasks = roundelay::offload(|| thread.join().unwrap()).await.unwrap();
    ///     assert!(tasks.to_string().contains("the job offloaded at "));
    /// });
    /// ```
    #[inline]
    pub fn tasks(&self, limit: Duration) -> Result<Tasks, NoAnswer> {
        if let Some(context) = context::current() {
            if context.address.loop_index() == self.address.loop_index() && !self.is_closed() {
                return Ok(Tasks::of(&context));
            }
        }
        let (answer, question) = oneshot();
        let list = move || {
            if let (Some(context), false) = (context::current(), answer.is_closed()) {
                // The answer is too late if it is not taken.
                drop(answer.send(Tasks::of(&context)));
            }
        };
        self.post(list).map_err(|_| NoAnswer(Why::Gone))?;
        match question.wait_timeout(limit) {
            Ok(answer) => answer.map_err(|_| NoAnswer(Why::Gone)),
            Err(_) => Err(NoAnswer(Why::Late(limit, self.holder()))),
        }
    }

    /// The holder of the loop's thread, in words.
    #[inline]
    fn holder(&self) -> Option<String> {
        self.holder.as_ref()?()
    }
}

/// Why [`Remote::tasks`] got no list.
#[derive(Clone, Debug)]
pub struct NoAnswer(Why);

#[derive(Clone, Debug)]
enum Why {
    Gone,
    /// The limit, and the holder of the thread at that time.
    Late(Duration, Option<String>),
}

impl NoAnswer {
    /// Whether the loop exists, but did not answer in time.
    #[inline]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, Why::Late(..))
    }

    /// The task that held the loop's thread when the time was over, for how long, and what the thread did. Only a loop
    /// with a [watchdog](crate::Builder::watchdog) knows it.
    #[inline]
    pub fn held_by(&self) -> Option<&str> {
        match &self.0 {
            Why::Late(_, held_by) => held_by.as_deref(),
            Why::Gone => None,
        }
    }
}

impl fmt::Display for NoAnswer {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot list the tasks: the event loop ")?;
        match &self.0 {
            Why::Gone => f.write_str("is gone"),
            Why::Late(limit, Some(held_by)) => {
                write!(f, "has not answered for {limit:?}; {held_by}")
            }
            Why::Late(limit, None) => write!(
                f,
                "has not answered for {limit:?}; one poll holds its thread, or its host does not turn it"
            ),
        }
    }
}

impl std::error::Error for NoAnswer {}
