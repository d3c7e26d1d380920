//! The tie between a child and its group: it rides in the child's cell, and is told when the child's future is gone.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::error::Failure;
use super::keep::Keep;
use super::shared::Shared;
use crate::task::JoinError;
use crate::task::cell::Rider;

/// No slab has so many entries.
const LEFT: usize = usize::MAX;

/// One child's place in its group. Generic over the type of its value, so that the last act needs no knowledge of it.
pub(super) struct Child<V, E: 'static, K: Keep<V>>
where
    V: 'static,
{
    group: Rc<Shared<E>>,
    keep: K,
    /// Under which key the group knows it; [`LEFT`] afterwards.
    key: Cell<usize>,
    value: std::marker::PhantomData<fn(V)>,
}

impl<V, E, K: Keep<V>> Child<V, E, K> {
    pub(super) fn new(group: Rc<Shared<E>>, keep: K, key: usize) -> Self {
        Self {
            group,
            keep,
            key: Cell::new(key),
            value: std::marker::PhantomData,
        }
    }

    fn leave(&self, value: Option<V>) {
        let key = self.key.replace(LEFT);
        if key == LEFT {
            return;
        }
        // Runs the destructor of a value that nobody wants, or the waker of somebody who waits for it.
        let left = catch_unwind(AssertUnwindSafe(|| self.keep.left(value)));
        if let Err(payload) = left {
            self.group
                .fail(Failure::Panic(JoinError::panicked(payload)));
        }
        self.group.leave(key);
    }
}

impl<V, E, K: Keep<V>> Rider<Result<V, E>> for Child<V, E, K> {
    fn finished(&self, result: &mut Option<Result<Result<V, E>, JoinError>>) {
        // A scope that has been dropped hears nothing; then the scheduler tells a panic to the log, as it does for any
        // task that nobody awaits.
        let result = if self.group.is_over() {
            None
        } else {
            result.take()
        };
        match result {
            Some(Ok(Ok(value))) => return self.leave(Some(value)),
            Some(Ok(Err(error))) => self.group.fail(Failure::Error(error)),
            Some(Err(error)) if error.is_panic() => self.group.fail(Failure::Panic(error)),
            Some(Err(_)) | None => {}
        }
        self.leave(None);
    }
}

/// Only for a child that never was: its loop had no room for another task, and `spawn` panics.
impl<V, E, K: Keep<V>> Drop for Child<V, E, K> {
    fn drop(&mut self) {
        self.leave(None);
    }
}
