//! A child: how it is spawned into its group, and the rider in its cell that is called when its
//! future is gone.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use super::error::{Culprit, Failure};
use super::keep::Keep;
use super::shared::Shared;
use crate::foreign::{self, Level};
use crate::task::cell::Rider;
use crate::task::{AbortHandle, JoinError, JoinHandle};

/// Spawns a child; or drops its future, if the group takes no more children.
pub(super) fn spawn<V, E, F, K>(
    group: &Rc<Shared<E>>,
    keep: K,
    name: Option<Box<str>>,
    future: F,
    at: &'static Location<'static>,
) -> Option<AbortHandle>
where
    V: 'static,
    E: 'static,
    F: Future<Output = Result<V, E>> + 'static,
    K: Keep<V>,
{
    let Some(key) = group.join() else {
        tell_of_the_refusal(group, at);
        return None;
    };
    keep.joined();
    let child = Child::new(Rc::clone(group), keep, key);
    let scheduler = Rc::clone(group.scheduler());
    group.announce();
    let handle = match name {
        None => JoinHandle::new(scheduler, future, child, at),
        Some(name) => JoinHandle::new(scheduler, future, Named(child, name), at),
    };
    if !handle.is_finished() {
        // A loop that is ending has dropped the child already, and the key may belong to another child.
        group.settle(key, handle.id());
    }
    Some(handle.abort_handle())
}

/// Warns if the group is over: a handle was kept for too long. A group that is being cancelled drops all its children,
/// so one more needs no warning.
#[cold]
fn tell_of_the_refusal<E: 'static>(group: &Shared<E>, at: &'static Location<'static>) {
    let level = match group.is_over() {
        true => Level::Warn,
        false => Level::Debug,
    };
    foreign::tell(
        level,
        foreign::TASK,
        format_args!("a task spawned at {at} was dropped: its group takes no more children"),
    );
}

/// One child's place in its group, until the child leaves. Generic over the type of its value, which the group does not
/// know.
struct Child<V: 'static, E: 'static, K: Keep<V>> {
    tie: Cell<Option<Tie<E, K>>>,
    value: PhantomData<fn(V)>,
}

struct Tie<E: 'static, K> {
    group: Rc<Shared<E>>,
    keep: K,
    /// The key of the child in the group.
    key: usize,
}

impl<V, E, K: Keep<V>> Child<V, E, K> {
    fn new(group: Rc<Shared<E>>, keep: K, key: usize) -> Self {
        Self {
            tie: Cell::new(Some(Tie { group, keep, key })),
            value: PhantomData,
        }
    }
}

impl<E, K> Tie<E, K> {
    fn leave<V>(self, value: Option<V>, culprit: impl FnOnce() -> Culprit)
    where
        K: Keep<V>,
    {
        let Self { group, keep, key } = self;
        // Runs the destructor of a value that is not kept, or the waker of a task that waits for it; and if this was
        // the last handle that could ask for values, the destructors of the values that are left.
        let left = foreign::catch(move || {
            keep.left(value);
            drop(keep);
        });
        if let Err(payload) = left {
            group.fail(Failure::Panic(JoinError::panicked(payload)), culprit());
        }
        group.leave(key);
    }
}

impl<V, E, K: Keep<V>> Rider<Result<V, E>> for Child<V, E, K> {
    fn finished(
        &self,
        result: &mut Option<Result<Result<V, E>, JoinError>>,
        name: Option<&str>,
        at: &'static Location<'static>,
    ) {
        let Some(tie) = self.tie.take() else {
            return;
        };
        let culprit = || Culprit::child(name, at);
        // A scope that has been dropped reports nothing. The scheduler then logs a panic, as for any task that is not
        // awaited. It cannot tell an error from a value, so `fail` logs an error.
        if tie.group.is_over() && !matches!(result, Some(Ok(Err(_)))) {
            return tie.leave(None, culprit);
        }
        match result.take() {
            Some(Ok(Ok(value))) => return tie.leave(Some(value), culprit),
            Some(Ok(Err(error))) => tie.group.fail(Failure::Error(error), culprit()),
            Some(Err(error)) if error.is_panic() => {
                tie.group.fail(Failure::Panic(error), culprit())
            }
            Some(Err(_)) | None => {}
        }
        tie.leave(None, culprit);
    }

    fn is_spent(&self) -> bool {
        let tie = self.tie.take();
        let is_spent = tie.is_none();
        self.tie.set(tie);
        is_spent
    }
}

/// A child with a name. Its cell is not used again, because the name would have to be dropped.
struct Named<R>(R, Box<str>);

impl<T, R: Rider<T>> Rider<T> for Named<R> {
    fn name(&self) -> Option<&str> {
        Some(&self.1)
    }

    fn finished(
        &self,
        result: &mut Option<Result<T, JoinError>>,
        name: Option<&str>,
        at: &'static Location<'static>,
    ) {
        self.0.finished(result, name, at);
    }

    fn is_spent(&self) -> bool {
        false
    }
}

/// Only for a child that was never spawned: its loop had no room for another task, and `spawn` panics.
impl<V, E, K: Keep<V>> Drop for Child<V, E, K> {
    fn drop(&mut self) {
        if let Some(tie) = self.tie.take() {
            let at = tie.group.entered_at();
            tie.leave(None, || Culprit::child(None, at));
        }
    }
}
