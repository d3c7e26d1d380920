//! What can hold the thread of a loop, and the words for it.

use std::fmt;
use std::panic::Location;

use crate::task::TaskId;
use crate::task::cell::TaskCell;

/// Foreign code that the loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    /// A poll of a task.
    Poll,
    /// The future of a task that was aborted is dropped.
    Drop,
    /// The output of a finished task is handed over, or dropped.
    Settle,
    /// A call that another thread has posted.
    Call,
    /// A look at the sockets and timers, which wakes the waiting tasks.
    Look,
}

/// The runner of the deed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actor<'a> {
    pub(super) deed: Deed,
    pub(super) task: Option<(TaskId, &'static Location<'static>)>,
    pub(super) name: Option<&'a str>,
}

impl<'a> Actor<'a> {
    #[inline]
    pub(super) fn task(deed: Deed, id: TaskId, cell: &'a mut TaskCell) -> Self {
        let (name, location) = cell.as_mut().about();
        Self {
            deed,
            task: Some((id, location)),
            name,
        }
    }

    /// An actor that is not a task.
    #[inline]
    pub(super) fn nobody(deed: Deed) -> Self {
        Self {
            deed,
            task: None,
            name: None,
        }
    }
}

impl fmt::Display for Actor<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.deed {
            Deed::Poll => "",
            Deed::Drop => "the destructor of the future of ",
            Deed::Settle => "the destructor of what is left of ",
            Deed::Call => "a call posted through a Remote",
            Deed::Look => "a look at the sockets and timers",
        })?;
        let Some((id, location)) = self.task else {
            return Ok(());
        };
        write!(f, "task {id}")?;
        if let Some(name) = self.name {
            write!(f, " '{name}'")?;
        }
        write!(f, ", spawned at {location},")
    }
}
