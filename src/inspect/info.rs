//! The description of one task.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::offload::JobState;
use crate::reactor::Descriptor;
use crate::scheduler::{Described, TaskState};
use crate::task::id::TaskId;

/// A live task, described for people: its name, its state, and what it waits for.
///
/// The description is a copy, which may go to another thread. The copy shows the state at the time of the list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The task's identifier.
    pub id: TaskId,
    /// The name that [`task::Builder::name`](crate::task::Builder::name) set. Of a running task it is known only in a
    /// loop that [is observed](crate::Builder::observe).
    pub name: Option<String>,
    /// The line that spawned it. Of a running task it is known only in a loop that [is
    /// observed](crate::Builder::observe).
    pub location: Option<&'static Location<'static>>,
    /// Its state in the scheduler.
    pub state: TaskState,
    /// What can wake it. Never empty for a task that is [waiting](TaskState::Waiting). A running or ready task has here
    /// the other causes that could wake it, or nothing.
    pub waits_for: Vec<WaitsFor>,
    /// The task that spawned it; it may have ended. `None` if no task did, and in a loop that is not
    /// [observed](crate::Builder::observe).
    pub parent: Option<TaskId>,
    /// How long ago it was spawned, in a loop that is [observed](crate::Builder::observe).
    pub age: Option<Duration>,
    /// How often it was polled, in a loop that is [observed](crate::Builder::observe).
    pub polls: Option<u64>,
    /// The total time of its polls, without the present one, in a loop that is [observed](crate::Builder::observe).
    pub busy: Option<Duration>,
    /// How long it has been ready, if it is, and the loop is [observed](crate::Builder::observe). Counted from the
    /// beginning of the poll, or of the look, in which it was woken.
    pub ready_for: Option<Duration>,
}

/// What a task waits for. Its text completes "waits for".
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WaitsFor {
    /// Bytes, or a connection, or the end, of a socket or another descriptor.
    Read(Source),
    /// Room in a socket or another descriptor, or the end of an attempt to connect.
    Write(Source),
    /// A timer that has this long to go; zero if it is due.
    Timer(Duration),
    /// The end of a task of the same loop.
    Task(TaskId),
    /// An [offloaded](fn@crate::offload) job.
    Job {
        /// The line that offloaded it.
        location: &'static Location<'static>,
        /// Its state in the pool.
        state: JobState,
    },
    /// An object of [`sync`](crate::sync), for instance "an item of the queue", and the line that made the object.
    /// Known in a loop that is [observed](crate::Builder::observe).
    Sync {
        /// Completes "waits for".
        what: &'static str,
        /// Where the object was made.
        location: &'static Location<'static>,
    },
    /// An unknown wait. In a loop that is not [observed](crate::Builder::observe): an object of [`sync`](crate::sync).
    /// In any loop: another thread, or a waker that the loop cannot look into.
    Other,
}

pub(super) const TCP_LISTENER: &str = "the TCP listener";
pub(super) const UNIX_LISTENER: &str = "the Unix listener";

/// A socket, or another descriptor that the loop watches.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Source {
    /// Its number.
    pub descriptor: Descriptor,
    pub(super) name: Option<Arc<str>>,
}

impl Source {
    /// The system's name for it, with its kind and its two addresses, for instance `the TCP stream
    /// 127.0.0.1:5000->127.0.0.1:40112`. `None` where the system has none: everywhere but on Linux.
    #[inline]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl Source {
    #[inline]
    fn is_listener(&self) -> bool {
        let name = self.name().unwrap_or_default();
        name.starts_with(TCP_LISTENER) || name.starts_with(UNIX_LISTENER)
    }
}

impl fmt::Display for Source {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "descriptor {}", self.descriptor),
        }
    }
}

impl fmt::Display for WaitsFor {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(source) if source.is_listener() => write!(f, "a connection to {source}"),
            Self::Read(source) => write!(f, "a read of {source}"),
            Self::Write(source) => write!(f, "a write to {source}"),
            Self::Timer(Duration::ZERO) => f.write_str("a timer that is due"),
            Self::Timer(left) => write!(f, "a timer in {}", brief(*left)),
            Self::Task(id) => write!(f, "task {id}'s end"),
            Self::Job { location, state } => {
                write!(f, "the job offloaded at {}", place(location))?;
                match state {
                    JobState::Queued => f.write_str(", which waits for a thread"),
                    JobState::Running(elapsed) => write!(f, ", running for {}", brief(*elapsed)),
                    JobState::Done => f.write_str(", which is done"),
                }
            }
            Self::Sync { what, location } => write!(f, "{what} made at {}", place(location)),
            Self::Other => f.write_str("something else"),
        }
    }
}

impl From<Described> for TaskInfo {
    #[inline]
    fn from(described: Described) -> Self {
        let Described {
            id,
            name,
            location,
            state,
            parent,
            age,
        } = described;
        Self {
            id,
            name,
            location,
            state,
            waits_for: Vec::new(),
            parent,
            age,
            polls: None,
            busy: None,
            ready_for: None,
        }
    }
}

impl TaskInfo {
    /// The identifier, and the name if there is one.
    #[inline]
    pub(super) fn title(&self) -> String {
        match &self.name {
            Some(name) => format!("{} '{name}'", self.id),
            None => self.id.to_string(),
        }
    }

    /// The first `most` waits, in words.
    #[inline]
    pub(super) fn waits_in_words(&self, most: usize) -> String {
        let mut told = String::new();
        for (number, what) in self.waits_for.iter().enumerate() {
            if number > 0 {
                told += "; ";
            }
            if number == most {
                told += &format!("{} more", self.waits_for.len() - most);
                break;
            }
            told += &what.to_string();
        }
        told
    }
}

impl fmt::Display for TaskInfo {
    /// One line: identifier, name, where it was spawned, and what it is doing.
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.title())?;
        if let Some(location) = self.location {
            write!(f, " spawned at {location}")?;
        }
        match self.state {
            TaskState::Running => f.write_str(", running now"),
            TaskState::Waiting => write!(f, ", waiting for {}", self.waits_in_words(8)),
            state => write!(f, ", {state}"),
        }
    }
}

/// File and line. The folder is left out, unless the file name is a common one, such as `mod.rs`.
#[inline]
pub(super) fn place(location: &Location<'_>) -> String {
    let mut parts = location.file().rsplit('/');
    let (file, line) = (parts.next().unwrap_or_default(), location.line());
    let is_common = ["main.rs", "mod.rs", "lib.rs"].contains(&file);
    match parts.next().filter(|folder| is_common && *folder != "src") {
        Some(folder) => format!("{folder}/{file}:{line}"),
        None => format!("{file}:{line}"),
    }
}

/// A duration with as many digits as a person reads.
#[inline]
pub(super) fn brief(duration: Duration) -> String {
    match duration.as_secs() {
        0 if duration.as_millis() == 0 => format!("{} us", duration.as_micros()),
        0 => format!("{} ms", duration.as_millis()),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        60..=3599 => format!("{} min", duration.as_secs() / 60),
        3600..=86_399 => format!("{} h", duration.as_secs() / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
