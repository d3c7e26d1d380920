//! Spawning a task, and the handle by which a program awaits, aborts or names it afterwards.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::cell::{self, Rider};
use super::error::JoinError;
use super::id::TaskId;
use super::waker;
use crate::context;
use crate::inbox;
use crate::inspect::Tasks;
use crate::scheduler::Scheduler;
use crate::stays::StaysOnItsLoopSoSendARemoteInstead;

/// Starts a task on the loop that runs on this thread. asyncio's `create_task`.
///
/// The task runs whether its handle is awaited or not. Its first poll comes at its turn, never inside `spawn`.
///
/// # Panics
///
/// If no loop is running on this thread: use [`EventLoop::spawn`](crate::EventLoop::spawn),
/// [`Remote::spawn`](crate::Remote::spawn) from another thread, or [`try_spawn`]. Or if the loop holds 2^24 tasks.
///
/// ```
/// let sum = roundelay::run(async {
///     let one = roundelay::spawn(async { 1 });
///     let two = roundelay::spawn(async { 2 });
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: IntoFuture<Output: 'static, IntoFuture: 'static>,
{
    let scheduler = context::with_current("spawn", |context| Rc::clone(&context.scheduler));
    JoinHandle::new(scheduler, future.into_future(), (), Location::caller())
}

/// [`spawn`], for code that may run without a loop.
///
/// # Errors
///
/// [`NoLoop`] returns the future.
///
/// ```
/// let refused = roundelay::task::try_spawn(async { 1 }).unwrap_err();
/// assert_eq!(roundelay::run(refused.0), 1);
/// ```
#[track_caller]
pub fn try_spawn<F>(future: F) -> Result<JoinHandle<F::Output>, NoLoop<F>>
where
    F: IntoFuture<Output: 'static, IntoFuture: 'static>,
{
    let Some(context) = context::current() else {
        return Err(NoLoop(future));
    };
    let scheduler = Rc::clone(&context.scheduler);
    let future = future.into_future();
    Ok(JoinHandle::new(scheduler, future, (), Location::caller()))
}

/// The error of [`try_spawn`]: no loop is running on this thread. Holds the future.
pub struct NoLoop<F>(pub F);

impl<F> fmt::Debug for NoLoop<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoLoop")
    }
}

impl<F> fmt::Display for NoLoop<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no event loop is running on this thread")
    }
}

impl<F> std::error::Error for NoLoop<F> {}

/// The task that is being polled on this thread; `None` outside of tasks.
///
/// ```
/// assert_eq!(roundelay::task::current(), None);
/// assert!(roundelay::run(async { roundelay::task::current().is_some() }));
/// ```
pub fn current() -> Option<TaskId> {
    context::current()?.scheduler.running()
}

/// The tasks of the loop that is running on this thread, in the order of their spawning, each with its state and with [what
/// it waits for](crate::inspect). Empty if no loop is running. asyncio's `all_tasks`.
///
/// The calling task is among them, [running](crate::inspect::TaskState::Running). Its name and line are missing unless the
/// loop is [observed](crate::Builder::observe), because its cell is not in its slot while it is polled. From outside of the
/// loop use [`EventLoop::tasks`](crate::EventLoop::tasks) or [`Remote::tasks`](crate::Remote::tasks).
///
/// ```
/// roundelay::run(async {
///     let pump = roundelay::task::Builder::new().name("pump").spawn(std::future::pending::<()>());
///     let names: Vec<_> = roundelay::task::all().into_iter().filter_map(|task| task.name).collect();
///     assert_eq!(names, ["pump"]);
///     drop(pump);
/// });
/// ```
#[inline]
pub fn all() -> Tasks {
    context::current().map_or_else(Tasks::default, |context| Tasks::of(&context))
}

