//! A recording, in a form for its readers: the pages, the tests, a program of the user's.

use std::panic::Location;
use std::time::Duration;

/// The steps of one loop: its last events, as many as fit into the ring.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recording {
    /// The name of the loop.
    pub name: String,
    /// The events, in the order in which they happened.
    pub events: Vec<Event>,
    /// How many earlier events did not fit into the ring.
    pub lost: u64,
    /// The tasks that the events name, in the order of their spawning.
    pub tasks: Vec<Task>,
}

/// A task that a recording names.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Task {
    /// The number by which the events name the task. If the event of its spawn is lost, nothing else is known.
    pub number: u32,
    /// The name of the task.
    pub name: Option<String>,
    /// The line that spawned it.
    pub location: Option<&'static Location<'static>>,
    /// The task that spawned it.
    pub parent: Option<u32>,
}

impl Task {
    /// A task of which only the number is known.
    pub fn new(number: u32) -> Self {
        Self {
            number,
            name: None,
            location: None,
            parent: None,
        }
    }
}

/// A step of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The time since the loop was made.
    pub at: Duration,
    /// The step.
    pub what: What,
}

impl Event {
    /// An event at this time since the loop was made.
    pub fn new(at: Duration, what: What) -> Self {
        Self { at, what }
    }
}

/// The kinds of steps. A task is named by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The loop goes to sleep, for at most this long; `None`: without a limit.
    Park(Option<Duration>),
    /// The loop is awake again.
    Unpark,
    /// The loop begins to look at its sockets, timers and other threads.
    Look,
    /// The look is over.
    LookEnds,
    /// A task was spawned, by a task or from outside of all tasks.
    Spawn(u32, Option<u32>),
    /// A task was put into the ready queue.
    Wake(u32, Cause),
    /// A task is polled.
    Poll(u32),
    /// The poll has returned, and the task waits.
    Waits(u32),
    /// The task has ended. Its last poll, if there was one, is over.
    Finish(u32, End),
    /// The end of a task was requested.
    Abort(u32),
    /// A timer was armed, for this long.
    Arm(Duration),
    /// A timer fired, this late.
    Fire(Duration),
    /// A timer was removed.
    Disarm,
    /// A source became ready for reading or writing.
    Ready(u32, Readiness),
    /// A job was handed to the pool by a task.
    Submit(u32),
    /// A thread of the pool began a job.
    JobBegins(u32, u32),
    /// The job is done.
    JobEnds(u32),
    /// Another thread's call is run.
    Mail,
    /// A task's poll has spent its budget of operations.
    BudgetSpent(u32),
    /// The polled task begins to wait.
    Awaits(Awaited),
    /// The step that has just ended held the thread for longer than [`Builder::slow_poll`](crate::Builder::slow_poll)
    /// allows: a step of this task, or else a look or another thread's call.
    Slow(Option<u32>),
}

/// What a task waits for, apart from timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Awaited {
    /// A source becomes ready.
    Source(u32),
    /// Another task ends.
    Task(u32),
    /// A job on a thread of the pool is done.
    Job(u32),
}

/// The cause of a wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A task, perhaps the woken one.
    Task(u32),
    /// A timer.
    Timer,
    /// This source.
    Source(u32),
    /// Another thread.
    Thread,
    /// This job, on a thread of the pool.
    Job(u32),
    /// Code outside of all tasks.
    Outside,
}

impl Awaited {
    /// Whether a wake by `cause` ends this wait.
    pub(super) fn is_by(self, cause: Cause) -> bool {
        match (self, cause) {
            (Self::Source(awaited), Cause::Source(source)) => awaited == source,
            (Self::Task(awaited), Cause::Task(task)) => awaited == task,
            (Self::Job(awaited), Cause::Job(job)) => awaited == job,
            _ => false,
        }
    }
}

/// How a task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// With a value.
    Value,
    /// With a value that is an `Err`. (A connection of [`net::serve`](crate::net::serve()) always ends with a value,
    /// because the server has logged its error.)
    Error,
    /// By a panic.
    Panic,
    /// The task was aborted, or dropped with its loop.
    Cancelled,
}

/// The directions in which a source is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There is data to read, or the end.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
}
