//! One job: the closure first, its result afterwards, and the waker of the task that waits for it.
//!
//! ```text
//!             start             finish          announce            poll
//!   Queued -----------> Running ---------> Done ---------> Announced ----> Over
//!     | |                  |                 |                 |             ^
//!     | |                  | abandon         | abandon         | abandon     |
//!     | |                  v       finish    |                 |             |
//!     | |              Abandoned ------------|-----------------|-------------|
//!     | '--- abandon ------------------------'-----------------'-------------'
//!     '----- fail ---> Announced
//! ```
//!
//! Not in the picture: when the worker dies while it runs the job, `fail` also leads from `Running`
//! to `Announced`, and from `Abandoned` to `Over`.
//!
//! `Queued` owns the closure, `Done` and `Announced` own the result, and the other states own
//! nothing. So closure and result are dropped exactly once, and each edge says on which thread. The
//! worker calls `start`, `finish` and `announce`; the loop's thread calls the other functions.
//!
//! Between `finish` and `announce` the worker tells the pool that it is free. If a future could
//! take the result earlier, its task would offload the next job while the worker still counts as
//! busy, and the pool would start a second thread for the work of one.
//!
//! The job is one allocation with two traits: the pool runs it as a [`Job`], the future awaits it
//! as an [`Outcome<T>`]. Neither trait mentions the closure's type, so neither queue nor future is
//! generic over it.
//!
//! Invariant *no-user-code-under-borrow*: the closure, the result and the waker are moved out of
//! the lock before they are run, dropped or woken.

use std::panic::Location;
use std::task::{Context, Poll, Waker};

use crate::foreign::{self, Level};
use crate::shim::{Mutex, MutexGuard, lock};
use crate::task::error::JoinError;

/// A job as the pool sees it.
pub(crate) trait Job: Send + Sync {
    /// Runs the closure on this thread, unless the job was abandoned.
    fn run(&self);

    /// Lets the future see the result. Returns the waker of the task that waits.
    fn announce(&self) -> Option<Waker>;

    /// Gives `error` to the task that waits, unless there is already a result. A closure that was not run is dropped on
    /// this thread.
    fn fail(&self, error: JoinError);
}

/// A job as the future sees it.
pub(crate) trait Outcome<T> {
    /// Takes the result. If there is none, keeps the waker, and wakes it when there is a result.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>>;

    /// The line that offloaded the job.
    fn location(&self) -> &'static Location<'static>;

    /// No task waits any more. The closure or the result, if one is still there, is dropped on this thread.
    fn abandon(&self);
}

pub(crate) struct Slot<F, T> {
    at: &'static Location<'static>,
    inner: Mutex<Inner<F, T>>,
}

struct Inner<F, T> {
    stage: Stage<F, T>,
    waker: Option<Waker>,
}

enum Stage<F, T> {
    /// No worker has begun the job.
    Queued(F),
    /// The closure is on a worker's stack.
    Running,
    /// As `Running`, but without a future that takes the result: the worker drops it.
    Abandoned,
    /// The result is stored, but the future may not take it yet.
    Done(Result<T, JoinError>),
    /// The future can take the result.
    Announced(Result<T, JoinError>),
    /// The closure and the result are gone.
    Over,
}