/// Spawns a task that has a name. Panics, errors and the report of a shutdown show the name.
///
/// ```
/// roundelay::run(async {
///     let handle = roundelay::task::Builder::new().name("pump").spawn(async { panic!("dry") });
///     let error = handle.await.unwrap_err();
///     assert!(error.to_string().starts_with("task 'pump' spawned at "));
/// });
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    name: Option<Box<str>>,
}

impl Builder {
    /// A task without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the task.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// [`spawn`] with these settings.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: IntoFuture<Output: 'static, IntoFuture: 'static>,
    {
        let context = context::expect_current("task::Builder::spawn");
        self.spawn_on(&context.scheduler, future.into_future())
    }

    #[track_caller]
    pub(crate) fn spawn_on<F>(self, scheduler: &Rc<Scheduler>, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let (scheduler, location) = (Rc::clone(scheduler), Location::caller());
        match self.name {
            None => JoinHandle::new(scheduler, future, (), location),
            Some(name) => JoinHandle::new(scheduler, future, name, location),
        }
    }
}

/// Awaits a task's output. Dropping the handle detaches the task: it runs on, and its output is dropped.
///
/// If the task has finished, its output is dropped before the drop of the handle returns. There is one exception: while
/// another such output is being dropped, the next one waits until that is done, first come, first dropped. So a hundred
/// thousand outputs that hold each other's handles need no deep stack.
///
/// A task whose output holds its own handle is a cycle, and so are two tasks whose outputs hold each other's handles. Such a
/// cycle leaks, as a cycle of `Rc`s does.
///
/// The output is `Ok` with the future's value, or a [`JoinError`] if the task was cancelled or panicked.
///
/// A task that awaits its own handle would wait for ever, so it gets a [`JoinError`] that [says
/// so](JoinError::is_self_await). The output is not lost: another task may still await the handle. Two tasks that await each
/// other are not detected.
///
/// # Cancellation
///
/// A handle may be awaited by reference (`(&mut handle).await`). Dropping such a wait loses nothing.
///
/// # Wakes
///
/// The scheduler keeps the waker of the last poll, and wakes it when the task has finished and its future has been dropped.
/// Dropping the handle drops that waker.
///
/// # Panics
///
/// If the handle is polled again after it has returned the output.
#[must_use = "dropping the handle detaches the task; say so with `drop`"]
pub struct JoinHandle<T> {
    /// `None` after the output has been returned. Until then the handle holds the slot.
    scheduler: Option<StaysOnItsLoopSoSendARemoteInstead<Rc<Scheduler>>>,
    id: TaskId,
    output: PhantomData<fn() -> T>,
}

impl<T: 'static> JoinHandle<T> {
    #[inline]
    pub(crate) fn new<F, R>(
        scheduler: Rc<Scheduler>,
        future: F,
        rider: R,
        location: &'static Location<'static>,
    ) -> Self
    where
        F: Future<Output = T> + 'static,
        R: Rider<T>,
    {
        let mut admission = scheduler.admit(cell::size::<F, R>());
        cell::put(admission.cell(), future, rider, location);
        let id = admission.begin();
        Self {
            scheduler: Some(scheduler.into()),
            id,
            output: PhantomData,
        }
    }
}

impl<T> JoinHandle<T> {
    /// Asks for the task's end: at the task's turn its future is dropped instead of polled.
    ///
    /// The handle then returns a [`JoinError`] that [is cancelled](JoinError::is_cancelled), unless the task had
    /// finished before. The future's destructors run on the loop's own stack, never inside `abort`.
    pub fn abort(&self) {
        if let Some(scheduler) = &self.scheduler {
            scheduler.abort(self.id);
            inbox::announce(self.id.loop_index());
        }
    }

