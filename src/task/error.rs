//! Why a task, or a job on the thread pool, has no output.
//!
//! There are four reasons: the task was cancelled; it panicked; the operating system gave the pool
//! no thread for the job; or the task awaited itself. One type covers tasks and jobs, so that the
//! errors of `spawn(f).await?` and `offload(f).await?` fit the same `match`.
//!
//! The size of this type matters more than its speed. Every `Result<T, JoinError>` lies in the cell
//! of a task, so a wide error makes every task wide, and errors are rare. Therefore the error is
//! one pointer to its contents, and a `Result<(), JoinError>` has eight bytes.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::mem;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::id::TaskId;
use crate::foreign::{Payload, message};

/// The reason why a task or an offloaded job has no output: it was cancelled, it panicked, the thread pool refused it,
/// or the task has awaited its own handle.
///
/// Its `Display` names the work, if it has a name, and the line that started it:
///
/// ```
/// let error = roundelay::run(async {
///     roundelay::offload(|| -> u32 { panic!("no such shelf") }).await.unwrap_err()
/// });
/// assert!(error.is_panic());
/// assert!(error.to_string().ends_with("panicked: no such shelf"));
/// ```
///
/// It is `Send` and `Sync`, so it fits `Box<dyn Error + Send + Sync>` and every error library.
pub struct JoinError(Box<Detail>);

struct Detail {
    origin: Option<Origin>,
    // Last, because its destructor may panic: then nothing is left to drop, at each of the many places.
    reason: Reason,
}

enum Reason {
    Cancelled,
    /// A payload is `Send` but not `Sync`: two threads may not read it at once. The mutex makes the error `Sync` without a
    /// line of `unsafe`; taking the payload out by value needs no locking.
    Panicked(Mutex<Payload>),
    /// Behind a pointer, so that the many places that drop a `JoinError` are small.
    Refused(Arc<io::Error>),
    /// The task that awaited itself.
    SelfAwait(TaskId),
}

/// The task, job or group that the error is about.
struct Origin {
    noun: &'static str,
    name: Option<Box<str>>,
    verb: &'static str,
    at: &'static Location<'static>,
}

impl JoinError {
    /// The work was cancelled, or its loop ended first.
    pub(crate) fn cancelled() -> JoinError {
        JoinError::because(Reason::Cancelled)
    }

    /// The work panicked with `payload`.
    pub(crate) fn panicked(payload: Payload) -> JoinError {
        JoinError::because(Reason::Panicked(Mutex::new(payload)))
    }

    /// The operating system gave no thread for the job.
    pub(crate) fn refused(reason: io::Error) -> JoinError {
        JoinError::because(Reason::Refused(Arc::new(reason)))
    }

    /// A task has awaited its own handle.
    pub(crate) fn self_await(id: TaskId) -> JoinError {
        JoinError::because(Reason::SelfAwait(id))
    }

    fn because(reason: Reason) -> JoinError {
        JoinError(Box::new(Detail {
            reason,
            origin: None,
        }))
    }

    /// Adds the task that the error is about: `task 'name' spawned at src/main.rs:3:5 ..`.
    pub(crate) fn of_task(
        mut self,
        name: Option<&str>,
        at: &'static Location<'static>,
    ) -> JoinError {
        let name = name.map(Box::from);
        self.0.origin = Some(Origin {
            noun: "task",
            name,
            verb: "spawned",
            at,
        });
        self
    }

    /// Adds the job that the error is about: `job offloaded at src/main.rs:3:5 ..`.
    pub(crate) fn of_job(mut self, at: &'static Location<'static>) -> JoinError {
        self.0.origin = Some(Origin {
            noun: "job",
            name: None,
            verb: "offloaded",
            at,
        });
        self
    }

    /// Adds the group whose body the error is about: `body of a task group entered at src/main.rs:3:5 ..`.
    pub(crate) fn of_body(mut self, at: &'static Location<'static>) -> JoinError {
        self.0.origin = Some(Origin {
            noun: "body of a task group",
            name: None,
            verb: "entered",
            at,
        });
        self
    }

    /// Whether the work was cancelled: by `abort`, by `cancel`, or because its loop ended first.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.reason, Reason::Cancelled)
    }

    /// Whether the work panicked. [`into_panic`](Self::into_panic) then returns the payload.
    pub fn is_panic(&self) -> bool {
        matches!(self.0.reason, Reason::Panicked(_))
    }

    /// Whether the thread pool refused the job: it has no thread, and the operating system would not start one.
    /// [`source`](Error::source) is the operating system's error.
    pub fn is_refused(&self) -> bool {
        matches!(self.0.reason, Reason::Refused(_))
    }

    /// Whether a task has awaited its own handle. That wait could never end, so it ends at once with this error. The task
    /// goes on, and the handle still returns the output to another task that awaits it.
    pub fn is_self_await(&self) -> bool {
        matches!(self.0.reason, Reason::SelfAwait(_))
    }

    /// The payload of the panic, for [`std::panic::resume_unwind`] or a downcast.
    ///
    /// ```
    /// let error = roundelay::run(async {
    ///     roundelay::spawn(async { std::panic::panic_any(404_u32) }).await.unwrap_err()
    /// });
    /// assert_eq!(error.into_panic().downcast_ref(), Some(&404_u32));
    /// ```
    ///
    /// # Panics
    /// If the work did not panic: ask [`is_panic`](Self::is_panic) first, or use
    /// [`try_into_panic`](Self::try_into_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(other) => {
                panic!("JoinError::into_panic called on an error that is no panic: {other}")
            }
        }
    }

    /// The payload of the panic.
    ///
    /// # Errors
    /// Returns the error if the work did not panic.
    pub fn try_into_panic(mut self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match std::mem::replace(&mut self.0.reason, Reason::Cancelled) {
            Reason::Panicked(payload) => {
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            other => {
                self.0.reason = other;
                Err(self)
            }
        }
    }
}

