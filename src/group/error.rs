//! The failures of a group, in the order in which they happened, printed as a tree.

use std::error::Error;
use std::fmt::{self, Write};
use std::panic::{Location, resume_unwind};

use crate::foreign::{self, Level};
use crate::task::error::JoinError;

/// Why a [`TaskGroup`](super::TaskGroup) has no value: all its failures.
///
/// The failures of the children come first, in the order in which they happened; the failure of the body comes last. A
/// child that was only cancelled is no failure. There is no failure at all in one case: the group was
/// [cancelled](super::TaskGroup::cancel) while its body was still at work, see [`is_cancelled`](Self::is_cancelled).
///
/// # As a tree
///
/// `Display` gives each failure a branch, and indents its text. A group whose error is, or wraps, the `GroupError` of a
/// group within it is printed as a tree:
///
/// ```
/// use roundelay::TaskGroup;
///
/// async fn site(faults: [&'static str; 2]) -> Result<(), String> {
///     let visit = TaskGroup::scope(async |group| {
///         for fault in faults {
///             group.spawn(async move { Err::<(), _>(fault) });
///         }
///         Ok(())
///     });
///     visit.await.map_err(|error| error.to_string())
/// }
///
/// let error = roundelay::run(TaskGroup::scope(async |group| {
///     group.spawn(site(["no route", "no answer"]));
///     group.spawn(site(["no power", "no light"]));
///     Ok(())
/// }))
/// .unwrap_err();
///
/// assert_eq!(error.to_string(), "\
/// 2 failures in a task group
/// ├─ 2 failures in a task group
/// │  ├─ no route
/// │  └─ no answer
/// └─ 2 failures in a task group
///    ├─ no power
///    └─ no light");
/// ```
///
/// [`source`](Error::source) is `None`: a report that printed the tree and the sources would print each failure twice.
pub struct GroupError<E> {
    failures: Vec<Failure<E>>,
}

/// One failure in a [`GroupError`].
#[derive(Debug)]
pub enum Failure<E> {
    /// The error that a child, or the body, returned.
    Error(E),
    /// A child, or the body, or one of their destructors panicked. The payload is kept.
    Panic(JoinError),
}

impl<E> GroupError<E> {
    /// No failures: a group that was cancelled before its body had finished.
    pub(super) fn new(failures: Vec<Failure<E>>) -> Self {
        Self { failures }
    }

    /// Whether nothing failed: the group was [cancelled](super::TaskGroup::cancel) before its body had a value to return.
    pub fn is_cancelled(&self) -> bool {
        self.failures.is_empty()
    }

    /// The failures in the order in which they happened, the body's last.
    pub fn failures(&self) -> &[Failure<E>] {
        &self.failures
    }

    /// The failures by value.
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.failures
    }

    /// The errors among the failures, in their order.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.failures.iter().filter_map(Failure::error)
    }

    /// Splits the failures: the first part has the failures for which `belongs` is true, the second the others. A part
    /// without failures is `None`. asyncio's `except*`.
    ///
    /// ```
    /// # use roundelay::{TaskGroup, group::Failure};
    /// # let error = roundelay::run(TaskGroup::scope(async |group| {
    /// #     group.spawn(async { Err::<(), u32>(404) });
    /// #     group.spawn(async { Err::<(), u32>(500) });
    /// #     Ok(())
    /// # })).unwrap_err();
    /// let (ours, theirs) = error.split(|failure| matches!(failure, Failure::Error(500..)));
    /// assert_eq!(ours.unwrap().errors().collect::<Vec<_>>(), [&500]);
    /// assert_eq!(theirs.unwrap().errors().collect::<Vec<_>>(), [&404]);
    /// ```
    pub fn split(
        self,
        belongs: impl FnMut(&Failure<E>) -> bool,
    ) -> (Option<GroupError<E>>, Option<GroupError<E>>) {
        let (ours, theirs): (Vec<_>, Vec<_>) = self.failures.into_iter().partition(belongs);
        let part = |failures: Vec<_>| (!failures.is_empty()).then(|| GroupError::new(failures));
        (part(ours), part(theirs))
    }

    /// Resumes the first panic among the failures, if there is one; else gives the error back.
    ///
    /// # Panics
    ///
    /// If a failure is a panic.
    pub fn resume_panic(mut self) -> GroupError<E> {
        let is_panic = |failure: &Failure<E>| matches!(failure, Failure::Panic(_));
        if let Some(at) = self.failures.iter().position(is_panic) {
            if let Failure::Panic(error) = self.failures.swap_remove(at) {
                resume_unwind(error.into_panic());
            }
        }
        self
    }
}