    /// [Aborts](Self::abort) the task. Awaiting the result waits until the task's future has been dropped.
    ///
    /// The result is `Ok` if the task had finished before.
    ///
    /// # Cancellation
    ///
    /// The task is aborted when `cancel` is called. Dropping the await does not undo that.
    ///
    /// A task that cancels itself and awaits the result is dropped at that await, and does not go on.
    ///
    /// ```
    /// roundelay::run(async {
    ///     let handle = roundelay::spawn(std::future::pending::<()>());
    ///     assert!(handle.cancel().await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn cancel(self) -> Self {
        self.abort();
        self
    }

    /// Whether the future has finished, or has been dropped.
    pub fn is_finished(&self) -> bool {
        let scheduler = self.scheduler.as_ref();
        scheduler.is_none_or(|scheduler| scheduler.is_finished(self.id))
    }

    /// The task's identifier.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// A handle that can end the task and cannot await it. Any number of them may exist.
    pub fn abort_handle(&self) -> AbortHandle {
        let scheduler = self.scheduler.as_ref();
        AbortHandle {
            id: self.id,
            task: scheduler.map(|scheduler| Held::new(scheduler, self.id)),
        }
    }

    /// Drops the future before it returns; see `Scheduler::drop_now`.
    pub(crate) fn drop_now(&self) {
        if let Some(scheduler) = &self.scheduler {
            scheduler.drop_now(self.id);
        }
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let Some(scheduler) = &self.scheduler else {
            panic!("a JoinHandle was polled after it had given its output");
        };
        let asker = waker::id_of(cx.waker());
        let mut output = None;
        ready!(scheduler.poll_join(self.id, asker, cx.waker(), &mut output));
        context::spend_budget();
        let Some(output) = output else {
            return Poll::Ready(Err(of_itself(self.id)));
        };
        self.scheduler = None;
        Poll::Ready(output)
    }
}

impl<T: 'static> JoinHandle<T> {
    /// The output, if the task has finished.
    pub(crate) fn take_output(&mut self) -> Option<Result<T, JoinError>> {
        if !self.is_finished() {
            return None;
        }
        let scheduler = self.scheduler.take()?;
        let mut output = None;
        scheduler.leave(self.id, &mut output);
        Some(given(output))
    }
}

#[inline]
fn given<T>(output: Option<Result<T, JoinError>>) -> Result<T, JoinError> {
    output.expect("a finished task keeps an output of its handle's type")
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if let Some(scheduler) = &self.scheduler {
            scheduler.detach(self.id);
        }
    }
}

#[cold]
#[inline(never)]
fn of_itself(id: TaskId) -> JoinError {
    JoinError::self_await(id)
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle({})", self.id)
    }
}

/// Ends a task. From [`JoinHandle::abort_handle`].
///
/// It keeps the task's slot (not its memory) from being reused, so it never ends another task.
///
/// ```
/// roundelay::run(async {
///     let handle = roundelay::spawn(std::future::pending::<()>());
///     let abort = handle.abort_handle();
///     abort.abort();
///     assert!(handle.await.unwrap_err().is_cancelled());
///     assert!(abort.is_finished());
/// });
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    id: TaskId,
    /// `None` if the task had returned its output before this handle was made.
    task: Option<Held>,
}

impl AbortHandle {
    /// See [`JoinHandle::abort`].
    pub fn abort(&self) {
        if let Some(task) = &self.task {
            task.scheduler.abort(self.id);
            inbox::announce(self.id.loop_index());
        }
    }

    /// See [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        let task = self.task.as_ref();
        task.is_none_or(|task| task.scheduler.is_finished(self.id))
    }

    /// The task's identifier.
    pub fn id(&self) -> TaskId {
        self.id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AbortHandle({})", self.id)
    }
}

/// A task whose slot is not reused as long as this exists, so an abort needs no generation to find the right task.
struct Held {
    scheduler: Rc<Scheduler>,
    id: TaskId,
}

impl Held {
    fn new(scheduler: &Rc<Scheduler>, id: TaskId) -> Self {
        scheduler.hold(id);
        Self {
            scheduler: Rc::clone(scheduler),
            id,
        }
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        Self::new(&self.scheduler, self.id)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.scheduler.let_go(self.id);
    }
}
