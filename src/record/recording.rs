//! What a recording says, in a form for those who read it: the pages, the tests, a program of the user's.

use std::panic::Location;
use std::time::Duration;

/// What one loop did, step by step: the last of its events, as many as the ring had room for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recording {
    /// What the loop is called.
    pub name: String,
    /// The events, in the order in which they happened.
    pub events: Vec<Event>,
    /// How many earlier events the ring had no room for.
    pub lost: u64,
    /// The tasks that the events name, in the order of their spawning.
    pub tasks: Vec<Task>,
}

/// A task that a recording names.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Task {
    /// By which number the events name it. Where the spawn itself is lost, nothing else is known.
    pub number: u32,
    /// What it was called.
    pub name: Option<String>,
    /// The line that spawned it.
    pub location: Option<&'static Location<'static>>,
    /// The task that spawned it.
    pub parent: Option<u32>,
}

impl Task {
    /// A task of which nothing but its number is known.
    pub fn new(number: u32) -> Self {
        Self {
            number,
            name: None,
            location: None,
            parent: None,
        }
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When, since the loop was made.
    pub at: Duration,
    /// What.
    pub what: What,
}

impl Event {
    /// At this time since the loop was made, this happened.
    pub fn new(at: Duration, what: What) -> Self {
        Self { at, what }
    }
}

/// What can happen. A task is named by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The loop goes to sleep, for at most so long; `None`: until something happens.
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
    /// The task has ended. The poll that it ended in, if there was one, is over.
    Finish(u32, End),
    /// Somebody asked for the end of a task.
    Abort(u32),
    /// A timer was armed, for so long.
    Arm(Duration),
    /// A timer fired, so late.
    Fire(Duration),
    /// A timer was taken away.
    Disarm,
    /// A source became ready for this.
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
    /// The task that is polled begins to wait for this.
    Awaits(Awaited),
    /// What has just ended held the thread for longer than [`Builder::slow_poll`](crate::Builder::slow_poll) allows: a step of this
    /// task, or else a look or another thread's call.
    Slow(Option<u32>),
}

/// What a task waits for, beside timers.
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

/// What has woken a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A task, perhaps the same.
    Task(u32),
    /// A timer.
    Timer,
    /// A source: which one.
    Source(u32),
    /// Another thread.
    Thread,
    /// A job on a thread of the pool: which one.
    Job(u32),
    /// Code outside of all tasks.
    Outside,
}

impl Awaited {
    /// Whether a wake by that cause is what was waited for.
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
    /// With a value that is an `Err`. (A connection of [`net::serve`](crate::net::serve()) ends with a value always, since the
    /// server has told its error to the log.)
    Error,
    /// By a panic.
    Panic,
    /// It was aborted, or dropped with its loop.
    Cancelled,
}

/// What a source is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to read, or the end.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
}