impl<F, T> Slot<F, T> {
    pub(crate) fn new(closure: F, at: &'static Location<'static>) -> Slot<F, T> {
        let stage = Stage::Queued(closure);
        let inner = Mutex::new(Inner { stage, waker: None });
        Slot { at, inner }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<F, T>> {
        lock(&self.inner)
    }

    fn start(&self) -> Option<F> {
        let mut inner = self.lock();
        match inner.stage {
            Stage::Queued(_) => match inner.pass_to(Stage::Running) {
                Stage::Queued(closure) => Some(closure),
                _ => None,
            },
            // The job was abandoned between its turn in the line and this call.
            _ => None,
        }
    }

    /// Stores the result. Returns it if the future is gone.
    fn finish(&self, result: Result<T, JoinError>) -> Option<Result<T, JoinError>> {
        let mut inner = self.lock();
        if let Stage::Abandoned = inner.stage {
            inner.stage = Stage::Over;
            return Some(result);
        }
        inner.stage = Stage::Done(result);
        None
    }

    fn tell(&self, what: &str) {
        let at = self.at;
        foreign::tell(
            Level::Trace,
            foreign::OFFLOAD,
            format_args!("job offloaded at {at} {what}"),
        );
    }

    /// Drops a result that no task waits for.
    fn discard(&self, result: Result<T, JoinError>) {
        match result {
            Ok(output) => quietly("the unwanted output of a job", self.at, || drop(output)),
            Err(error) => {
                tell_unseen(&error);
                foreign::bury(error);
            }
        }
    }
}

impl<F, T> Inner<F, T> {
    fn pass_to(&mut self, stage: Stage<F, T>) -> Stage<F, T> {
        std::mem::replace(&mut self.stage, stage)
    }
}

impl<F, T> Job for Slot<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&self) {
        let Some(closure) = self.start() else { return };
        self.tell("begins");
        let result =
            foreign::catch(closure).map_err(|payload| JoinError::panicked(payload).of_job(self.at));
        if let Some(unwanted) = self.finish(result) {
            self.discard(unwanted);
        }
        self.tell("is done");
    }

    fn announce(&self) -> Option<Waker> {
        let mut inner = self.lock();
        inner.stage = match inner.pass_to(Stage::Over) {
            Stage::Done(result) => Stage::Announced(result),
            other => other,
        };
        inner.waker.take()
    }

    fn fail(&self, error: JoinError) {
        let mut inner = self.lock();
        let next = match inner.stage {
            Stage::Queued(_) | Stage::Running => Stage::Announced(Err(error.of_job(self.at))),
            Stage::Abandoned => Stage::Over,
            // There is already a result, or the future is gone.
            Stage::Done(_) | Stage::Announced(_) | Stage::Over => return,
        };
        let closure = inner.pass_to(next);
        let waker = inner.waker.take();
        drop(inner);
        quietly("the closure of a job", self.at, || drop(closure));
        if let Some(waker) = waker {
            foreign::wake(waker, "a job");
        }
    }
}

impl<F, T> Outcome<T> for Slot<F, T> {
    /// # Wakes
    /// The slot keeps one waker, that of the last poll. To clone or drop a foreign waker is user code. So the new waker
    /// is cloned before the lock, and the old waker is dropped after it.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        let mut new = None;
        loop {
            let mut inner = self.lock();
            if let Stage::Announced(_) = inner.stage {
                let Stage::Announced(result) = inner.pass_to(Stage::Over) else {
                    unreachable!()
                };
                drop(inner);
                return Poll::Ready(result);
            }
            if inner
                .waker
                .as_ref()
                .is_some_and(|waker| waker.will_wake(cx.waker()))
            {
                return Poll::Pending;
            }
            if new.is_some() {
                let old = std::mem::replace(&mut inner.waker, new);
                drop(inner);
                foreign::let_go(old, "a job");
                return Poll::Pending;
            }
            drop(inner);
            new = Some(cx.waker().clone());
        }
    }

    fn location(&self) -> &'static Location<'static> {
        self.at
    }

    fn abandon(&self) {
        let mut inner = self.lock();
        let next = match inner.stage {
            Stage::Running => Stage::Abandoned,
            _ => Stage::Over,
        };
        let (stage, waker) = (inner.pass_to(next), inner.waker.take());
        drop(inner);
        foreign::let_go(waker, "a job");
        if let Stage::Done(Err(error)) | Stage::Announced(Err(error)) = &stage {
            tell_unseen(error);
        }
        drop(stage);
    }
}

/// Logs a panic that no handle reports.
#[inline]
fn tell_unseen(error: &JoinError) {
    if error.is_panic() {
        foreign::tell(
            Level::Error,
            foreign::OFFLOAD,
            format_args!("{error}; no task waits for it"),
        );
    }
}

/// Runs user code where no caller can receive its panic: in a worker, or while a loop is being dropped.
pub(super) fn quietly(what: &str, at: &Location<'_>, user_code: impl FnOnce()) {
    foreign::quietly(
        foreign::OFFLOAD,
        format_args!("{what} offloaded at {at}"),
        user_code,
    );
}
