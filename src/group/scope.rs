//! The life of one scope: the body, the wait for the children, the account.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::error::{Failure, GroupError};
use super::shared::{OF, Shared};
use super::{Discard, TaskGroup};
use crate::context;
use crate::foreign::{self, Payload};
use crate::task::JoinError;

/// `None` if the group was cancelled before its body had a value.
pub(super) async fn run<E, T, F>(
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
    poll_fn(|cx| scope.poll_alone(cx)).await;
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

    /// Polls the body until it ends or is cut off. It has been dropped when this is ready. Gives its value, if it had one.
    ///
    /// A body that is cut off is polled only while a scope inside it has failures that are not out yet.
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
                    // What has polled the scope inside need not do so again, so the wake of that one is not waited for.
                    // Guarded by tests/group/nested.rs::a_scope_that_is_polled_by_nobody_any_more_holds_up_nobody.
                    foreign::wake_by_ref(cx.waker(), OF);
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

    /// Tells the scope around this one if failures are still to come, of this one or from inside it.
    fn pending<R>(&self) -> Poll<R> {
        if self.0.has_failed() || self.0.around().has_been_answered() {
            self.0.around().answer();
        }
        Poll::Pending
    }

    /// Closes the book: the children's failures, then the body's.
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
        // Empty if the scope has returned. If not, nobody is left who could be told.
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