impl<E> Failure<E> {
    /// The error that was returned, if it was no panic.
    pub fn error(&self) -> Option<&E> {
        match self {
            Failure::Error(error) => Some(error),
            Failure::Panic(_) => None,
        }
    }

    /// Whether it was a panic.
    pub fn is_panic(&self) -> bool {
        matches!(self, Failure::Panic(_))
    }

    /// Logs a failure whose scope has been dropped. `E` need not be text, so the line does not show an error; it names
    /// the task whose error is lost.
    pub(super) fn tell_the_log(self, culprit: &Culprit) {
        match &self {
            Failure::Panic(error) => foreign::tell(
                Level::Error,
                foreign::TASK,
                format_args!("{error}; the scope of its group was dropped"),
            ),
            Failure::Error(_) => foreign::tell(
                Level::Error,
                foreign::TASK,
                format_args!(
                    "{culprit} failed, and its error is lost: the scope of its group was dropped"
                ),
            ),
        }
        let what = "the destructor of a task group's failure";
        foreign::quietly(foreign::TASK, what, || drop(self));
    }
}

/// The task or body that failed: kept beside a failure until the failure is returned or logged.
#[derive(Debug)]
pub(super) enum Culprit {
    Child(Option<Box<str>>, &'static Location<'static>),
    Body(&'static Location<'static>),
}

impl Culprit {
    #[inline]
    pub(super) fn child(name: Option<&str>, at: &'static Location<'static>) -> Self {
        Culprit::Child(name.map(Box::from), at)
    }
}

impl fmt::Display for Culprit {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Culprit::Child(Some(name), at) => write!(f, "task '{name}' spawned at {at}"),
            Culprit::Child(None, at) => write!(f, "task spawned at {at}"),
            Culprit::Body(at) => write!(f, "body of a task group entered at {at}"),
        }
    }
}

impl<E> IntoIterator for GroupError<E> {
    type Item = Failure<E>;
    type IntoIter = std::vec::IntoIter<Failure<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.failures.into_iter()
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Error(error) => error.fmt(f),
            Failure::Panic(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failures.len() {
            0 => f.write_str("a task group was cancelled before its body had finished")?,
            1 => f.write_str("1 failure in a task group")?,
            n => write!(f, "{n} failures in a task group")?,
        }
        let Some((last, before)) = self.failures.split_last() else {
            return Ok(());
        };
        for failure in before {
            f.write_str("\n├─ ")?;
            write!(Indented(f, "│  "), "{failure}")?;
        }
        f.write_str("\n└─ ")?;
        write!(Indented(f, "   "), "{last}")
    }
}

impl<E: fmt::Debug> fmt::Debug for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GroupError").field(&self.failures).finish()
    }
}

impl<E: fmt::Debug + fmt::Display> Error for GroupError<E> {}

impl<E: fmt::Debug + fmt::Display> Error for Failure<E> {}

/// A writer that puts an indent in front of every line but the first.
struct Indented<'a, 'f>(&'a mut fmt::Formatter<'f>, &'static str);

impl Write for Indented<'_, '_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut lines = text.split('\n');
        self.0.write_str(lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(self.0, "\n{}{line}", self.1))
    }
}
