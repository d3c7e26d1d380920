//! The life of one scope: the body, the wait for the children, the account.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::error::{Failure, GroupError};
use super::shared::Shared;
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
    poll_fn(|cx| scope.0.poll_alone(cx)).await;
    scope.account(end)
}

/// The one owner of the children. No child outlives it.
struct Scope<E: 'static>(Rc<Shared<E>>);

/// What became of the body. All empty if it was cut off.
struct BodyEnd<T, E> {
    value: Option<T>,
    failures: Vec<Failure<E>>,
}

impl<E> Scope<E> {
    fn handle(&self) -> TaskGroup<E> {
        TaskGroup {
            shared: Rc::clone(&self.0),
            keep: Discard,
        }
    }

    /// Polls the body until it ends or is cut off. It has been dropped when this is ready.
    fn poll_body<T, B>(
        &self,
        mut body: Pin<&mut Option<B>>,
        cx: &mut Context<'_>,
    ) -> Poll<BodyEnd<T, E>>
    where
        B: Future<Output = Result<T, E>>,
    {
        self.0.keep_waker(cx);
        let mut end = BodyEnd {
            value: None,
            failures: Vec::new(),
        };
        if !self.0.is_cut() {
            match foreign::catch(|| poll_inside(body.as_mut(), cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(Ok(value))) => end.value = Some(value),
                Ok(Poll::Ready(Err(error))) => end.failures.push(Failure::Error(error)),
                Err(payload) => end.failures.push(self.panic(payload)),
            }
        }
        if let Err(payload) = foreign::catch(|| body.set(None)) {
            end.failures.push(self.panic(payload));
        }
        if !end.failures.is_empty() {
            self.0.doom();
        }
        self.0.body_is_done();
        Poll::Ready(end)
    }

    /// Closes the book: the children's failures, then the body's.
    fn account<T>(&self, end: BodyEnd<T, E>) -> Result<Option<T>, GroupError<E>> {
        let mut failures = self.0.end();
        failures.extend(end.failures);
        if failures.is_empty() {
            return Ok(end.value);
        }
        if let Err(payload) = foreign::catch(|| drop(end.value)) {
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
        for failure in self.0.end() {
            failure.tell_the_log();
        }
    }
}

fn poll_inside<B: Future>(body: Pin<&mut Option<B>>, cx: &mut Context<'_>) -> Poll<B::Output> {
    body.as_pin_mut()
        .expect("the body is there until it has ended")
        .poll(cx)
}