impl JoinError {
    /// Moves the payload out, for code that resumes the panic. The error keeps the message, if the payload was text.
    pub(crate) fn take_payload(&mut self) -> Option<Payload> {
        let Reason::Panicked(payload) = &mut self.0.reason else {
            return None;
        };
        let payload = payload.get_mut().unwrap_or_else(PoisonError::into_inner);
        let left: Payload = match message(payload.as_ref()) {
            Some(text) => Box::new(text.to_owned()),
            None => Box::new(()),
        };
        Some(mem::replace(payload, left))
    }
}

/// So `?` turns a `JoinError` into an [`io::Error`]. A refused job keeps the kind of the operating system's error, a self-await
/// is [`io::ErrorKind::Deadlock`], and the others are [`io::ErrorKind::Other`]. A downcast returns the `JoinError` itself.
impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        let kind = match &error.0.reason {
            Reason::Refused(reason) => reason.kind(),
            Reason::SelfAwait(_) => io::ErrorKind::Deadlock,
            Reason::Cancelled | Reason::Panicked(_) => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.reason {
            Reason::Refused(reason) => Some(&**reason),
            Reason::Cancelled | Reason::Panicked(_) | Reason::SelfAwait(_) => None,
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { reason, origin } = &*self.0;
        if let Reason::SelfAwait(id) = reason {
            // Without name and line: the task's cell, which has them, is not in its slot while the task is polled.
            return write!(
                f,
                "task {id} awaited its own handle, which yields nothing before the task has ended: \
                 await it in another task"
            );
        }
        if self.is_refused() {
            f.write_str("the thread pool refused the ")?;
        }
        match origin {
            None => f.write_str("task")?,
            Some(origin) => origin.fmt(f)?,
        }
        match reason {
            Reason::Panicked(payload) => match message(lock(payload).as_ref()) {
                Some(message) => write!(f, " panicked: {message}"),
                None => f.write_str(" panicked with a payload that is no text"),
            },
            Reason::Refused(reason) => {
                write!(f, ": it has no thread and could not start one: {reason}")
            }
            Reason::Cancelled | Reason::SelfAwait(_) => f.write_str(" was cancelled"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun)?;
        if let Some(name) = &self.name {
            write!(f, " '{name}'")?;
        }
        write!(f, " {} at {}", self.verb, self.at)
    }
}

/// No code that can panic runs under this lock, and a payload has no state that a panic could damage.
fn lock(payload: &Mutex<Payload>) -> MutexGuard<'_, Payload> {
    payload.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_and_crosses_threads() {
        fn crosses_threads<T: Send + Sync>() {}
        crosses_threads::<JoinError>();
        assert_eq!(size_of::<JoinError>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), JoinError>>(), size_of::<usize>());
    }

    #[test]
    fn each_reason_says_what_happened_and_to_whom() {
        let here = Location::caller();
        let text = |error: JoinError| error.to_string();
        assert_eq!(text(JoinError::cancelled()), "task was cancelled");
        assert_eq!(
            text(JoinError::panicked(Box::new("boom")).of_task(Some("pump"), here)),
            format!("task 'pump' spawned at {here} panicked: boom")
        );
        assert_eq!(
            text(JoinError::panicked(Box::new(7_u8)).of_task(None, here)),
            format!("task spawned at {here} panicked with a payload that is no text")
        );
        let refused = JoinError::refused(io::ErrorKind::WouldBlock.into()).of_job(here);
        assert!(text(refused).starts_with(&format!(
            "the thread pool refused the job offloaded at {here}: "
        )));
    }

    #[test]
    fn a_payload_comes_back_and_only_from_a_panic() {
        let payload = JoinError::panicked(Box::new(7_u8))
            .try_into_panic()
            .expect("it was a panic");
        assert_eq!(payload.downcast_ref(), Some(&7_u8));
        let same = JoinError::cancelled()
            .try_into_panic()
            .expect_err("it was no panic");
        assert!(same.is_cancelled() && !same.is_panic() && !same.is_refused());
        assert!(!same.is_self_await());
    }

    #[test]
    fn a_refusal_keeps_its_kind_and_its_source_as_an_io_error() {
        let refused = JoinError::refused(io::ErrorKind::WouldBlock.into());
        assert!(refused.is_refused() && refused.source().is_some());
        assert_eq!(io::Error::from(refused).kind(), io::ErrorKind::WouldBlock);
        assert_eq!(
            io::Error::from(JoinError::cancelled()).kind(),
            io::ErrorKind::Other
        );
    }
}
