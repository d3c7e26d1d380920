//! The life of one scope: the body, the wait for the children, the result.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::error::{Failure, GroupError};
use super::keep::Discard;
use super::shared::{SCOPE, Shared};
use super::task_group::TaskGroup;
use crate::context;
use crate::declared::Made;
use crate::foreign::{self, Payload};
use crate::task::JoinError;

impl<E: 'static> TaskGroup<E> {
    /// Runs `body`, and ends when it and all the children that were spawned into the group have ended.
    ///
    /// The body may borrow; the children, which are tasks, may not.
    ///
    /// # Errors
    ///
    /// If a child or the body fails, or panics, the others are cancelled: none is polled in a later turn; the body and
    /// the children are dropped. (A body is polled on while a scope inside it is ending with failures of its own.) Then
    /// the [`GroupError`] has every failure. If [`cancel`](Self::cancel) was called before the body had a value, it has
    /// none.
    ///
    /// # Cancellation
    ///
    /// Dropping the scope drops the body, then the children, in the order of their spawning. **When `drop` returns, all
    /// of them have been dropped**, whatever their destructors do, with two exceptions. A child that drops the scope
    /// from its own poll or destructor is dropped as soon as that call returns. And a scope more than
    /// [`DEPTH_LIMIT`](super::DEPTH_LIMIT) levels below another scope that is being dropped leaves its children to the
    /// drop of that scope.
    ///
    /// The failures that a dropped scope has collected are logged: a panic with its text, an error with the name of its
    /// task and the line that spawned it. A scope that is forgotten (`mem::forget`) leaves its children to their loop,
    /// as plain tasks.
    ///
    /// # Wakes
    ///
    /// The waker of the last poll is kept. It is woken by the body, when the group is cut off, and when the last child
    /// has left.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread at the first poll. A panic of the body or of a child is an error here;
    /// [`GroupError::resume_panic`] resumes it.
    ///
    /// ```
    /// use std::{io, time::Duration};
    /// use roundelay::{TaskGroup, sleep};
    ///
    /// let result: Result<(), _> = roundelay::run(TaskGroup::scope(async |group| {
    ///     group.spawn(async {
    ///         sleep(Duration::from_secs(3600)).await;
    ///         Ok(())
    ///     });
    ///     group.spawn(async { Err::<(), _>(io::Error::other("no such host")) });
    ///     Ok(())
    /// }));
    /// // At once, and not in an hour: the first error cancels the other children.
    /// assert_eq!(result.unwrap_err().to_string(), "1 failure in a task group\n└─ no such host");
    /// ```
    #[track_caller]
    pub fn scope<T, F>(body: F) -> impl Future<Output = Result<T, GroupError<E>>>
    where
        F: AsyncFnOnce(TaskGroup<E>) -> Result<T, E>,
    {
        let scope = run(body, Location::caller());
        async move { scope.await?.ok_or_else(|| GroupError::new(Vec::new())) }
    }

    /// [`scope`](Self::scope), for a group that is [cancelled](Self::cancel) as a rule: `Ok(None)` if it was cancelled
    /// before the body had a value.
    ///
    /// # Errors
    ///
    /// As [`scope`](Self::scope), and never without a failure.
    ///
    /// # Cancellation
    ///
    /// As [`scope`](Self::scope).
    ///
    /// ```
    /// use roundelay::TaskGroup;
    ///
    /// let outcome = roundelay::run(TaskGroup::scope_until_cancelled(async |group| {
    ///     let stop = group.clone();
    ///     group.spawn(async move {
    ///         stop.cancel();
    ///         Ok::<_, std::io::Error>(())
    ///     });
    ///     std::future::pending::<()>().await;
    ///     Ok("never")
    /// }));
    /// assert_eq!(outcome.unwrap(), None);
    /// ```
    #[track_caller]
    pub fn scope_until_cancelled<T, F>(
        body: F,
    ) -> impl Future<Output = Result<Option<T>, GroupError<E>>>
    where
        F: AsyncFnOnce(TaskGroup<E>) -> Result<T, E>,
    {
        run(body, Location::caller())
    }
}

