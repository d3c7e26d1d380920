//! A point at which tasks wait for each other.
//!
//! *Not needed here:* the "draining" state of asyncio and the generations of tokio, which keep a
//! quick task from entering the next round before all tasks have left this round. Each waiter is
//! given its result when the round is full, so a round is over at once.

use std::cell::Cell;
use std::error::Error;
use std::fmt;

use super::wait_list::{Grants, Wait, WaitList};
use crate::declared::Made;

/// Lets tasks through `parties` at a time: asyncio's `Barrier`. It can be used again and again.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use roundelay::sync::Barrier;
///
/// roundelay::run(async {
///     let start = Rc::new(Barrier::new(2));
///     let other = roundelay::spawn({
///         let start = Rc::clone(&start);
///         async move { start.wait().await.unwrap() }
///     });
///     let mine = start.wait().await.unwrap();
///     assert_ne!(mine, other.await.unwrap());
/// });
/// ```
pub struct Barrier {
    parties: usize,
    broken: Cell<bool>,
    waiters: WaitList<(), Result<usize, BrokenBarrier>>,
}

impl Barrier {
    /// A barrier for `parties` tasks. 0 counts as 1: no task waits (as in tokio; asyncio refuses it).
    #[track_caller]
    pub const fn new(parties: usize) -> Barrier {
        let parties = if parties == 0 { 1 } else { parties };
        Barrier {
            parties,
            broken: Cell::new(false),
            waiters: WaitList::new(Made::here("the others at the barrier")),
        }
    }

    /// Waits for the other tasks. Returns the position in which this task came, from 0 to `parties - 1`. So one task
    /// can be chosen for some work: the last, for example, which is the only task that did not wait.
    ///
    /// # Cancellation
    ///
    /// A task whose wait is dropped counts as if it had never come, and the others go on waiting: the barrier is not
    /// broken (as in asyncio; `threading.Barrier` breaks on a time-out). If the round was already full, nothing changes
    /// for the others.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrier`] after [`abort`](Self::abort), and if the barrier is [`reset`](Self::reset) meanwhile.
    pub async fn wait(&self) -> Result<usize, BrokenBarrier> {
        Wait::new(self, ()).await
    }

    /// Starts a new round, unbroken. The tasks that wait get the error.
    pub fn reset(&self) {
        self.broken.set(false);
        self.turn_away();
    }

    /// Breaks it: the tasks that wait, and the tasks that come until it is [`reset`](Self::reset), get the error.
    pub fn abort(&self) {
        self.broken.set(true);
        self.turn_away();
    }

    /// How many tasks make a round full.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many tasks wait now.
    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// Whether it was aborted.
    pub fn is_broken(&self) -> bool {
        self.broken.get()
    }

    fn turn_away(&self) {
        self.waiters.grant_while(|()| Some(Err(BrokenBarrier(()))));
    }
}

impl Grants for Barrier {
    type Want = ();
    type Grant = Result<usize, BrokenBarrier>;

    fn waiters(&self) -> &WaitList<(), Self::Grant> {
        &self.waiters
    }

    fn try_grant(&self, (): ()) -> Option<Self::Grant> {
        if self.broken.get() {
            return Some(Err(BrokenBarrier(())));
        }
        if self.waiters.len() + 1 < self.parties {
            return None;
        }
        let mut places = 0..self.parties - 1;
        self.waiters.grant_while(|()| places.next().map(Ok));
        Some(Ok(self.parties - 1))
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("waiting", &self.waiting())
            .field("broken", &self.broken.get())
            .finish()
    }
}

/// The barrier was aborted, or reset during the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenBarrier(());

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("did not pass the barrier: it was aborted or reset")
    }
}

impl Error for BrokenBarrier {}