/// `None` if the group was cancelled before its body had a value.
async fn run<E, T, F>(
    body: F,
    entered_at: &'static Location<'static>,
) -> Result<Option<T>, GroupError<E>>
where
    E: 'static,
    F: AsyncFnOnce(TaskGroup<E>) -> Result<T, E>,
{
    let context = context::expect_current("TaskGroup::scope");
    // Declared first, so dropped last: when this future is dropped, the body goes before its children.
    let scope = Scope(Shared::new(context, entered_at));
    let end = {
        let group = scope.handle();
        let mut body = pin!(Some(async move { body(group).await }));
        poll_fn(|cx| scope.poll_body(body.as_mut(), cx)).await
    };
    let children = Made {
        what: "the children of the group",
        at: entered_at,
    };
    let mut declared = None;
    poll_fn(|cx| {
        let alone = scope.poll_alone(cx);
        if alone.is_pending() && declared.is_none() {
            declared = context::declare(children);
        }
        alone
    })
    .await;
    drop(declared);
    scope.account(end)
}

/// The one owner of the children. No child outlives it.
struct Scope<E: 'static>(Rc<Shared<E>>);

impl<E> Scope<E> {
    fn handle(&self) -> TaskGroup<E> {
        TaskGroup {
            shared: Rc::clone(&self.0),
            keep: Discard,
        }
    }

    /// Polls the body until it ends or is cut off. Ready with the value of the body, if it had one; the body has then
    /// been dropped.
    ///
    /// A body that is cut off is polled only while a scope inside it has failures that it has not returned yet.
    /// Guarded by tests/group/nested.rs::a_scope_in_the_body_whose_child_fails_in_the_same_turn_is_reported_too.
    fn poll_body<T, B>(
        &self,
        mut body: Pin<&mut Option<B>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<T>>
    where
        B: Future<Output = Result<T, E>>,
    {
        self.0.keep_waker(cx);
        let (is_cut, around) = (self.0.is_cut(), self.0.around());
        let mut value = None;
        if !is_cut || around.is_owed() {
            match around.enter(|| foreign::catch(|| poll_inside(body.as_mut(), cx))) {
                Ok(Poll::Pending) if !is_cut => return self.pending(),
                Ok(Poll::Pending) if around.has_been_answered() => {
                    // The body may never poll the inner scope again, so the wake by that scope is not waited for.
                    // Guarded by tests/group/nested.rs::a_scope_that_is_polled_by_nobody_any_more_holds_up_nobody.
                    foreign::wake_by_ref(cx.waker(), SCOPE);
                    return self.pending();
                }
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(Ok(returned))) => value = Some(returned),
                Ok(Poll::Ready(Err(error))) => self.0.fail_body(Failure::Error(error)),
                Err(payload) => self.0.fail_body(self.panic(payload)),
            }
        }
        if let Err(payload) = foreign::catch(|| body.set(None)) {
            self.0.fail_body(self.panic(payload));
        }
        self.0.body_is_done();
        Poll::Ready(value)
    }

    fn poll_alone(&self, cx: &Context<'_>) -> Poll<()> {
        match self.0.poll_alone(cx) {
            Poll::Pending => self.pending(),
            ready => ready,
        }
    }

    /// Pending; and tells the outer scope if failures of this scope, or from inside it, are still to come.
    fn pending<R>(&self) -> Poll<R> {
        if self.0.has_failed() || self.0.around().has_been_answered() {
            self.0.around().answer();
        }
        Poll::Pending
    }

    /// The result: the value, or the children's failures and then the body's.
    fn account<T>(&self, value: Option<T>) -> Result<Option<T>, GroupError<E>> {
        let failures = self.0.end();
        if failures.is_empty() {
            return Ok(value);
        }
        let mut failures: Vec<_> = failures.into_iter().map(|(failure, _)| failure).collect();
        if let Err(payload) = foreign::catch(|| drop(value)) {
            failures.push(self.panic(payload));
        }
        Err(GroupError::new(failures))
    }

    fn panic(&self, payload: Payload) -> Failure<E> {
        Failure::Panic(JoinError::panicked(payload).of_body(self.0.entered_at()))
    }
}

impl<E> Drop for Scope<E> {
    fn drop(&mut self) {
        // Empty if the scope has returned. If it has not, the log is the only place for its failures.
        for (failure, culprit) in self.0.end() {
            failure.tell_the_log(&culprit);
        }
    }
}

fn poll_inside<B: Future>(body: Pin<&mut Option<B>>, cx: &mut Context<'_>) -> Poll<B::Output> {
    body.as_pin_mut()
        .expect("the body is there until it has ended")
        .poll(cx)
}
